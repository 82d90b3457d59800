"""Roles, flags and settings of nodes: what changes, what follows, and what is refused."""

from __future__ import annotations

from typing import Any

from msgspec.structs import replace
from support.fakejob import FakeJob, plan_unit, run_unit
from support.samples import (
    disk_uuid,
    instance_uuid,
    make_config,
    make_disk,
    make_instance,
    node_uuid,
)
from twisted.internet.defer import Deferred
from twisted.trial.unittest import SynchronousTestCase

from ganeti.errors import ErrorCode, NodeUnreachable, OpPrereqError, TypeEnforcementError
from ganeti.model.config import Configuration
from ganeti.model.instance import AdminState
from ganeti.model.locks import Level, exclusive
from ganeti.model.node import Node
from ganeti.model.parameters import PartialNdParams
from ganeti.model.roles import NodeRole, role_of
from ganeti.model.templates import DiskTemplate
from ganeti.opcodes.node import OpNodeSetParams
from ganeti.operations.node.set_params import NodeSetParams
from ganeti.rpc.calls import NodeVersion, VersionInfo
from ganeti.version import PROTOCOL_VERSION

SHORT = "Configuration data is not consistent: Not enough master candidates: actual 2, target 3"
PROMOTED = " - INFO: Auto-promoting node to master candidate"
DEMOTED = " - INFO: Demoting from master candidate"


def version(node: str, call: NodeVersion) -> VersionInfo:
    return VersionInfo(
        protocol=PROTOCOL_VERSION,
        release="4",
        name=node,
        uuid=node,
        term=1,
        certificate_digest=f"digest of {node}",
    )


def make_cluster(nodes: int = 3, size: int = 10, **flags: Any) -> Configuration:
    """All are candidates but node2, if it has flags that say otherwise."""
    config = make_config(nodes=nodes)
    config = config.with_node(replace(config.nodes[node_uuid(2)], **flags))
    certs = {n.uuid: f"digest of {n.uuid}" for n in config.nodes.values() if n.master_candidate}
    record = replace(config.cluster, candidate_certs=certs, candidate_pool_size=size)
    return config.with_cluster(record)


def drbd(config: Configuration, state: AdminState = AdminState.DOWN) -> Configuration:
    """With a mirrored instance on node2 and node3."""
    nodes = (node_uuid(2), node_uuid(3))
    disk = make_disk(
        1,
        dev_type=DiskTemplate.DRBD,
        logical_id=(*nodes, 11000, 0, 0, "secret"),
        nodes=nodes,
    )
    instance = make_instance(1, node=2, admin_state=state, disks=(disk_uuid(1),))
    return config.with_disk(disk).with_instance(instance)


class NodeModifyCase(SynchronousTestCase):
    def setUp(self) -> None:
        self.set_config(make_cluster())

    def set_config(self, config: Configuration) -> None:
        self.job = FakeJob(config, {NodeVersion: version})

    def modify(self, name: str = "node2", **changes: Any) -> list[tuple[str, Any]]:
        """What the operation tells that it changed."""
        running = run_unit(NodeSetParams, OpNodeSetParams(node_name=name, **changes), self.job)
        return list(self.successResultOf(Deferred.fromCoroutine(running)))

    def refused(self, text: str, code: ErrorCode, name: str = "node2", **changes: Any) -> None:
        before = self.job.state
        running = run_unit(NodeSetParams, OpNodeSetParams(node_name=name, **changes), self.job)
        failure = self.failureResultOf(Deferred.fromCoroutine(running), OpPrereqError)
        self.assertEqual((str(failure.value), failure.value.code), (text, code))
        self.assertIs(self.job.state, before)

    def node(self, number: int = 2) -> Node:
        return self.job.config.nodes[node_uuid(number)]

    def role(self, number: int = 2) -> NodeRole:
        return role_of(self.node(number), self.job.config.cluster)

    def certificates(self) -> set[int]:
        """Numbers of the nodes whose certificates are those of candidates."""
        certs = self.job.config.cluster.candidate_certs
        self.assertEqual({k: f"digest of {k}" for k in certs}, dict(certs))
        return {n for n in range(1, 9) if node_uuid(n) in certs}


