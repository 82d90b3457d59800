"""Stopping the master daemon: no new opcode, some time for those that act, then as by a crash."""

from __future__ import annotations

from typing import Any

from support.masterrig import MasterRig
from support.samples import make_disk, node_uuid
from twisted.internet.defer import Deferred
from twisted.trial.unittest import SynchronousTestCase

from ganeti.errors import StorageError
from ganeti.masterd.master import GRACE_S
from ganeti.model.job import JobStatus, OpStatus
from ganeti.opcodes.test import OpTestDelay
from ganeti.operations.unit import Unit
from ganeti.rpc.calls import ActivateDisk, DeactivateDisk

NODE = node_uuid(2)
DISK = make_disk(1)
OP = OpTestDelay(duration=0)


class Activate(Unit[OpTestDelay, None]):
    """One step on a node."""

    OP = OpTestDelay

    async def plan(self) -> None:
        return None

    async def execute(self, plan: None) -> None:
        await self.job.step(NODE, ActivateDisk(disk=DISK), DeactivateDisk(disk=DISK))


class StopTests(SynchronousTestCase):
    def restart(self, rig: MasterRig, stopping: Deferred[Any]) -> None:
        """Begin the next life after an orderly end."""
        rig.result_of(stopping)
        rig.crash()
        rig.start()

    def test_without_effects(self) -> None:
        """Jobs that have not acted do not hold up the stop, and run at the next start."""
        rig = MasterRig()
        ids = rig.submit_many([[OpTestDelay(duration=100)]] * 25)
        self.restart(rig, rig.begin(rig.master.stop()))
        rig.advance(201, step=1)
        self.assertEqual({rig.status(job_id) for job_id in ids}, {JobStatus.SUCCESS})

    def test_step_ends(self) -> None:
        """A step that ends in time is the end of its opcode; the next one does not begin."""
        answer: Deferred[str] = Deferred()
        rig = MasterRig(
            {ActivateDisk: lambda node, call: answer}, units={"OP_TEST_DELAY": Activate}
        )
        job_id = rig.submit(OP, OP)
        stopping = rig.begin(rig.master.stop())
        self.assertNoResult(stopping)
        rig.advance(GRACE_S / 2)
        answer.callback("/path")
        rig.result_of(stopping)
        stored = rig.stored(job_id)
        self.assertEqual([op.status for op in stored.ops], [OpStatus.SUCCESS, OpStatus.QUEUED])

    def test_step_is_interrupted(self) -> None:
        """One that takes longer is left, and undone at the next start."""
        rig = MasterRig(
            {ActivateDisk: lambda node, call: Deferred(), DeactivateDisk: None},
            units={"OP_TEST_DELAY": Activate},
        )
        job_id = rig.submit(OP)
        stopping = rig.begin(rig.master.stop())
        rig.advance(GRACE_S + 1)
        self.assertIs(rig.stored(job_id).ops[0].status, OpStatus.RUNNING)
        self.restart(rig, stopping)
        rig.advance(1)
        self.assertIs(rig.status(job_id), JobStatus.ERROR)
        self.assertEqual(rig.transport.sent[-1][2:], ("1/0/1/undo", "1/0/1"))

    def test_nothing_afterwards(self) -> None:
        """After the stop nothing is accepted and nothing waits to happen."""
        rig = MasterRig()
        rig.advance(1)
        rig.result_of(rig.begin(rig.master.stop()))
        with self.assertRaises(StorageError):
            rig.submit(OP)
        self.assertEqual(rig.clock.getDelayedCalls(), [])
