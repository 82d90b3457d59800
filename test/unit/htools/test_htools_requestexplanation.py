"""Why an instance allocator answers as it does, for each type of request."""

from __future__ import annotations

import io
import json
import random
from pathlib import Path

import pytest
from msgspec.structs import replace
from support.placement import allocation, make_cluster, request_text
from support.randomclusters import random_cluster
from support.thorough import examples

from ganeti.cli.htools.main import main
from ganeti.htools.advice import advise
from ganeti.htools.cluster import Cluster, prepare
from ganeti.htools.leavers import Leaving, new_places
from ganeti.htools.records import Disk, Instance
from ganeti.htools.requestexplanation import explain_request
from ganeti.htools.requests import (
    AllocateRequest,
    AllocateSecondaryRequest,
    ChangeGroupRequest,
    EvacuateRequest,
    MultiAllocateRequest,
    RelocateRequest,
)
from ganeti.htools.serving import Options, serve
from ganeti.htools.survey import Survey
from ganeti.model.templates import TEMPLATES, DiskTemplate

ROOMY = prepare(make_cluster(6, per_node=2, groups=2))
FULL = prepare(
    replace(ROOMY.data(), nodes=tuple(replace(node, free_disk=4000) for node in ROOMY.nodes))
)
NO_CHECKS = Options(capacity_checks=False)
FIRST = ROOMY.instances[0]


def new(name: str, memory: int = 1024) -> AllocateRequest:
    instance = Instance(
        name=name,
        memory=memory,
        disk=10240,
        vcpus=1,
        template=DiskTemplate.DRBD,
        disks=(Disk(size=10240),),
    )
    return AllocateRequest(instance=instance, node_count=2)


def lines(cluster: Cluster, request: object, verbose: bool = False) -> list[str]:
    return explain_request(cluster, request, NO_CHECKS, verbose)  # type: ignore[arg-type]


def test_unknown_group() -> None:
    """A request for a group that is not there is explained, too."""
    told = lines(ROOMY, replace(new("a"), group="nowhere"))
    assert told == ["a fits nowhere: Unknown node group 'nowhere'."]


def test_several() -> None:
    """Each place, then why the first that has none fails them all."""
    requests = (new("a"), new("b"), new("c", memory=32000), new("d", memory=90000), new("e"))
    told = lines(ROOMY, MultiAllocateRequest(requests=requests))
    assert told[0].startswith("1 of 5: a goes to node")
    assert told[3].startswith("4 of 5: d fits nowhere: the policy of the group")
    assert told[-1] == "None is allocated when one fits nowhere."
    assert not any("5 of 5" in line for line in told)


def test_relocation() -> None:
    """Another secondary: which nodes would do, or what the others lack."""
    request = RelocateRequest(name=FIRST.name, node_count=1, relocate_from=(FIRST.secondary,))
    answer, _after = serve(ROOMY, request, NO_CHECKS)
    told = lines(ROOMY, request)
    assert told[0].startswith(f"{FIRST.name} goes to {answer.result[0]}: ")  # type: ignore[index]
    told = lines(FULL, request)
    assert told[0].startswith(f"{FIRST.name} fits nowhere else: ")
    assert "of disk for the copy and has 4000" in told[0]
    assert " Free " in told[0]


def test_secondary() -> None:
    """A first copy."""
    cluster = prepare(make_cluster(4, per_node=1, template=DiskTemplate.PLAIN))
    name = cluster.instances[0].name
    told = lines(cluster, AllocateSecondaryRequest(name=name))
    assert told[0].startswith(f"{name} goes to node")
    told = lines(ROOMY, AllocateSecondaryRequest(name=FIRST.name))
    assert told == [f"{FIRST.name}: Request failed: Instance already has a secondary."]