class RoleTests(NodeModifyCase):
    """As recorded of the original, byte for byte."""

    def test_demote(self) -> None:
        """A candidate becomes a regular node; the pool is short then."""
        self.assertEqual(self.modify(master_candidate=False), [("master_candidate", False)])
        self.assertEqual((self.role(), self.certificates()), (NodeRole.REGULAR, {1, 3}))
        self.assertEqual(self.job.lines, [SHORT])

    def test_promote(self) -> None:
        """A regular node becomes a candidate; the pool was short before."""
        self.set_config(make_cluster(master_candidate=False))
        self.assertEqual(self.modify(master_candidate=True), [("master_candidate", True)])
        self.assertEqual((self.role(), self.certificates()), (NodeRole.CANDIDATE, {1, 2, 3}))
        self.assertEqual(self.job.lines, [SHORT])

    def test_already(self) -> None:
        """What is so already is no change, and nothing is said or written."""
        index = self.job.state.index
        self.assertEqual(self.modify(master_candidate=True), [])
        self.assertEqual(self.modify(drained=False), [])
        self.assertEqual((self.job.lines, self.job.state.index), ([], index))

    def test_drain(self) -> None:
        """A drained node is no candidate."""
        self.assertEqual(
            self.modify(drained=True), [("master_candidate", False), ("drained", True)]
        )
        self.assertEqual((self.role(), self.certificates()), (NodeRole.DRAINED, {1, 3}))
        self.assertEqual(self.job.lines, [])

    def test_undrain(self) -> None:
        """Taken back, it becomes a candidate again by itself."""
        self.set_config(make_cluster(master_candidate=False, drained=True))
        self.assertEqual(
            self.modify(drained=False), [("master_candidate", True), ("drained", False)]
        )
        self.assertEqual((self.role(), self.certificates()), (NodeRole.CANDIDATE, {1, 2, 3}))
        self.assertEqual(self.job.lines, [PROMOTED])

    def test_undrain_full(self) -> None:
        """There may be enough candidates without it."""
        self.set_config(make_cluster(size=2, master_candidate=False, drained=True))
        self.assertEqual(self.modify(drained=False), [("drained", False)])
        self.assertEqual((self.role(), self.job.lines), (NodeRole.REGULAR, []))

    def test_undrain_silent(self) -> None:
        """A drained node that does not answer is taken back, and is no candidate."""
        self.set_config(make_cluster(master_candidate=False, drained=True))
        self.job.rpc.answers[NodeVersion] = NodeUnreachable("node2", "connection refused")
        self.assertEqual(self.modify(drained=False), [("drained", False)])
        self.assertEqual(
            self.job.lines,
            [
                " - WARNING: Node node2.example.com cannot be made a master candidate:"
                " connection refused",
                SHORT,
            ],
        )

    def test_incapable(self) -> None:
        """What cannot be master is no candidate."""
        self.assertEqual(
            self.modify(master_capable=False),
            [("master_capable", False), ("master_candidate", False)],
        )
        self.assertEqual((self.role(), self.certificates()), (NodeRole.REGULAR, {1, 3}))
        self.assertEqual(self.job.lines, [DEMOTED])

    def test_capable(self) -> None:
        """What can be master again becomes a candidate."""
        self.set_config(make_cluster(master_candidate=False, master_capable=False))
        self.assertEqual(
            self.modify(master_capable=True),
            [("master_capable", True), ("master_candidate", True)],
        )
        self.assertEqual((self.role(), self.job.lines), (NodeRole.CANDIDATE, [PROMOTED, SHORT]))

    def test_offline(self) -> None:
        """A node that is put out of service is not asked, and is no candidate."""
        self.job.rpc.answers.clear()
        self.assertEqual(
            self.modify(offline=True), [("master_candidate", False), ("offline", True)]
        )
        self.assertEqual((self.role(), self.certificates()), (NodeRole.OFFLINE, {1, 3}))
        self.assertEqual((self.job.rpc.calls, self.job.lines), ([], []))

    def test_offline_and_demote(self) -> None:
        """Clearing one flag while another is set is one request."""
        self.assertEqual(
            self.modify(offline=True, master_candidate=False),
            [("master_candidate", False), ("offline", True)],
        )

    def test_online(self) -> None:
        """Back in service it must answer, and becomes a candidate."""
        self.set_config(make_cluster(master_candidate=False, offline=True))
        self.assertEqual(
            self.modify(offline=False), [("master_candidate", True), ("offline", False)]
        )
        self.assertEqual(self.certificates(), {1, 2, 3})
        self.assertEqual(self.job.lines, [PROMOTED])

    def test_other_flags_cleared(self) -> None:
        """A flag that is set clears the other two."""
        self.set_config(make_cluster(master_candidate=False, offline=True))
        self.assertEqual(self.modify(drained=True), [("drained", True), ("offline", False)])
        self.assertEqual(
            self.modify(master_candidate=True), [("master_candidate", True), ("drained", False)]
        )

    def test_vm_capable(self) -> None:
        """A node without instances may stop being meant for them."""
        self.assertEqual(self.modify(vm_capable=False), [("vm_capable", False)])
        self.assertEqual(self.modify(vm_capable=True), [("vm_capable", True)])

    def test_auto_promote(self) -> None:
        """Others become candidates in its place, in the same commit."""
        config = make_cluster(nodes=4, size=3)
        regular = replace(config.nodes[node_uuid(4)], master_candidate=False)
        certs = {k: v for k, v in config.cluster.candidate_certs.items() if k != node_uuid(4)}
        config = config.with_node(regular)
        self.set_config(config.with_cluster(replace(config.cluster, candidate_certs=certs)))
        index = self.job.state.index
        self.modify(offline=True, auto_promote=True)
        self.assertEqual((self.role(4), self.certificates()), (NodeRole.CANDIDATE, {1, 3, 4}))
        self.assertEqual(self.job.state.index, index + 1)

    def test_evaluated_late(self) -> None:
        """Another job may promote the node meanwhile: a flag that is set clears that too."""
        self.set_config(make_cluster(master_candidate=False))
        op = OpNodeSetParams(node_name="node2", drained=True)
        planning = plan_unit(NodeSetParams, op, self.job)
        plan = self.successResultOf(Deferred.fromCoroutine(planning))
        self.job.state = FakeJob(make_cluster()).state
        unit = NodeSetParams(op, self.job)
        self.successResultOf(Deferred.fromCoroutine(unit.execute(plan)))
        self.assertEqual((self.role(), self.certificates()), (NodeRole.DRAINED, {1, 3}))


