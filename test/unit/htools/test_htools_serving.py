"""Instances that are moved, nodes that may fail, space that is lost, requests that are wrong."""

from __future__ import annotations

import json
from typing import Any

import msgspec
import numpy as np
import pytest
from support.placement import allocation, make_cluster, request_text
from support.randomrequests import KINDS, RandomRequest
from support.thorough import examples

from ganeti.htools.cluster import Cluster, prepare
from ganeti.htools.decimals import eight
from ganeti.htools.errors import InputError
from ganeti.htools.field import Field
from ganeti.htools.globaln1 import failing_nodes
from ganeti.htools.newcomer import Newcomer
from ganeti.htools.records import ClusterData, Disk, Group, Instance, Node
from ganeti.htools.requests import ChangeGroupRequest, EvacuateRequest, parse_request
from ganeti.htools.score import score
from ganeti.htools.serving import Options, serve
from ganeti.htools.state import State
from ganeti.model.templates import DiskTemplate


def node(name: str, **more: Any) -> Node:
    values = {"memory": 4096, "group": "g"} | more
    memory = values.pop("memory")
    return Node(
        name=name,
        total_memory=memory,
        node_memory=0,
        free_memory=values.pop("free", memory),
        total_disk=100000,
        free_disk=100000,
        cpus=8,
        **values,
    )


def instance(name: str, template: DiskTemplate, *nodes: str, **more: Any) -> Instance:
    return Instance(
        name=name,
        disk=1024,
        vcpus=1,
        template=template,
        primary=nodes[0],
        secondary=nodes[1] if len(nodes) > 1 else "",
        disks=(Disk(size=1024),),
        **({"memory": 1024} | more),
    )


def cluster(nodes: list[Node], instances: list[Instance]) -> Cluster:
    names = dict.fromkeys(one.group for one in nodes)
    groups = tuple(Group(name=name, uuid=name) for name in names)
    data = ClusterData(groups=groups, nodes=tuple(nodes), instances=tuple(instances))
    return prepare(data)


def moved(answer: object) -> tuple[list[Any], list[Any], list[Any]]:
    return msgspec.convert(answer, tuple[list[Any], list[Any], list[Any]])


def test_offline_primary_is_left_first() -> None:
    """An instance leaves an offline primary node for its secondary one, and then both."""
    nodes = [node("a", offline=True), node("b"), node("c"), node("d")]
    here = cluster(nodes, [instance("one", DiskTemplate.DRBD, "a", "b")])
    answer, after = serve(here, EvacuateRequest(instances=("one",), mode="all"))
    done, failed, jobs = moved(answer.result)
    assert (len(done), failed) == (1, [])
    names = [each["OP_ID"].removeprefix("OP_INSTANCE_") for each in jobs[0]]
    assert names == ["MIGRATE", "REPLACE_DISKS", "MIGRATE", "REPLACE_DISKS"]
    assert {after.instances[0].primary, after.instances[0].secondary} == {"c", "d"}


def test_forthcoming_is_failed_over() -> None:
    """What is not there yet is not migrated."""
    one = instance("one", DiskTemplate.DRBD, "a", "b", forthcoming=True)
    here = cluster([node("a"), node("b")], [one])
    answer, _after = serve(here, EvacuateRequest(instances=("one",), mode="primary-only"))
    assert moved(answer.result)[2][0][0]["OP_ID"] == "OP_INSTANCE_FAILOVER"


def test_each_node_is_named() -> None:
    """When no node does the answer tells why, node by node."""
    nodes = [node("a"), node("b"), node("c", memory=512), node("d", memory=512)]
    here = cluster(nodes, [instance("one", DiskTemplate.DRBD, "a", "b")])
    answer, _after = serve(here, EvacuateRequest(instances=("one",), mode="secondary-only"))
    reason = moved(answer.result)[1][0][1]
    assert reason.endswith(" Node c failed: FailMem; Node d failed: FailMem;"), reason


def test_groups_are_left() -> None:
    """No instance goes to a group that another one leaves."""
    nodes = [node(f"{group}{n}", group=group) for group in "xyz" for n in range(2)]
    here = cluster(
        nodes,
        [instance("one", DiskTemplate.RBD, "x0"), instance("two", DiskTemplate.DRBD, "y0", "y1")],
    )
    request = ChangeGroupRequest(instances=("one", "two"), target_groups=())
    answer, _after = serve(here, request)
    assert {group for _name, group, _nodes in moved(answer.result)[0]} == {"z"}


