"""
Crashes of the master at every commit and every node call: all of a job is done, or nothing.

The node here keeps requests, answers and tombstones as a real one does.
"""

from __future__ import annotations

import dataclasses
from typing import Any

import msgspec
from support.masterrig import QUIET, MasterRig
from support.samples import instance_uuid, make_config, make_disk, make_instance, node_uuid
from twisted.internet.defer import Deferred
from twisted.trial.unittest import SynchronousTestCase
from zope.interface import implementer

from ganeti.errors import ConfigurationError, NodeUnreachable
from ganeti.masterd.master import MasterDaemon
from ganeti.model.delta import put
from ganeti.model.instance import AdminState
from ganeti.model.job import Job, JobOp, JobStatus, OpStatus
from ganeti.model.recovery import InConfig, MarkInstance, OnNode, RemoveInstance
from ganeti.model.reservation import Reservation, ReservationKind
from ganeti.opcodes.test import OpTestDelay
from ganeti.operations.unit import Unit
from ganeti.rpc.calls import (
    ActivateDisk,
    DeactivateDisk,
    Delay,
    EndRequest,
    ForgetJob,
    ListRequests,
    RequestInfo,
    decode_call,
    encode_call,
)
from ganeti.rpc.envelope import Refusal, build_ok, build_refusal, parse_envelope
from ganeti.rpc.transport import INodeTransport

NODE = node_uuid(2)
DISKS = [make_disk(number) for number in (11, 12)]
NEW = make_instance(9, disks=())
OP = OpTestDelay(duration=0)


@implementer(INodeTransport)
class Node:
    """
    A node with disks that are active or not, reached through a wire that can be held.

    While held, each message waits for L{deliver}.
    """

    def __init__(self) -> None:
        self.active: set[str] = set()
        self.answers: dict[str, bytes] = {}
        self.ended: set[str] = set()
        self.effects: list[str] = []
        self.held: list[tuple[bytes, Deferred[bytes]]] | None = None
        self.down = False

    async def send(self, node_uuid: str, body: bytes, timeout_s: float) -> bytes:
        kind = type(decode_call(parse_envelope(body).call))
        if kind in QUIET and kind not in (ForgetJob, ListRequests):
            return build_ok(QUIET[kind])
        if self.held is None:
            return self._handle(body)
        waiting: Deferred[bytes] = Deferred()
        self.held.append((body, waiting))
        return await waiting

    async def close(self) -> None:
        return

    def deliver(self, *, answered: bool) -> None:
        """Let the first held message arrive, and maybe its answer come back."""
        assert self.held
        body, waiting = self.held.pop(0)
        answer = self._handle(body)
        if answered:
            waiting.callback(answer)

    def _handle(self, body: bytes) -> bytes:
        if self.down:
            raise NodeUnreachable("node2.example.com", "no route to host")
        envelope = parse_envelope(body)
        call = decode_call(envelope.call)
        if envelope.undoes is not None:
            self._end(envelope.undoes)
        if isinstance(call, EndRequest):
            self._end(call.request_id)
        request_id = envelope.request_id
        if request_id is None:
            return build_ok(self._read(call))
        if request_id in self.ended:
            return build_refusal(Refusal.ENDED, "ended")
        if request_id not in self.answers:
            self.effects.append(request_id)
            self.answers[request_id] = build_ok(self._act(call))
        return self.answers[request_id]

    def _end(self, request_id: str) -> None:
        self.ended.add(request_id)

    def _read(self, call: Any) -> Any:
        if isinstance(call, ListRequests):
            ids = sorted({*self.answers, *self.ended})
            return tuple(RequestInfo(request_id=each, state="done") for each in ids)
        if isinstance(call, ForgetJob):
            prefixes = tuple(f"{job_id}/" for job_id in call.job_ids)
            self.answers = {k: v for k, v in self.answers.items() if not k.startswith(prefixes)}
            self.ended = {each for each in self.ended if not each.startswith(prefixes)}
        return None

    def _act(self, call: Any) -> Any:
        match call:
            case ActivateDisk():
                self.active.add(call.disk.uuid)
                return "/path"
            case DeactivateDisk():
                self.active.discard(call.disk.uuid)
        return None


