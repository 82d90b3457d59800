"""Adding nodes, new ones and those that come back."""

from __future__ import annotations

from typing import Any

from msgspec.structs import replace
from support.fakejob import FakeJob, plan_unit, run_unit
from support.samples import GROUP_UUID, make_config, node_uuid
from twisted.internet.defer import Deferred
from twisted.trial.unittest import SynchronousTestCase

from ganeti.errors import ErrorCode, NodeUnreachable, OpPrereqError, TypeEnforcementError
from ganeti.model.config import Configuration
from ganeti.model.group import NodeGroup
from ganeti.model.locks import Level, exclusive, shared
from ganeti.model.parameters import PartialNdParams
from ganeti.model.reservation import Reservation, ReservationKind
from ganeti.opcodes.node import OpNodeAdd
from ganeti.operations.node.add import NodeAdd
from ganeti.operations.node.joining import put_node
from ganeti.operations.unit import NeedLocks
from ganeti.paths import Paths
from ganeti.rpc.calls import NodeVersion, SetRole, VersionInfo
from ganeti.rpc.roles import RoleRecord
from ganeti.version import PROTOCOL_VERSION

NAME = "node4.example.com"
VERSION = VersionInfo(
    protocol=PROTOCOL_VERSION,
    release="4",
    name=NAME,
    uuid=node_uuid(4),
    term=0,
    certificate_digest="digest4",
)


def with_certs(config: Configuration) -> Configuration:
    certs = {node_uuid(number): f"digest{number}" for number in range(1, len(config.nodes) + 1)}
    return config.with_cluster(replace(config.cluster, candidate_certs=certs))


