"""Changes of node roles against the table of the public interface, row by row, and all at once."""

from __future__ import annotations

import json
from collections.abc import Iterator
from itertools import combinations, product
from pathlib import Path
from typing import Any

import pytest
from msgspec.structs import replace
from support.fakejob import FakeJob, run_unit
from support.samples import disk_uuid, make_config, make_disk, make_instance, node_uuid
from twisted.internet.defer import Deferred

from ganeti.errors import NodeUnreachable, OpPrereqError
from ganeti.model.config import Configuration
from ganeti.model.instance import AdminState
from ganeti.model.parameters import PartialNdParams
from ganeti.model.roles import candidate_pool, role_of, role_problem
from ganeti.model.templates import DiskTemplate
from ganeti.opcodes.node import OpNodeSetParams
from ganeti.operations.node.set_params import NodeSetParams
from ganeti.rpc.calls import NodeVersion, VersionInfo
from ganeti.version import PROTOCOL_VERSION

TABLE = json.loads((Path(__file__).parent / "interface" / "node_roles.json").read_text())
OOB = PartialNdParams(oob_program="/bin/oob")
REGULAR = {"master_candidate": False}
FREE_IP, OTHER_IP = "198.51.100.2", "192.0.2.99"


def cluster(nodes: int = 4, size: int = 10, **flags: Any) -> Configuration:
    """All are candidates; node2 has other flags."""
    config = make_config(nodes=nodes)
    config = config.with_node(replace(config.nodes[node_uuid(2)], **flags))
    return with_certificates(config, size)


def with_certificates(config: Configuration, size: int = 10) -> Configuration:
    certs = {n.uuid: digest(n.uuid) for n in config.nodes.values() if n.master_candidate}
    record = replace(config.cluster, candidate_certs=certs, candidate_pool_size=size)
    return config.with_cluster(record)


def digest(node: str) -> str:
    return f"digest of {node}"


def short() -> Configuration:
    """node4 may become a candidate, and is none: there are just enough without it."""
    config = cluster(size=3)
    node = replace(config.nodes[node_uuid(4)], master_candidate=False)
    return with_certificates(config.with_node(node), 3)


def hosting() -> Configuration:
    return cluster().with_disk(make_disk(1)).with_instance(make_instance(1, 2))


def mirrored(state: AdminState = AdminState.DOWN, **flags: Any) -> Configuration:
    """All nodes have two addresses; an instance is copied from node2 to node3."""
    config = cluster(**flags)
    for number in range(1, 5):
        node = config.nodes[node_uuid(number)]
        config = config.with_node(replace(node, secondary_ip=f"198.51.100.1{number}"))
    nodes = (node_uuid(2), node_uuid(3))
    place = (*nodes, 11000, 0, 0, "secret")
    disk = make_disk(1, dev_type=DiskTemplate.DRBD, logical_id=place, nodes=nodes)
    instance = make_instance(1, node=2, admin_state=state, disks=(disk_uuid(1),))
    return config.with_disk(disk).with_instance(instance)


class Master:
    """Runs the operation on a configuration."""

    def __init__(self, config: Configuration, *, silent: bool = False) -> None:
        self.job = FakeJob(config, {NodeVersion: self._version})
        self.job.resolver.taken = {FREE_IP}
        self._silent = silent

    def _version(self, node: str, _call: NodeVersion) -> VersionInfo | NodeUnreachable:
        if self._silent:
            return NodeUnreachable(node, "refused")
        return VersionInfo(
            protocol=PROTOCOL_VERSION,
            release="4",
            name=node,
            uuid=node,
            term=1,
            certificate_digest=digest(node),
        )

    def modify(self, name: str = "node2", **request: Any) -> Configuration:
        """@raise OpPrereqError: it is refused."""
        unit, op = NodeSetParams, OpNodeSetParams(node_name=name, **request)
        ended: list[Any] = []
        Deferred.fromCoroutine(run_unit(unit, op, self.job)).addBoth(ended.append)
        if hasattr(ended[0], "raiseException"):
            ended[0].raiseException()
        return self.job.config


Case = tuple[Configuration, dict[str, Any]]


def two_states() -> list[Case]:
    flags = ("offline", "master_candidate", "drained", "master_capable", "vm_capable")
    return [(cluster(), dict.fromkeys(pair, True)) for pair in combinations(flags, 2)]


def of_master() -> list[Case]:
    flags = product(("master_candidate", "drained", "offline"), (True, False))
    return [(cluster(), {"name": "node1", flag: value}) for flag, value in flags]


def addresses() -> list[Case]:
    two = mirrored()
    away = {"master_candidate": False, "offline": True}
    return [
        (two, {"secondary_ip": "fe80::1"}),
        (cluster(), {"secondary_ip": FREE_IP}),
        (cluster(), {"secondary_ip": FREE_IP, "force": True}),
        (two, {"secondary_ip": "192.0.2.2"}),
        (cluster(), {"name": "node1", "secondary_ip": FREE_IP}),
        (mirrored(**away), {"secondary_ip": FREE_IP}),
        (mirrored(AdminState.UP), {"secondary_ip": FREE_IP}),
        (two, {"secondary_ip": OTHER_IP}),
    ]


