"""Requests: run once each, whatever happens to messages, master and daemon."""

from __future__ import annotations

from typing import Any

from support.samples import make_disk
from support.simnode import SimNode
from twisted.internet.defer import Deferred
from twisted.internet.task import Clock
from twisted.trial.unittest import SynchronousTestCase

from ganeti.errors import StorageError
from ganeti.noded.requests import Requests
from ganeti.noded.work import CallContext, Work
from ganeti.rpc.calls import (
    Call,
    CancelTask,
    Delay,
    EndRequest,
    ForgetJob,
    HookPhase,
    ListRequests,
    RemoveDisk,
    RunHooks,
    WatchTask,
    WriteSsconf,
    encode_call,
)
from ganeti.rpc.envelope import (
    AnswerError,
    AnswerOk,
    AnswerRefused,
    AnswerStarted,
    Refusal,
    Refused,
    parse_answer,
)
from ganeti.store.nodestate import MemoryNodeState, RequestState


def remove(number: int = 1) -> RemoveDisk:
    """A plain changing call about disk C{number}."""
    return RemoveDisk(disk=make_disk(number))


HOOKS = RunHooks(path="instance-add", phase=HookPhase.PRE, env={})


class Scripted:
    """A handler whose end the test decides."""

    def __init__(self) -> None:
        self.contexts: list[CallContext] = []
        self.running: list[Deferred[Any]] = []
        self.ended = 0
        self.killed = 0

    async def __call__(self, call: Call[Any], context: CallContext) -> Any:
        self.contexts.append(context)
        end: Deferred[Any] = Deferred(self._kill)
        self.running.append(end)
        result = await end
        self.ended += 1
        return result

    def _kill(self, _: object) -> None:
        self.killed += 1


