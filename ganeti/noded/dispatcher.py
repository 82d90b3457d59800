"""From the bytes of a call to its handler and back, with every check on the way."""

from __future__ import annotations

from collections import Counter
from collections.abc import Awaitable, Callable
from typing import Any, TypeVar

from twisted.internet.defer import CancelledError
from twisted.logger import Logger

from ganeti.errors import GanetiError, ParseError, ProgrammerError
from ganeti.noded.requests import Requests
from ganeti.noded.roles import Roles
from ganeti.noded.work import CallContext, Work
from ganeti.rpc.calls import Call, decode_call, tag_of
from ganeti.rpc.envelope import (
    Envelope,
    Refusal,
    Refused,
    build_error,
    build_refusal,
    parse_envelope,
)
from ganeti.rpc.roles import PeerIdentity, Role
from ganeti.version import PROTOCOL_VERSION

__all__ = ["CallContext", "Dispatcher", "Handler"]

log = Logger()

C = TypeVar("C", bound=Call[Any])
Handler = Callable[[C, CallContext], Awaitable[Any]]

_OLDEST_PROTOCOL = PROTOCOL_VERSION - 1


class Dispatcher:
    """
    Answers calls. What it is handed comes from the network; it never raises.

    In order: the caller's role, looked up now; the envelope; protocol; term and
    role for this very call; then changing calls go through L{Requests}.
    """

    def __init__(self, roles: Roles, requests: Requests) -> None:
        self._roles = roles
        self._requests = requests
        self._handlers: dict[type[Call[Any]], Handler[Any]] = {}
        self._refused: Counter[tuple[str, Refusal]] = Counter()

    def register(self, call: type[C], handler: Handler[C]) -> None:
        """Let C{handler(call, context)} answer calls of one type, by the call's result type."""
        if call in self._handlers:
            raise ProgrammerError(f"{call.__name__} has two handlers")
        self._handlers[call] = handler

    def registered(self) -> frozenset[type[Call[Any]]]:
        """The calls that are answered."""
        return frozenset(self._handlers)

    def trusts(self, peer: PeerIdentity) -> bool:
        """Whether the peer holds an office now: others are not heard at any length."""
        return self._roles.role_of(peer) not in (Role.NONE, Role.NODE)

    async def __call__(self, peer: PeerIdentity, body: bytes) -> bytes:
        """The answer to C{body}, an encoded envelope, sent by C{peer}."""
        try:
            return await self._dispatch(peer, body)
        except CancelledError:
            raise
        except Refused as refused:
            self._tell(peer, refused)
            return build_refusal(refused.code, str(refused))
        except GanetiError as error:  # node.db cannot be written
            log.error("A call could not be taken: {error}", error=str(error))
            return build_error(error)
        except Exception as error:
            log.failure("A call failed for a defect of ours")
            return build_error(error)

    def _tell(self, peer: PeerIdentity, refused: Refused) -> None:
        """For operators, the first of a kind and every hundredth: no peer can fill the log."""
        self._refused[peer.uuid, refused.code] += 1
        count = self._refused[peer.uuid, refused.code]
        if count % 100 == 1:
            log.info(
                "Refused a call of {peer}: {reason} ({count} so far)",
                peer=peer.uuid,
                reason=str(refused),
                count=count,
            )

    async def _dispatch(self, peer: PeerIdentity, body: bytes) -> bytes:
        if not self.trusts(peer):
            raise Refused(Refusal.ROLE, "this node takes no calls from you")
        envelope, call = _decode(body)
        work = Work(
            call=call,
            handler=self._handler(call),
            term=envelope.term,
            check=lambda: self._roles.check(peer, call, envelope.term),
        )
        work.check()
        log.debug("{call} {request}", call=tag_of(call), request=envelope.request_id)
        if not call.changes:
            return await self._requests.answer(work, CallContext(term=envelope.term))
        if envelope.request_id is None:
            return await self._requests.run_without_id(work, envelope.undoes)
        return await self._requests.run(work, envelope.request_id, envelope.undoes)

    def _handler(self, call: Call[Any]) -> Handler[Any]:
        try:
            return self._handlers[type(call)]
        except KeyError:
            raise Refused(Refusal.UNKNOWN, f"{tag_of(call)} is not served here") from None


def _decode(body: bytes) -> tuple[Envelope, Call[Any]]:
    try:
        envelope = parse_envelope(body)
    except (ParseError, RecursionError) as err:
        raise Refused(Refusal.MALFORMED, str(err)) from err
    if envelope.protocol < _OLDEST_PROTOCOL:
        raise Refused(
            Refusal.PROTOCOL,
            f"protocol {envelope.protocol} is not spoken here; this node speaks {PROTOCOL_VERSION}",
        )
    try:
        return envelope, decode_call(envelope.call)
    except (ParseError, RecursionError) as err:
        raise Refused(Refusal.UNKNOWN, str(err)) from err
