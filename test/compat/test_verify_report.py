"""
What a verification finds in the recorded situations, against what the original reported.

The units run on configurations and findings like those of the records. Nodes come in any order
there; all lines must be the same.
"""

from __future__ import annotations

import re
from collections.abc import Callable
from typing import Any

import pytest
from msgspec.structs import replace
from support import recorded
from support.fakejob import run_unit
from support.recorded import Record
from support.samples import (
    disk_uuid,
    make_config,
    make_disk,
    make_instance,
    node_uuid,
    uuid_of,
)
from support.verifying import Nodes, with_certificates
from twisted.internet.defer import Deferred

from ganeti.errors import NodeUnreachable
from ganeti.model.config import Configuration
from ganeti.model.group import NodeGroup
from ganeti.model.instance import AdminState
from ganeti.opcodes.verify import OpClusterVerify, VerifyCode
from ganeti.operations.registry import UNITS

PROC = (
    "The procfs filesystem doesn't seem to be mounted under /proc, missing required directory"
    " /proc/sys and the file /proc/sysrq-trigger"
)
UUID = "8ff88145-547e-4e43-9710-f8c13467180b"
CURL = re.compile(r"Error 7: .*")
SECOND, THIRD = uuid_of(1, 2), uuid_of(1, 3)


def small(config: Configuration) -> Configuration:
    """With short names, as recorded, and a policy that allows what is there."""
    for node in list(config.nodes.values()):
        config = config.with_node(replace(node, name=node.name.partition(".")[0]))
    return with_certificates(config)


def instances(config: Configuration) -> Configuration:
    """instance1 to instance4: all without disks but the second."""
    for number, node, state in (
        (1, 1, AdminState.UP),
        (2, 2, AdminState.UP),
        (3, 2, AdminState.DOWN),
        (4, 3, AdminState.UP),
    ):
        disks = (disk_uuid(number),) if number == 2 else ()
        made = make_instance(number, node, name=f"instance{number}", admin_state=state, disks=disks)
        if disks:
            config = config.with_disk(make_disk(number))
        config = config.with_instance(made)
    return config


def empty() -> Nodes:
    config = make_config(nodes=3).with_group(NodeGroup(uuid=SECOND, name="bad name"))
    return troubled(Nodes(small(config)))


def troubled(nodes: Nodes) -> Nodes:
    """Each node lacks what the nodes of the recorded cluster lacked."""
    for uuid in nodes.config.nodes:
        nodes.changes[uuid] = {"setup": (PROC,)}
    return nodes


def four() -> Nodes:
    """instance4 was found dead."""
    nodes = troubled(Nodes(instances(small(make_config(nodes=3)))))
    nodes.changes[node_uuid(3)] = {"setup": (PROC,), "guests": ()}
    return nodes


def silent() -> Nodes:
    nodes = four()
    nodes.changes[node_uuid(3)] = NodeUnreachable("node3", "Error 7")
    return nodes


def offline() -> Nodes:
    """By then instance4 was down, too."""
    nodes = four()
    node = replace(nodes.config.nodes[node_uuid(3)], offline=True, master_candidate=False)
    config = with_certificates(nodes.config.with_node(node))
    instance = replace(config.find_instance("instance4"), admin_state=AdminState.DOWN)
    nodes.config = config.with_instance(instance)
    return nodes


def groups() -> Nodes:
    """node3 is in a group of its own; others have no nodes."""
    config = small(make_config(nodes=3))
    for uuid, name in ((SECOND, "g2"), (THIRD, "g3")):
        config = config.with_group(NodeGroup(uuid=uuid, name=name))
    config = config.with_node(replace(config.nodes[node_uuid(3)], group=SECOND))
    nodes = troubled(Nodes(instances(config)))
    nodes.changes[node_uuid(3)] = {"setup": (PROC,), "guests": ()}
    return nodes


SITUATIONS: dict[str, Callable[[], Nodes]] = {
    "cluster": empty,
    "inst": four,
    "group": groups,
}


