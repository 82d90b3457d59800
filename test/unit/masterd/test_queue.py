"""Submitting, running, cancelling and archiving jobs."""

from __future__ import annotations

from typing import Any

from msgspec.structs import replace
from support.masterrig import MasterRig
from support.samples import make_config
from twisted.internet.defer import Deferred
from twisted.trial.unittest import SynchronousTestCase

from ganeti.errors import GanetiError, JobLost, JobQueueFull, OpPrereqError, StorageError
from ganeti.masterd.transitions import CANCELED_TEXT, FOLLOW_UP_ERROR
from ganeti.model.job import Job, JobStatus, OpStatus
from ganeti.opcodes.base import FinalStatus
from ganeti.opcodes.test import OpTestDelay

BAD = float("inf")


def delay(seconds: float = 0.0, **settings: Any) -> OpTestDelay:
    return OpTestDelay(duration=seconds, **settings)


class QueueCase(SynchronousTestCase):
    def setUp(self) -> None:
        self.rig = MasterRig()

    def check(self, job_id: int, status: JobStatus) -> None:
        self.assertEqual(self.rig.status(job_id), status)


class SubmitTests(QueueCase):
    def test_runs(self) -> None:
        """A job without effects runs at once, and its success is stored."""
        job_id = self.rig.submit(delay())
        self.check(job_id, JobStatus.SUCCESS)
        self.assertEqual(self.rig.stored(job_id).ops[0].status, OpStatus.SUCCESS)

    def test_two_commits(self) -> None:
        """A job without effects costs its submission and one commit more."""
        before = self.rig.master.store.committed.index
        self.rig.submit(delay())
        self.assertEqual(self.rig.master.store.committed.index, before + 2)

    def test_many(self) -> None:
        """Jobs submitted together get ids in their order and all run."""
        ids = self.rig.submit_many([[delay()]] * 300)
        self.assertEqual(ids, list(range(1, 301)))
        self.assertEqual({self.rig.status(job_id) for job_id in ids}, {JobStatus.SUCCESS})

    def test_empty(self) -> None:
        """A job without opcodes has succeeded."""
        self.check(self.rig.submit(), JobStatus.SUCCESS)

    def test_opcodes_in_turn(self) -> None:
        """The opcodes of a job run one after another, each with its own times."""
        job_id = self.rig.submit(delay(1), delay(1))
        self.rig.advance(1)
        job = self.rig.job(job_id)
        self.assertEqual([op.status for op in job.ops], [OpStatus.SUCCESS, OpStatus.RUNNING])
        self.rig.advance(1)
        self.check(job_id, JobStatus.SUCCESS)
        first, second = self.rig.job(job_id).ops
        assert first.ended and second.started
        self.assertEqual(second.ended or 0, first.ended + 10**9)

    def test_failure_ends_the_job(self) -> None:
        """After a failed opcode the others are in error, too, without having run."""
        job_id = self.rig.submit(delay(BAD), delay())
        first, second = self.rig.job(job_id).ops
        self.check(job_id, JobStatus.ERROR)
        self.assertEqual(first.result[0], "OpPrereqError")
        self.assertEqual(second.result, FOLLOW_UP_ERROR)
        self.assertEqual(second.started, None)

    def test_max_running(self) -> None:
        """No more than the cluster's limit run at a time."""
        ids = self.rig.submit_many([[delay(1)]] * 25)
        states = [self.rig.status(job_id) for job_id in ids]
        self.assertEqual(states.count(JobStatus.RUNNING), 20)
        self.rig.advance(2)
        self.assertEqual({self.rig.status(job_id) for job_id in ids}, {JobStatus.SUCCESS})

    def test_reason_trail(self) -> None:
        """The stored opcode says where it came from: job, index and time."""
        job_id = self.rig.submit(delay(reason=(("gnt:user", "why", 5),)))
        trail = self.rig.stored(job_id).ops[0].input["reason"]
        now_ns = self.rig.master.now_ns()
        self.assertEqual(trail[0], ("gnt:user", "why", 5))
        self.assertEqual(trail[1], ["gnt:opcode:test_delay", f"job={job_id};index=0", now_ns])

    def test_stored_input(self) -> None:
        """Whole numbers are kept without a fraction; comment and depends stay as null."""
        stored = self.rig.stored(self.rig.submit(delay(2.0))).ops[0].input
        self.assertEqual((stored["duration"], type(stored["duration"])), (2, int))
        self.assertEqual((stored["comment"], stored["depends"]), (None, None))
        self.assertNotIn("on_node_uuids", stored)

    def test_drained(self) -> None:
        """A drained queue takes no jobs, but from those who insist."""
        self.rig.now(self.rig.master.settings._change_queue(drained=True))
        with self.assertRaisesRegex(GanetiError, "^Queue drained$"):
            self.rig.submit(delay())
        queue = self.rig.master.queue
        [job_id] = self.rig.now(queue.submit([[delay()]], even_if_drained=True))
        self.check(job_id, JobStatus.SUCCESS)

    def test_full(self) -> None:
        """Beyond the limit nothing is taken."""
        self.rig.master.queue._limit = 3
        self.rig.submit_many([[delay(1)]] * 3)
        with self.assertRaises(JobQueueFull):
            self.rig.submit(delay())

    def test_disk_full(self) -> None:
        """A submission that cannot be stored is refused, and its ids are used by the next."""
        self.rig.journal.refuse(StorageError("no room"))
        with self.assertRaises(StorageError):
            self.rig.submit(delay())
        self.rig.advance(3)
        self.assertEqual(self.rig.submit(delay()), 1)

    def test_end_waits_for_the_disk(self) -> None:
        """A job that ends while nothing can be written ends when that is over."""
        job_id = self.rig.submit(delay(1))
        self.rig.journal.refuse(StorageError("no room"), StorageError("no room"))
        self.rig.advance(1)
        self.check(job_id, JobStatus.RUNNING)
        self.rig.advance(5)
        self.check(job_id, JobStatus.SUCCESS)


