"""
The one place that knows libvirt's library, its threads and its event loop.

The library blocks, and may hang as long as a QEMU does. So it is called in
threads of its own, which nobody waits for at the end of the daemon. Functions
that run there are named C{thd_…} and get the connection as first argument.
"""

from __future__ import annotations

import queue
import threading
from collections.abc import Callable
from typing import Any, ClassVar, Concatenate, ParamSpec, TypeVar
from urllib.parse import urlsplit

from twisted.internet.defer import Deferred
from twisted.internet.interfaces import IReactorTime
from twisted.logger import Logger
from twisted.python.failure import Failure

from ganeti.errors import GanetiError, HypervisorError
from ganeti.utils.aio import with_timeout

log = Logger()

P = ParamSpec("P")
T = TypeVar("T")

OnLifecycle = Callable[[str, int, int], None]
"""Called in the reactor with a domain's uuid, virDomainEventType and its detail."""

THREADS = 4
CALL_LIMIT_S = 120.0
_CLOSE_LIMIT_S = 5.0

MISSING = (
    "Python's bindings of libvirt are not installed on this node: install libvirt-dev, gcc and"
    " pkg-config, then the Python package 'ganeti[libvirt]'"
)


def import_libvirt() -> Any:
    """
    The library, loaded when it is first needed.

    @raise HypervisorError: it is not installed.
    """
    try:
        import libvirt
    except ImportError as err:
        raise HypervisorError(f"{MISSING} ({err})") from err
    return libvirt


Heard = Callable[[Any, Any, int, int, object], None]
"""libvirt's callback of lifecycle events: connection, domain, event, detail, nothing of ours."""


class Library:
    """
    What libvirt has once in a process: its event loop, and its embedded drivers.

    A connection to an embedded driver is shared and never closed: libvirt opens some ten of
    them in the life of a process, then it has "too many drivers". And each connection takes one
    callback only.
    """

    _lock = threading.Lock()
    _looping = False
    _embedded: ClassVar[dict[str, Any]] = {}
    _listeners: ClassVar[dict[str, list[Heard]]] = {}

    @classmethod
    def thd_open(cls, libvirt: Any, uri: str, thd_heard: Heard) -> Any:
        """A connection that tells C{thd_heard} of lifecycle events."""
        with cls._lock:
            cls._thd_start_loop(libvirt)
            if not is_embedded(uri):
                return _listening(libvirt, libvirt.open(uri), thd_heard)
            listeners = cls._listeners.setdefault(uri, [])
            if uri not in cls._embedded:

                def thd_tell_all(*event: Any) -> None:
                    for each in tuple(listeners):
                        each(*event)

                cls._embedded[uri] = _listening(libvirt, libvirt.open(uri), thd_tell_all)
            listeners.append(thd_heard)
            return cls._embedded[uri]

    @classmethod
    def thd_close(cls, connection: Any, thd_heard: Heard) -> None:
        """Let go of a connection; its last user closes it, if that may be."""
        uri = connection.getURI()
        if not is_embedded(uri):
            connection.close()
            return
        with cls._lock:
            for shared, listeners in cls._listeners.items():
                if cls._embedded.get(shared) is connection and thd_heard in listeners:
                    listeners.remove(thd_heard)

    @classmethod
    def _thd_start_loop(cls, libvirt: Any) -> None:
        """Before the first connection is opened; it runs until the process ends."""
        if cls._looping:
            return
        libvirt.registerErrorHandler(_be_silent, None)
        libvirt.virEventRegisterDefaultImpl()
        threading.Thread(
            target=cls._thd_loop, args=(libvirt,), name="libvirt events", daemon=True
        ).start()
        cls._looping = True

    @staticmethod
    def _thd_loop(libvirt: Any) -> None:
        while True:
            libvirt.virEventRunDefaultImpl()


def _listening(libvirt: Any, connection: Any, thd_heard: Heard) -> Any:
    lifecycle = libvirt.VIR_DOMAIN_EVENT_ID_LIFECYCLE
    connection.domainEventRegisterAny(None, lifecycle, thd_heard, None)
    return connection


