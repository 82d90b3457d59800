"""A wait that ends early when somebody connects to a socket, as L{OpTestDelay} offers."""

from __future__ import annotations

import os
from typing import Any

from twisted.internet.interfaces import IReactorSocket
from twisted.internet.protocol import Factory, Protocol

from ganeti.operations.unit import JobContext
from ganeti.utils.aio import Event, with_timeout
from ganeti.utils.sockets import UnixListener


class _Over(Exception):
    """The time is over and nobody came."""


class _Visitor(Protocol):
    def __init__(self, came: Event) -> None:
        self._came = came

    def connectionMade(self) -> None:
        assert self.transport is not None
        self.transport.loseConnection()
        self._came.set()


async def wait_or_interruption(job: JobContext, duration_s: float) -> None:
    """
    Wait until the time is over or somebody connects to the socket that the job's log names.

    On a reactor without sockets (a test's clock) only time ends the wait.
    """
    came = Event()
    listener = _listen(job, came)
    try:
        await with_timeout(came.wait(), duration_s, job.clock, _Over())
    except _Over:
        pass
    finally:
        if listener is not None:
            await listener.stop()


def _listen(job: JobContext, came: Event) -> UnixListener | None:
    reactor: Any = job.clock
    if not IReactorSocket.providedBy(reactor):
        return None
    path = os.path.join(job.paths.socket_dir, f"test-delay-{job.id}-{job.op_index}")
    factory: Any = Factory()
    factory.buildProtocol = lambda address: _Visitor(came)
    listener = UnixListener(reactor, path, factory)
    job.log_entry("delay-test", [path])
    return listener
