"""Restarting nodes at once."""

from __future__ import annotations

from typing import Any

from msgspec.structs import replace
from support.fakejob import FakeJob, run_unit
from support.samples import make_config, node_uuid
from twisted.internet.defer import Deferred
from twisted.trial.unittest import SynchronousTestCase

from ganeti.errors import ErrorCode, NodeUnreachable, OpExecError, OpPrereqError
from ganeti.model.config import Configuration
from ganeti.opcodes.node import OpNodePowercycle
from ganeti.operations.node.powercycle import NodePowercycle
from ganeti.rpc.calls import PowercycleNode


class NodePowercycleTests(SynchronousTestCase):
    def setUp(self) -> None:
        self.set_config(make_config(nodes=3))

    def set_config(self, config: Configuration) -> None:
        self.job = FakeJob(config, {PowercycleNode: None})

    def start(self, name: str, **settings: Any) -> Deferred[Any]:
        op = OpNodePowercycle(node_name=name, **settings)
        return Deferred.fromCoroutine(run_unit(NodePowercycle, op, self.job))

    def test_cycle(self) -> None:
        """The node is told, and the answer says when; no lock is waited for."""
        result = self.successResultOf(self.start("node2"))
        self.assertEqual(result, "Reboot scheduled in 5 seconds")
        self.assertEqual(self.job.finished, [(node_uuid(2), PowercycleNode())])
        self.assertEqual(self.job.locks_held, ())

    def test_master(self) -> None:
        """The master is restarted only when that is said twice."""
        failure = self.failureResultOf(self.start("node1"), OpPrereqError)
        self.assertEqual(
            (str(failure.value), failure.value.code),
            ("The node is the master and the force parameter was not set", ErrorCode.WRONG_INPUT),
        )
        self.successResultOf(self.start("node1", force=True))
        self.assertEqual(self.job.finished, [(node_uuid(1), PowercycleNode())])

    def test_offline(self) -> None:
        """A node that is out of service is not called."""
        config = make_config(nodes=3)
        node = replace(config.nodes[node_uuid(2)], master_candidate=False, offline=True)
        self.set_config(config.with_node(node))
        failure = self.failureResultOf(self.start("node2"), OpPrereqError)
        self.assertEqual(str(failure.value), "Can't use offline node: node2.example.com")

    def test_unknown(self) -> None:
        """The node exists."""
        failure = self.failureResultOf(self.start("nosuch"), OpPrereqError)
        self.assertEqual(failure.value.code, ErrorCode.NOT_FOUND)

    def test_unreachable(self) -> None:
        """A node that does not answer is not restarted, and the error says so."""
        self.job.rpc.answers[PowercycleNode] = NodeUnreachable("node2", "connection refused")
        failure = self.failureResultOf(self.start("node2"), OpExecError)
        self.assertIn("Failed to schedule the reboot of node node2", str(failure.value))
