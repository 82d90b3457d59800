"""config.data: what is read, written and kept."""

from __future__ import annotations

import json

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from msgspec.structs import replace
from support.samples import GROUP_UUID, disk_uuid, instance_uuid, make_config, node_uuid
from support.strategies import VALUES, configurations
from support.thorough import examples

from ganeti.errors import ConfigurationError, ConfigVersionMismatch, GanetiError, ParseError
from ganeti.model.configfile import EncodedObjects, build_config_data, parse_config_data
from ganeti.model.secret import Secret


@settings(max_examples=examples(25), deadline=None)
@given(configurations())
def test_round_trip(config):
    """A configuration comes back whole from its file."""
    parsed, unknown = parse_config_data(build_config_data(config))
    assert parsed == config
    assert unknown == {}


@settings(max_examples=examples(10), deadline=None)
@given(configurations(), configurations())
def test_cached_json(first, second):
    """Writing with the JSON of the last time gives the same as without."""
    cache = EncodedObjects()
    build_config_data(first, cache=cache)
    assert build_config_data(second, cache=cache) == build_config_data(second)


def sample(**changes):
    """A file as plain values."""
    return json.loads(build_config_data(make_config(instances=2))) | changes


def parse(plain):
    """Parse plain values."""
    return parse_config_data(json.dumps(plain).encode())


def test_unknown_keys_survive():
    """Keys that no record has are written back where they were."""
    plain = sample(site_note="x")
    plain["cluster"]["colour"] = [1, 2]
    plain["cluster"]["beparams"]["default"]["cow"] = 1
    plain["nodes"][node_uuid(1)]["shelf"] = "r1"
    plain["nodegroups"][GROUP_UUID]["ipolicy"] = {"std": {"memory-size": 1}}
    plain["instances"][instance_uuid(1)]["nics"][0]["lightness"] = 10
    config, unknown = parse(plain)
    assert set(unknown) == {
        "",
        "cluster",
        f"nodes/{node_uuid(1)}",
        f"nodegroups/{GROUP_UUID}",
        f"instances/{instance_uuid(1)}",
    }
    assert json.loads(build_config_data(config, unknown)) == plain


def test_unknown_keys_of_objects_that_are_gone():
    """Unknown keys of a removed object or interface are dropped."""
    plain = sample()
    plain["nodes"][node_uuid(3)]["shelf"] = "r1"
    plain["instances"][instance_uuid(1)]["nics"][0]["lightness"] = 10
    config, unknown = parse(plain)
    config = config.without_node(node_uuid(3))
    config = config.with_instance(replace(config.instances[instance_uuid(1)], nics=()))
    written = build_config_data(config, unknown)
    assert b"shelf" not in written
    assert b"lightness" not in written


def test_members_are_derived():
    """The members of a group are the nodes that name it."""
    assert sample()["nodegroups"][GROUP_UUID]["members"] == [node_uuid(n) for n in (1, 2, 3)]


def test_secrets_stand_in_clear():
    """The file holds private parameters as the original's does; a repr does not."""
    config = make_config(instances=1)
    instance = replace(
        config.instances[instance_uuid(1)], osparams_private={"password": Secret("hunter2")}
    )
    assert b"hunter2" in build_config_data(config.with_instance(instance))
    assert "hunter2" not in repr(instance)


@pytest.mark.parametrize("found", [3000000, 3010000, 3020000])
def test_versions_read(found):
    """Files of 3.0 to 3.2 are read; the version written is 3.1's."""
    config, _ = parse(sample(version=found))
    assert json.loads(build_config_data(config))["version"] == 3010000


@pytest.mark.parametrize("found", [2160000, 3030000, 0])
def test_other_versions(found):
    """Files of other versions are refused by their number."""
    with pytest.raises(ConfigVersionMismatch) as caught:
        parse(sample(version=found))
    assert caught.value.args == (3010000, found)


def test_forthcoming():
    """A reservation may lack nearly everything."""
    plain = sample()
    uuid, disk = "fc", "fd"
    plain["instances"][uuid] = {"uuid": uuid, "serial_no": 1, "forthcoming": True}
    plain["disks"][disk] = {"uuid": disk, "serial_no": 1, "forthcoming": True}
    config, _ = parse(plain)
    assert config.instances[uuid].forthcoming
    assert config.disks[disk].forthcoming


@pytest.mark.parametrize(
    ("break_it", "names"),
    [
        (lambda d: d["nodes"][node_uuid(1)].pop("primary_ip"), "primary_ip"),
        (lambda d: d["disks"][disk_uuid(1)].update(size="big"), "size"),
        (lambda d: d["cluster"].update(candidate_pool_size=0), "candidate_pool_size"),
        (lambda d: d["instances"].update(x=3), "instances/x"),
        (lambda d: d.pop("disks"), "disks"),
        (lambda d: d.update(version="3"), "version"),
        (lambda d: d.update(serial_no=[]), "serial_no"),
    ],
)
def test_damage_is_named(break_it, names):
    """A missing or ill-typed key is named."""
    plain = sample()
    break_it(plain)
    with pytest.raises(ParseError, match=names):
        parse(plain)


@pytest.mark.parametrize("data", [b"", b"{", b"[]", b"null", b"\xff", b"[" * 100_000])
def test_garbage(data):
    """What is no configuration gives a typed error."""
    with pytest.raises(GanetiError):
        parse_config_data(data)


def paths(plain, path=()):
    """All places in plain values."""
    yield path
    children = plain.items() if isinstance(plain, dict) else ()
    if isinstance(plain, list):
        children = enumerate(plain)
    for key, value in children:
        yield from paths(value, (*path, key))


PLACES = [path for path in paths(sample()) if path]


@settings(max_examples=examples(100), deadline=None)
@given(st.sampled_from(PLACES), VALUES | st.sampled_from([{}, 2**70, 1e300, "drbd", -1, [[]]]))
def test_any_damage(place, value):
    """Whatever stands anywhere in the file, it is read or refused with a typed error."""
    plain = sample()
    parent = plain
    for key in place[:-1]:
        parent = parent[key]
    parent[place[-1]] = value
    try:
        config, unknown = parse(plain)
    except GanetiError:
        return
    build_config_data(config, unknown)


def test_uuid_mismatch():
    """An object below another's uuid is refused."""
    plain = sample()
    plain["nodes"]["x"] = plain["nodes"].pop(node_uuid(3))
    with pytest.raises(ConfigurationError, match="nodes/x"):
        parse(plain)
