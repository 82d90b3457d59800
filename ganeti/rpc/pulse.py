"""Notice that the other side of a connection hangs: its machine answers, its daemon does not."""

from __future__ import annotations

from twisted.internet.interfaces import IDelayedCall, IReactorTime

from ganeti.rpc.broker import Reference

EVERY_S = 1.0
MISSES = 4
"""
Looks that found nothing new before the other side counts as hanging. Looks are counted, not
seconds, so that a pause of this process is not held against it.
"""


class Pulse:
    """
    Watches one connection while calls are under way on it.

    A call may take as long as it likes: when nothing has come for a while, the other side is
    asked C{ping}, and whatever it answers, even that it knows no such method, is a sign of life.
    One part of a large body has to get through meanwhile: at least a megabit a second.

    @ivar stopped: there was none. The connection was broken then, and all that waited with it.
    """

    def __init__(self, reference: Reference, clock: IReactorTime) -> None:
        self._reference = reference
        self._clock = clock
        self._calls = 0
        self._timer: IDelayedCall | None = None
        self._received = 0
        self._misses = 0
        self.stopped = False

    def __enter__(self) -> None:
        """A call begins."""
        self._calls += 1
        if self._timer is None:
            self._received = self._reference.broker.received
            self._misses = 0
            self._timer = self._clock.callLater(EVERY_S, self._look)

    def __exit__(self, *_: object) -> None:
        """A call has ended."""
        self._calls -= 1
        if not self._calls and self._timer is not None:
            self._timer.cancel()
            self._timer = None

    def _look(self) -> None:
        self._timer = self._clock.callLater(EVERY_S, self._look)
        received = self._reference.broker.received
        self._misses = self._misses + 1 if received == self._received else 0
        self._received = received
        if self._misses == 1:
            self._reference.callRemote("ping").addBoth(_ignored)
        elif self._misses > MISSES:
            self.stopped = True
            self._reference.broker.transport.abortConnection()


def _ignored(_: object) -> None:
    """It is enough that something came; and what waits for answers is told of a lost connection."""
