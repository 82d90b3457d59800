"""The choice of jobs to start, compared with a plain and slow statement of the rules."""

from __future__ import annotations

from hypothesis import settings
from hypothesis import strategies as st
from hypothesis.stateful import RuleBasedStateMachine, invariant, precondition, rule
from support.thorough import examples
from twisted.trial.unittest import SynchronousTestCase

from ganeti.masterd.scheduler import Limit, Queued, Scheduler

PRIORITIES = st.sampled_from([-10, 0, 10])
LIMITS = st.lists(
    st.sampled_from([Limit("a", 1), Limit("b", 2), Limit("c", 1)]), max_size=2, unique=True
).map(tuple)


class SchedulerTests(SynchronousTestCase):
    def test_order(self) -> None:
        """Smaller priority first, then the lower id."""
        scheduler = Scheduler()
        for job_id, priority in ((1, 10), (2, 0), (3, -10), (4, 0)):
            scheduler.enqueue(Queued(job_id, priority))
        self.assertEqual(scheduler.choose(), [3, 2, 4, 1])

    def test_max_running(self) -> None:
        """No more than max_running jobs run; the end of one lets the next in."""
        scheduler = Scheduler(max_running=2)
        for job_id in (1, 2, 3):
            scheduler.enqueue(Queued(job_id))
        self.assertEqual(scheduler.choose(), [1, 2])
        self.assertEqual(scheduler.choose(), [])
        scheduler.ended(1)
        self.assertEqual(scheduler.choose(), [3])

    def test_dependency(self) -> None:
        """A job waits until each job it depends on is final."""
        scheduler = Scheduler()
        scheduler.enqueue(Queued(1))
        scheduler.enqueue(Queued(2, depends=frozenset({1})))
        self.assertEqual(scheduler.choose(), [1])
        scheduler.ended(1)
        self.assertEqual(scheduler.choose(), [2])

    def test_change_priority(self) -> None:
        """A changed priority counts at the next choice."""
        scheduler = Scheduler(max_running=1)
        scheduler.enqueue(Queued(1))
        scheduler.enqueue(Queued(2))
        scheduler.enqueue(Queued(2, -10))
        self.assertEqual(scheduler.choose(), [2])

    def test_limit_lost(self) -> None:
        """A job that has lost its limit takes no room of those that keep it."""
        scheduler = Scheduler()
        limits = (Limit("a", 1),)
        for job_id in (1, 2, 3):
            scheduler.enqueue(Queued(job_id, limits=limits))
        self.assertEqual(scheduler.choose(), [1])
        scheduler.enqueue(Queued(2))
        scheduler.ended(1)
        self.assertEqual(scheduler.choose(), [2, 3])

    def test_paused(self) -> None:
        """A paused job stays until it is no longer paused."""
        scheduler = Scheduler()
        scheduler.enqueue(Queued(1, paused=True))
        self.assertEqual(scheduler.choose(), [])
        scheduler.enqueue(Queued(1))
        self.assertEqual(scheduler.choose(), [1])

    def test_many_under_one_limit(self) -> None:
        """Ten thousand jobs under one limit of one pass one at a time, at a small cost each."""
        scheduler = Scheduler()
        limit = (Limit("slow", 1),)
        for job_id in range(1, 10001):
            scheduler.enqueue(Queued(job_id, limits=limit))
        for job_id in range(1, 10001):
            self.assertEqual(scheduler.choose(), [job_id])
            scheduler.ended(job_id)


class SchedulerMachine(RuleBasedStateMachine):
    """Every choice equals the one found by looking at all jobs in order."""

    def __init__(self) -> None:
        super().__init__()
        self.scheduler = Scheduler(max_running=3)
        self.queued: dict[int, Queued] = {}
        self.running: dict[int, Queued] = {}
        self.final: set[int] = set()
        self.last = 0

    @rule(priority=PRIORITIES, limits=LIMITS, paused=st.booleans(), data=st.data())
    def submit(
        self, priority: int, limits: tuple[Limit, ...], paused: bool, data: st.DataObject
    ) -> None:
        alive = sorted(self.queued.keys() | self.running.keys())
        depends = (
            data.draw(st.frozensets(st.sampled_from(alive), max_size=2)) if alive else frozenset()
        )
        self.last += 1
        job = self.queued[self.last] = Queued(self.last, priority, depends, limits, paused)
        self.scheduler.enqueue(job)

    @precondition(lambda self: self.queued)
    @rule(priority=PRIORITIES, limits=LIMITS, paused=st.booleans(), data=st.data())
    def change(
        self, priority: int, limits: tuple[Limit, ...], paused: bool, data: st.DataObject
    ) -> None:
        job = self.queued[data.draw(st.sampled_from(sorted(self.queued)))]
        job = self.queued[job.job_id] = Queued(job.job_id, priority, job.depends, limits, paused)
        self.scheduler.enqueue(job)

    @precondition(lambda self: self.queued)
    @rule(data=st.data())
    def cancel(self, data: st.DataObject) -> None:
        job_id = data.draw(st.sampled_from(sorted(self.queued)))
        del self.queued[job_id]
        assert self.scheduler.withdraw(job_id)
        self._final(job_id)

    @precondition(lambda self: self.running)
    @rule(data=st.data())
    def end(self, data: st.DataObject) -> None:
        job_id = data.draw(st.sampled_from(sorted(self.running)))
        del self.running[job_id]
        self._final(job_id)

    @rule()
    def choose(self) -> None:
        assert self.scheduler.choose() == self._expected()

    def _final(self, job_id: int) -> None:
        self.final.add(job_id)
        self.scheduler.ended(job_id)

    def _expected(self) -> list[int]:
        chosen = []
        for job in sorted(self.queued.values(), key=lambda job: (job.priority, job.job_id)):
            if self._may_start(job):
                chosen.append(job.job_id)
                self.running[job.job_id] = self.queued.pop(job.job_id)
        return chosen

    def _may_start(self, job: Queued) -> bool:
        if job.paused or not job.depends <= self.final or len(self.running) >= 3:
            return False
        counted = [limit.name for other in self.running.values() for limit in other.limits]
        return all(counted.count(limit.name) < limit.at_most for limit in job.limits)

    @invariant()
    def same_sets(self) -> None:
        assert set(self.scheduler.queued()) == self.queued.keys()
        assert set(self.scheduler.running()) == self.running.keys()


TestScheduler = SchedulerMachine.TestCase
TestScheduler.settings = settings(max_examples=examples(150), stateful_step_count=40, deadline=None)
