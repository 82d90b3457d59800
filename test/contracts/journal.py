"""The contract of IJournal: the tests that every provider passes."""

from __future__ import annotations

from typing import Any

from msgspec import Raw
from msgspec.structs import replace
from support.history import History, make_job
from support.samples import instance_uuid, make_config, make_instance
from twisted.trial.unittest import TestCase
from zope.interface.verify import verifyObject

from ganeti.errors import StorageError
from ganeti.model.delta import ArchiveJob, Delete, JobLog, Kind, put
from ganeti.model.job import JobStatus, LogLine, OpStatus, job_status
from ganeti.model.recovery import Debt, OnNode
from ganeti.model.state import QueueState, State
from ganeti.store.entry import Entry, Position, make_entry
from ganeti.store.journal import IJournal
from ganeti.store.loading import UNREADABLE_OP

LOG_KEPT = 20


def make_line(serial: int) -> LogLine:
    """A line of a job's log."""
    return LogLine(serial=serial, time_ns=serial, type="message", message=f"line {serial}")


class JournalContract(TestCase):
    """Mixed into one TestCase per provider, which is to keep L{LOG_KEPT} entries."""

    journal: Any
    history: History

    async def make(self) -> Any:
        """A new, empty journal."""
        raise NotImplementedError

    async def reopened(self, journal: Any) -> Any:
        """The same journal after its owner has ended and begun again."""
        raise NotImplementedError

    def damage_job(self, journal: Any, table: str, job_id: int, body: bytes) -> None:
        """Put another body into a job's row, past the journal."""
        database = journal._database
        database.connection.execute(f"UPDATE {table} SET body = ? WHERE id = ?", (body, job_id))

    async def setUp(self) -> None:
        self.journal = await self.make()
        self.history = History()

    async def tearDown(self) -> None:
        await self.journal.close()

    async def append(self, *entries: Entry) -> None:
        await self.journal.append(entries, self.history.header)

    async def reload(self) -> State:
        """What a next life finds."""
        self.journal = await self.reopened(self.journal)
        loaded = await self.journal.load()
        self.assertEqual(loaded.position, self.history.position)
        state: State = loaded.state
        return state

    def test_interface(self) -> None:
        """It provides what it says."""
        verifyObject(IJournal, self.journal)

    async def test_new_is_empty(self) -> None:
        """A new journal holds the state before all commits."""
        loaded = await self.journal.load()
        self.assertEqual((loaded.state, loaded.position), (State(), Position()))

    async def test_appended_is_there_after_a_restart(self) -> None:
        """Everything that makes up a state comes back as it was."""
        history = self.history
        debt = Debt(
            uuid="d1",
            node_uuid="n1",
            job_id=3,
            op=0,
            reason="it does not answer",
            created=5,
            action=OnNode(node_uuid="n1", call=Raw(b'{"call":"x"}')),
        )
        await self.append(history.begin(make_config(3, 4)))
        await self.append(
            history.add(put(make_job(3))),
            history.add(put(debt), put(QueueState(drained=True, watcher_pause=7.5))),
        )
        self.assertEqual(await self.reload(), history.state)

    async def test_replaced_and_deleted(self) -> None:
        """Rows follow the objects."""
        history = self.history
        await self.append(history.begin(make_config(3, 4)))
        changed = make_instance(1, disks_active=False)
        await self.append(
            history.add(put(changed)),
            history.add(Delete(kind=Kind.INSTANCE, uuid=instance_uuid(2))),
        )
        state = await self.reload()
        self.assertEqual(state, history.state)
        self.assertFalse(state.config.instances[instance_uuid(1)].disks_active)
        self.assertNotIn(instance_uuid(2), state.config.instances)

    async def test_archive(self) -> None:
        """An archived job leaves the state and can still be read, with its log."""
        history = self.history
        for number in (1, 2, 3):
            await self.append(history.add(put(make_job(number, OpStatus.SUCCESS))))
        await self.append(history.add(JobLog(job_id=2, lines=(make_line(1),))))
        await self.append(history.add(ArchiveJob(job_id=1), ArchiveJob(job_id=2)))
        self.assertEqual(list((await self.reload()).jobs), [3])
        expected = replace(make_job(2, OpStatus.SUCCESS), archived=True)
        self.assertEqual(await self.journal.archived_job(2), expected)
        for number in (3, 0, -1, 1 << 70, -(1 << 70)):
            self.assertIsNone(await self.journal.archived_job(number))
        self.assertEqual(await self.journal.archived_ids(), [1, 2])
        self.assertEqual(await self.journal.archived_ids(1, 5), [2])
        self.assertEqual([job.id for job in await self.journal.archived_jobs(0, 1)], [1])
        self.assertEqual(await self.journal.job_log(2), [make_line(1)])

    async def test_job_log(self) -> None:
        """Lines come back in order, from a serial number on; the last number is known."""
        history = self.history
        await self.append(history.add(put(make_job(1)), put(make_job(2))))
        await self.append(history.add(JobLog(job_id=1, lines=(make_line(1), make_line(2)))))
        await self.append(history.add(JobLog(job_id=1, lines=(make_line(3),))))
        self.assertEqual(await self.journal.job_log(1, 1), [make_line(2), make_line(3)])
        self.assertEqual(await self.journal.job_log(2), [])
        self.assertEqual((await self.journal.load()).log_serials, {1: 3})

    async def test_batch_is_all_or_nothing(self) -> None:
        """When one entry cannot be written none is, and the journal goes on working."""
        history = self.history
        await self.append(history.add(put(make_job(1))))
        good = make_entry(history.position, 1, 5, b'[{"do":"put_job","object":{"id":2,"ops":[]}}]')
        for body in (b'[{"do":"put_ghost","object":{"uuid":"u"}}]', b'[{"do":"fly"}]', b"[{]"):
            bad = make_entry(good.position, 1, 5, body)
            with self.assertRaises(StorageError):
                await self.journal.append((good, bad), history.header)
        with self.assertRaises(StorageError):
            await self.journal.append((good, good), history.header)
        self.assertEqual(await self.reload(), history.state)
        await self.append(history.add(put(make_job(2))))
        self.assertEqual(await self.reload(), history.state)

    async def test_tail(self) -> None:
        """The log can be read on from any index that it still holds."""
        entries = [self.history.add(put(make_job(number))) for number in range(1, 6)]
        self.assertEqual(await self.journal.tail(0, 10), [])
        await self.append(*entries)
        self.assertEqual(await self.journal.tail(0, 2), entries[:2])
        self.assertEqual(await self.journal.tail(3, 10), entries[3:])
        self.assertEqual(await self.journal.tail(5, 10), [])
        self.assertEqual(await self.journal.entry(4), entries[3])
        self.assertIsNone(await self.journal.entry(6))

    async def test_log_is_pruned(self) -> None:
        """Old entries go; who stands before them learns that he needs a snapshot."""
        entries = [self.history.add(put(make_job(number))) for number in range(1, LOG_KEPT + 11)]
        for entry in entries:
            await self.append(entry)
        self.assertIsNone(await self.journal.tail(9, 5))
        self.assertEqual(await self.journal.tail(10, 5), entries[10:15])
        self.assertIsNone(await self.journal.entry(10))
        self.assertEqual(await self.reload(), self.history.state)

    async def test_unreadable_job(self) -> None:
        """A stored job that does not decode stands in error, and shows what can be read of it."""
        await self.append(self.history.add(*(put(make_job(number)) for number in (1, 2, 3))))
        body = b'{"id":2,"received":7,"ops":[{"op_id":"OP_X","input":{"a":1},"status":"flying"}]}'
        self.damage_job(self.journal, "job", 2, body)
        self.damage_job(self.journal, "job", 3, b"\xff\x00 rubbish")
        loaded = await self.journal.load()
        self.assertEqual(loaded.state.jobs[1], make_job(1))
        shown = loaded.state.jobs[2]
        self.assertEqual((shown.ops[0].op_id, shown.ops[0].input), ("OP_X", {"a": 1}))
        self.assertEqual(shown.received, 7)
        self.assertEqual(loaded.state.jobs[3].ops[0].op_id, UNREADABLE_OP)
        for number in (2, 3):
            self.assertEqual(job_status(loaded.state.jobs[number]), JobStatus.ERROR)
            self.assertIn("cannot be read", str(loaded.state.jobs[number].ops[0].result))
        self.assertEqual([found.job.id for found in loaded.unreadable], [2, 3])
        self.assertEqual(loaded.unreadable[0].body, body)
        await self.journal.set_aside(loaded.unreadable)

    async def test_unreadable_archived_job(self) -> None:
        """The archive shows a job that does not decode as one in error."""
        await self.append(self.history.add(put(make_job(1, OpStatus.SUCCESS))))
        await self.append(self.history.add(ArchiveJob(job_id=1)))
        self.damage_job(self.journal, "archive", 1, b"{}")
        shown = await self.journal.archived_job(1)
        self.assertEqual((job_status(shown), shown.archived), (JobStatus.ERROR, True))

    async def test_probe_leaves_nothing(self) -> None:
        """Trying whether writing works changes nothing."""
        await self.append(self.history.begin(make_config(1)))
        await self.journal.probe()
        await self.journal.tidy()
        self.assertEqual(await self.reload(), self.history.state)

    async def read_snapshot(self) -> list[bytes]:
        """All parts; a commit arrives between any two of them."""
        snapshot = await self.journal.open_snapshot()
        parts = []
        while (part := await snapshot.next_part()) is not None:
            parts.append(part)
            await self.append(self.history.add(put(make_job(1000 + len(parts)))))
        await snapshot.close()
        return parts

    async def test_snapshot(self) -> None:
        """A snapshot has everything there was when it was opened, however many parts it takes."""
        history = self.history
        await self.append(history.begin(make_config(3, 900)))
        await self.append(history.add(put(make_job(1, OpStatus.SUCCESS)), put(make_job(2))))
        await self.append(history.add(JobLog(job_id=1, lines=(make_line(1),))))
        await self.append(history.add(ArchiveJob(job_id=1)))
        before, position = history.state, history.position
        parts = await self.read_snapshot()
        self.assertGreater(len(parts), 1)
        other = await self.make()
        self.addCleanup(other.close)
        old = History()
        await other.append([old.add(put(make_job(77)))], old.header)
        await other.stage("old", 0, b"half of another one")
        for number, part in enumerate(parts):
            await other.stage("s1", number, part)
            await other.stage("s1", number, part)
        self.assertEqual(await other.install("s1", len(parts)), position)
        loaded = await other.load()
        self.assertEqual((loaded.state, loaded.position), (before, position))
        self.assertEqual(await other.archived_ids(), [1])
        self.assertEqual(await other.job_log(1), [make_line(1)])
        self.assertIsNone(await other.tail(0, 5))

    async def test_broken_snapshot_changes_nothing(self) -> None:
        """A snapshot that misses a part, or is damaged, is refused whole."""
        history = self.history
        await self.append(history.begin(make_config(3, 900)))
        parts = await self.read_snapshot()
        self.assertGreater(len(parts), 1)
        headless, rubbish = [parts[1], *parts[1:]], [*parts[:-1], b"\xc1"]
        for name, damaged in {"short": parts[:-1], "no head": headless, "bad": rubbish}.items():
            for number, part in enumerate(damaged):
                await self.journal.stage(name, number, part)
            with self.assertRaises(StorageError):
                await self.journal.install(name, len(parts))
        self.assertEqual(await self.reload(), history.state)

    async def test_snapshot_of_nothing(self) -> None:
        """There is no snapshot before the first commit."""
        with self.assertRaises(StorageError):
            await self.journal.open_snapshot()