class DependencyTests(QueueCase):
    def after(self, job_id: int, *states: FinalStatus, seconds: float = 0) -> OpTestDelay:
        return delay(seconds, depends=((job_id, states),))

    def test_waits(self) -> None:
        """A job stays queued until the one it depends on is final."""
        first, second = self.rig.submit_many([[delay(1)], [self.after(-1)]])
        self.check(second, JobStatus.QUEUED)
        self.rig.advance(1)
        self.check(first, JobStatus.SUCCESS)
        self.check(second, JobStatus.SUCCESS)

    def test_stored_absolute(self) -> None:
        """Distances are stored as ids."""
        _, second = self.rig.submit_many([[delay()], [self.after(-1)]])
        self.assertEqual(self.rig.stored(second).ops[0].input["depends"], [[1, []]])

    def test_wrong_end(self) -> None:
        """One that ended otherwise than listed makes the job fail."""
        _, second = self.rig.submit_many([[delay(BAD)], [self.after(-1, FinalStatus.SUCCESS)]])
        self.check(second, JobStatus.ERROR)
        self.assertEqual(self.rig.job(second).ops[0].result[1][1], "wrong_state")

    def test_canceled(self) -> None:
        """One that was canceled cancels the job, unless that is listed."""
        _, blocked, follower, tolerant = self.rig.submit_many(
            [
                [delay(1)],
                [self.after(-1)],
                [self.after(-1, FinalStatus.SUCCESS)],
                [self.after(-2, FinalStatus.CANCELED)],
            ]
        )
        self.assertEqual(self.rig.now(self.rig.master.control.cancel(blocked, False))[0], True)
        self.check(follower, JobStatus.CANCELED)
        self.check(tolerant, JobStatus.SUCCESS)

    def test_archived(self) -> None:
        """A job in the archive counts with the state it ended in."""
        first = self.rig.submit(delay())
        self.rig.now(self.rig.master.control.archive(first))
        self.check(self.rig.submit(self.after(first, FinalStatus.SUCCESS)), JobStatus.SUCCESS)

    def test_itself_later_missing(self) -> None:
        """A job can depend neither on itself nor on later ones."""
        for job_id in (1, 2):
            self.rig = MasterRig()
            self.check(self.rig.submit(self.after(job_id)), JobStatus.ERROR)

    def test_too_far_back(self) -> None:
        """A distance that points before the first job is refused, and only that job."""
        answers = self.rig.submit_many([[self.after(-1)], [delay()]])
        self.assertIsInstance(answers[0], OpPrereqError)
        self.check(answers[1], JobStatus.SUCCESS)

    def test_after_restart(self) -> None:
        """Dependencies hold over a restart."""
        first, second = self.rig.submit_many([[delay(5)], [self.after(-1)]])
        self.rig.restart()
        self.check(second, JobStatus.QUEUED)
        self.rig.advance(5)
        self.check(first, JobStatus.SUCCESS)
        self.check(second, JobStatus.SUCCESS)