class RefusalTests(NodeModifyCase):
    def test_nothing(self) -> None:
        """A request changes something."""
        self.refused("Please pass at least one modification", ErrorCode.WRONG_INPUT, force=True)

    def test_two_states(self) -> None:
        """A node has one state."""
        for second in ("drained", "master_candidate", "master_capable", "vm_capable"):
            self.refused(
                "Can't set the node into more than one state at the same time",
                ErrorCode.WRONG_INPUT,
                offline=True,
                **{second: True},
            )

    def test_master(self) -> None:
        """The master stays what it is."""
        for flag in ("offline", "drained", "master_candidate"):
            for value in (True, False):
                self.refused(
                    "The master role can be changed only via master-failover",
                    ErrorCode.WRONG_INPUT,
                    "node1",
                    **{flag: value},
                )
        self.refused(
            "The master node stays master capable; make another node the master first",
            ErrorCode.WRONG_STATE,
            "node1",
            master_capable=False,
        )

    def test_incapable_candidate(self) -> None:
        """Only what can be master can be a candidate."""
        self.set_config(make_cluster(master_candidate=False, master_capable=False))
        self.refused(
            "Node node2.example.com is not master capable, cannot make it a master candidate",
            ErrorCode.WRONG_STATE,
            master_candidate=True,
        )

    def test_instances(self) -> None:
        """A node with instances stays meant for them."""
        self.set_config(make_cluster().with_disk(make_disk(1)).with_instance(make_instance(1, 2)))
        self.refused(
            "Node node2.example.com hosts instances, cannot unset the vm_capable flag",
            ErrorCode.WRONG_STATE,
            vm_capable=False,
        )

    def test_pool(self) -> None:
        """A candidate stays when there are too few others, unless one may take its place."""
        config = make_cluster(nodes=4, size=3)
        config = config.with_node(replace(config.nodes[node_uuid(4)], master_candidate=False))
        self.set_config(config)
        for change in ({"master_candidate": False}, {"offline": True}, {"master_capable": False}):
            self.refused(
                "Without node node2.example.com there are 2 master candidates, and there should be"
                " 3; let others be promoted (--auto-promote, in RAPI auto_promote=true)",
                ErrorCode.WRONG_STATE,
                **change,
            )

    def test_power(self) -> None:
        """Power is known of nodes that have a program for it."""
        self.refused(
            "Node node2.example.com has no out-of-band program (node parameter oob_program), so"
            " its powered flag cannot be set",
            ErrorCode.WRONG_STATE,
            powered=False,
        )
        oob = PartialNdParams(oob_program="/bin/oob")
        self.set_config(
            make_cluster(master_candidate=False, offline=True, powered=False, ndparams=oob)
        )
        self.refused(
            "Node node2.example.com is switched off: switch it on before it leaves the offline"
            " state",
            ErrorCode.WRONG_STATE,
            offline=False,
        )
        self.assertEqual(
            self.modify(offline=False, powered=True),
            [("master_candidate", True), ("offline", False), ("powered", True)],
        )

    def test_silent(self) -> None:
        """What is to be used must answer."""
        text = (
            "Node node2.example.com does not answer, so it cannot get this role: connection refused"
        )
        self.set_config(make_cluster(master_candidate=False, offline=True))
        self.job.rpc.answers[NodeVersion] = NodeUnreachable("node2", "connection refused")
        for change in ({"offline": False}, {"master_candidate": True}, {"drained": True}):
            self.refused(text, ErrorCode.ENVIRONMENT, **change)

    def test_unknown(self) -> None:
        """The node exists."""
        self.refused("Node 'nosuch' not known", ErrorCode.NOT_FOUND, "nosuch", drained=True)


