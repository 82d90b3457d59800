"""Calling nodes: typed calls out, typed answers or errors back."""

from __future__ import annotations

from collections.abc import Awaitable, Callable, Iterable
from typing import Any, TypeVar

from msgspec import UNSET
from twisted.internet.interfaces import IReactorTime
from twisted.logger import Logger

from ganeti.errors import (
    GanetiError,
    NodeRefused,
    NodeTimeout,
    NodeUnreachable,
    ParseError,
    ProgrammerError,
    RemoteFailure,
    ResultValidationError,
    RpcError,
    decode_error,
)
from ganeti.model import codec
from ganeti.rpc.calls import Call, TaskProgress, WatchTask, encode_call, result_type, tag_of
from ganeti.rpc.envelope import (
    Answer,
    AnswerError,
    AnswerOk,
    AnswerRefused,
    AnswerStarted,
    Refusal,
    build_envelope,
    parse_answer,
)
from ganeti.rpc.transport import AddressBook, INodeTransport, NodeAddress
from ganeti.utils import failpoints
from ganeti.utils.aio import as_deferred, gather_results, sleep

log = Logger()

R = TypeVar("R")

MARGIN_S = 10.0
"""What connecting and the way there and back may take, beside the call itself."""
REPEAT_S = 10.0
"""How long a call is repeated whose answer was lost with the connection."""
AWAY_S = 60.0
"""How long the node of a running task may be out of reach."""

_REPEAT_EVERY_S = 0.2
_WATCH_EVERY_S = 0.5


