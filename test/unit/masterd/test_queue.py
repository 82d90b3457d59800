"""Submitting, running, cancelling and archiving jobs."""

from __future__ import annotations

from support.masterrig import MasterRig
from twisted.trial.unittest import SynchronousTestCase

from ganeti.errors import GanetiError, OpPrereqError
from ganeti.model.job import JobStatus, OpStatus
from ganeti.opcodes.test import OpTestDelay


def delay(seconds: float = 0.0, **settings: object) -> OpTestDelay:
    return OpTestDelay(duration=seconds, **settings)  # type: ignore[arg-type]


class QueueTests(SynchronousTestCase):
    def setUp(self) -> None:
        self.rig = MasterRig()

    def test_runs(self) -> None:
        """A job without effects runs at once, and its success is stored."""
        job_id = self.rig.submit(delay())
        self.assertEqual(self.rig.status(job_id), JobStatus.SUCCESS)
        self.assertEqual(self.rig.stored(job_id).ops[0].status, OpStatus.SUCCESS)

    def test_many(self) -> None:
        """Jobs submitted together get ids in their order and all run."""
        ids = self.rig.submit_many([[delay()]] * 300)
        self.assertEqual(ids, list(range(1, 301)))
        self.assertEqual({self.rig.status(job_id) for job_id in ids}, {JobStatus.SUCCESS})

    def test_max_running(self) -> None:
        """No more than the cluster's limit run at a time."""
        ids = self.rig.submit_many([[delay(1)]] * 25)
        states = [self.rig.status(job_id) for job_id in ids]
        self.assertEqual(states.count(JobStatus.RUNNING), 20)
        self.rig.advance(2)
        self.assertEqual({self.rig.status(job_id) for job_id in ids}, {JobStatus.SUCCESS})