class NodeAddTests(SynchronousTestCase):
    def setUp(self) -> None:
        self.set_config(with_certs(make_config(nodes=3)))

    def set_config(self, config: Configuration) -> None:
        self.job = FakeJob(config, {NodeVersion: VERSION, SetRole: None})
        self.job.resolver.hosts |= {NAME: "192.0.2.4", "node1.example.com": "192.0.2.1"}

    def run_add(self, **settings: Any) -> None:
        running = run_unit(NodeAdd, OpNodeAdd(**{"node_name": NAME, **settings}), self.job)
        self.assertIsNone(self.successResultOf(Deferred.fromCoroutine(running)))

    def plan_add(self, **settings: Any) -> Any:
        planning = plan_unit(NodeAdd, OpNodeAdd(**{"node_name": NAME, **settings}), self.job)
        return self.successResultOf(Deferred.fromCoroutine(planning))

    def fail_add(self, error: type[Exception], **settings: Any) -> Any:
        running = run_unit(NodeAdd, OpNodeAdd(**{"node_name": NAME, **settings}), self.job)
        return self.failureResultOf(Deferred.fromCoroutine(running), error).value

    def refused(self, text: str, code: ErrorCode, **settings: Any) -> None:
        before = self.job.config
        error = self.fail_add(OpPrereqError, **settings)
        self.assertEqual((str(error), error.code), (text, code))
        self.assertIs(self.job.config, before)
        self.assertNotIn(SetRole, [type(call) for _, call in self.job.rpc.calls])

    # -- new nodes

    def test_locks(self) -> None:
        """The new name for itself, its group shared."""
        self.assertEqual(
            NodeAdd(OpNodeAdd(node_name=NAME), self.job).locks(self.job.state),
            (*shared(Level.NODEGROUP, GROUP_UUID), *exclusive(Level.NODE, NAME)),
        )

    def test_add(self) -> None:
        """The node is asked what it is, accepts our authority, and is then a candidate."""
        self.run_add()
        place = f"{NAME}@192.0.2.4"
        version, role = self.job.rpc.calls
        self.assertEqual(version, (place, NodeVersion()))
        self.assertEqual(
            role,
            (
                place,
                SetRole(
                    record=RoleRecord(
                        term=1,
                        cluster_name="cluster.example.com",
                        master_uuid=node_uuid(1),
                        master_digest="digest1",
                        candidates={node_uuid(n): f"digest{n}" for n in (1, 2, 3)},
                    )
                ),
            ),
        )
        node = self.job.config.find_node(NAME)
        self.assertEqual(
            (node.uuid, node.primary_ip, node.secondary_ip, node.group, node.master_candidate),
            (node_uuid(4), "192.0.2.4", "192.0.2.4", GROUP_UUID, True),
        )
        self.assertEqual(self.job.config.cluster.candidate_certs[node_uuid(4)], "digest4")

    def test_full_pool(self) -> None:
        """A node that the pool has no room for is an ordinary one."""
        config = self.job.config
        self.set_config(config.with_cluster(replace(config.cluster, candidate_pool_size=3)))
        self.run_add()
        self.assertFalse(self.job.config.find_node(NAME).master_candidate)
        self.assertNotIn(node_uuid(4), self.job.config.cluster.candidate_certs)

    def test_not_master_capable(self) -> None:
        """A node that may not be master is no candidate."""
        self.run_add(master_capable=False, vm_capable=False)
        node = self.job.config.find_node(NAME)
        self.assertEqual(
            (node.master_capable, node.vm_capable, node.master_candidate), (False, False, False)
        )

    def test_settings(self) -> None:
        """Parameters, static state, group and addresses are taken as wished."""
        self.set_config(self.job.config.with_group(NodeGroup(uuid="g2", name="other")))
        self.run_add(
            group="other",
            ndparams={"spindle_count": 3},
            hv_state={"fake": {"cpu_total": 4}},
            disk_state={"plain": {"xenvg": {"disk_total": 10}}},
            primary_ip="192.0.2.40",
        )
        node = self.job.config.find_node(NAME)
        self.assertEqual(
            (node.group, node.ndparams, node.primary_ip),
            ("g2", PartialNdParams(spindle_count=3), "192.0.2.40"),
        )
        self.assertEqual(node.hv_state_static, {"fake": {"cpu_total": 4}})
        self.assertEqual(node.disk_state_static, {"plain": {"xenvg": {"disk_total": 10}}})

    def test_other_name(self) -> None:
        """A short name is locked under the full one before the node is added."""
        self.job.resolver.resolve = lambda name: self.job.resolver._resolve(NAME)  # type: ignore[assignment]
        error = self.fail_add(NeedLocks, node_name="node4")
        self.assertIn(*exclusive(Level.NODE, NAME), error.more)

    def test_hooks(self) -> None:
        """All others are asked before, and the new one is told after, too."""
        plan = self.plan_add()
        hooks = NodeAdd(OpNodeAdd(node_name=NAME), self.job).hooks(plan)
        others = tuple(node_uuid(number) for number in (1, 2, 3))
        self.assertEqual(
            (hooks.path, hooks.object_type, set(hooks.pre_nodes), set(hooks.post_nodes)),
            ("node-add", "NODE", set(others), {*others, node_uuid(4)}),
        )
        self.assertEqual(
            hooks.env,
            {
                "OP_TARGET": NAME,
                "NODE_NAME": NAME,
                "NODE_PIP": "192.0.2.4",
                "NODE_SIP": "192.0.2.4",
                "MASTER_CAPABLE": "True",
                "VM_CAPABLE": "True",
            },
        )

    def test_refusing_node(self) -> None:
        """A node that does not accept our authority is not added."""
        self.job.rpc.answers[SetRole] = NodeUnreachable(NAME, "connection lost", lost=True)
        before = self.job.config
        self.fail_add(NodeUnreachable)
        self.assertIs(self.job.config, before)

    # -- what is refused

    def test_known(self) -> None:
        """A node is added once."""
        self.refused(
            "Node node2.example.com is already in the configuration",
            ErrorCode.EXISTS,
            node_name="node2.example.com",
        )

    def test_added_meanwhile(self) -> None:
        """The commit looks again whether the name is free."""
        plan = self.plan_add()
        stranger = replace(plan.node, uuid="other")
        self.job.state = type(self.job.state)(config=self.job.config.with_node(stranger))
        with self.assertRaises(OpPrereqError):
            put_node(plan.node, "digest4")(self.job.state)

    def test_being_added(self) -> None:
        """Two jobs do not add one node."""
        self.job.reservations.reserve(
            "job 3", [Reservation(kind=ReservationKind.IP, key="192.0.2.4", job_id=3)]
        )
        self.refused(
            f"Node {NAME} or its address is being added by another job:"
            " IP address 192.0.2.4 is reserved by job 3",
            ErrorCode.EXISTS,
        )

    def test_unresolvable(self) -> None:
        """The name resolves."""
        self.refused(
            "The given name (nosuch) does not resolve: Name or service not known",
            ErrorCode.RESOLVER,
            node_name="nosuch",
        )

    def test_bad_name(self) -> None:
        """A node's name is a host name."""
        self.refused("Invalid hostname 'a b'", ErrorCode.WRONG_INPUT, node_name="a b")

    def test_addresses(self) -> None:
        """Addresses are well-formed, free, and as many as the master has."""
        cases = [
            (
                {"primary_ip": "999.1.1.1"},
                f"Primary IP (999.1.1.1) of node {NAME} needs to be a valid IPv4 address",
                ErrorCode.WRONG_INPUT,
            ),
            (
                {"secondary_ip": "::1"},
                "Secondary IP (::1) needs to be a valid IPv4 address",
                ErrorCode.WRONG_INPUT,
            ),
            (
                {"primary_ip": "192.0.2.2"},
                "New node ip address(es) conflict with existing node node2.example.com: 192.0.2.2",
                ErrorCode.NOT_UNIQUE,
            ),
            (
                {"primary_ip": "192.0.2.254"},
                f"IP address 192.0.2.254 of node {NAME} is that of cluster cluster.example.com",
                ErrorCode.NOT_UNIQUE,
            ),
            (
                {"secondary_ip": "198.51.100.4"},
                "The master has no secondary ip but the new node has one",
                ErrorCode.WRONG_INPUT,
            ),
        ]
        for settings, text, code in cases:
            self.refused(text, code, **settings)

    def test_missing_secondary(self) -> None:
        """A master with two addresses has nodes with two, which answer on both."""
        config = self.job.config
        master = replace(config.master, secondary_ip="198.51.100.1")
        self.set_config(config.with_node(master))
        self.refused(
            "The master has a secondary ip but the new node doesn't have one",
            ErrorCode.WRONG_INPUT,
        )
        self.refused(
            f"Node {NAME}: secondary ip 198.51.100.4 not reachable by TCP based ping"
            " to node daemon port",
            ErrorCode.ENVIRONMENT,
            secondary_ip="198.51.100.4",
        )
        self.job.resolver.taken.add("198.51.100.4")
        self.run_add(secondary_ip="198.51.100.4")

    def test_loopback(self) -> None:
        """Loopback addresses are for virtual clusters."""
        self.run_add(primary_ip="127.0.0.4")
        self.set_config(with_certs(make_config(nodes=3)))
        self.job.paths = Paths()
        self.refused(
            f"Node {NAME} resolves to the loopback address 127.0.0.4; that is not reachable"
            " from other nodes",
            ErrorCode.WRONG_INPUT,
            primary_ip="127.0.0.4",
        )

    def test_node_down(self) -> None:
        """The node's daemon answers."""
        self.job.rpc.answers[NodeVersion] = NodeUnreachable(NAME, "nothing listens")
        self.refused(
            f"Can't get version information from node {NAME}: nothing listens",
            ErrorCode.ENVIRONMENT,
        )

    def test_other_machine(self) -> None:
        """It speaks our protocol and is the node that is meant."""
        cases = [
            (
                replace(VERSION, protocol=3),
                f"Version mismatch master version {PROTOCOL_VERSION}, node version 3",
                ErrorCode.WRONG_STATE,
            ),
            (
                replace(VERSION, name="node9.example.com"),
                f"The node daemon at 192.0.2.4 says that it is node9.example.com, not {NAME}",
                ErrorCode.WRONG_STATE,
            ),
            (
                replace(VERSION, uuid=node_uuid(2)),
                f"Node {NAME} says that it is node2.example.com (uuid {node_uuid(2)}),"
                " which is in the cluster",
                ErrorCode.EXISTS,
            ),
        ]
        for version, text, code in cases:
            self.job.rpc.answers[NodeVersion] = version
            self.refused(text, code)

    def test_groups(self) -> None:
        """With several groups one is named, and exists."""
        self.refused("Node group 'nosuch' not found", ErrorCode.NOT_FOUND, group="nosuch")
        self.set_config(self.job.config.with_group(NodeGroup(uuid="g2", name="other")))
        self.refused(
            "More than one node group exists. Target group must be specified explicitly.",
            ErrorCode.WRONG_INPUT,
        )

    def test_parameters(self) -> None:
        """Node parameters and static states are known ones."""
        self.refused(
            "Node parameter exclusive_storage can be set for groups and the cluster only",
            ErrorCode.WRONG_INPUT,
            ndparams={"exclusive_storage": True},
        )
        error = self.fail_add(TypeEnforcementError, ndparams={"nosuch": 1})
        self.assertEqual(str(error), "Unknown parameter 'nosuch'")
        for settings, text in (
            (
                {"hv_state": {"nosuch": {}}},
                "Invalid hypervisor(s) in hypervisor state: nosuch",
            ),
            ({"hv_state": {"fake": 3}}, "Invalid hypervisor state of fake: 3"),
            (
                {"hv_state": {"fake": {"cpu_total": -1}}},
                "Invalid hypervisor state of fake cpu_total: -1",
            ),
            (
                {"disk_state": {"file": {}}},
                "Invalid storage type(s) in disk state: file",
            ),
            ({"disk_state": {"plain": 3}}, "Invalid disk state of plain: 3"),
            (
                {"disk_state": {"plain": {"vg": {"x": 1}}}},
                "Invalid disk state of plain/vg: {'x': 1}",
            ),
        ):
            self.refused(text, ErrorCode.WRONG_INPUT, **settings)

    # -- nodes that come back

    def set_returning(self, **flags: Any) -> None:
        config = with_certs(make_config(nodes=4, instances=4))
        node = replace(config.nodes[node_uuid(4)], master_candidate=False, **flags)
        certs = {uuid: d for uuid, d in config.cluster.candidate_certs.items() if uuid != node.uuid}
        config = config.with_node(node)
        self.set_config(config.with_cluster(replace(config.cluster, candidate_certs=certs)))

    def test_readd(self) -> None:
        """A node that comes back is online, powered, and a candidate if there is room."""
        self.set_returning(offline=True, powered=False)
        self.run_add(readd=True)
        node = self.job.config.find_node(NAME)
        self.assertEqual((node.offline, node.powered, node.master_candidate), (False, True, True))
        self.assertEqual(self.job.config.cluster.candidate_certs[node_uuid(4)], "digest4")
        self.assertEqual(
            self.job.lines,
            [
                " - INFO: Readding a node, the offline/drained flags were reset",
                " - INFO: Node will be a master candidate",
            ],
        )

    def test_readd_locks(self) -> None:
        """A known node is locked by its uuid."""
        self.set_returning(offline=True)
        op = OpNodeAdd(node_name=NAME, readd=True)
        self.assertEqual(
            NodeAdd(op, self.job).locks(self.job.state), exclusive(Level.NODE, node_uuid(4))
        )

    def test_readd_new_address(self) -> None:
        """The one address of a node may have changed."""
        self.set_returning(offline=True)
        self.run_add(readd=True, primary_ip="192.0.2.44", secondary_ip="192.0.2.4")
        node = self.job.config.find_node(NAME)
        self.assertEqual((node.primary_ip, node.secondary_ip), ("192.0.2.44", "192.0.2.44"))

    def test_readd_refusals(self) -> None:
        """Only known nodes come back, with their uuid and secondary address, and not the master."""
        self.refused(f"Node {NAME} is not in the configuration", ErrorCode.NOT_FOUND, readd=True)
        self.refused(
            "Cannot readd the master node",
            ErrorCode.WRONG_STATE,
            readd=True,
            node_name="node1.example.com",
        )
        self.set_returning(offline=True)
        self.refused(
            "Readded node doesn't have the same IP address configuration as before",
            ErrorCode.WRONG_INPUT,
            readd=True,
            secondary_ip="192.0.2.5",
        )
        self.refused(
            f"Node {NAME} being re-added with --vm-capable set to false,"
            " but it already holds instances",
            ErrorCode.WRONG_STATE,
            readd=True,
            vm_capable=False,
        )
        self.job.rpc.answers[NodeVersion] = replace(VERSION, uuid="new")
        self.refused(
            f"Node {NAME} comes back with uuid new, it had {node_uuid(4)}",
            ErrorCode.WRONG_STATE,
            readd=True,
        )
