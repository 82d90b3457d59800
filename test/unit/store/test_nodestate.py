"""Both records of a node keep the contract; node setup; unusable files."""

from __future__ import annotations

from pathlib import Path
from typing import Any

from contracts.nodestate import NodeStateContract
from support.folders import temporary_path
from twisted.internet import reactor
from twisted.trial.unittest import SynchronousTestCase, TestCase

from ganeti.errors import StorageError
from ganeti.store.nodestate import MemoryNodeState, RoleRow, SqliteNodeState
from ganeti.store.nodestate_db import NodeDatabase, create_node_database, read_role_record
from ganeti.store.sqlite import SyncError
from ganeti.utils import failpoints


def not_expected(err: Exception) -> None:
    """No test here fails a sync by accident."""
    raise AssertionError from err


def write(path: str, content: bytes) -> None:
    """Make a file."""
    Path(path).write_bytes(content)


class MemoryNodeStateTests(NodeStateContract):
    """In memory."""

    async def make(self) -> MemoryNodeState:
        return MemoryNodeState()

    async def reopened(self, state: Any) -> Any:
        await state.close()
        return state


class SqliteNodeStateTests(NodeStateContract):
    """In a file."""

    async def make(self) -> SqliteNodeState:
        path = temporary_path(self)
        return await SqliteNodeState.open(path, reactor, on_fatal=not_expected, create=True)

    async def reopened(self, state: Any) -> Any:
        await state.close()
        path = state._database.path
        return await SqliteNodeState.open(path, reactor, on_fatal=not_expected)


del NodeStateContract


class OpeningTests(TestCase):
    """Files that cannot be used, and disks that fail."""

    async def refusal(self, path: str) -> str:
        with self.assertRaises(StorageError) as caught:
            await SqliteNodeState.open(path, reactor, on_fatal=not_expected)
        self.assertIn(path, str(caught.exception))
        return str(caught.exception)

    async def test_missing(self) -> None:
        """There is none."""
        self.assertIn("no database", await self.refusal(temporary_path(self)))

    async def test_damaged(self) -> None:
        """It is none."""
        path = temporary_path(self)
        write(path, b"x" * 5000)
        self.assertIn("damaged", await self.refusal(path))

    async def test_in_use(self) -> None:
        """Another process has it."""
        path = temporary_path(self)
        owner = NodeDatabase(path, create=True)
        self.addCleanup(owner.close)
        self.assertIn("in use", await self.refusal(path))

    async def test_a_failing_sync_ends_the_daemon(self) -> None:
        """The caller gets the error, and the daemon is told to end."""
        told: list[Exception] = []
        path = temporary_path(self)
        state = await SqliteNodeState.open(path, reactor, on_fatal=told.append, create=True)
        self.addCleanup(state.close)
        self.addCleanup(failpoints.on_reach, None)

        def fail(name: str, detail: str) -> None:
            if name == "nodestate.write.after":
                raise SyncError("the disk is gone")

        failpoints.on_reach(fail)
        with self.assertRaises(SyncError):
            await state.begin("1/0/1", b"")
        self.assertEqual([type(err) for err in told], [SyncError])


class SetupTests(SynchronousTestCase):
    """Node setup writes the first role record without a reactor."""

    def test_create(self) -> None:
        """The record can be read beside the owner, and replaced by a repeated setup."""
        path = temporary_path(self)
        self.assertIsNone(read_role_record(path))
        create_node_database(path, 1, b"first")
        create_node_database(path, 1, b"second")
        owner = NodeDatabase(path)
        self.addCleanup(owner.close)
        self.assertEqual(read_role_record(path), RoleRow(term=1, record=b"second"))

    def test_higher_promise_stands(self) -> None:
        """A node that has promised a higher term is not set up for a lower one."""
        path = temporary_path(self)
        create_node_database(path, 7, b"seven")
        with self.assertRaises(StorageError):
            create_node_database(path, 6, b"six")
        self.assertEqual(read_role_record(path), RoleRow(term=7, record=b"seven"))

    def test_writes_are_named(self) -> None:
        """Each write passes two failpoints that say what is written."""
        reached: list[str] = []
        failpoints.on_reach(lambda name, detail: reached.append(f"{name} {detail}"))
        self.addCleanup(failpoints.on_reach, None)
        database = NodeDatabase(":memory:")
        database.begin("3/0/1", b"")
        database.begin("3/0/1", b"")
        self.assertEqual(
            reached, ["nodestate.write.before begin 3/0/1", "nodestate.write.after begin 3/0/1"]
        )