class RequestsTests(SynchronousTestCase):
    """The engine over a record in memory, with scripted handlers."""

    def setUp(self) -> None:
        self.clock = Clock()
        self.state = MemoryNodeState()
        self.handler = Scripted()
        self.allowed = True
        self.lives: list[Requests] = []
        self.crash()
        self.addCleanup(self.bury)

    def check(self) -> None:
        if not self.allowed:
            raise Refused(Refusal.TERM, "term 1 is over")

    def run_(
        self, call: Call[Any], request_id: str = "12/0/1", undoes: str | None = None
    ) -> Deferred[Any]:
        work = Work(call=call, handler=self.handler, check=self.check, term=1)
        running = Deferred.fromCoroutine(self.requests.run(work, request_id, undoes))
        return running.addCallback(parse_answer)

    def refused(self, deferred: Deferred[Any], code: Refusal) -> None:
        self.assertEqual(self.failureResultOf(deferred, Refused).value.code, code)

    def now(self, coroutine: Any) -> Any:
        return self.successResultOf(Deferred.fromCoroutine(coroutine))

    def state_of(self, request_id: str = "12/0/1") -> RequestState | None:
        known = self.now(self.state.lookup(request_id))
        return None if known is None else known.state

    def crash(self) -> None:
        """The daemon dies, and lives again: of its memory nothing is left."""
        self.requests = Requests(self.state, self.clock)
        self.lives.append(self.requests)
        self.handler = Scripted()

    def bury(self) -> None:
        """End what earlier lives ran."""
        for life in self.lives:
            Deferred.fromCoroutine(life.stop(0))
            self.clock.advance(1)

    def test_durable_before_it_runs(self) -> None:
        """The request is written down first, the answer before it is sent."""
        running = self.run_(remove())
        self.assertEqual(self.state_of(), RequestState.OPEN)
        self.handler.running[0].callback(None)
        self.assertIsInstance(self.successResultOf(running), AnswerOk)
        self.assertEqual(self.state_of(), RequestState.DONE)

    def test_repeat(self) -> None:
        """A repeat gets the stored answer."""
        first = self.run_(remove())
        self.handler.running[0].callback(None)
        again = self.successResultOf(self.run_(remove()))
        self.assertEqual(again, self.successResultOf(first))
        self.assertEqual(len(self.handler.running), 1)

    def test_repeat_of_a_failure(self) -> None:
        """So does the repeat of a call that failed: it is not tried again."""
        first = self.run_(remove())
        self.handler.running[0].errback(StorageError("no room"))
        again = self.successResultOf(self.run_(remove()))
        self.assertEqual(again, self.successResultOf(first))
        self.assertEqual(again.error, ["BlockDeviceError", ["no room"]])

    def test_attach(self) -> None:
        """A repeat of what runs waits for its end."""
        both = [self.run_(remove()), self.run_(remove())]
        self.assertEqual(len(self.handler.running), 1)
        self.handler.running[0].callback(None)
        for each in both:
            self.assertIsInstance(self.successResultOf(each), AnswerOk)

    def test_another_call(self) -> None:
        """An id stands for one call."""
        self.handler_ends(self.run_(remove(1)))
        self.refused(self.run_(remove(2)), Refusal.MALFORMED)

    def handler_ends(self, deferred: Deferred[Any]) -> Any:
        self.handler.running[-1].callback(None)
        return self.successResultOf(deferred)

    def test_repeat_after_crash(self) -> None:
        """A plain call that a crash interrupted is run again, and its handler knows."""
        self.run_(remove())
        self.crash()
        self.now(self.requests.recover())
        running = self.run_(remove())
        self.assertTrue(self.handler.contexts[0].repeated)
        self.assertIsInstance(self.handler_ends(running), AnswerOk)

    def test_defect(self) -> None:
        """A defect of ours is an answer, too, and is logged."""
        running = self.run_(remove())
        self.handler.running[0].errback(KeyError("oops"))
        answer = self.successResultOf(running)
        self.assertEqual(answer.error[0], "ProgrammerError")
        self.assertEqual(len(self.flushLoggedErrors(KeyError)), 1)

    def test_time_limit(self) -> None:
        """What takes too long is stopped; what it did, a repeat finds out."""
        running = self.run_(remove())
        self.clock.advance(RemoveDisk.timeout_s)
        answer = self.successResultOf(running)
        assert isinstance(answer, AnswerRefused)
        self.assertEqual(answer.code, Refusal.INTERRUPTED)
        self.assertIn("did not end within 300 s", answer.reason)
        self.assertEqual(self.handler.killed, 1)
        again = self.run_(remove())
        self.assertTrue(self.handler.contexts[1].repeated)
        self.assertIsInstance(self.handler_ends(again), AnswerOk)

    def test_one_after_another(self) -> None:
        """Calls about one object come one after another; about others, at once."""
        self.run_(remove(1), "12/0/1")
        second = self.run_(remove(1), "12/0/2")
        self.run_(remove(2), "12/0/3")
        self.assertEqual(len(self.handler.running), 2)
        self.handler.running[0].callback(None)
        self.assertEqual(len(self.handler.running), 3)
        self.handler.running[2].callback(None)
        self.assertIsInstance(self.successResultOf(second), AnswerOk)

    def test_right_is_checked_after_the_wait(self) -> None:
        """A call that waited is not run when its sender lost the right meanwhile."""
        self.run_(remove(1), "12/0/1")
        waiting = self.run_(remove(1), "12/0/2")
        self.allowed = False
        self.handler.running[0].callback(None)
        answer = self.successResultOf(waiting)
        assert isinstance(answer, AnswerRefused)
        self.assertEqual(answer.code, Refusal.TERM)
        self.assertEqual(len(self.handler.running), 1)

    # -- Undo

    def test_undo_ends_first(self) -> None:
        """An undo ends what runs, waits for it, and runs only then."""
        first = self.run_(remove(), "12/0/1")
        self.run_(remove(), "12/0/1u", undoes="12/0/1")
        self.assertEqual(self.handler.killed, 1)
        self.assertEqual(len(self.handler.running), 2)
        answer = self.successResultOf(first)
        assert isinstance(answer, AnswerRefused)
        self.assertEqual(answer.code, Refusal.ENDED)
        self.assertEqual(self.state_of(), RequestState.TOMBSTONE)

    def test_undo_of_what_never_came(self) -> None:
        """The request arrives after its undo: it never runs."""
        self.handler_ends(self.run_(remove(), "12/0/1u", undoes="12/0/1"))
        self.refused(self.run_(remove(), "12/0/1"), Refusal.ENDED)
        self.assertEqual(len(self.handler.running), 1)

    def test_undo_of_what_ended(self) -> None:
        """A repeat after the undo is refused, though there was an answer."""
        self.handler_ends(self.run_(remove(), "12/0/1"))
        self.handler_ends(self.run_(remove(), "12/0/1u", undoes="12/0/1"))
        self.refused(self.run_(remove(), "12/0/1"), Refusal.ENDED)

    def test_undo_after_crash(self) -> None:
        """What a crash interrupted is ended by its undo."""
        self.run_(remove(), "12/0/1")
        self.crash()
        self.now(self.requests.recover())
        self.handler_ends(self.run_(remove(), "12/0/1u", undoes="12/0/1"))
        self.refused(self.run_(remove(), "12/0/1"), Refusal.ENDED)

    def test_tombstone_survives(self) -> None:
        """Also a tombstone outlives a crash."""
        self.now(self.requests.end("12/0/1"))
        self.crash()
        self.now(self.requests.recover())
        self.refused(self.run_(remove()), Refusal.ENDED)

    def test_repeated_undo(self) -> None:
        """An undo is a request like any other: once."""
        self.run_(remove(), "12/0/1")
        undo = self.run_(remove(), "12/0/1u", undoes="12/0/1")
        self.handler_ends(undo)
        self.assertIsInstance(
            self.successResultOf(self.run_(remove(), "12/0/1u", undoes="12/0/1")), AnswerOk
        )
        self.assertEqual(len(self.handler.running), 2)

    def test_end_while_it_waits_for_its_turn(self) -> None:
        """One that has not begun yet does not begin."""
        self.run_(remove(), "12/0/1")
        self.run_(remove(), "12/0/2")
        self.now(self.requests.end("12/0/2"))
        self.handler.running[0].callback(None)
        self.assertEqual(len(self.handler.running), 1)

    # -- Tasks

    def watch(self, since: int = 0, wait_s: float = 20, request_id: str = "12/0/1") -> Any:
        call = WatchTask(request_id=request_id, since=since, wait_s=wait_s)
        return Deferred.fromCoroutine(self.requests.watch(call))

    def test_task_is_started(self) -> None:
        """A task answers at once, also when it is repeated, also when it has ended."""
        for _ in range(2):
            started = self.successResultOf(self.run_(Delay(duration_s=100)))
            self.assertIsInstance(started, AnswerStarted)
        self.handler.running[0].callback(None)
        self.assertIsInstance(self.successResultOf(self.run_(Delay(duration_s=100))), AnswerStarted)
        self.assertEqual(len(self.handler.running), 1)

    def test_watch(self) -> None:
        """Lines as they come, then the end with the answer."""
        self.run_(Delay(duration_s=100))
        self.handler.contexts[0].on_line("one")
        progress = self.successResultOf(self.watch())
        self.assertEqual((progress.lines, progress.next, progress.done), (("one",), 1, False))
        waiting = self.watch(since=1)
        self.assertNoResult(waiting)
        self.handler.contexts[0].on_line("two")
        self.assertEqual(self.successResultOf(waiting).lines, ("two",))
        waiting = self.watch(since=2)
        self.handler.running[0].callback(None)
        last = self.successResultOf(waiting)
        self.assertTrue(last.done)
        self.assertIsInstance(parse_answer(bytes(last.answer)), AnswerOk)

    def test_lines_stay_after_the_end(self) -> None:
        """Who watches only now still gets the lines."""
        self.run_(Delay(duration_s=100))
        self.handler.contexts[0].on_line("one")
        self.handler.running[0].callback(None)
        progress = self.successResultOf(self.watch())
        self.assertEqual((progress.lines, progress.done), (("one",), True))

    def test_nothing_new(self) -> None:
        """A watch without news ends after the time it was given."""
        self.run_(Delay(duration_s=100))
        waiting = self.watch(wait_s=20)
        self.clock.advance(19)
        self.assertNoResult(waiting)
        self.clock.advance(1)
        self.assertFalse(self.successResultOf(waiting).done)

    def test_watch_unknown(self) -> None:
        """A task that the node does not know."""
        self.refused(self.watch(), Refusal.UNKNOWN)

    def test_deadline(self) -> None:
        """The node keeps the deadline, watched or not; a task that is resumable is repeated."""
        self.run_(Delay(duration_s=100))
        self.clock.advance(130)
        self.assertEqual(self.handler.killed, 1)
        answer = self.task_answer()
        assert isinstance(answer, AnswerRefused)
        self.assertEqual(answer.code, Refusal.INTERRUPTED)
        self.assertIn("did not end within 130 s", answer.reason)

    def test_deadline_of_programs(self) -> None:
        """A task that runs programs has failed when its time is over, and is not run again."""
        hooks = RunHooks(path="node-add", phase=HookPhase.PRE, env={}, deadline_s=50)
        self.run_(hooks)
        self.clock.advance(50)
        answer = self.task_answer()
        assert isinstance(answer, AnswerError)
        self.assertIn("did not end within 50 s", answer.error[1][0])
        self.successResultOf(self.run_(hooks))
        self.assertEqual(len(self.handler.running), 1)

    def task_answer(self) -> Any:
        return parse_answer(bytes(self.successResultOf(self.watch()).answer))

    def test_cancel(self) -> None:
        """A cancelled task has failed, durably."""
        self.run_(Delay(duration_s=100))
        self.now(self.requests.cancel("12/0/1"))
        self.assertEqual(self.handler.killed, 1)
        answer = parse_answer(bytes(self.successResultOf(self.watch()).answer))
        assert isinstance(answer, AnswerError)
        self.assertIn("Cancelled", answer.error[1][0])
        self.crash()
        answer = parse_answer(bytes(self.successResultOf(self.watch()).answer))
        assert isinstance(answer, AnswerError)

    def test_cancel_nothing(self) -> None:
        """Cancelling what has ended, or is not known, is fine."""
        self.now(self.requests.cancel("12/0/1"))
        self.assertIsNone(self.state_of())

    def test_resumable_task_after_crash(self) -> None:
        """A task that can be run again is, at a repeat; who watches only is told to repeat."""
        self.run_(Delay(duration_s=100))
        self.crash()
        self.now(self.requests.recover())
        self.refused(self.watch(), Refusal.INTERRUPTED)
        self.assertIsInstance(self.successResultOf(self.run_(Delay(duration_s=100))), AnswerStarted)
        self.assertTrue(self.handler.contexts[0].repeated)
        self.handler.running[0].callback(None)
        self.assertTrue(self.successResultOf(self.watch()).done)

    def test_task_after_crash(self) -> None:
        """Another task does not start again: it has failed."""
        self.run_(HOOKS)
        self.crash()
        self.now(self.requests.recover())
        self.assertIsInstance(self.successResultOf(self.run_(HOOKS)), AnswerStarted)
        self.assertEqual(self.handler.running, [])
        answer = parse_answer(bytes(self.successResultOf(self.watch()).answer))
        assert isinstance(answer, AnswerError)
        self.assertIn("was restarted", answer.error[1][0])

    # -- The end of a job

    def test_forget(self) -> None:
        """Nothing is left of a final job, and nothing of it can come again."""
        self.handler_ends(self.run_(remove(), "12/0/1"))
        self.now(self.requests.end("12/0/2"))
        self.handler_ends(self.run_(remove(), "13/0/1"))
        self.now(self.requests.forget([12]))
        self.assertEqual([r.request_id for r in self.now(self.requests.list())], ["13/0/1"])
        self.refused(self.run_(remove(), "12/0/3"), Refusal.ENDED)

    def test_forget_ends_what_runs(self) -> None:
        """What still runs of a final job is ended."""
        self.run_(remove(), "12/0/1")
        self.now(self.requests.forget([12]))
        self.assertEqual(self.handler.killed, 1)
        self.assertEqual(self.now(self.requests.list()), ())

    # -- Stopping

    def test_stop(self) -> None:
        """What runs may end; nothing new begins."""
        running = self.run_(remove())
        stopping = Deferred.fromCoroutine(self.requests.stop(10))
        self.refused(self.run_(remove(2), "12/0/2"), Refusal.STOPPING)
        self.assertNoResult(stopping)
        self.handler.running[0].callback(None)
        self.assertIsInstance(self.successResultOf(running), AnswerOk)
        self.successResultOf(stopping)

    def test_stop_has_a_limit(self) -> None:
        """What does not end is interrupted as by a crash: it stays open."""
        running = self.run_(remove())
        stopping = Deferred.fromCoroutine(self.requests.stop(10))
        self.clock.advance(10)
        self.successResultOf(stopping)
        self.assertEqual(self.successResultOf(running).code, Refusal.INTERRUPTED)
        self.assertEqual(self.state_of(), RequestState.OPEN)

    # -- Without a request id

    def unnamed(self, call: Call[Any]) -> Deferred[Any]:
        work = Work(call=call, handler=self.handler, check=self.check, term=1)
        return Deferred.fromCoroutine(self.requests.run_without_id(work, None))

    def test_needs_an_id(self) -> None:
        """A call that may not be repeated at will has one."""
        self.refused(self.unnamed(remove()), Refusal.MALFORMED)

    def test_without_id(self) -> None:
        """One that may needs none; a stopping daemon waits for it."""
        running = self.unnamed(WriteSsconf(values={}))
        stopping = Deferred.fromCoroutine(self.requests.stop(10))
        self.assertNoResult(stopping)
        self.handler.running[0].callback(None)
        self.successResultOf(running)
        self.successResultOf(stopping)