class CancelTests(QueueCase):
    def cancel(self, job_id: int, kill: bool = False) -> Any:
        return self.rig.now(self.rig.master.control.cancel(job_id, kill))

    def test_queued(self) -> None:
        """A queued job is taken out and canceled."""
        last = self.rig.submit_many([[delay(1)]] * 21)[-1]
        self.assertEqual(self.cancel(last), (True, f"Dequeued job {last}"))
        self.check(last, JobStatus.CANCELED)
        self.assertEqual(self.rig.stored(last).ops[0].result, CANCELED_TEXT)
        self.rig.advance(2)
        self.check(last, JobStatus.CANCELED)

    def test_waiting_for_locks(self) -> None:
        """A job that waits for locks is canceled, and keeps nobody."""
        node = ("node2.example.com",)
        self.rig.transport.answers.clear()
        holder = self.rig.submit(delay(1, on_nodes=node, no_locks=False))
        waiter = self.rig.submit(delay(0, on_nodes=node, no_locks=False))
        self.check(waiter, JobStatus.WAITING)
        self.assertEqual(self.cancel(waiter), (True, "Job successfully cancelled"))
        self.check(waiter, JobStatus.CANCELED)
        self.check(holder, JobStatus.RUNNING)

    def test_running(self) -> None:
        """A running job goes on unless it is to be killed; then it ends in error."""
        job_id = self.rig.submit(delay(100))
        self.assertEqual(self.cancel(job_id)[0], False)
        self.check(job_id, JobStatus.RUNNING)
        self.assertEqual(self.cancel(job_id, kill=True)[0], True)
        self.check(job_id, JobStatus.ERROR)
        self.assertEqual(self.rig.job(job_id).ops[0].result[0], "JobCanceled")

    def test_final_and_missing(self) -> None:
        """What is not in the queue is not found there."""
        job_id = self.rig.submit(delay())
        for missing in (job_id, 99):
            text = f"Job {missing} not found in queue"
            self.assertEqual(self.cancel(missing), (False, text))


class PriorityTests(QueueCase):
    def change(self, job_id: int, priority: int) -> Any:
        return self.rig.now(self.rig.master.control.change_priority(job_id, priority))

    def test_queued(self) -> None:
        """A queued job with a better priority runs before the others."""
        ids = self.rig.submit_many([[delay(1)]] * 25)
        self.assertEqual(self.change(ids[-1], -10)[0], True)
        self.rig.advance(1)
        self.check(ids[-1], JobStatus.RUNNING)
        self.assertEqual(self.rig.stored(ids[-1]).ops[0].priority, -10)

    def test_out_of_range(self) -> None:
        """Only -20 to 19 are priorities."""
        with self.assertRaises(OpPrereqError):
            self.change(self.rig.submit(delay(1)), 20)

    def test_missing(self) -> None:
        """A job that is not there is said not to be."""
        self.assertEqual(self.change(9, 0), (False, "Job 9 not found in queue"))


class ArchiveTests(QueueCase):
    def test_archive(self) -> None:
        """A final job can be archived, once; it is found there afterwards."""
        job_id = self.rig.submit(delay())
        control = self.rig.master.control
        self.assertTrue(self.rig.now(control.archive(job_id)))
        self.assertFalse(self.rig.now(control.archive(job_id)))
        found: Job = self.rig.now(control.find(job_id))
        self.assertTrue(found.archived)

    def test_not_final(self) -> None:
        """A job that runs is not archived."""
        self.assertFalse(self.rig.now(self.rig.master.control.archive(self.rig.submit(delay(1)))))

    def test_by_age(self) -> None:
        """Only jobs that ended long enough ago are archived."""
        old = self.rig.submit(delay())
        self.rig.advance(100)
        young = self.rig.submit(delay())
        archive = self.rig.master.control.auto_archive
        self.assertEqual(self.rig.now(archive(50, 10)), (1, 0))
        self.assertIsNone(self.rig.master.jobs.get(old))
        self.assertIsNotNone(self.rig.master.jobs.get(young))
        self.assertEqual(self.rig.now(archive(-1, 10)), (1, 0))

    def test_out_of_time(self) -> None:
        """What there was no time for is counted."""
        self.rig.submit_many([[delay()]] * 500)
        self.assertEqual(self.rig.now(self.rig.master.control.auto_archive(-1, -1)), (0, 500))

    def test_ids_after_archive(self) -> None:
        """An id is not used again after a restart with an empty queue."""
        job_id = self.rig.submit(delay())
        self.rig.now(self.rig.master.control.archive(job_id))
        self.rig.restart()
        self.assertEqual(self.rig.submit(delay()), job_id + 1)


