"""Whatever is given to placement's programs: they answer, or refuse in one line, and soon."""

from __future__ import annotations

import copy
import io
import json
import os
import random
import time
from pathlib import Path
from typing import Any

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from msgspec.structs import replace
from support.placement import allocation, make_cluster, request_text
from support.randomclusters import random_cluster
from support.thorough import examples

from ganeti.cli.htools.main import main
from ganeti.htools.cluster import prepare
from ganeti.htools.errors import InputError
from ganeti.htools.loaders import Hints, Source, load, textfile
from ganeti.htools.loads import parse_loads
from ganeti.htools.numbers import (
    BadValue,
    parse_integer,
    parse_natural,
    parse_number,
    parse_ratio,
    parse_size,
)
from ganeti.htools.policytext import POLICY_COLUMNS, format_policy, parse_policy
from ganeti.htools.records import Policy, Range, Spec
from ganeti.htools.requestexplanation import explain_request
from ganeti.htools.requests import parse_request
from ganeti.htools.rows import LARGEST, Row, amount, integer, natural
from ganeti.htools.score import score
from ganeti.htools.serving import serve
from ganeti.htools.text import parse_text
from ganeti.htools.textwriter import format_text
from ganeti.model.templates import DiskTemplate

QUICK = settings(max_examples=examples(60), deadline=None)
DATA = make_cluster(3, per_node=2)
REQUEST = request_text(DATA, allocation())
JUNK = st.one_of(
    st.none(),
    st.booleans(),
    st.integers(),
    st.floats(allow_nan=False, allow_infinity=False),
    st.text(max_size=5),
    st.just([]),
    st.just({}),
    st.just(["x"]),
    st.just({"x": 1}),
)
NUMBERS = st.one_of(
    st.text(alphabet="0123456789.-+eE_ ", max_size=12),
    st.text(max_size=6),
    st.sampled_from(["NaN", "inf", "-inf", "1e400", "9" * 400, "١٢", "0x10", "1_0", " 1", "1\n"]),
)


def one_line(err: Exception) -> None:
    """What is told has to be readable."""
    text = str(err)
    assert text
    assert len(text) < 1000
    assert text.isprintable()


def run(*words: str) -> tuple[int, str, str]:
    out, err = io.StringIO(), io.StringIO()
    status = main(words[0], list(words[1:]), {}, stdout=out, stderr=err)
    return status, out.getvalue(), err.getvalue()


# Round trips.


@pytest.mark.parametrize("seed", range(12))
def test_round_trip(seed: int) -> None:
    """Any cluster is the same after it was written and read, as far as the format tells it."""
    data = random_cluster(seed).data()
    text = format_text(data)
    again = parse_text(text, "file")
    assert format_text(again) == text
    assert [node.name for node in again.nodes] == [node.name for node in data.nodes]
    assert [one.secondary for one in again.instances] == [one.secondary for one in data.instances]
    assert parse_text(format_text(again), "file") == again


AMOUNTS = st.integers(0, LARGEST)
SPECS = st.builds(
    Spec,
    memory=AMOUNTS,
    cpus=AMOUNTS,
    disk=AMOUNTS,
    disk_count=AMOUNTS,
    nic_count=AMOUNTS,
    spindle_use=AMOUNTS,
)
RATIOS = st.floats(0, 1e15)
POLICIES = st.builds(
    Policy,
    standard=SPECS,
    ranges=st.lists(st.builds(Range, least=SPECS, most=SPECS), max_size=3).map(tuple),
    templates=st.lists(st.sampled_from(DiskTemplate), max_size=4, unique=True).map(tuple),
    vcpu_ratio=RATIOS,
    spindle_ratio=RATIOS,
)


@QUICK
@given(policy=POLICIES)
def test_policy_round_trip(policy: Policy) -> None:
    """Any policy is the same after it was written and read."""
    row = Row("file", 1, format_policy("group", policy), POLICY_COLUMNS)
    assert parse_policy(row) == policy


# Garbage.


@QUICK
@given(cells=st.lists(st.text(alphabet="0123456789,;.-xNa", max_size=20), min_size=6, max_size=7))
def test_policy_text(cells: list[str]) -> None:
    """Policies that are none."""
    try:
        parse_policy(Row("file", 1, "|".join(cells), POLICY_COLUMNS))
    except InputError as err:
        one_line(err)
        assert str(err).startswith("file: line 1, ")


@QUICK
@given(text=NUMBERS)
def test_numbers(text: str) -> None:
    """A number is read exactly, or refused; nothing that is none, or not finite, comes out."""
    for parse in (parse_integer, parse_natural, parse_number, parse_ratio, parse_size):
        try:
            value = parse(text, "what")
        except BadValue:
            continue
        assert abs(value) < 1e30
    for read in (natural, integer, amount):
        try:
            value = read(text)
        except ValueError:
            continue
        assert abs(value) <= LARGEST
        assert float(text) == value


