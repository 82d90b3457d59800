"""Both journals keep the contract; what each does beyond it."""

from __future__ import annotations

import subprocess
import sys
import threading
from pathlib import Path
from typing import Any

import pytest
from contracts.journal import LOG_KEPT, JournalContract
from support.folders import temporary_path
from support.history import History, make_job
from support.samples import instance_uuid, make_config
from twisted.internet import reactor
from twisted.internet.defer import Deferred
from twisted.trial.unittest import SynchronousTestCase, TestCase

import ganeti
from ganeti.errors import ConfigurationError, StorageError
from ganeti.model.delta import put
from ganeti.store.journal import SqliteJournal
from ganeti.store.memory_journal import MemoryJournal


class MemoryJournalTests(JournalContract):
    """In memory."""

    async def make(self) -> MemoryJournal:
        return MemoryJournal(log_kept=LOG_KEPT)

    async def reopened(self, journal: Any) -> Any:
        await journal.close()
        return journal


class SqliteJournalTests(JournalContract):
    """In a file."""

    async def make(self) -> SqliteJournal:
        return await SqliteJournal.open(
            temporary_path(self), reactor, create=True, log_kept=LOG_KEPT
        )

    async def reopened(self, journal: Any) -> Any:
        await journal.close()
        return await SqliteJournal.open(journal._database.path, reactor, log_kept=LOG_KEPT)


del JournalContract


def write(path: str, content: bytes) -> None:
    """Make a file."""
    Path(path).write_bytes(content)


def overwrite_all_but_first_page(path: str) -> None:
    """The file still looks like a database, and is none."""
    content = Path(path).read_bytes()
    write(path, content[:4096] + b"\x5a" * (len(content) - 4096))


class OpeningTests(TestCase):
    """What a start says about a file that cannot be used: one line, which names it."""

    async def refusal(self, path: str) -> str:
        with self.assertRaises((StorageError, ConfigurationError)) as caught:
            journal = await SqliteJournal.open(path, reactor)
            try:
                await journal.load()
            finally:
                await journal.close()
        text = str(caught.exception)
        self.assertIn(path, text)
        self.assertNotIn("\n", text)
        return text

    async def test_missing(self) -> None:
        """There is no database."""
        self.assertIn("no database", await self.refusal(temporary_path(self)))

    async def test_not_a_database(self) -> None:
        """The file holds something else."""
        path = temporary_path(self)
        write(path, b"these are not the bytes you are looking for" * 100)
        self.assertIn("is damaged", await self.refusal(path))

    async def test_empty_file(self) -> None:
        """An empty file, as a crash before the first write may leave, is an empty journal."""
        path = temporary_path(self)
        write(path, b"")
        journal = await SqliteJournal.open(path, reactor)
        self.assertEqual((await journal.load()).position.index, 0)
        await journal.close()

    async def made(self) -> str:
        path = temporary_path(self)
        journal = await SqliteJournal.open(path, reactor, create=True)
        history = History()
        await journal.append([history.begin(make_config(3, 200))], history.header)
        await journal.close()
        return path

    async def test_damaged_pages(self) -> None:
        """Pages were overwritten."""
        path = await self.made()
        overwrite_all_but_first_page(path)
        self.assertIn("damaged", await self.refusal(path))

    async def test_unreadable_object(self) -> None:
        """An object does not decode: it is named."""
        path = await self.made()
        journal = await SqliteJournal.open(path, reactor)
        journal._database.connection.execute(
            "UPDATE object_instance SET body = '{\"uuid\":7}' WHERE uuid = ?", (instance_uuid(3),)
        )
        await journal.close()
        text = await self.refusal(path)
        self.assertIn(f"instance {instance_uuid(3)}", text)

    async def test_newer_release(self) -> None:
        """A newer layout is left alone."""
        path = await self.made()
        journal = await SqliteJournal.open(path, reactor)
        journal._database.connection.execute("PRAGMA user_version=99")
        await journal.close()
        self.assertIn("newer release", await self.refusal(path))

    async def test_one_owner(self) -> None:
        """A second owner is refused until the first has let go."""
        path = await self.made()
        first = await SqliteJournal.open(path, reactor)
        self.assertIn("in use", await self.refusal(path))
        await first.close()
        second = await SqliteJournal.open(path, reactor)
        await second.close()

    async def test_everything_runs_in_one_thread(self) -> None:
        """Whoever calls, SQLite is used by one thread, which is not the reactor's."""
        path = await self.made()
        journal = await SqliteJournal.open(path, reactor)
        names = set()
        for _ in range(5):
            names.add(await journal._runner.run(threading.get_ident))
        self.assertEqual(len(names), 1)
        self.assertNotIn(threading.get_ident(), names)
        await journal.close()


class LosingTests(SynchronousTestCase):
    """The journal in memory loses what a disk would lose."""

    def setUp(self) -> None:
        self.journal = MemoryJournal()
        self.history = History()

    def append(self, number: int) -> Deferred[None]:
        entry = self.history.add(put(make_job(number)))
        return Deferred.fromCoroutine(self.journal.append([entry], self.history.header))

    def held(self) -> list[int]:
        loaded = self.successResultOf(Deferred.fromCoroutine(self.journal.load()))
        return sorted(loaded.state.jobs)

    def test_held_appends_wait(self) -> None:
        """What is held is answered when it is synced, in order."""
        self.journal.hold()
        first, second = self.append(1), self.append(2)
        self.journal.sync(1)
        self.successResultOf(first)
        self.assertNoResult(second)
        self.assertEqual(self.held(), [1])
        self.journal.sync()
        self.successResultOf(second)
        self.successResultOf(self.append(3))

    def test_crash(self) -> None:
        """A crash keeps what was synced, maybe some of what was not, and nothing behind a hole."""
        self.successResultOf(self.append(1))
        self.journal.hold()
        waiting = [self.append(number) for number in (2, 3, 4)]
        dead, self.journal = self.journal, self.journal.lose_unsynced(kept=1)
        for deferred in waiting:
            self.assertNoResult(deferred)
        self.assertNoResult(Deferred.fromCoroutine(dead.append([], self.history.header)))
        self.assertEqual(self.held(), [1, 2])

    def test_refusals(self) -> None:
        """It fails as told, and nothing is written."""
        self.journal.refuse(StorageError("disk full"))
        self.failureResultOf(self.append(1), StorageError)
        self.assertEqual(self.held(), [])


class EndingTests(SynchronousTestCase):
    """A daemon whose start failed half-way."""

    @pytest.mark.slow
    def test_an_open_journal_does_not_keep_the_process(self) -> None:
        """When the reactor ends the thread ends, though nobody closed the journal."""
        script = (
            "import sys\n"
            "from twisted.internet import defer, task\n"
            "from ganeti.store.journal import SqliteJournal\n"
            "def main(reactor):\n"
            "    opening = SqliteJournal.open(sys.argv[1], reactor, create=True)\n"
            "    return defer.Deferred.fromCoroutine(opening)\n"
            "task.react(main)\n"
        )
        argv = [sys.executable, "-c", script, temporary_path(self)]
        root = str(Path(ganeti.__file__).parents[1])
        done = subprocess.run(argv, cwd=root, timeout=30, capture_output=True, check=False)
        self.assertEqual((done.returncode, done.stderr), (0, b""))