class WaitTests(QueueCase):
    def wait(
        self, job_id: int, previous: Any = None, serial: Any = None, timeout: float = 30
    ) -> Any:
        async def values(job: Job) -> list[Any]:
            return [str(op.status) for op in job.ops]

        control = self.rig.master.control
        return self.rig.begin(control.wait_for_change(job_id, values, previous, serial, timeout))

    def test_at_once(self) -> None:
        """Without earlier values the present ones are the answer."""
        answer = self.rig.result_of(self.wait(self.rig.submit(delay(1))))
        self.assertEqual(answer, (["running"], []))

    def test_change(self) -> None:
        """The answer comes with the change."""
        waiting = self.wait(self.rig.submit(delay(1)), ["running"])
        self.assertNoResult(waiting)
        self.rig.advance(1)
        self.assertEqual(self.rig.result_of(waiting), (["success"], []))

    def test_no_change(self) -> None:
        """After the time the values are as before."""
        waiting = self.wait(self.rig.submit(delay(100)), ["running"], None, 5)
        self.rig.advance(5)
        self.assertEqual(self.rig.result_of(waiting), (["running"], []))

    def test_log(self) -> None:
        """New log lines are an answer, each given once."""
        job_id = self.rig.submit(delay(1, repeat=2))
        _, [entry] = self.rig.result_of(self.wait(job_id, ["running"]))
        self.assertEqual((entry[0], entry[2]), (1, "message"))
        self.assertIn("Test delay iteration 0/1", entry[3])
        waiting = self.wait(job_id, ["running"], 1)
        self.assertNoResult(waiting)
        self.rig.advance(1)
        self.assertEqual(self.rig.result_of(waiting)[1][0][0], 2)

    def test_change_while_looking(self) -> None:
        """A change that happens while the log is read is not missed."""
        self.rig.now(self.rig.master.settings.replace_filter(None, 1, [], "PAUSE", [], 5))
        job_id = self.rig.submit(delay())
        reading: Deferred[list[Any]] = Deferred()
        journal = self.rig.master.store.journal
        self.patch(journal, "job_log", lambda job_id, after=0: reading)
        waiting = self.wait(job_id, ["queued"])
        uuid = next(iter(self.rig.master.store.committed.config.filters))
        self.rig.now(self.rig.master.settings.delete_filter(uuid))
        self.check(job_id, JobStatus.SUCCESS)
        reading.callback([])
        self.assertEqual(self.rig.result_of(waiting), (["success"], []))
        self.assertEqual(self.rig.master.jobs._waiting, {})

    def test_lost(self) -> None:
        """A job that there is not is lost."""
        with self.assertRaisesRegex(JobLost, "Can't load job file"):
            self.rig.result_of(self.wait(7))

    def test_archived(self) -> None:
        """An archived job is final."""
        job_id = self.rig.submit(delay())
        self.rig.now(self.rig.master.control.archive(job_id))
        self.assertEqual(self.rig.result_of(self.wait(job_id, ["success"])), (["success"], []))


class LimitTests(QueueCase):
    def test_rate_limit_in_reason(self) -> None:
        """Jobs with the same rate limit in their reasons run as many at a time as it says."""
        limited = delay(1, reason=(("gnt:user", "rate-limit:2:backup", 1),))
        ids = self.rig.submit_many([[limited]] * 5)
        states = [self.rig.status(job_id) for job_id in ids]
        self.assertEqual(states.count(JobStatus.RUNNING), 2)
        self.rig.advance(3)
        self.assertEqual({self.rig.status(job_id) for job_id in ids}, {JobStatus.SUCCESS})

    def test_max_running_jobs_changed(self) -> None:
        """The limit is the cluster's at the time."""
        config = make_config()
        self.rig = MasterRig(
            config=config.with_cluster(replace(config.cluster, max_running_jobs=1))
        )
        ids = self.rig.submit_many([[delay(1)]] * 2)
        self.check(ids[1], JobStatus.QUEUED)