class Make(Unit[OpTestDelay, None]):
    """Two disks and an instance: all or nothing."""

    OP = OpTestDelay

    async def plan(self) -> None:
        self.job.reserve(Reservation(kind=ReservationKind.NAME, key="web1", job_id=self.job.id))

    async def execute(self, plan: None) -> str:
        await self.job.step(NODE, ActivateDisk(disk=DISKS[0]), DeactivateDisk(disk=DISKS[0]))
        await self.job.commit(lambda state: (put(NEW),), RemoveInstance(uuid=NEW.uuid))
        await self.job.step(NODE, ActivateDisk(disk=DISKS[1]), DeactivateDisk(disk=DISKS[1]))
        return "made"


class TakeDown(Unit[OpTestDelay, None]):
    """Past the point of no return: forward only."""

    OP = OpTestDelay

    async def plan(self) -> None:
        return None

    async def execute(self, plan: None) -> str:
        await self.job.finish(actions(may_fail=False), "taken down")
        return "taken down"


class TakeDownAnyway(TakeDown):
    """The same, whatever the node says."""

    async def execute(self, plan: None) -> str:
        await self.job.finish(actions(may_fail=True), "taken down")
        return "taken down"


def actions(*, may_fail: bool) -> tuple[Any, ...]:
    down = MarkInstance(uuid=instance_uuid(1), admin_state=AdminState.DOWN)
    offline = MarkInstance(uuid=instance_uuid(2), admin_state=AdminState.OFFLINE)
    calls = [msgspec.Raw(encode_call(DeactivateDisk(disk=disk))) for disk in DISKS]
    return (
        OnNode(node_uuid=NODE, call=calls[0], may_fail=may_fail),
        InConfig(compensation=down),
        OnNode(node_uuid=NODE, call=calls[1], may_fail=may_fail),
        InConfig(compensation=offline),
    )


class Conclude(Unit[OpTestDelay, None]):
    """A disk, and then an instance with which all is done."""

    OP = OpTestDelay

    async def plan(self) -> None:
        return None

    async def execute(self, plan: None) -> str:
        await self.job.step(NODE, ActivateDisk(disk=DISKS[0]), DeactivateDisk(disk=DISKS[0]))
        await self.job.conclude(lambda state: (put(NEW),), "concluded")
        return "concluded"


class LookAgain(Unit[OpTestDelay, None]):
    """Its recovery looks first, then goes on from where it was."""

    OP = OpTestDelay

    async def plan(self) -> None:
        return None

    async def execute(self, plan: None) -> str:
        await self.job.settle("begun", {"disk": DISKS[0].uuid})
        return await self.settle("begun", {"disk": DISKS[0].uuid})

    async def settle(self, stage: str, data: Any) -> str:
        assert data == {"disk": DISKS[0].uuid}
        await self.job.step(NODE, ActivateDisk(disk=DISKS[0]))
        return stage


class CrashCase(SynchronousTestCase):
    """Runs a job of one unit with a crash at the C{n}-th event, for all C{n}."""

    def begin(self, unit: type[Unit[Any, Any]]) -> None:
        self.node = Node()
        rig = self.rig = MasterRig(units={"OP_TEST_DELAY": unit}, config=make_config(instances=2))
        rig.advance(1)
        rig.crash()
        rig.transport = self.node  # type: ignore[assignment]
        rig.transport.answers = {}  # type: ignore[assignment]
        rig.start()

    def run_until(self, unit: type[Unit[Any, Any]], events: int, *, effect: bool) -> bool:
        """
        Crash at an event, a commit or a call.

        @param effect: whether what was under way took effect.
        @return: False when there are fewer events.
        """
        self.begin(unit)
        self.rig.journal.hold()
        self.node.held = []
        submission = self.rig.begin(self.rig.master.queue.submit([[OP]]))
        submission.addErrback(lambda _: None)
        for _ in range(events):
            if not self._event(answered=True):
                return False
        if effect and self.node.held and not self.rig.journal.unsynced:
            self.node.deliver(answered=False)
        self.rig.crash(kept=1 if effect else 0)
        self.node.held = None
        return True

    def _event(self, *, answered: bool) -> bool:
        if self.rig.journal.unsynced:
            self.rig.journal.sync(1)
        elif self.node.held:
            self.node.deliver(answered=answered)
        else:
            return False
        return True

    def restart(self) -> JobStatus | None:
        """Begin the next life, let it recover, and look at the job."""
        self.rig.start()
        self.rig.advance(30)
        if self.rig.master.jobs.get(1) is None:
            return None
        stored = self.rig.stored(1)
        self.assertEqual((stored.recovery, stored.locks, stored.reservations), ((), (), ()))
        self.assertEqual(self.rig.master.locks.owners(), set())
        return self.rig.status(1)

    def each_crash(self, unit: type[Unit[Any, Any]]) -> Any:
        """Crash everywhere; yields (place, effect, status after the restart)."""
        for effect in (False, True):
            place = 0
            while self.run_until(unit, place, effect=effect):
                yield place, effect, self.restart()
                place += 1
            self.assertGreater(place, 4)

    @property
    def config(self) -> Any:
        return self.rig.master.store.committed.config