@QUICK
@given(
    parts=st.lists(
        st.one_of(NUMBERS, st.sampled_from(["p", "u", "5", "10g", "True", "preferred"])),
        max_size=9,
    )
)
def test_simulation(parts: list[str]) -> None:
    """Descriptions of clusters."""
    try:
        data = load(Source("simulate", (",".join(parts),)), Hints())
    except InputError as err:
        one_line(err)
    else:
        assert all(node.total_memory >= 0 for node in data.nodes)


@QUICK
@given(text=st.text(max_size=60))
def test_any_text(text: str) -> None:
    """Files that are none."""
    try:
        parse_text(text, "file")
    except InputError as err:
        one_line(err)


@settings(max_examples=examples(120), deadline=None)
@given(seed=st.integers(0, 1 << 30), junk=JUNK, delete=st.booleans())
def test_requests(seed: int, junk: Any, delete: bool) -> None:
    """Any value of a request may be anything, or missing."""
    message = json.loads(REQUEST)
    where, key = random_place(message, random.Random(seed))
    if delete:
        del where[key]
    else:
        where[key] = junk
    try:
        data, _request = parse_request(json.dumps(message).encode())
        prepare(data)
    except InputError as err:
        one_line(err)


def random_place(value: Any, chance: random.Random) -> tuple[Any, Any]:
    """A container somewhere in a document, and the key of something in it."""
    while True:
        keys = list(value) if isinstance(value, dict) else list(range(len(value)))
        key = chance.choice(keys)
        inner = value[key]
        if not isinstance(inner, dict | list) or not inner or chance.random() < 0.2:
            return value, key
        value = inner


FIRST = DATA.instances[0]
KINDS: list[dict[str, Any]] = [
    {"type": "multi-allocate", "instances": [allocation("a"), allocation("b")]},
    {
        "type": "relocate",
        "name": FIRST.name,
        "relocate_from": [FIRST.secondary],
        "required_nodes": 1,
        "disk_space_total": 1,
    },
    {"type": "allocate-secondary", "name": FIRST.name},
    {"type": "node-evacuate", "instances": [FIRST.name], "evac_mode": "all"},
    {"type": "node-evacuate", "instances": [FIRST.name], "evac_mode": "primary-only"},
    {"type": "change-group", "instances": [FIRST.name], "target_groups": []},
]
LIKELY = st.sampled_from(
    [0, 1, 3, FIRST.name, FIRST.primary, FIRST.secondary, "plain", "ext", "diskless", "all", []]
)


@settings(max_examples=examples(120), deadline=None)
@given(
    kind=st.sampled_from(KINDS),
    seed=st.integers(0, 1 << 30),
    values=st.lists(st.one_of(LIKELY, JUNK), min_size=1, max_size=3),
)
def test_answers(kind: dict[str, Any], seed: int, values: list[Any]) -> None:
    """What can be read is answered and explained, or names what is not there."""
    message, chance = json.loads(request_text(DATA, kind)), random.Random(seed)
    for value in values:
        inside = message["request"] if chance.random() < 0.5 else message["instances"]
        if inside and isinstance(inside, dict | list):
            where, key = random_place(inside, chance)
            where[key] = copy.deepcopy(value)
    try:
        data, request = parse_request(json.dumps(message).encode())
        assert request is not None
        cluster = prepare(data)
        answer, _after = serve(cluster, request)
        assert explain_request(cluster, request)
    except InputError as err:
        one_line(err)
    else:
        assert answer.info


@QUICK
@given(cut=st.integers(0, len(REQUEST)), junk=st.binary(max_size=4))
def test_truncated_requests(cut: int, junk: bytes) -> None:
    """Requests that end early, or have something else in them."""
    body = REQUEST.encode()
    for garbled in (body[:cut] + junk, body[:cut] + junk + body[cut:]):
        try:
            parse_request(garbled)
        except InputError as err:
            one_line(err)


