"""Sending the cluster's files to the nodes again."""

from __future__ import annotations

from typing import Any

from msgspec.structs import replace
from support.fakejob import FakeJob, run_unit
from support.samples import make_config, node_uuid
from twisted.internet.defer import Deferred
from twisted.trial.unittest import SynchronousTestCase

from ganeti.errors import NodeUnreachable, RemoteFailure, StorageError
from ganeti.model.locks import LOCKSET, Level, shared
from ganeti.model.secret import Secret
from ganeti.model.ssconf import build_ssconf
from ganeti.opcodes.cluster import OpClusterRedistConf
from ganeti.operations.cluster.redist import ClusterRedistConf
from ganeti.rpc.calls import LogicalFile, UploadFile, WriteSsconf

FILES = {LogicalFile.CA_KEY: "ca", LogicalFile.HMAC_KEY: "hmac"}


class RedistTests(SynchronousTestCase):
    def setUp(self) -> None:
        """node1 is the master, node2 a candidate, node3 ordinary, node4 offline."""
        config = make_config(nodes=4)
        for number, flags in ((3, {}), (4, {"offline": True})):
            node = config.nodes[node_uuid(number)]
            config = config.with_node(replace(node, master_candidate=False, **flags))
        self.job = FakeJob(config, {UploadFile: None, WriteSsconf: None})
        self.job.files = dict(FILES)

    def run_redist(self) -> None:
        running = run_unit(ClusterRedistConf, OpClusterRedistConf(), self.job)
        self.assertIsNone(self.successResultOf(Deferred.fromCoroutine(running)))

    def sent(self, number: int) -> list[Any]:
        return [step.call for step in self.job.steps if step.node == node_uuid(number)]

    def test_files(self) -> None:
        """All nodes but the master and those offline get files and ssconf; secrets stay apart."""
        serial_no = self.job.config.cluster.serial_no
        ssconf = WriteSsconf(values=build_ssconf(self.job.config))
        self.run_redist()
        key = UploadFile(name=LogicalFile.CA_KEY, content=Secret("ca"))
        hmac = UploadFile(name=LogicalFile.HMAC_KEY, content=Secret("hmac"))
        self.assertEqual(self.sent(2), [key, hmac, ssconf])
        self.assertEqual(self.sent(3), [hmac, ssconf])
        self.assertEqual((self.sent(1), self.sent(4)), ([], []))
        self.assertEqual(self.job.lines, [])
        self.assertEqual(self.job.config.cluster.serial_no, serial_no + 1)

    def test_changed_meanwhile(self) -> None:
        """What others change while ssconf is sent is sent behind it."""
        changes = iter(["t1", "t2"])

        def answer(node: str, call: WriteSsconf) -> None:
            tag = next(changes, None)
            if tag is not None:
                config = self.job.config
                tagged = config.with_cluster(replace(config.cluster, tags=(tag,)))
                self.job.state = replace_config(self.job.state, tagged)

        self.job.rpc.answers[WriteSsconf] = answer
        self.run_redist()
        self.assertEqual(self.sent(2)[-1].values["cluster_tags"], "t2\n")
        self.assertEqual(self.sent(3)[-1].values["cluster_tags"], "t2\n")

    def test_silent_node(self) -> None:
        """A node that does not answer is asked once; each file it lacks is told of."""
        self.job.rpc.answers[UploadFile] = lambda node, call: (
            NodeUnreachable("node2.example.com", "nothing listens")
            if node == node_uuid(2)
            else None
        )
        self.run_redist()
        self.assertEqual(len(self.sent(2)), 1)
        text = " - WARNING: Copy of {} to node node2.example.com failed: nothing listens"
        paths = self.job.paths
        self.assertEqual(
            self.job.lines,
            [
                text.format(what)
                for what in (f"file {paths.ca_key}", f"file {paths.hmac_key}", "ssconf files")
            ],
        )
        self.assertEqual(len(self.sent(3)), 2)

    def test_failing_node(self) -> None:
        """A file that a node cannot write does not keep it from the others."""
        failure = RemoteFailure("node3.example.com", StorageError("disk full"))
        self.job.rpc.answers[UploadFile] = failure
        self.run_redist()
        self.assertIsInstance(self.sent(3)[-1], WriteSsconf)
        self.assertEqual(len(self.job.lines), 3)

    def test_locks(self) -> None:
        """No node leaves meanwhile."""
        unit = ClusterRedistConf(OpClusterRedistConf(), self.job)
        self.assertEqual(unit.locks(self.job.state), shared(Level.NODE, LOCKSET))

    def test_description(self) -> None:
        """A dry run names the nodes."""
        unit = ClusterRedistConf(OpClusterRedistConf(), self.job)
        plan = self.successResultOf(Deferred.fromCoroutine(unit.plan()))
        self.assertEqual(
            unit.describe(plan),
            tuple(f"send the cluster's files to node node{n}.example.com" for n in (2, 3)),
        )


def replace_config(state: Any, config: Any) -> Any:
    """C{state} with another configuration."""
    import dataclasses

    return dataclasses.replace(state, config=config)
