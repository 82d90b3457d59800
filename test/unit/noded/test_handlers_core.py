"""Membership, the cluster's files, and the copy of the log."""

from __future__ import annotations

import os
import shutil
import stat

from msgspec import Raw
from support.samples import make_config, node_uuid
from support.simnode import SimNode, record, temporary_root
from twisted.internet.task import Clock
from twisted.trial.unittest import SynchronousTestCase

from ganeti.errors import OpExecError, ParseError, StorageError
from ganeti.model import codec
from ganeti.model.delta import Stamp, put, stamped
from ganeti.model.secret import Secret
from ganeti.model.state import State
from ganeti.rpc.calls import (
    LeaveCluster,
    ListRequests,
    LogicalFile,
    NodeVersion,
    SetRole,
    StoreAppend,
    StorePosition,
    StoreSnapshot,
    UploadFile,
    WriteSsconf,
)
from ganeti.rpc.envelope import AnswerRefused, Refusal
from ganeti.store.entry import Entry, Position, make_entry
from ganeti.utils.durable import make_directories
from ganeti.version import PROTOCOL_VERSION, RELEASE


class FilesTests(SynchronousTestCase):
    """With a root on disk."""

    def setUp(self) -> None:
        root = temporary_root()
        self.addCleanup(shutil.rmtree, os.path.dirname(root))
        os.mkdir(root)
        self.node = SimNode(Clock(), root=root)
        make_directories(self.node.paths)

    def read(self, path: str) -> str:
        with open(path) as stream:
            return stream.read()

    def test_version(self) -> None:
        """Which node it is, and what runs there."""
        answer = self.node.ask(NodeVersion())
        self.assertEqual(answer.uuid, node_uuid(2))
        self.assertEqual((answer.name, answer.term), ("node2.example.com", 1))
        self.assertEqual((answer.protocol, answer.release), (PROTOCOL_VERSION, RELEASE))
        self.assertEqual(answer.certificate_digest, "digest of this node")

    def test_ssconf(self) -> None:
        """Values become files that all may read."""
        self.node.ask(WriteSsconf(values={"master_node": "node1\n"}))
        path = self.node.paths.ssconf("master_node")
        self.assertEqual(self.read(path), "node1\n")
        self.assertEqual(stat.S_IMODE(os.stat(path).st_mode), 0o444)

    def test_ssconf_escape(self) -> None:
        """A key is no path."""
        for key in ("../x", "a/b", "", "A", "x\n"):
            answer = self.node.ask(WriteSsconf(values={key: "x"}))
            assert isinstance(answer, AnswerRefused)
            self.assertEqual(answer.code, Refusal.UNKNOWN)

    def test_upload(self) -> None:
        """Keys are for their owner alone; nothing removes the file."""
        for name in LogicalFile:
            self.node.ask(UploadFile(name=name, content=Secret("secret")))
        path = self.node.paths.hmac_key
        self.assertEqual(self.read(path), "secret")
        self.assertEqual(stat.S_IMODE(os.stat(path).st_mode), 0o600)
        self.node.ask(UploadFile(name=LogicalFile.HMAC_KEY, content=None))
        self.assertFalse(os.path.exists(path))
        self.node.ask(UploadFile(name=LogicalFile.HMAC_KEY, content=None))

    def test_upload_shows_nothing(self) -> None:
        """The content is not in the text of the call."""
        self.assertNotIn(
            "secret", repr(UploadFile(name=LogicalFile.CA_KEY, content=Secret("secret")))
        )

    def test_upload_cannot_write(self) -> None:
        """An error names the file."""
        shutil.rmtree(self.node.paths.data_dir)
        with self.assertRaisesRegex(StorageError, "Cannot write .*hmac.key.*: No such file"):
            self.node.ask(UploadFile(name=LogicalFile.HMAC_KEY, content=Secret("x")))

    def test_leave(self) -> None:
        """Of the cluster nothing is left, nobody is obeyed, and the daemon ends."""
        paths = self.node.paths
        for path in (paths.server_pem, paths.ca_pem, paths.ssconf("master_node")):
            with open(path, "w") as stream:
                stream.write("x")
        for name in LogicalFile:
            self.node.ask(UploadFile(name=name, content=Secret("x")))
        self.assertIsNone(self.node.ask(LeaveCluster()))
        self.assertEqual(self.node.stopped, 1)
        self.assertTrue(self.node.node.left)
        files = [
            name
            for name in os.listdir(paths.data_dir)
            if os.path.isfile(f"{paths.data_dir}/{name}")
        ]
        self.assertEqual(files, [])
        self.assertEqual(self.node.ask(ListRequests()).code, Refusal.ROLE)

    def test_leave_cannot_remove(self) -> None:
        """A leave that fails half way obeys nobody either."""
        os.mkdir(self.node.paths.ca_pem)
        with self.assertRaises(StorageError):
            self.node.ask(LeaveCluster())
        self.assertEqual(self.node.ask(ListRequests()).code, Refusal.ROLE)
        self.assertEqual(self.node.stopped, 0)