@pytest.mark.parametrize("mode", ["primary-only", "secondary-only", "all"])
def test_evacuation(mode: str) -> None:
    """Each instance has its new places, or what keeps it."""
    names = tuple(one.name for one in ROOMY.instances)[:3]
    request = EvacuateRequest(instances=names, mode=mode)
    for cluster in (ROOMY, FULL):
        told = lines(cluster, request)
        assert all(any(name in line for line in told) for name in names)
        assert not any("Can't find" in line for line in told)


def test_no_copy() -> None:
    """What has no copy cannot leave its node."""
    cluster = prepare(make_cluster(4, per_node=1, template=DiskTemplate.PLAIN))
    name = cluster.instances[0].name
    told = lines(cluster, EvacuateRequest(instances=(name,), mode="all"))
    assert told[-1] == f"{name} stays: the disk template plain has no copy elsewhere."


def test_change_group() -> None:
    """Places in other groups."""
    request = ChangeGroupRequest(instances=(FIRST.name,), target_groups=())
    assert lines(ROOMY, request)[1].startswith(f"{FIRST.name} goes to node")
    told = lines(FULL, request)
    assert "comes nearest of 6 pairs" in told[1]
    assert " Free " in told[1]


def test_same_as_answer() -> None:
    """A move is explained with the places that the answer comes from."""
    same, tried = 0, examples(60)
    for seed in range(tried):
        cluster, options = random_cluster(seed), Options(ignore_soft_errors=seed % 3 == 0)
        record = random.Random(seed).choice(cluster.instances)
        if not record.secondary or record.forthcoming:
            continue
        request = RelocateRequest(name=record.name, node_count=1, relocate_from=(record.secondary,))
        answer, _after = serve(cluster, request, options)
        if cluster.nodes[cluster.node_index[record.primary]].offline and not answer.success:
            assert "its primary node" in explain_request(cluster, request, options)[0]
            continue
        leaving = Leaving("secondary-only", frozenset(request.relocate_from))
        index = cluster.instance_index[record.name]
        found = new_places(cluster, index, leaving, strict=not options.ignore_soft_errors)
        assert found.fits.any() == answer.success, seed
        if answer.success:
            place = found.place_of((record.primary, *answer.result))  # type: ignore[misc]
            assert found.scores[place[0]] == pytest.approx(found.scores.min(), abs=1e-9)
            same += 1
    assert same > tried // 6


def test_advice_for_moves() -> None:
    """After the changes that are told a move has a place."""
    told, tried = 0, examples(80)
    for seed in range(tried):
        cluster, chance = random_cluster(seed), random.Random(seed)
        index = chance.randrange(len(cluster.instances))
        record = cluster.instances[index]
        if not TEMPLATES[record.template].mirrored_internal:
            continue
        nodes = frozenset((record.secondary,))
        found = new_places(cluster, index, Leaving("secondary-only", nodes), strict=True)
        if found.fits.any() or not found.places.count:
            continue
        advice = advise(found, int(found.ranked()[0]), 0)
        changed = cluster
        for change in advice.changes:
            told += 1
            changed = change.apply(changed)
        if not advice.changes or record.name not in changed.instance_index:
            continue
        again = new_places(
            changed,
            changed.instance_index[record.name],
            Leaving("secondary-only", nodes),
            strict=True,
        )
        assert Survey(again.newcomer, again.places).fits.any(), (seed, advice)
    assert told > tried // 40


def test_hail(tmp_path: Path) -> None:
    """Standard output stays one document for programs; the explanation goes to standard error."""
    path = tmp_path / "request.json"
    path.write_text(request_text(ROOMY.data(), allocation()))
    plain, out, err = io.StringIO(), io.StringIO(), io.StringIO()
    assert main("hail", [str(path)], {}, stdout=plain, stderr=io.StringIO()) == 0
    assert main("hail", ["--explain", str(path)], {}, stdout=out, stderr=err) == 0
    assert json.loads(out.getvalue()) == json.loads(plain.getvalue())
    assert err.getvalue().startswith("new goes to node")