def is_embedded(uri: str) -> bool:
    """Whether an address of libvirt is that of a driver inside this process."""
    return urlsplit(uri).path == "/embed"


def _be_silent(_context: object, _error: object) -> None:
    """Errors are raised; libvirt would print them too."""


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
        self._clock: IReactorTime = reactor
        self._thd_uri = thd_uri
        self._thd_opened = thd_opened
        self._on_lifecycle = on_lifecycle
        self._tasks: queue.SimpleQueue[Callable[[], None] | None] = queue.SimpleQueue()
        self._threads = 0
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
        return await self.run_within(CALL_LIMIT_S, function, *args, **kwargs)

    async def run_within(
        self,
        limit_s: float,
        function: Callable[Concatenate[Any, P], T],
        /,
        *args: P.args,
        **kwargs: P.kwargs,
    ) -> T:
        """The same within another limit: a call hangs as long as its QEMU does."""

        def thd_call() -> T:
            connection = self._thd_connection()
            return function(connection, *args, **kwargs)

        late = NoAnswer(f"libvirt does not answer within {limit_s:g} s")
        return await with_timeout(self._in_thread(thd_call), limit_s, self._clock, late)

    def _in_thread(self, thd_call: Callable[[], T]) -> Deferred[T]:
        if self._closed:
            raise HypervisorError("The node daemon is stopping")
        answer: Deferred[T] = Deferred(lambda _: None)
        if self._threads < THREADS:
            self._threads += 1
            name = f"libvirt {self._threads}"
            threading.Thread(target=self._thd_work, name=name, daemon=True).start()

        def thd_answer() -> None:
            try:
                outcome: T | Failure = thd_call()
            except GanetiError:
                outcome = Failure()
            except Exception as err:
                outcome = _failure_of(err)
            self._reactor.callFromThread(_fire, answer, outcome)

        self._tasks.put(thd_answer)
        return answer

    def _thd_work(self) -> None:
        while (task := self._tasks.get()) is not None:
            task()

    def _thd_connection(self) -> Any:
        with self._opening:
            if self._connection is None or not self._connection.isAlive():
                self._connection = self._thd_open()
            return self._connection

    def _thd_open(self) -> Any:
        libvirt = import_libvirt()
        uri = self._thd_uri()
        try:
            connection = Library.thd_open(libvirt, uri, self._thd_lifecycle)
        except libvirt.libvirtError as err:
            raise HypervisorError(f"Cannot connect to {uri}: {text_of(err)}") from err
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
        try:
            if self._threads:
                late = HypervisorError("libvirt does not let go of the connection")
                closing = self._in_thread(self._thd_close)
                await with_timeout(closing, _CLOSE_LIMIT_S, self._clock, late)
        except HypervisorError as err:
            log.warn("{error}", error=str(err))
        finally:
            self._closed = True
            for _ in range(self._threads):
                self._tasks.put(None)

    def _thd_close(self) -> None:
        with self._opening:
            connection, self._connection = self._connection, None
            if connection is None:
                return
            try:
                Library.thd_close(connection, self._thd_lifecycle)
            except import_libvirt().libvirtError as err:
                log.warn("libvirt's connection was not closed: {text}", text=text_of(err))


def _fire(answer: Deferred[T], outcome: T | Failure) -> None:
    """Unless nobody waits for it any more."""
    if not answer.called:
        answer.callback(outcome)


def _failure_of(err: Exception) -> Failure:
    """libvirt's errors as ours; what else is raised is a defect, and stays what it is."""
    if type(err).__name__ != "libvirtError":
        return Failure(err)
    ours = HypervisorError(text_of(err))
    ours.__cause__ = err
    return Failure(ours)


def text_of(err: Any) -> str:
    """What libvirt says, in one line."""
    return " ".join((err.get_error_message() or str(err)).split())