def situation(record: Record) -> Nodes:
    if record.phase == "offline":
        return offline() if "offline node(s)" in record.stdout else silent()
    return SITUATIONS[record.phase]()


def request(record: Record) -> OpClusterVerify:
    words = record.argv
    ignored = recorded.option(words, "--ignore-errors")
    return OpClusterVerify(
        error_codes="--error-codes" in words,
        verbose="--verbose" in words,
        skip_checks=frozenset({"nplusone_mem"} if "--no-nplus1-mem" in words else ()),
        ignore_errors=frozenset({VerifyCode(ignored)} if ignored else ()),
        group_name=recorded.option(words, "--node-group"),
    )


def lines_of(nodes: Nodes, op: OpClusterVerify) -> list[str]:
    """All lines of all jobs of a verification."""
    made = finished(UNITS["OP_CLUSTER_VERIFY"], op, nodes)[0]
    lines: list[str] = []
    for (each,) in made.jobs:
        _, said = finished(UNITS[each.__struct_config__.tag], each, nodes)
        lines += said
    return lines


def finished(unit: Any, op: Any, nodes: Nodes) -> tuple[Any, list[str]]:
    job = nodes.job()
    results: list[Any] = []
    Deferred.fromCoroutine(run_unit(unit, op, job)).addBoth(results.append)
    if hasattr(results[0], "raiseException"):
        results[0].raiseException()
    return results[0], job.said()


def printed(record: Record) -> list[str]:
    """The recorded lines of the jobs' logs, with the node's name for its uuid."""
    text = recorded.uncut(record.stdout) if recorded.CUT in record.stdout else record.stdout
    lines = [entry[3] for entry in recorded.log_entries(text)]
    return [CURL.sub("Error 7", line).replace(UUID, "node3") for line in lines]


def comparable(record: Record) -> bool:
    """Neither a refusal, nor a simulation, nor of a cluster that was falling apart."""
    simulated = "--debug-simulate-errors" in record.argv
    known = record.phase in (*SITUATIONS, "offline")
    return record.stdout.startswith("Submitted") and not simulated and known


RECORDS = [
    record
    for record in recorded.load("gnt-cluster")
    if record.command == "verify" and comparable(record) and "nosuch" not in " ".join(record.argv)
]


@pytest.mark.parametrize("record", RECORDS, ids=lambda r: f"{r.index}-{' '.join(r.argv[2:])}")
def test_lines(record: Record) -> None:
    """The same findings give the same lines."""
    wanted = printed(record)
    found = lines_of(situation(record), request(record))
    if recorded.CUT in record.stdout:
        assert sorted(set(wanted) - set(found)) == []
        return
    assert sorted(found) == sorted(wanted)
    titles = [line for line in wanted if line.startswith("* ") and "node node" not in line]
    assert [line for line in found if line in titles] == titles


# -- simulation

FILE = re.compile(r"File \S+")
VARIANTS = re.compile(r"with \d+ different checksums.*")
CERTIFICATE = ":ECLUSTERCERT:"
"""The original looks at other files, and has no text for those that are fine."""


def shape(line: str) -> str:
    return VARIANTS.sub("with N different checksums", FILE.sub("File F", line))


def test_simulation() -> None:
    """A simulation has all recorded kinds of lines."""
    [record] = [
        each
        for each in recorded.load("gnt-cluster")
        if each.command == "verify" and "--debug-simulate-errors" in each.argv
    ]
    op = OpClusterVerify(error_codes=True, debug_simulate_errors=True)
    found = set(map(shape, lines_of(empty(), op)))
    wanted = set(map(shape, printed(record)))
    assert {line for line in wanted - found if CERTIFICATE not in line} == set()
    assert any(CERTIFICATE in line for line in found)


def test_all() -> None:
    """There are records of every situation."""
    assert len(RECORDS) >= 12
    assert {record.phase for record in RECORDS} == {*SITUATIONS, "offline"}
