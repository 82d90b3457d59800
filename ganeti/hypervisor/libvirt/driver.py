"""
A node's connection to libvirt.

The library blocks, and may hang as long as a QEMU does. So it is called in
threads of its own. Functions that run there are named C{thd_…} and get the
connection as first argument.
"""

from __future__ import annotations

import threading
from collections.abc import Callable
from typing import Any, Concatenate, ParamSpec, TypeVar

from twisted.logger import Logger

from ganeti.errors import HypervisorError
from ganeti.hypervisor.libvirt.library import (
    Library,
    hint,
    import_libvirt,
    text_of,
    thd_import_libvirt,
)
from ganeti.hypervisor.libvirt.workers import Workers

log = Logger()

P = ParamSpec("P")
T = TypeVar("T")

OnLifecycle = Callable[[str, int, int], None]
"""Called in the reactor with a domain's uuid, virDomainEventType and its detail."""

THREADS = 4
CALL_LIMIT_S = 120.0
_CLOSE_LIMIT_S = 5.0


class NoAnswer(HypervisorError):
    """libvirt took too long; the call goes on in its thread."""


class LibvirtDriver:
    """
    A connection to libvirt, opened when it is first needed, and again when it broke.

    @ivar used: whether it was ever opened.
    """

    def __init__(
        self,
        reactor: Any,
        thd_uri: Callable[[], str],
        thd_opened: Callable[[Any], None],
        on_lifecycle: OnLifecycle,
    ) -> None:
        """
        @param reactor: provides IReactorTime and IReactorFromThreads.
        @param thd_uri: prepares what the connection needs, and says where to.
        @param thd_opened: called with each new connection, before any other call.
        """
        self.used = False
        self._reactor = reactor
        self._thd_uri = thd_uri
        self._thd_opened = thd_opened
        self._on_lifecycle = on_lifecycle
        self._workers = Workers(reactor, "libvirt", THREADS)
        self._opening = threading.Lock()
        self._connection: Any = None
        self._closed = False

    async def run(
        self,
        function: Callable[Concatenate[Any, P], T],
        /,
        *args: P.args,
        **kwargs: P.kwargs,
    ) -> T:
        """
        What C{function(connection, ...)} returns.

        @raise HypervisorError: libvirt refused or failed.
        @raise NoAnswer: it took longer than any call may.
        """
        thd_call = self._call(function, *args, **kwargs)
        return await self._workers.run(thd_call, CALL_LIMIT_S, _no_answer(CALL_LIMIT_S))

    async def run_within(
        self,
        limit_s: float,
        function: Callable[Concatenate[Any, P], T],
        /,
        *args: P.args,
        **kwargs: P.kwargs,
    ) -> T:
        """The same for a call that hangs as long as its QEMU does: it keeps no other waiting."""
        thd_call = self._call(function, *args, **kwargs)
        return await self._workers.run_apart(thd_call, limit_s, _no_answer(limit_s))

    def _call(
        self,
        function: Callable[Concatenate[Any, P], T],
        /,
        *args: P.args,
        **kwargs: P.kwargs,
    ) -> Callable[[], T]:
        if self._closed:
            raise HypervisorError("The node daemon is stopping")

        def thd_call() -> T:
            connection = self._thd_connection()
            try:
                return function(connection, *args, **kwargs)
            except import_libvirt().libvirtError as err:
                raise HypervisorError(text_of(err)) from err

        return thd_call

    def _thd_connection(self) -> Any:
        with self._opening:
            if self._connection is not None and not _is_alive(self._connection):
                log.warn("The connection to libvirt broke")
                self._thd_let_go()
            if self._connection is None:
                self._connection = self._thd_open()
            return self._connection

    def _thd_open(self) -> Any:
        libvirt = thd_import_libvirt()
        uri = self._thd_uri()
        try:
            connection = Library.thd_open(libvirt, uri, self._thd_lifecycle)
        except libvirt.libvirtError as err:
            text = f"Cannot connect to {uri}: {text_of(err)}{hint(libvirt, uri, err)}"
            raise HypervisorError(text) from err
        self._thd_opened(connection)
        self.used = True
        log.info("Connected to {uri}", uri=uri)
        return connection

    def _thd_lifecycle(
        self, _connection: Any, domain: Any, event: int, detail: int, _opaque: object
    ) -> None:
        self._reactor.callFromThread(self._on_lifecycle, domain.UUIDString(), event, detail)

    async def close(self) -> None:
        """Let go of the connection; guests run on. What hangs is left behind."""
        if self._closed:
            return
        self._closed = True
        if self._workers.idle:
            return
        late = HypervisorError("libvirt does not let go of the connection")
        try:
            await self._workers.run_apart(self._thd_close, _CLOSE_LIMIT_S, late)
        except HypervisorError as err:
            log.warn("{error}", error=str(err))
        finally:
            self._workers.stop()

    def _thd_close(self) -> None:
        with self._opening:
            if self._connection is not None:
                self._thd_let_go()

    def _thd_let_go(self) -> None:
        connection, self._connection = self._connection, None
        try:
            Library.thd_close(connection, self._thd_lifecycle)
        except import_libvirt().libvirtError as err:
            log.warn("libvirt's connection was not closed: {text}", text=text_of(err))


def _no_answer(limit_s: float) -> NoAnswer:
    return NoAnswer(f"libvirt does not answer within {limit_s:g} s")


def _is_alive(connection: Any) -> bool:
    try:
        return bool(connection.isAlive())
    except import_libvirt().libvirtError as err:
        log.warn("libvirt: {text}", text=text_of(err))
        return False