class NodeRpc:
    """
    Calls nodes in one term.

    A call whose answer is lost is repeated for a while, if a repeat is harmless: it has
    a request id, changes nothing, or may be repeated at will. Errors say C{lost} when it
    is not known what the call did, or may yet do.
    """

    def __init__(
        self, transport: INodeTransport, term: int, book: AddressBook, clock: IReactorTime
    ) -> None:
        self._transport = transport
        self._term = term
        self._book = book
        self._clock = clock

    async def call(
        self,
        node_uuid: str,
        call: Call[R],
        *,
        request_id: str | None = None,
        undoes: str | None = None,
        on_line: Callable[[str], None] | None = None,
    ) -> R:
        """
        Send a call and return its answer; of a task, when it has ended.

        @param request_id: needed by changing calls that may not be repeated at will.
        @param undoes: a request that the node ends before it runs this call.
        @param on_line: called with the lines that a task prints.
        @raise RpcError: it was not done, or failed there, or that is not known (C{lost}).
        """
        if call.changes and not call.repeatable and request_id is None:
            raise ProgrammerError(f"{tag_of(call)} was sent without a request id")
        body = build_envelope(encode_call(call), self._term, request_id, undoes)
        answer = await self._repeat(node_uuid, call, body, request_id)
        if isinstance(answer, AnswerStarted):
            return await self._follow(node_uuid, call, body, request_id or "", on_line)
        return self._result(node_uuid, call, answer)

    async def call_at(self, address: NodeAddress, call: Call[R]) -> R:
        """
        Send a call, which may be repeated at will, to a machine that is no node yet.

        @raise RpcError: it was not done, or failed there, or that is not known (C{lost}).
        """
        if call.task or (call.changes and not call.repeatable):
            raise ProgrammerError(f"{tag_of(call)} was sent to a machine that is no node")
        body = build_envelope(encode_call(call), self._term, None, None)
        limit_s = MARGIN_S + call.limit_s()
        answer = await self._reach(
            address.name, call, lambda: self._transport.send_to(address, body, limit_s)
        )
        return self._result(address.name, call, answer)

    async def run_task(
        self,
        node_uuid: str,
        call: Call[R],
        request_id: str,
        on_line: Callable[[str], None] | None = None,
        *,
        undoes: str | None = None,
    ) -> R:
        """Start a task, or find the one that C{request_id} stands for, and watch it to its end."""
        return await self.call(
            node_uuid, call, request_id=request_id, undoes=undoes, on_line=on_line
        )

    async def call_all(self, nodes: Iterable[str], call: Call[R]) -> dict[str, R | GanetiError]:
        """Ask many nodes at once; each one's answer, or what went wrong with it."""
        return await gather_results({node_uuid: self.call(node_uuid, call) for node_uuid in nodes})

    # -- One message and its answer

    async def _repeat(
        self, node_uuid: str, call: Call[Any], body: bytes, request_id: str | None
    ) -> Answer:
        harmless = request_id is not None or not call.changes or call.repeatable
        lost: RpcError | None = None
        until = 0.0
        while True:
            try:
                return await self._attempt(node_uuid, call, body)
            except NodeUnreachable as error:
                if lost is None:
                    if not (error.lost and harmless):
                        raise
                    lost, until = error, self._clock.seconds() + REPEAT_S
                elif self._clock.seconds() >= until:
                    raise lost from error
            except NodeTimeout as error:
                error.lost = error.lost or lost is not None
                raise
            await sleep(self._clock, _REPEAT_EVERY_S)

    async def _attempt(self, node_uuid: str, call: Call[Any], body: bytes) -> Answer:
        limit_s = MARGIN_S + (call.timeout_s if call.task else call.limit_s())
        return await self._reach(
            self._name(node_uuid), call, lambda: self._transport.send(node_uuid, body, limit_s)
        )

    async def _reach(
        self, name: str, call: Call[Any], send: Callable[[], Awaitable[bytes]]
    ) -> Answer:
        """Do C{send}, between failpoints."""
        tag = tag_of(call)
        try:
            failpoints.reach("call.send.before", tag)
        except failpoints.FailpointError as error:
            raise NodeUnreachable(name, str(error)) from error
        sending = as_deferred(send())
        try:
            failpoints.reach("call.send.waiting", tag)
        except failpoints.FailpointError as error:
            await sleep(self._clock, _REPEAT_EVERY_S)  # let it get under way
            sending.addErrback(lambda _: None)
            sending.cancel()
            raise NodeTimeout(name, str(error)) from error
        data = await sending
        try:
            failpoints.reach("call.send.after", tag)
        except failpoints.FailpointError as error:
            raise NodeUnreachable(name, str(error), lost=True) from error
        return self._accepted(name, call, data)

    def _accepted(self, name: str, call: Call[Any], data: bytes) -> Answer:
        """An answer that says whether and how the call was run."""
        if len(data) > call.answer_limit + 4096:
            raise _unusable(name, f"its answer has {len(data)} bytes")
        try:
            answer = parse_answer(data)
        except (ParseError, RecursionError) as error:
            raise _unusable(name, str(error)) from error
        if isinstance(answer, AnswerRefused):
            raise _refused(name, answer)
        if isinstance(answer, AnswerStarted) and not call.task:
            raise _unusable(name, "it answers a plain call as a task")
        return answer

    def _result(self, node_uuid: str, call: Call[R], answer: Answer) -> R:
        name = self._name(node_uuid)
        if isinstance(answer, AnswerError):
            raise RemoteFailure(name, decode_error(answer.error))
        if isinstance(answer, AnswerRefused):
            raise _refused(name, answer)
        if not isinstance(answer, AnswerOk):
            raise _unusable(name, "it answers that a task has started, and no more")
        try:
            result: R = codec.decode(bytes(answer.result), result_type(type(call)))
        except (ParseError, RecursionError) as error:
            raise _unusable(name, str(error)) from error
        return result

    def _name(self, node_uuid: str) -> str:
        address = self._book(node_uuid)
        return node_uuid if address is None else address.name

    # -- Tasks

    async def _follow(
        self,
        node_uuid: str,
        call: Call[R],
        body: bytes,
        request_id: str,
        on_line: Callable[[str], None] | None,
    ) -> R:
        """The end of a task, through lost connections and restarts of the node's daemon."""
        since = 0
        deadline = self._clock.seconds() + call.limit_s() + AWAY_S
        give_up = 0.0
        while True:
            try:
                if give_up:  # it was out of reach: find the task, or run it again
                    await self._attempt(node_uuid, call, body)
                progress = await self._ask_once(
                    node_uuid, WatchTask(request_id=request_id, since=since)
                )
                _hand_on(progress, on_line)
                if progress.answer is not UNSET:
                    return self._end_of(node_uuid, call, bytes(progress.answer))
                since, give_up = progress.next, 0.0
            except (NodeUnreachable, NodeTimeout) as error:
                give_up = give_up or self._clock.seconds() + AWAY_S
                if self._clock.seconds() >= give_up:
                    text = f"out of reach while {tag_of(call)} ran there: {error}"
                    raise NodeUnreachable(self._name(node_uuid), text, lost=True) from error
                await sleep(self._clock, _WATCH_EVERY_S)
            if self._clock.seconds() >= deadline:
                raise NodeTimeout(self._name(node_uuid), f"{tag_of(call)} does not end")

    async def _ask_once(self, node_uuid: str, call: Call[R]) -> R:
        body = build_envelope(encode_call(call), self._term, None, None)
        return self._result(node_uuid, call, await self._attempt(node_uuid, call, body))

    def _end_of(self, node_uuid: str, call: Call[R], answer: bytes) -> R:
        name = self._name(node_uuid)
        return self._result(name, call, self._accepted(name, call, answer))


def _hand_on(progress: TaskProgress, on_line: Callable[[str], None] | None) -> None:
    if on_line is None:
        return
    if progress.dropped:
        on_line(f"({progress.dropped} lines were not kept)")
    for line in progress.lines:
        on_line(line)


def _refused(name: str, answer: AnswerRefused) -> RpcError:
    if answer.code is Refusal.INTERRUPTED:
        return NodeUnreachable(name, answer.reason, lost=True)
    if answer.code in (Refusal.STOPPING, Refusal.BUSY):
        return NodeUnreachable(name, answer.reason)
    return NodeRefused(name, answer.reason, lost=answer.code is Refusal.ENDED)


def _unusable(name: str, why: str) -> RemoteFailure:
    """What the node did is not known, but it will not be any better the next time."""
    failure = RemoteFailure(name, ResultValidationError(f"unusable answer: {why}"))
    failure.lost = True
    return failure