class SecondaryIpTests(NodeModifyCase):
    def setUp(self) -> None:
        super().setUp()
        self.job.resolver.taken = {"192.0.2.2", "198.51.100.2"}

    def double(self, config: Configuration) -> Configuration:
        """All nodes have two addresses."""
        for number in (1, 2, 3):
            node = config.nodes[node_uuid(number)]
            config = config.with_node(replace(node, secondary_ip=f"198.51.100.1{number}"))
        return config

    def set_config(self, config: Configuration) -> None:
        super().set_config(config)
        self.job.resolver.taken = {"192.0.2.2", "198.51.100.2"}

    def test_same(self) -> None:
        """The address that it has is told again."""
        self.assertEqual(self.modify(secondary_ip="192.0.2.2"), [("secondary_ip", "192.0.2.2")])

    def test_other(self) -> None:
        """Another one of a cluster whose nodes have two."""
        self.set_config(self.double(make_cluster()))
        self.modify(secondary_ip="198.51.100.2")
        self.assertEqual(self.node().secondary_ip, "198.51.100.2")

    def test_refused(self) -> None:
        """Malformed, taken, or of the wrong kind."""
        for ip, text, code in (
            (
                "bad",
                "Secondary IP (bad) needs to be a valid IPv4 address",
                ErrorCode.WRONG_INPUT,
            ),
            (
                "192.0.2.3",
                "New node ip address(es) conflict with existing node node3.example.com: 192.0.2.3",
                ErrorCode.NOT_UNIQUE,
            ),
            (
                "198.51.100.2",
                "The master has no secondary ip, and node node2.example.com would be different",
                ErrorCode.WRONG_INPUT,
            ),
        ):
            self.refused(text, code, secondary_ip=ip)
        self.set_config(self.double(make_cluster()))
        self.refused(
            "The master has a secondary ip, and node node2.example.com would be different",
            ErrorCode.WRONG_INPUT,
            secondary_ip="192.0.2.2",
        )
        self.refused(
            "Node node2.example.com: secondary ip 198.51.100.9 not reachable by TCP based ping"
            " to node daemon port",
            ErrorCode.ENVIRONMENT,
            secondary_ip="198.51.100.9",
        )

    def test_master(self) -> None:
        """The master goes first from one address to two, with force."""
        text = (
            "Changing the master between one address and two changes what all nodes must have;"
            " use --force, then change the others"
        )
        self.refused(text, ErrorCode.WRONG_INPUT, "node1", secondary_ip="198.51.100.2")
        self.modify("node1", secondary_ip="198.51.100.2", force=True)
        self.assertEqual(self.node(1).secondary_ip, "198.51.100.2")

    def test_mirrored(self) -> None:
        """Mirrored instances must be down, and their node in service."""
        self.set_config(drbd(self.double(make_cluster()), AdminState.UP))
        self.refused(
            "Cannot change the secondary ip of node node2.example.com while mirrored instances"
            " run: shut down inst1.example.com",
            ErrorCode.WRONG_STATE,
            secondary_ip="198.51.100.2",
        )
        self.set_config(drbd(self.double(make_cluster(master_candidate=False, offline=True))))
        self.refused(
            "Cannot change the secondary ip of offline node node2.example.com, which has mirrored"
            " instances: inst1.example.com",
            ErrorCode.WRONG_STATE,
            secondary_ip="198.51.100.2",
        )

    def test_locks(self) -> None:
        """The node, and with a new address the instances that are copied over it."""
        self.set_config(drbd(self.double(make_cluster())))
        node = exclusive(Level.NODE, node_uuid(2))
        op = OpNodeSetParams(node_name="node2", drained=True)
        self.assertEqual(NodeSetParams(op, self.job).locks(self.job.state), node)
        op = OpNodeSetParams(node_name="node2", secondary_ip="198.51.100.2")
        self.assertEqual(
            NodeSetParams(op, self.job).locks(self.job.state),
            (*exclusive(Level.INSTANCE, "inst1.example.com"), *node),
        )
        self.assertIn(instance_uuid(1), self.job.config.instances)