@pytest.mark.parametrize(
    ("template", "others", "failing"),
    [
        (DiskTemplate.RBD, [node("b", free=2048)], []),
        (DiskTemplate.RBD, [node("b", memory=1024)], ["a"]),
        (DiskTemplate.RBD, [node("b", offline=True)], []),
        (DiskTemplate.RBD, [node("b", group="h")], ["a"]),
        (DiskTemplate.PLAIN, [node("b")], []),
    ],
)
def test_nodes_that_may_fail(
    template: DiskTemplate, others: list[Node], failing: list[str]
) -> None:
    """What runs needs memory on other nodes of the group; those that are drained have some."""
    here = cluster([node("a", free=3072), *others], [instance("one", template, "a")])
    assert [here.nodes[index].name for index in failing_nodes(State(here))] == failing


def test_outside_the_policy() -> None:
    """An instance that would be installed anew has to keep to the policy of its group."""
    small = instance("one", DiskTemplate.PLAIN, "a", memory=1)
    assert failing_nodes(State(cluster([node("a"), node("b")], [small])))
    shared = instance("one", DiskTemplate.RBD, "a", memory=1)
    assert not failing_nodes(State(cluster([node("a"), node("b")], [shared])))


def test_exclusive_storage() -> None:
    """Where whole spindles are given the node with the least room that is lost is chosen."""
    full = {"exclusive_storage": True, "spindles": 10, "free_spindles": 10}
    nodes = [node("a", **full), node("b", **full)]
    here = cluster(nodes, [instance("one", DiskTemplate.PLAIN, "b")])
    message = json.loads(request_text(here.data(), allocation("new", template=DiskTemplate.PLAIN)))
    data, request = parse_request(json.dumps(message).encode())
    assert request is not None
    answer, _after = serve(prepare(data), request)
    assert answer.result == ["b"], answer
    assert "score: ([" in answer.info


def test_secondary_scores() -> None:
    """The score that is told is that of the cluster that comes out."""
    data, request = parse_request(request_text(make_cluster(6), allocation()).encode())
    assert request is not None
    answer, after = serve(prepare(data), request)
    assert f"score: {eight(score(after))}," in answer.info


@pytest.mark.parametrize("kind", KINDS)
def test_any_request(kind: str) -> None:
    """Whatever is asked, moves and opcodes belong together, and nothing is on one node twice."""
    for seed in range(60, 60 + examples(15)):
        body = json.dumps(RandomRequest(seed, kind).message()).encode()
        data, request = parse_request(body)
        assert request is not None
        answer, after = serve(prepare(data), request, Options(capacity_checks=seed % 2 == 0))
        assert all(one.primary != one.secondary for one in after.instances)
        if kind in ("node-evacuate", "change-group") and answer.success:
            done, _failed, jobs = moved(answer.result)
            assert [name for name, _group, _nodes in done] == [
                job[0]["instance_name"] for job in jobs
            ]


def test_newcomer_leaves_no_trace() -> None:
    """Looking for a place changes nothing."""
    here = prepare(make_cluster(5))
    state = State(here)
    before = state.resources.copy()
    Newcomer(Field(state), 0).primary_codes()
    assert np.array_equal(before, state.resources)


@pytest.mark.parametrize(("value", "text"), [(0.0, "0.00000000"), (2.462890625, "2.46289063")])
def test_decimals(value: float, text: str) -> None:
    """Halves are rounded up, as Ganeti's tools do."""
    assert eight(value) == text


@pytest.mark.parametrize(
    ("where", "wrong", "told"),
    [
        (("instances", "inst00000", "memory"), -1, "memory: Expected `int` >= 0"),
        (("instances", "inst00000", "disks"), [{}], "inst00000': disks[0]: Object missing"),
        (("instances", "inst00000", "nodes"), [], "instance 'inst00000': nodes: it is on no"),
        (("nodes", "node0000", "total_memory"), "much", "node0000': total_memory: not a number"),
        (("request", "memory"), 1 << 60, "request: memory: Expected `int` <= "),
        (("request", "type"), "guess", "Invalid request type 'guess'"),
    ],
)  # fmt: skip
def test_wrong_values(where: tuple[str, ...], wrong: object, told: str) -> None:
    """A value that makes no sense is told with its object and its key."""
    message = json.loads(request_text(make_cluster(2), allocation()))
    inside = message
    for key in where[:-1]:
        inside = inside[key]
    inside[where[-1]] = wrong
    with pytest.raises(InputError) as caught:
        parse_request(json.dumps(message).encode())
    assert told in str(caught.value)
