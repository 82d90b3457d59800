"""Removing nodes, and who becomes a candidate in their place."""

from __future__ import annotations

from typing import Any

from msgspec.structs import replace
from support.fakejob import FakeJob, plan_unit, run_unit
from support.samples import make_config, make_disk, make_instance, node_uuid
from twisted.internet.defer import Deferred
from twisted.trial.unittest import SynchronousTestCase

from ganeti.errors import ErrorCode, NodeUnreachable, OpPrereqError
from ganeti.model.config import Configuration
from ganeti.model.locks import Level, exclusive
from ganeti.model.recovery import OnNode, RemoveNode
from ganeti.opcodes.node import OpNodeRemove
from ganeti.operations.node.remove import NodeRemove
from ganeti.rpc.calls import LeaveCluster, NodeVersion, VersionInfo
from ganeti.version import PROTOCOL_VERSION

OTHERS = {node_uuid(1), node_uuid(2), node_uuid(4)}


def version(node: str, call: NodeVersion) -> VersionInfo:
    return VersionInfo(
        protocol=PROTOCOL_VERSION,
        release="4",
        name=node,
        uuid=node,
        term=1,
        certificate_digest=f"digest of {node}",
    )


def make_pool(size: int, regular: tuple[int, ...], **flags: Any) -> Configuration:
    """Four nodes; all but the C{regular} ones are candidates, C{flags} are node3's."""
    config = make_config(nodes=4)
    certs = {}
    for number in range(1, 5):
        node = config.nodes[node_uuid(number)]
        candidate = number not in regular
        config = config.with_node(replace(node, master_candidate=candidate))
        if candidate:
            certs[node.uuid] = f"digest of {node.uuid}"
    config = config.with_node(replace(config.nodes[node_uuid(3)], **flags))
    record = replace(config.cluster, candidate_certs=certs, candidate_pool_size=size)
    return config.with_cluster(record)


class NodeRemoveTests(SynchronousTestCase):
    def setUp(self) -> None:
        self.set_config(make_pool(10, ()))

    def set_config(self, config: Configuration) -> None:
        self.job = FakeJob(config, {LeaveCluster: None, NodeVersion: version})

    def run_remove(self, name: str = "node3", **settings: Any) -> None:
        running = run_unit(NodeRemove, OpNodeRemove(node_name=name, **settings), self.job)
        self.assertIsNone(self.successResultOf(Deferred.fromCoroutine(running)))

    def refused(self, text: str, code: ErrorCode, name: str) -> None:
        running = run_unit(NodeRemove, OpNodeRemove(node_name=name), self.job)
        failure = self.failureResultOf(Deferred.fromCoroutine(running), OpPrereqError)
        self.assertEqual((str(failure.value), failure.value.code), (text, code))
        self.assertEqual((self.job.finished, self.job.hooks_run), ([], []))

    def test_locks(self) -> None:
        """The node for itself, so that nothing is placed on it meanwhile."""
        op = OpNodeRemove(node_name="nosuch", node_uuid=node_uuid(3))
        self.assertEqual(
            NodeRemove(op, self.job).locks(self.job.state), exclusive(Level.NODE, node_uuid(3))
        )

    def test_remove(self) -> None:
        """It runs its last hooks, is told to leave, and is forgotten with its certificate."""
        self.run_remove()
        self.assertEqual(self.job.hooks_run, [("node-remove", "post", (node_uuid(3),))])
        self.assertEqual(
            self.job.finished,
            [(node_uuid(3), LeaveCluster()), RemoveNode(uuid=node_uuid(3), successors={})],
        )
        self.assertNotIn(node_uuid(3), self.job.config.nodes)
        self.assertEqual(set(self.job.config.cluster.candidate_certs), OTHERS)

    def test_successor(self) -> None:
        """The pool is refilled in the same commit, by a node that answers."""
        self.set_config(make_pool(3, (4,)))
        index = self.job.state.index
        self.run_remove()
        self.assertEqual(self.job.state.index, index + 1)
        self.assertTrue(self.job.config.nodes[node_uuid(4)].master_candidate)
        self.assertEqual(
            self.job.config.cluster.candidate_certs[node_uuid(4)], f"digest of {node_uuid(4)}"
        )

    def test_no_successor(self) -> None:
        """When no other node answers the pool stays short, and the log says so."""
        self.set_config(make_pool(3, (4,)))
        self.job.rpc.answers[NodeVersion] = NodeUnreachable("node4", "nothing listens")
        self.run_remove()
        self.assertFalse(self.job.config.nodes[node_uuid(4)].master_candidate)
        self.assertEqual(
            self.job.lines,
            [
                " - WARNING: Only 0 of 1 nodes could be made master candidates in its place:"
                " the others do not answer"
            ],
        )

    def test_unreachable(self) -> None:
        """A node that cannot be told to leave is forgotten all the same, and owes nothing."""
        self.job.rpc.answers[LeaveCluster] = NodeUnreachable("node3", "nothing listens")
        planning = plan_unit(NodeRemove, OpNodeRemove(node_name="node3"), self.job)
        plan = self.successResultOf(Deferred.fromCoroutine(planning))
        leave = next(action for action in plan.actions if isinstance(action, OnNode))
        self.assertEqual((leave.may_fail, leave.owed), (True, False))
        self.run_remove()
        self.assertEqual(
            self.job.lines,
            [
                " - WARNING: Errors encountered on the remote node while leaving the cluster:"
                " Node node3: nothing listens"
            ],
        )

    def test_offline(self) -> None:
        """An offline node is not called at all."""
        self.set_config(make_pool(10, (3,), offline=True))
        self.run_remove()
        self.assertEqual((self.job.rpc.calls, self.job.hooks_run), ([], []))
        self.assertNotIn(node_uuid(3), self.job.config.nodes)

    def test_hooks(self) -> None:
        """All others run the hooks around it."""
        unit = NodeRemove(OpNodeRemove(node_name="node3"), self.job)
        planning = plan_unit(NodeRemove, OpNodeRemove(node_name="node3"), self.job)
        plan = self.successResultOf(Deferred.fromCoroutine(planning))
        hooks = unit.hooks(plan)
        self.assertEqual((hooks.path, hooks.object_type), ("node-remove", "NODE"))
        self.assertEqual(
            hooks.env, {"OP_TARGET": "node3.example.com", "NODE_NAME": "node3.example.com"}
        )
        self.assertEqual((set(hooks.pre_nodes), set(hooks.post_nodes)), (OTHERS, OTHERS))

    def test_master(self) -> None:
        """The master stays."""
        self.refused(
            "Node is the master node, failover to another node is required",
            ErrorCode.WRONG_INPUT,
            "node1",
        )

    def test_unknown(self) -> None:
        """The node exists."""
        self.refused("Node 'nosuch' not known", ErrorCode.NOT_FOUND, "nosuch")

    def test_instances(self) -> None:
        """A node with an instance, or with a disk of one, stays."""
        text = "Instance inst1.example.com is still running on the node, please remove first"
        config = make_pool(10, ()).with_disk(make_disk(1)).with_instance(make_instance(1, node=3))
        self.set_config(config)
        self.refused(text, ErrorCode.WRONG_INPUT, "node3")
        disk = make_disk(1, nodes=(node_uuid(1), node_uuid(3)))
        self.set_config(make_pool(10, ()).with_disk(disk).with_instance(make_instance(1, node=1)))
        self.refused(text, ErrorCode.WRONG_INPUT, "node3")
