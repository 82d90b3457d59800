"""The first and the last operation of a cluster."""

from __future__ import annotations

from support.fakejob import FakeJob, run_unit
from support.samples import make_config, node_uuid
from twisted.internet.defer import Deferred
from twisted.trial.unittest import SynchronousTestCase

from ganeti.errors import ErrorCode, OpPrereqError
from ganeti.model.locks import LOCKSET, Level, exclusive
from ganeti.opcodes.cluster import OpClusterDestroy, OpClusterPostInit
from ganeti.operations.cluster.destroy import ClusterDestroy
from ganeti.operations.cluster.post_init import ClusterPostInit


class PostInitTests(SynchronousTestCase):
    def test_hooks_only(self) -> None:
        """It changes nothing and has hooks on the master, afterwards."""
        job = FakeJob(make_config())
        running = run_unit(ClusterPostInit, OpClusterPostInit(), job)
        self.assertIs(self.successResultOf(Deferred.fromCoroutine(running)), True)
        hooks = ClusterPostInit(OpClusterPostInit(), job).hooks(None)
        self.assertEqual(
            (hooks.path, hooks.object_type, hooks.env, hooks.pre_nodes, hooks.post_nodes),
            ("cluster-init", "CLUSTER", {"OP_TARGET": "cluster.example.com"}, (), (node_uuid(1),)),
        )
        self.assertEqual((job.steps, job.rpc.calls), ([], []))


class DestroyTests(SynchronousTestCase):
    def refused(self, text: str, job: FakeJob) -> None:
        running = run_unit(ClusterDestroy, OpClusterDestroy(), job)
        failure = self.failureResultOf(Deferred.fromCoroutine(running), OpPrereqError)
        self.assertEqual((str(failure.value), failure.value.code), (text, ErrorCode.WRONG_INPUT))
        self.assertEqual(job.hooks_run, [])

    def test_destroy(self) -> None:
        """The hooks run before the end; the answer is the master's uuid."""
        job = FakeJob(make_config(nodes=1))
        running = run_unit(ClusterDestroy, OpClusterDestroy(), job)
        self.assertEqual(self.successResultOf(Deferred.fromCoroutine(running)), node_uuid(1))
        self.assertEqual(job.hooks_run, [("cluster-destroy", "post", (node_uuid(1),))])

    def test_locks(self) -> None:
        """Nobody else does anything meanwhile."""
        locks = ClusterDestroy(OpClusterDestroy(), FakeJob(make_config())).locks(
            FakeJob(make_config()).state
        )
        self.assertLessEqual(
            {*exclusive(Level.INSTANCE, LOCKSET), *exclusive(Level.NODE, LOCKSET)}, set(locks)
        )

    def test_not_empty(self) -> None:
        """Nodes and instances are gone first."""
        self.refused(
            "There are still 2 node(s) in this cluster.", FakeJob(make_config(nodes=3, instances=1))
        )
        self.refused(
            "There are still 1 instance(s) in this cluster.",
            FakeJob(make_config(nodes=1, instances=1)),
        )