OFF = {"master_candidate": False, "offline": True}
REFUSALS: list[list[Case]] = [
    [(cluster(), {}), (cluster(), {"force": True, "auto_promote": True})],
    two_states(),
    of_master(),
    [(cluster(master_candidate=False, master_capable=False), {"master_candidate": True})],
    [(hosting(), {"vm_capable": False}), (mirrored(), {"name": "node3", "vm_capable": False})],
    [
        (short(), {"master_candidate": False}),
        (short(), {"drained": True}),
        (short(), {"offline": True}),
        (short(), {"master_capable": False}),
    ],
    [(cluster(), {"name": "node1", "master_capable": False})],
    [(cluster(), {"powered": True}), (cluster(), {"powered": False})],
    [(cluster(**OFF, powered=False, ndparams=OOB), {"offline": False})],
    [(cluster(**OFF), {"offline": False, "silent": True})],
    addresses(),
]
"""In the order of the table."""

ROWS = list(zip(TABLE["set_params_refusals"], REFUSALS, strict=True))


@pytest.mark.parametrize(("row", "cases"), ROWS, ids=[row for row, _ in ROWS])
def test_refusals(row: str, cases: list[Case]) -> None:
    """Each is refused as a wrong request or state, and changes nothing."""
    for config, request in cases:
        master = Master(config, silent=request.get("silent", False))
        with pytest.raises(OpPrereqError) as refusal:
            master.modify(**{k: v for k, v in request.items() if k != "silent"})
        assert len(str(refusal.value)) > 20
        assert master.job.config is config, (row, request)


# -- effects


def test_effects_are_known() -> None:
    """The functions below stand for the rows of the table."""
    rows = TABLE["set_params_effects"]
    assert [row.split()[0] for row in rows] == [
        "request", "clearing", "losing", "new", "becoming", "after",
    ]  # fmt: skip


def node2(config: Configuration) -> Any:
    return config.nodes[node_uuid(2)]


@pytest.mark.parametrize("flag", ["master_candidate", "drained", "offline"])
def test_clear_already(flag: str) -> None:
    """A flag that is clear may be cleared: that is no change."""
    config = cluster(**REGULAR)
    assert Master(config).modify(**{flag: False}) is config


@pytest.mark.parametrize(
    ("flags", "request_"),
    [
        ({"drained": True}, {"drained": False}),
        ({"offline": True}, {"offline": False}),
        ({"master_capable": False}, {"master_capable": True}),
    ],
)
def test_promoted(flags: dict[str, bool], request_: dict[str, bool]) -> None:
    """A node that is back becomes a candidate while there are fewer than there may be."""
    config = cluster(**REGULAR, **flags)
    assert node2(Master(config).modify(**request_)).master_candidate
    full = cluster(size=3, **REGULAR, **flags)
    assert not node2(Master(full).modify(**request_)).master_candidate


def test_demoted() -> None:
    """What cannot be master is no candidate."""
    assert not node2(Master(cluster()).modify(master_capable=False)).master_candidate


def test_others_cleared() -> None:
    """A flag that is set clears the other two, and a node that is no candidate has no rights."""
    flags = ("master_candidate", "drained", "offline")
    for before, after in product(flags, flags):
        config = cluster(**{**dict.fromkeys(flags, False), before: True})
        changed = Master(config).modify(**{after: True})
        assert {flag for flag in flags if getattr(node2(changed), flag)} == {after}
        assert (node_uuid(2) in changed.cluster.candidate_certs) is (after == "master_candidate")


def test_refilled() -> None:
    """With auto_promote another takes its place."""
    changed = Master(short()).modify(offline=True, auto_promote=True)
    assert changed.nodes[node_uuid(4)].master_candidate
    assert node_uuid(4) in changed.cluster.candidate_certs


# -- everything at once

FLAGS = ("master_candidate", "drained", "offline", "master_capable", "vm_capable")


def every_node() -> Iterator[dict[str, bool]]:
    """All flags that a node may have."""
    for flags in product((True, False), repeat=len(FLAGS)):
        node = replace(cluster().nodes[node_uuid(2)], **dict(zip(FLAGS, flags, strict=True)))
        if not role_problem(node):
            yield dict(zip(FLAGS, flags, strict=True))


def every_request() -> Iterator[dict[str, bool]]:
    """All changes of one flag or two."""
    single = list(product(FLAGS, (True, False)))
    for request in (*combinations(single, 1), *combinations(single, 2)):
        if len(dict(request)) == len(request):
            yield dict(request)


def test_all_changes() -> None:
    """Whatever is asked of whatever node: the roles make sense after it, or nothing changed."""
    done = refused = 0
    requests = list(every_request())
    for flags in every_node():
        config = cluster(**flags)
        for request in requests:
            master = Master(config)
            try:
                after = master.modify(**request)
            except OpPrereqError:
                refused += 1
                assert master.job.config is config
                continue
            done += 1
            check(config, after, request)
    print(f"{done} done, {refused} refused")
    assert done > 300
    assert refused > 100


def check(before: Configuration, after: Configuration, request: dict[str, bool]) -> None:
    node = node2(after)
    assert role_problem(node) == ""
    assert {flag: getattr(node, flag) for flag in request} == request
    candidates = {n.uuid for n in after.nodes.values() if n.master_candidate}
    assert after.cluster.candidate_certs == {uuid: digest(uuid) for uuid in candidates}
    assert role_of(after.master, after.cluster) == role_of(before.master, before.cluster)
    others = {uuid: n for uuid, n in after.nodes.items() if uuid != node.uuid}
    assert others == {uuid: n for uuid, n in before.nodes.items() if uuid != node.uuid}
    assert candidate_pool(after).now <= candidate_pool(after).possible