class CrashTests(CrashCase):
    def test_all_or_nothing(self) -> None:
        """Wherever the master dies, the job is done completely or not at all."""
        seen = set()
        for place, effect, status in self.each_crash(Make):
            made = (self.node.active, NEW.uuid in self.config.instances)
            if status is JobStatus.SUCCESS:
                self.assertEqual(made, ({disk.uuid for disk in DISKS}, True), (place, effect))
            else:
                self.assertEqual(made, (set(), False), (place, effect))
                self.assertIn(status, (None, JobStatus.ERROR))
            self.assertEqual((self.node.answers, self.node.ended), ({}, set()), (place, effect))
            self.assertEqual(len(self.node.effects), len(set(self.node.effects)))
            seen.add(status)
        self.assertEqual(seen, {None, JobStatus.ERROR, JobStatus.SUCCESS})

    def test_forward(self) -> None:
        """Past the point of no return the rest is done, with the result that was recorded."""
        for place, effect, status in self.each_crash(TakeDown):
            if status is None:
                continue
            self.assertIs(status, JobStatus.SUCCESS, (place, effect))
            self.assertEqual(self.rig.stored(1).ops[0].result, "taken down")
            states = [self.config.instances[instance_uuid(n)].admin_state for n in (1, 2)]
            self.assertEqual(states, [AdminState.DOWN, AdminState.OFFLINE])

    def test_conclude(self) -> None:
        """With its last change the operation has succeeded, and is never told of as undone."""
        seen = set()
        for place, effect, status in self.each_crash(Conclude):
            made = (self.node.active, NEW.uuid in self.config.instances)
            if status is JobStatus.SUCCESS:
                self.assertEqual(made, ({DISKS[0].uuid}, True), (place, effect))
                self.assertEqual(self.rig.stored(1).ops[0].result, "concluded")
            else:
                self.assertEqual(made, (set(), False), (place, effect))
            seen.add(status)
        self.assertEqual(seen, {None, JobStatus.ERROR, JobStatus.SUCCESS})

    def test_by_the_unit(self) -> None:
        """A stage that has to be settled is settled by its unit."""
        for place, effect, status in self.each_crash(LookAgain):
            if status is not None:
                self.assertIs(status, JobStatus.SUCCESS, (place, effect))
                self.assertEqual(self.node.active, {DISKS[0].uuid})


class DeadNodeTests(CrashCase):
    def test_undo_is_owed(self) -> None:
        """While the node stays dead the job ends in error naming it, and the node owes the undo."""
        for effect in (False, True):
            self.assertTrue(self.run_until(Make, 2, effect=effect))
            self.node.down = True
            self.assertIs(self.restart(), JobStatus.ERROR)
            self.assertIn("node2.example.com", self.rig.stored(1).ops[0].result[1][0])
            self.assertEqual(len(self.rig.master.store.committed.debts), 1)
            self.node.down = False
            self.rig.advance(60)
            self.assertEqual(len(self.rig.master.store.committed.debts), 0)
            self.assertEqual(self.node.active, set())
            self.assertEqual(self.rig.master.reservations.owners(), frozenset())

    def test_debts_survive(self) -> None:
        """Debts and what they keep reserved are there after a restart."""
        self.assertTrue(self.run_until(Make, 2, effect=True))
        self.node.down = True
        self.restart()
        self.restart_again()
        self.assertEqual(len(self.rig.master.store.committed.debts), 1)
        self.assertEqual(len(self.rig.master.reservations.owners()), 1)

    def restart_again(self) -> None:
        self.rig.crash()
        self.rig.start()

    def test_forward_is_owed(self) -> None:
        """What may fail is owed, and the rest is done."""
        self.assertTrue(self.run_until(TakeDownAnyway, 2, effect=False))
        self.node.down = True
        self.rig.start()
        self.rig.advance(60)
        self.assertIs(self.rig.status(1), JobStatus.SUCCESS)
        self.assertEqual(len(self.rig.master.store.committed.debts), 2)