class Slow(MemoryNodeState):
    """A record that takes its time to begin a request."""

    def __init__(self) -> None:
        super().__init__()
        self.written: Deferred[None] = Deferred()

    async def begin(self, request_id: str, call: bytes) -> Any:
        known = await super().begin(request_id, call)
        await self.written
        return known


class SlowDiskTests(SynchronousTestCase):
    """What changes while a request is being written down."""

    def setUp(self) -> None:
        self.clock = Clock()
        self.state = Slow()
        self.requests = Requests(self.state, self.clock)
        self.handler = Scripted()
        self.refusal: Refused | None = None
        work = Work(call=remove(), handler=self.handler, check=self.check, term=1)
        self.running = Deferred.fromCoroutine(self.requests.run(work, "12/0/1", None))

    def check(self) -> None:
        if self.refusal is not None:
            raise self.refusal

    def assert_refused(self, code: Refusal) -> None:
        self.state.written.callback(None)
        self.assertEqual(self.failureResultOf(self.running, Refused).value.code, code)
        self.assertEqual(self.handler.running, [])

    def test_new_term(self) -> None:
        """Another master took over."""
        self.refusal = Refused(Refusal.TERM, "term 1 is over")
        self.assert_refused(Refusal.TERM)

    def test_final(self) -> None:
        """The job became final."""
        self.successResultOf(Deferred.fromCoroutine(self.requests.forget([12])))
        self.assert_refused(Refusal.ENDED)

    def test_stop(self) -> None:
        """The daemon began to stop."""
        self.successResultOf(Deferred.fromCoroutine(self.requests.stop(10)))
        self.assert_refused(Refusal.STOPPING)

    def test_end(self) -> None:
        """An undo waits for it, and then ends it."""
        ending = Deferred.fromCoroutine(self.requests.end("12/0/1"))
        self.assertNoResult(ending)
        self.state.written.callback(None)
        self.successResultOf(ending)
        self.assertEqual(self.handler.killed, 1)
        answer = parse_answer(self.successResultOf(self.running))
        assert isinstance(answer, AnswerRefused)
        self.assertEqual(answer.code, Refusal.ENDED)