def entries(count: int) -> list[Entry]:
    """A log of C{count} entries."""
    position = Position()
    made = []
    config = make_config()
    for number in range(count):
        changes = (
            (put(config.cluster),)
            if number
            else tuple(
                put(each)
                for each in (config.cluster, *config.groups.values(), *config.nodes.values())
            )
        )
        stamp = Stamp(index=position.index + 1, time_s=1.0, term=1)
        state = State() if not number else State(config=config)
        body = codec.encode(stamped(changes, state, stamp))
        made.append(make_entry(position, 1, 10**9, body))
        position = made[-1].position
    return made


def raw(log: list[Entry]) -> tuple[Raw, ...]:
    return tuple(Raw(codec.encode(entry)) for entry in log)


class StoreTests(SynchronousTestCase):
    """The copy of the log on a candidate."""

    def setUp(self) -> None:
        self.node = SimNode(Clock())
        self.ours = {node_uuid(2): "digest of this node"}
        self.log = entries(3)

    def candidate(self) -> None:
        self.node.ask(SetRole(record=record(candidates=self.ours)))

    def test_no_candidate(self) -> None:
        """A node that is none takes nothing, and says where it stands: nowhere."""
        self.assertEqual(self.node.ask(StorePosition()).index, 0)
        with self.assertRaisesRegex(OpExecError, "not a master candidate"):
            self.node.ask(StoreAppend(entries=raw(self.log)))
        with self.assertRaisesRegex(OpExecError, "not a master candidate"):
            self.node.ask(StoreSnapshot(snapshot_id="s", part=0, data=b"", last=True))

    def test_append(self) -> None:
        """Entries are taken over once, in order."""
        self.candidate()
        position = self.node.ask(StoreAppend(entries=raw(self.log[:2])))
        self.assertEqual((position.index, position.digest), (2, self.log[1].digest))
        position = self.node.ask(StoreAppend(entries=raw(self.log)))
        self.assertEqual((position.index, position.digest), (3, self.log[2].digest))
        self.assertEqual(self.node.ask(StorePosition()), position)

    def test_gap(self) -> None:
        """A gap leaves the copy where it was."""
        self.candidate()
        self.assertEqual(self.node.ask(StoreAppend(entries=raw(self.log[1:]))).index, 0)

    def test_survives(self) -> None:
        """The copy outlives the daemon."""
        self.candidate()
        self.node.ask(StoreAppend(entries=raw(self.log)))
        self.node.restart()
        self.assertEqual(self.node.ask(StorePosition()).index, 3)

    def test_malformed_entry(self) -> None:
        """An entry that is none: nothing is taken."""
        self.candidate()
        with self.assertRaises(ParseError):
            self.node.ask(StoreAppend(entries=(*raw(self.log[:1]), Raw(b'{"index":"x"}'))))
        self.assertEqual(self.node.ask(StorePosition()).index, 0)