class RestartTests(SynchronousTestCase):
    def test_without_effects(self) -> None:
        """An opcode that had done nothing yet runs again."""
        rig = MasterRig()
        job_id = rig.submit(OpTestDelay(duration=10))
        self.assertIs(rig.status(job_id), JobStatus.RUNNING)
        self.assertIs(rig.stored(job_id).ops[0].status, OpStatus.QUEUED)
        rig.restart()
        rig.advance(10)
        self.assertIs(rig.status(job_id), JobStatus.SUCCESS)

    def test_locks_of_interrupted_jobs(self) -> None:
        """An interrupted job holds its locks before any other job starts."""
        rig = MasterRig({Delay: lambda node, call: Deferred()})
        node = ("node2.example.com",)
        first = rig.submit(OpTestDelay(duration=10, on_nodes=node, on_master=False, no_locks=False))
        rig.transport.answers[EndRequest] = lambda node, call: Deferred()
        second = rig.submit(OpTestDelay(duration=0, on_nodes=node, no_locks=False))
        rig.restart()
        rig.advance(1)
        self.assertIs(rig.status(first), JobStatus.RUNNING)
        self.assertIs(rig.status(second), JobStatus.WAITING)

    def test_finished_opcodes_stay(self) -> None:
        """A job whose second opcode was interrupted keeps the result of the first."""
        rig = MasterRig()
        job_id = rig.submit(OpTestDelay(duration=0), OpTestDelay(duration=10))
        rig.restart()
        rig.advance(10)
        self.assertIs(rig.status(job_id), JobStatus.SUCCESS)
        first, second = rig.stored(job_id).ops
        assert first.ended and second.ended
        self.assertGreater(second.ended, first.ended)

    def test_log_goes_on(self) -> None:
        """Lines of before the restart stay, and the numbers rise."""
        rig = MasterRig()
        job_id = rig.submit(OpTestDelay(duration=5, repeat=2))
        rig.advance(6)
        rig.restart()
        rig.advance(12)
        lines = rig.now(rig.master.logs.lines(job_id))
        serials = [line.serial for line in lines]
        self.assertEqual(serials, sorted(set(serials)))
        self.assertEqual(len(serials), 4)

    def test_unreadable_opcode(self) -> None:
        """A stored opcode that this release does not know ends its job in error, and no more."""
        rig = MasterRig()
        ops = [
            JobOp(input={"OP_ID": "OP_OF_TOMORROW"}, op_id="OP_OF_TOMORROW"),
            JobOp(input={"OP_ID": "OP_TEST_DELAY", "nosuch": 1}, op_id="OP_TEST_DELAY"),
        ]
        jobs = [Job(id=number, ops=(op,)) for number, op in enumerate(ops, start=1)]
        rig.now(rig.master.store.commit(lambda state: tuple(map(put, jobs))))
        rig.restart()
        self.assertEqual([rig.status(job.id) for job in jobs], [JobStatus.ERROR] * 2)
        self.assertIn("OP_OF_TOMORROW", str(rig.stored(1).ops[0].result))
        self.assertIn("nosuch", str(rig.stored(2).ops[0].result))

    def test_another_master(self) -> None:
        """A node that is not the master of its configuration does not serve."""
        rig = MasterRig()
        rig.crash()
        given = dataclasses.replace(rig.master.given, node_uuid=NODE, journal=rig.journal)
        with self.assertRaisesRegex(ConfigurationError, "node1.example.com"):
            rig.now(MasterDaemon(given).start())