class FullDisk(MemoryNodeState):
    """A record that cannot be written for a while."""

    broken = ""

    async def begin(self, request_id: str, call: bytes) -> Any:
        if self.broken == "begin":
            raise StorageError("No space left on device")
        return await super().begin(request_id, call)

    async def finish(self, request_id: str, answer: bytes) -> bool:
        if self.broken == "finish":
            raise StorageError("No space left on device")
        return await super().finish(request_id, answer)


class FullDiskTests(RequestsTests):
    """The same tests, and what happens when node.db cannot be written."""

    def setUp(self) -> None:
        super().setUp()
        self.state: FullDisk = FullDisk()
        self.crash()

    def test_cannot_begin(self) -> None:
        """What cannot be written down is not run."""
        self.state.broken = "begin"
        self.failureResultOf(self.run_(remove()), StorageError)
        self.assertEqual(self.handler.running, [])

    def test_cannot_finish(self) -> None:
        """What was done is answered; a repeat runs the handler again, which knows."""
        self.state.broken = "finish"
        self.assertIsInstance(self.handler_ends(self.run_(remove())), AnswerOk)
        self.run_(remove())
        self.assertTrue(self.handler.contexts[1].repeated)


class SimNodeTests(SynchronousTestCase):
    """The calls about requests, through a whole node."""

    def setUp(self) -> None:
        self.clock = Clock()
        self.node = SimNode(self.clock)

    def test_end_request(self) -> None:
        """EndRequest kills a task and keeps it out."""
        self.assertIsInstance(self.node.ask(Delay(duration_s=100), "7/0/0"), AnswerStarted)
        self.assertIsNone(self.node.ask(EndRequest(request_id="7/0/0")))
        (request,) = self.node.ask(ListRequests())
        self.assertEqual((request.state, request.running), ("tombstone", False))
        again = self.node.ask(Delay(duration_s=100), "7/0/0")
        self.assertEqual(again.code, Refusal.ENDED)

    def test_delay(self) -> None:
        """A delay takes its time, and no more."""
        self.node.ask(Delay(duration_s=5), "7/0/0")
        watching = self.node.send(WatchTask(request_id="7/0/0"))
        self.clock.advance(4.9)
        self.assertNoResult(watching)
        self.clock.advance(0.1)
        self.assertIsInstance(self.successResultOf(watching), AnswerOk)

    def test_cancel_task(self) -> None:
        """CancelTask makes it fail."""
        self.node.ask(Delay(duration_s=5), "7/0/0")
        self.node.ask(CancelTask(request_id="7/0/0"))
        progress = self.node.ask(WatchTask(request_id="7/0/0"))
        self.assertTrue(progress.done)

    def test_forget_job(self) -> None:
        """ForgetJob leaves nothing."""
        self.node.ask(Delay(duration_s=5), "7/0/0")
        self.node.ask(EndRequest(request_id="8/0/0"))
        self.node.ask(ForgetJob(job_ids=(7, 8)))
        self.assertEqual(self.node.ask(ListRequests()), ())

    def test_restart(self) -> None:
        """A daemon that dies with a task tells its next life."""
        self.node.now(self.node.state.begin("7/0/0", encode_call(HOOKS)))
        self.node.restart()
        progress = self.node.ask(WatchTask(request_id="7/0/0"))
        answer = parse_answer(bytes(progress.answer))
        assert isinstance(answer, AnswerError)
        self.assertIn("was restarted", answer.error[1][0])
