"""Programs that are run while an opcode plans: they end with it."""

from __future__ import annotations

from typing import Any

import msgspec
from support.masterrig import MasterRig
from support.samples import make_config, node_uuid
from twisted.internet.defer import Deferred
from twisted.trial.unittest import SynchronousTestCase

from ganeti.errors import OpExecError
from ganeti.model.job import JobStatus
from ganeti.model.recovery import UndoCall
from ganeti.opcodes.test import OpTestDelay
from ganeti.operations.unit import END, Unit
from ganeti.rpc.calls import AllocatorOutput, Delay, EndRequest, RunAllocator

NODE = node_uuid(1)
ASK = RunAllocator(name="mine", document=msgspec.Raw(b"{}"))


class Consulting(Unit[OpTestDelay, bytes]):
    """Asks a program what to say."""

    OP = OpTestDelay

    async def plan(self) -> bytes:
        return (await self.job.consult(NODE, ASK)).stdout

    async def execute(self, plan: bytes) -> str:
        await self.job.step(NODE, Delay(duration_s=1), END)
        return plan.decode()


class ConsultTests(SynchronousTestCase):
    def begin(self, answer: Any) -> int:
        """Run a job whose program answers so."""
        table = {RunAllocator: answer, EndRequest: None, Delay: self.look}
        units = {"OP_TEST_DELAY": Consulting}
        self.rig = MasterRig(table, units, make_config())
        return self.rig.submit(OpTestDelay(duration=0))

    def look(self, node_uuid: str, call: Any) -> None:
        """What is stored while the first step is done."""
        self.records = self.rig.stored(1).recovery

    def check_ended(self, job_id: int, status: JobStatus) -> None:
        """The job ended so, and so did its program; nothing is left."""
        self.assertEqual(self.rig.status(job_id), status)
        self.assertEqual(self.rig.stored(job_id).recovery, ())
        _, call, _, _ = self.rig.transport.sent[-1]
        self.assertEqual(call, EndRequest(request_id="1/0/1"))

    def test_answer(self) -> None:
        """The job goes on with what it said; it is not part of the recovery any more."""
        job_id = self.begin(AllocatorOutput(stdout=b"node2"))
        self.assertEqual(self.rig.stored(job_id).ops[0].result, "node2")
        sent = [(type(call), request) for _, call, request, _ in self.rig.transport.sent]
        self.assertEqual(sent, [(RunAllocator, "1/0/1"), (Delay, "1/0/2")])
        record = UndoCall(op=0, step=2, node_uuid=NODE, undoes="1/0/2")
        self.assertEqual(self.records, (record,))

    def test_failure(self) -> None:
        """One that failed has ended, and fails the opcode; there is nothing to undo."""
        job_id = self.begin(OpExecError("exited with status 1"))
        self.assertEqual(self.rig.status(job_id), JobStatus.ERROR)
        self.assertIn("exited with status 1", self.rig.job(job_id).ops[0].result[1][0])
        self.assertEqual([type(sent[1]) for sent in self.rig.transport.sent], [RunAllocator])

    def test_cancel(self) -> None:
        """A job that is canceled while it plans ends its program."""
        job_id = self.begin(Deferred())
        self.assertEqual(self.rig.status(job_id), JobStatus.WAITING)
        answer = self.rig.now(self.rig.master.control.cancel(job_id, False))
        self.assertEqual(answer, (True, "Job successfully cancelled"))
        self.check_ended(job_id, JobStatus.CANCELED)

    def test_crash(self) -> None:
        """After a crash of the master daemon it is ended, and the job with it."""
        job_id = self.begin(Deferred())
        self.rig.restart()
        self.check_ended(job_id, JobStatus.ERROR)
        self.assertIn("interrupted", self.rig.job(job_id).ops[0].result[1][0])
