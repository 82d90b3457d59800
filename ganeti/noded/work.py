"""One call being run by its handler."""

from __future__ import annotations

from collections.abc import Awaitable, Callable
from contextlib import AsyncExitStack
from dataclasses import dataclass
from typing import Any

from twisted.internet.defer import CancelledError
from twisted.internet.interfaces import IReactorTime
from twisted.logger import Logger

from ganeti.errors import GanetiError, ProgrammerError, ResultValidationError
from ganeti.rpc.calls import Call, tag_of
from ganeti.rpc.envelope import Refusal, Refused, build_error, build_ok
from ganeti.utils import failpoints
from ganeti.utils.aio import KeyedLock, with_timeout

log = Logger()


def _unheard(line: str) -> None:
    """Where lines go that nobody watches."""


async def _unnoted(pid: int) -> None:
    """What is done about processes of calls that are not remembered."""


@dataclass(frozen=True, kw_only=True)
class CallContext:
    """
    What a handler is told beside the call.

    @ivar term: of the master that sent it.
    @ivar repeated: an earlier run of the same request was interrupted by a crash, and may
        have done any part of it.
    @ivar undoes: the request that this call takes back, which was ended just now, and may have
        been refused, or have done any part of its work.
    @ivar on_line: takes what a task prints, line by line, for the job's log.
    @ivar on_start: hand it to C{IProcessRunner.run}, so that the program is known, durably,
        before it does anything, and does not outlive a crash.
    """

    term: int = 1
    request_id: str | None = None
    repeated: bool = False
    undoes: str | None = None
    on_line: Callable[[str], None] = _unheard
    on_start: Callable[[int], Awaitable[None]] = _unnoted


@dataclass(frozen=True, kw_only=True)
class Work:
    """
    A call and who answers it.

    @ivar check: raises L{Refused} when the caller may not have it run any more; asked
        again after each wait.
    """

    call: Call[Any]
    handler: Callable[[Any, CallContext], Awaitable[Any]]
    check: Callable[[], None]
    term: int


class TooLate(GanetiError):
    """The call took longer than it may, and was stopped."""


async def answer_of(
    work: Work, context: CallContext, clock: IReactorTime, locks: KeyedLock
) -> bytes:
    """
    Run a call within its time limit, after those before it on the same object.

    @return: the encoded answer, also for a call that failed.
    @raise Refused: the caller lost the right to it while it waited; or it was stopped for its
        time limit, so that only another run can tell what there is.
    """
    tag = tag_of(work.call)
    limit_s = work.call.limit_s()
    late = TooLate(f"{tag} did not end within {limit_s:g} s and was stopped")
    try:
        result = await with_timeout(_run(work, context, locks), limit_s, clock, late)
        return _checked(work.call, build_ok(result))
    except (CancelledError, Refused):
        raise
    except TooLate as error:
        log.warn("{error}", error=str(error))
        if _may_run_again(work.call):
            raise Refused(Refusal.INTERRUPTED, str(error)) from error
        return build_error(error)
    except GanetiError as error:
        log.info("{call} failed: {error}", call=tag, error=str(error))
        return build_error(error)
    except Exception as error:
        log.failure("{call} failed for a defect of ours", call=tag)
        return build_error(ProgrammerError(f"{tag}: {type(error).__name__}: {error}"))


def _may_run_again(call: Call[Any]) -> bool:
    return call.changes and (call.resumable or not call.task)


async def _run(work: Work, context: CallContext, locks: KeyedLock) -> Any:
    key = work.call.object_key() if work.call.changes else ""
    async with AsyncExitStack() as held:
        if key:
            await held.enter_async_context(locks.hold(key))
            work.check()
        failpoints.reach("call.handle.before", tag_of(work.call))
        result = await work.handler(work.call, context)
        failpoints.reach("call.handle.after", tag_of(work.call))
        return result


def _checked(call: Call[Any], answer: bytes) -> bytes:
    if len(answer) > call.answer_limit:
        raise ResultValidationError(
            f"The answer to {tag_of(call)} has {len(answer)} bytes, more than {call.answer_limit}"
        )
    return answer