@pytest.mark.parametrize(
    "body",
    [
        b"",
        b"\xff\xfe",
        b"\xef\xbb\xbf{}",
        b"[" * 100_000,
        b'{"a":' * 50_000 + b"1" + b"}" * 50_000,
        b"NaN",
        b'{"nodes": 1e999}',
        b'{"request": {"type": "' + b"x" * 100_000 + b'"}}',
        REQUEST.encode().replace(b'"memory": 1024', b'"memory": ' + b"9" * 100_000),
        REQUEST.encode().replace(b"node0000", b"n" * 100_000, 1),
        REQUEST.encode().replace(b'"allocate"', b'"a\\nb\\u0000"'),
    ],
)
def test_hostile_requests(body: bytes, tmp_path: Path) -> None:
    """Nesting, lengths and characters that nobody expects: one line, exit status 1."""
    path = tmp_path / "request.json"
    path.write_bytes(body)
    status, out, err = run("hail", str(path))
    assert (status, out) == (1, "")
    assert err.count("\n") == 1
    assert len(err) < 1000


# Files.


def refusal(path: Path | str) -> str:
    """What hinfo says of a file."""
    status, _out, err = run("hinfo", "-t", str(path))
    assert status == 1
    assert err.count("\n") == 1
    return err


def test_files_that_are_none(tmp_path: Path) -> None:
    """Directories, pipes that nobody writes to, devices, files that are not there."""
    os.mkfifo(tmp_path / "pipe")
    start = time.monotonic()
    assert "the file ends after 0 of at least 4 sections" in refusal(tmp_path / "pipe")
    assert "the file ends after 0" in refusal("/dev/null")
    assert "Is a directory" in refusal(tmp_path)
    assert "No such file" in refusal(tmp_path / "nothing")
    assert "null" in refusal("a\0b")
    assert time.monotonic() - start < 10


def test_too_large(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    """No more than a limit is read, of files and of devices."""
    monkeypatch.setattr(textfile, "LARGEST_FILE", 1 << 20)
    (tmp_path / "large").write_bytes(b"x" * (2 << 20))
    assert "it is larger than 1 MiB" in refusal(tmp_path / "large")
    assert "it is larger than 1 MiB" in refusal("/dev/zero")


def test_silent_pipe(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    """A pipe whose writer says nothing is given up."""
    monkeypatch.setattr(textfile, "PATIENCE_S", 0.05)
    path = tmp_path / "pipe"
    os.mkfifo(path)
    writer = os.open(path, os.O_RDWR)
    try:
        assert "nothing to read has come for 0.05 s" in refusal(path)
    finally:
        os.close(writer)


def test_characters(tmp_path: Path) -> None:
    """Bytes that are no UTF-8, line ends of another system, a byte order mark."""
    path, text = tmp_path / "cluster.data", format_text(DATA)
    path.write_bytes(text.encode().replace(b"node0001", b"node\xff", 1))
    assert "cluster.data: line 4: this is no UTF-8 text" in refusal(path)
    path.write_bytes(text.replace("\n", "\r\n").encode())
    assert "its lines end with CR LF, and have to end with LF" in refusal(path)
    path.write_bytes(b"\xef\xbb\xbf" + text.encode())
    assert "line 1, sections: the file begins with a byte order mark" in refusal(path)
    path.write_text(text.replace("node0000|", "no\0de\x1b[2J|", 1))
    assert "there is no node 'node0000'" in refusal(path)


def test_loads(tmp_path: Path) -> None:
    """Utilisations that are none, or there twice."""
    path = tmp_path / "loads"
    for text, told in (
        ("inst00000 1 2 3", "line 1, utilisation: "),
        ("inst00000 1 2 3 NaN", "line 1, net: 'NaN' is no number"),
        ("inst00000 1 2 3 4\ninst00000 1 2 3 4\n", "line 2, instance: 'inst00000' is there twice"),
        ("inst00000 1 -2 3 4", "line 1, memory: '-2' is negative"),
        ("\n", "line 1, utilisation: '' is not"),
    ):
        path.write_text(text)
        with pytest.raises(InputError) as caught:
            parse_loads(str(path))
        assert told in str(caught.value)
    path.write_text("")
    assert parse_loads(str(path)) == {}


def test_many_tags() -> None:
    """Tags of all kinds, very many of them, take no longer than reading them does."""
    kinds = ("iextags", "nlocation", "desiredlocation", "migration")
    tags = tuple(f"htools:{kind}:{number}" for kind in kinds for number in range(20_000))
    mine = tuple(f"{number}:x" for number in range(300))
    data = replace(
        DATA,
        tags=tags,
        nodes=tuple(replace(node, tags=mine) for node in DATA.nodes),
        instances=tuple(replace(one, tags=mine) for one in DATA.instances),
    )
    start = time.process_time()
    cluster = prepare(parse_text(format_text(data), "file"))
    assert score(cluster) > 0
    assert time.process_time() - start < 5


def test_too_many_nodes() -> None:
    """What cannot be computed is refused, and not tried."""
    status, _out, err = run("hspace", "--simulate", "p,30000,1t,1g,4")
    assert status == 1
    assert "node count: 30000 is more than 20000" in err
