"""
Changing calls, run once each whatever happens to the connection, the master or this daemon.

A request id stands for one call. It is durable before the call is run; so is
the answer before it is sent, and a repeat gets that answer, or waits for the
run that is under way. A request that was ended never runs (again): a tombstone
keeps it out, also when it arrives only later. After a crash, and when its time was
over, what was open is open: a repeat runs the handler again (which knows that it is
a repeat); an undo ends it. What is left of its processes is killed, and tasks that
are not resumable, those that run programs, have failed.
"""

from __future__ import annotations

from collections import OrderedDict
from collections.abc import Iterable
from typing import Any

from msgspec import UNSET, Raw
from twisted.internet.defer import CancelledError, Deferred
from twisted.internet.interfaces import IReactorTime
from twisted.logger import Logger

from ganeti.errors import GanetiError, OpExecError, ParseError
from ganeti.noded.tasks import Progress, end_leftovers, mark_of
from ganeti.noded.work import CallContext, Work, answer_of
from ganeti.rpc.calls import Call, RequestInfo, TaskProgress, WatchTask, decode_call, encode_call
from ganeti.rpc.envelope import STARTED, Refusal, Refused, build_error, build_refusal
from ganeti.store.nodestate import INodeState, Request, RequestState
from ganeti.utils.aio import Condition, Event, KeyedLock, with_timeout

log = Logger()

_FORGOTTEN_JOBS_KEPT = 10_000
_ENDED_TASKS_KEPT = 64


class _Running:
    """A request whose handler runs, or has just answered."""

    def __init__(self, request_id: str, task: bool) -> None:
        self.request_id = request_id
        self.task = task
        self.progress = Progress()
        self.answer = build_refusal(Refusal.ENDED, f"request {request_id} was ended")
        self.ended = Event()
        self.work: Deferred[None] | None = None

    def end(self) -> None:
        self.ended.set()
        self.progress.end()

    async def stop(self, answer: bytes | None = None) -> None:
        """End the handler, its programs too, and wait for that; who waits gets C{answer}."""
        self.answer = answer or self.answer
        if self.work is not None:
            self.work.cancel()
        await self.ended.wait()


