"""
Services whose start and stop may await (needs Twisted).

A daemon is one L{RootService} around the L{AsyncService} that does the work.
"""

from __future__ import annotations

import atexit
import os
import socket
import sys
from collections.abc import Callable
from dataclasses import dataclass
from typing import Any

from twisted.application.service import Service
from twisted.internet.defer import CancelledError, Deferred
from twisted.internet.error import ReactorNotRunning
from twisted.logger import Logger
from twisted.python.failure import Failure

from ganeti.errors import GanetiError
from ganeti.utils.aio import with_timeout
from ganeti.utils.pidfile import PidFile

log = Logger()


class AsyncService(Service):
    """
    Subclasses write C{async def start()} and C{async def stop()}.

    Twisted's C{MultiService.startService} drops what a child returns, so the
    start runs here and is kept in C{started}; its failure is logged. C{stop}
    is called even when C{start} failed half way, and must cope with that.
    A service with parts starts and stops them itself, in its own order.
    """

    log = Logger()
    started: Deferred[None] | None = None

    def startService(self) -> None:
        Service.startService(self)
        self.started = Deferred.fromCoroutine(self.start())
        self.started.addErrback(self._failed)

    def _failed(self, failure: Failure) -> None:
        if not isinstance(failure.value, CancelledError):
            self.log.failure("{name} did not start", failure=failure, name=self._label())

    def _label(self) -> str:
        return self.name or type(self).__name__

    def stopService(self) -> Deferred[None]:
        Service.stopService(self)
        return Deferred.fromCoroutine(self._stop())

    async def _stop(self) -> None:
        if self.started is not None:
            self.started.cancel()
            await self.started
        await self.stop()

    async def start(self) -> None:
        """Return when the service serves."""

    async def stop(self) -> None:
        """Return when nothing of the service runs any more; bounded in time."""


@dataclass(frozen=True)
class Readiness:
    """
    Whom a daemon tells that it serves, or why it does not.

    @ivar fd: a pipe of the starter (C{--ready-fd}); -1 is none.
    @ivar notify_socket: the address of sd_notify(3); "" is none.
    """

    fd: int = -1
    notify_socket: str = ""

    def ready(self) -> None:
        """The daemon serves."""
        self._tell("READY=1")

    def failed(self, text: str) -> None:
        """The daemon ends, for this reason."""
        self._tell("ERROR=" + " ".join(text.split()))

    def _tell(self, line: str) -> None:
        if self.fd >= 0:
            report(self.fd, line)
        if self.notify_socket:
            _notify(self.notify_socket, line)


def report(fd: int, line: str) -> None:
    """Write one line to the starter and close the pipe; it may have gone away."""
    try:
        os.write(fd, line.encode()[:4000] + b"\n")
    except BrokenPipeError:
        pass
    finally:
        os.close(fd)


def report_ready(fd: int) -> None:
    """Tell the starter that the daemon serves."""
    report(fd, "READY=1")


def _notify(address: str, line: str) -> None:
    # "@" stands for the abstract name space, sd_notify(3).
    target = "\0" + address[1:] if address.startswith("@") else address
    with socket.socket(socket.AF_UNIX, socket.SOCK_DGRAM | socket.SOCK_CLOEXEC) as sender:
        sender.sendto(line.encode(), target)


def exit_with(status: int) -> None:
    """Make the process end with C{status} whatever twistd returns with."""

    def end() -> None:
        sys.stdout.flush()
        sys.stderr.flush()
        os._exit(status)

    atexit.register(end)


def end_at_once(text: str) -> None:
    """
    End the process as a crash would, with status 1: after an error that leaves the disk's
    content unknown, nothing may be done that relies on it, and a start recovers.
    """
    log.critical("{text}", text=text)
    os._exit(1)


class RootService(AsyncService):
    """
    A whole daemon: its pid file, its readiness, and the service that works.

    A start that fails prints one line, tells the starter, and ends the process
    with status 1. So does L{abort}, for what cannot be survived.
    """

    def __init__(
        self,
        reactor: Any,
        service: AsyncService,
        *,
        pid_file: str,
        readiness: Readiness,
        stop_limit_s: float = 40.0,
        exit_with: Callable[[int], None] = exit_with,
    ) -> None:
        """
        @param reactor: provides IReactorCore and IReactorTime.
        @param service: its C{startService} is never called; C{start} and C{stop} are.
        @param exit_with: called with the status of a process that failed.
        """
        self._reactor = reactor
        self._service = service
        self._pid_file = PidFile(pid_file)
        self._readiness = readiness
        self._stop_limit_s = stop_limit_s
        self._exit_with = exit_with
        self.name = service.name or type(service).__name__

    def startService(self) -> None:
        # twistd calls this before the reactor runs, when it cannot be stopped.
        Service.startService(self)
        self._reactor.callWhenRunning(self._begin)

    def _begin(self) -> None:
        if self.running:
            self.started = Deferred.fromCoroutine(self.start())
            self.started.addErrback(self._failed)

    async def start(self) -> None:
        self._pid_file.acquire()
        await self._service.start()
        self._readiness.ready()
        self.log.info("{name} is ready", name=self._label())

    def _failed(self, failure: Failure) -> None:
        if isinstance(failure.value, CancelledError):
            self._readiness.failed(f"{self._label()} was stopped while it started")
            return
        if not isinstance(failure.value, GanetiError | OSError):
            self.log.failure("{name} did not start", failure=failure, name=self._label())
        text = f"{self._label()} did not start: {describe(failure.value)}"
        self._readiness.failed(text)
        self.abort(text)

    def abort(self, text: str) -> None:
        """End the process with status 1, after the service is stopped."""
        self.log.critical("{text}", text=text)
        if sys.__stderr__ is not None:  # twistd sends sys.stderr to the log
            print(text, file=sys.__stderr__, flush=True)
        self._exit_with(1)
        try:
            self._reactor.stop()
        except ReactorNotRunning:
            pass  # it is stopping already

    async def stop(self) -> None:
        late = GanetiError(f"{self._label()} did not stop within {self._stop_limit_s:g} s")
        try:
            await with_timeout(self._service.stop(), self._stop_limit_s, self._reactor, late)
        except CancelledError:
            raise
        except Exception:
            self.log.failure("{name} did not stop cleanly", name=self._label())
        finally:
            self._pid_file.release()


def describe(error: BaseException | None) -> str:
    """An error as one line for an admin."""
    if isinstance(error, GanetiError):
        return " ".join(str(error).split())
    if isinstance(error, OSError) and error.strerror:
        return f"{error.filename}: {error.strerror}" if error.filename else error.strerror
    return f"{type(error).__name__}: {error}"