class SettingsTests(NodeModifyCase):
    def test_ndparams(self) -> None:
        """Parameters are added, changed, and forgotten again; nothing is told."""
        self.assertEqual(self.modify(ndparams={"oob_program": "/x", "ssh_port": "2222"}), [])
        self.assertEqual(self.node().ndparams, PartialNdParams(oob_program="/x", ssh_port=2222))
        self.modify(ndparams={"oob_program": "default", "spindle_count": 2})
        self.assertEqual(self.node().ndparams, PartialNdParams(ssh_port=2222, spindle_count=2))

    def test_bad_ndparams(self) -> None:
        """Unknown ones, and those that nodes cannot have."""
        for value in (1, "default"):
            running = run_unit(
                NodeSetParams,
                OpNodeSetParams(node_name="node2", ndparams={"nosuch": value}),
                self.job,
            )
            failure = self.failureResultOf(Deferred.fromCoroutine(running), TypeEnforcementError)
            self.assertEqual(str(failure.value), "Unknown parameter 'nosuch'")
        self.refused(
            "Node parameter exclusive_storage can be set for groups and the cluster only",
            ErrorCode.WRONG_INPUT,
            ndparams={"exclusive_storage": True},
        )

    def test_state(self) -> None:
        """Static state is merged with what is there."""
        self.modify(hv_state={"fake": {"cpu_total": 2}})
        self.modify(hv_state={"fake": {"mem_node": "512"}}, disk_state={"plain": {"vg": {}}})
        self.assertEqual(self.node().hv_state_static, {"fake": {"cpu_total": 2, "mem_node": 512}})
        self.assertEqual(self.node().disk_state_static, {"plain": {"vg": {}}})

    def test_bad_state(self) -> None:
        """Of hypervisors that exist, with numbers."""
        self.refused(
            "Invalid hypervisor(s) in hypervisor state: nosuch",
            ErrorCode.WRONG_INPUT,
            hv_state={"nosuch": {"a": "b"}},
        )


class DescriptionTests(NodeModifyCase):
    def describe(self, **changes: Any) -> tuple[str, ...]:
        op = OpNodeSetParams(node_name="node2", **changes)
        planning = plan_unit(NodeSetParams, op, self.job)
        plan = self.successResultOf(Deferred.fromCoroutine(planning))
        return NodeSetParams(op, self.job).describe(plan)

    def test_changes(self) -> None:
        """A dry run names what would change."""
        self.assertEqual(
            self.describe(drained=True, ndparams={"ssh_port": 23}, auto_promote=True),
            (
                "set master_candidate of node node2.example.com to False",
                "set drained of node node2.example.com to True",
                "set ndparams of node node2.example.com to {'ssh_port': 23}",
                "make other nodes master candidates in the place of node2.example.com",
            ),
        )

    def test_nothing(self) -> None:
        """What is so already is no change."""
        self.assertEqual(self.describe(master_candidate=True), ())


class HookTests(NodeModifyCase):
    def hooks(self, name: str = "node2", **changes: Any) -> Any:
        op = OpNodeSetParams(node_name=name, **changes)
        planning = plan_unit(NodeSetParams, op, self.job)
        plan = self.successResultOf(Deferred.fromCoroutine(planning))
        return NodeSetParams(op, self.job).hooks(plan)

    def test_environment(self) -> None:
        """What was asked for, as Python words."""
        hooks = self.hooks(drained=True, auto_promote=True)
        self.assertEqual(
            hooks.env,
            {
                "OP_TARGET": "node2.example.com",
                "MASTER_CANDIDATE": "None",
                "OFFLINE": "None",
                "DRAINED": "True",
                "MASTER_CAPABLE": "None",
                "VM_CAPABLE": "None",
            },
        )

    def test_nodes(self) -> None:
        """Master and node, while it is in service."""
        both = (node_uuid(1), node_uuid(2))
        hooks = self.hooks(drained=True)
        self.assertEqual((hooks.pre_nodes, hooks.post_nodes), (both, both))
        hooks = self.hooks(offline=True)
        self.assertEqual((hooks.pre_nodes, hooks.post_nodes), (both, both[:1]))
        self.assertEqual(self.hooks("node1", vm_capable=False).pre_nodes, both[:1])
        self.set_config(make_cluster(master_candidate=False, offline=True))
        hooks = self.hooks(offline=False)
        self.assertEqual((hooks.pre_nodes, hooks.post_nodes), (both[:1], both))