class Requests:
    """The requests of one node; see the module."""

    def __init__(self, state: INodeState, clock: IReactorTime) -> None:
        self._state = state
        self._clock = clock
        self._objects = KeyedLock()
        self._arriving = KeyedLock()
        self._running: dict[str, _Running] = {}
        self._ended_tasks: OrderedDict[str, _Running] = OrderedDict()
        self._forgotten: OrderedDict[int, None] = OrderedDict()
        self._unnamed = 0  # calls without an id that run
        self._ended = Condition()
        self._stopping = False

    # -- Running

    async def run(self, work: Work, request_id: str, undoes: str | None) -> bytes:
        """
        The answer to a request: of this run, of the one under way, or the stored one.

        A task is answered as soon as it is started.

        @raise Refused: it was ended before, its job is final, or its id stands for another call.
        """
        if undoes is not None:
            await self.end(undoes)
        async with self._arriving.hold(request_id):
            running = self._running.get(request_id)
            if running is None:
                self._refuse(work, request_id)
                known = await self._begin(request_id, work.call)
                self._refuse(work, request_id)  # much may have changed while that was written
                if known is not None and known.state is RequestState.DONE:
                    return STARTED if work.call.task else known.answer or b""
                running = self._start(work, request_id, undoes, repeated=known is not None)
        if running.task:
            return STARTED
        await running.ended.wait()
        return running.answer

    async def run_without_id(self, work: Work, undoes: str | None) -> bytes:
        """The answer to a changing call that may be repeated at will."""
        if not work.call.repeatable:
            raise Refused(Refusal.MALFORMED, "a changing call needs a request id")
        self._refuse_when_stopping()
        if undoes is not None:
            await self.end(undoes)
        work.check()
        self._unnamed += 1
        try:
            return await self.answer(work, CallContext(term=work.term, undoes=undoes))
        finally:
            self._unnamed -= 1
            self._ended.notify_all()

    async def answer(self, work: Work, context: CallContext) -> bytes:
        """Run a call without remembering it."""
        return await answer_of(work, context, self._clock, self._objects)

    async def _begin(self, request_id: str, call: Call[Any]) -> Request | None:
        known = await self._state.begin(request_id, encode_call(call))
        if known is None:
            return None
        if known.state is RequestState.TOMBSTONE:
            raise Refused(Refusal.ENDED, f"request {request_id} was ended")
        if known.call is None or not _same(call, known.call):
            raise Refused(Refusal.MALFORMED, f"request {request_id} stands for another call")
        return known

    def _start(self, work: Work, request_id: str, undoes: str | None, repeated: bool) -> _Running:
        running = _Running(request_id, work.call.task)
        context = CallContext(
            term=work.term,
            request_id=request_id,
            repeated=repeated,
            undoes=undoes,
            on_line=running.progress.add,
            on_start=lambda pid: self._note_process(request_id, pid),
        )
        self._running[request_id] = running
        running.work = Deferred.fromCoroutine(self._work(work, running, context))
        return running

    async def _work(self, work: Work, running: _Running, context: CallContext) -> None:
        try:
            running.answer = await self.answer(work, context)
            await self._keep(running.request_id, running.answer)
        except CancelledError:
            log.info("Request {id} was ended", id=running.request_id)
        except Refused as refused:
            running.answer = build_refusal(refused.code, str(refused))
        finally:
            del self._running[running.request_id]
            if running.task:
                self._keep_progress(running)
            running.end()
            self._ended.notify_all()

    async def _keep(self, request_id: str, answer: bytes) -> None:
        try:
            await self._state.finish(request_id, answer)
        except GanetiError as error:
            # The work is done, and a repeat would be told so by the handler.
            log.error("Answer of {id} could not be kept: {error}", id=request_id, error=str(error))

    async def _note_process(self, request_id: str, pid: int) -> None:
        await self._state.note_process(request_id, pid, mark_of(pid))

    def _keep_progress(self, running: _Running) -> None:
        self._ended_tasks[running.request_id] = running
        while len(self._ended_tasks) > _ENDED_TASKS_KEPT:
            self._ended_tasks.popitem(last=False)

    def _refuse(self, work: Work, request_id: str) -> None:
        work.check()
        self._refuse_when_stopping()
        self._refuse_forgotten(request_id)

    def _refuse_forgotten(self, request_id: str) -> None:
        if _job_of(request_id) in self._forgotten:
            raise Refused(Refusal.ENDED, f"the job of request {request_id} is final")

    def _refuse_when_stopping(self) -> None:
        if self._stopping:
            raise Refused(Refusal.STOPPING, "the node daemon is stopping")

    # -- Ending

    async def end(self, request_id: str) -> None:
        """End a request and wait for that; if it never came, it never will."""
        async with self._arriving.hold(request_id):
            self._refuse_forgotten(request_id)
            await self._state.tombstone(request_id)
            running = self._running.get(request_id)
            if running is not None:
                await running.stop()

    async def cancel(self, request_id: str) -> None:
        """End a running task; its answer becomes an error. One that has ended is left alone."""
        async with self._arriving.hold(request_id):
            running = self._running.get(request_id)
            if running is not None:
                answer = build_error(OpExecError("Cancelled"))
                await self._state.finish(request_id, answer)
                await running.stop(answer)

    async def forget(self, job_ids: Iterable[int]) -> None:
        """Drop what is remembered of final jobs; what of theirs still runs is ended."""
        for job_id in job_ids:
            self._forgotten[job_id] = None
            for running in [r for r in self._running.values() if _job_of(r.request_id) == job_id]:
                await running.stop()
            await self._state.forget_job(job_id)
            for request_id in [r for r in self._ended_tasks if _job_of(r) == job_id]:
                del self._ended_tasks[request_id]
        while len(self._forgotten) > _FORGOTTEN_JOBS_KEPT:
            self._forgotten.popitem(last=False)

    # -- Asking

    async def watch(self, call: WatchTask) -> TaskProgress:
        """What a task has printed, and whether it has ended."""
        running = self._running.get(call.request_id) or self._ended_tasks.get(call.request_id)
        if running is None:
            return await self._stored_progress(call)
        await running.progress.wait(call.since, call.wait_s, self._clock)
        dropped, lines = running.progress.since(call.since)
        return TaskProgress(
            lines=lines,
            next=running.progress.next,
            done=running.ended.is_set(),
            answer=Raw(running.answer) if running.ended.is_set() else UNSET,
            dropped=dropped,
        )

    async def _stored_progress(self, call: WatchTask) -> TaskProgress:
        known = await self._state.lookup(call.request_id)
        if known is None:
            raise Refused(Refusal.UNKNOWN, f"request {call.request_id} is not known here")
        if known.state is RequestState.TOMBSTONE:
            raise Refused(Refusal.ENDED, f"request {call.request_id} was ended")
        if known.answer is None:
            raise Refused(Refusal.INTERRUPTED, f"request {call.request_id} was interrupted")
        return TaskProgress(next=call.since, done=True, answer=Raw(known.answer))

    async def list(self) -> tuple[RequestInfo, ...]:
        """All that is remembered."""
        return tuple(
            RequestInfo(
                request_id=request.id,
                state=request.state.value,
                running=request.id in self._running,
            )
            for request in await self._state.requests()
        )

    # -- Starting and stopping

    async def recover(self) -> None:
        """After a start: nothing of what a crash interrupted runs on; some of it has failed."""
        for request in await self._state.unfinished():
            if request.pid is not None:
                await end_leftovers(request.pid, request.pid_started or 0, self._clock)
            if _cannot_resume(request):
                error = OpExecError("The node daemon was restarted while this ran; it was stopped")
                await self._state.finish(request.id, build_error(error))

    async def stop(self, grace_s: float) -> None:
        """
        Take nothing new; what runs has C{grace_s} seconds, then it is interrupted as by a crash.
        """
        self._stopping = True
        try:
            await with_timeout(self._idle(), grace_s, self._clock, _GraceOver())
        except _GraceOver:
            interrupted = build_refusal(Refusal.INTERRUPTED, "the node daemon was stopped")
            for running in list(self._running.values()):
                await running.stop(interrupted)

    async def _idle(self) -> None:
        while self._running or self._unnamed:
            await self._ended.wait()


class _GraceOver(GanetiError):
    """Something still runs."""


def _job_of(request_id: str) -> int:
    return int(request_id.partition("/")[0])


def _same(call: Call[Any], stored: bytes) -> bool:
    try:
        return call == decode_call(stored)
    except ParseError:
        return False


def _cannot_resume(request: Request) -> bool:
    try:
        call = decode_call(request.call or b"")
        return call.task and not call.resumable
    except ParseError:
        return False  # of a later release; a repeat is refused, an undo ends it
