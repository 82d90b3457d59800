"""
libvirt's library: loading it, its event loop, its connections.

It blocks, so functions named C{thd_…} run in threads of L{ganeti.hypervisor.libvirt.driver}.
"""

from __future__ import annotations

import ctypes
import os
import threading
import time
from collections.abc import Callable
from importlib.util import find_spec
from typing import Any, ClassVar
from urllib.parse import urlsplit

from twisted.logger import Logger

from ganeti.errors import HypervisorError

log = Logger()

MISSING = (
    "Python's bindings of libvirt are not installed on this node: install libvirt-dev, gcc and"
    " pkg-config, then the Python package 'ganeti[libvirt]'"
)
_EXTENSION = "libvirtmod"
_LOOP_REST_S = 1.0

Heard = Callable[[Any, Any, int, int, object], None]
"""libvirt's callback of lifecycle events: connection, domain, event, detail, nothing of ours."""


def thd_import_libvirt() -> Any:
    """
    The library, loaded when it is first needed.

    Its shared objects are loaded before: that takes 50 ms, in which an import would keep
    Python's lock, and a call by ctypes does not.

    @raise HypervisorError: it is not installed.
    """
    spec = find_spec(_EXTENSION)
    load = getattr(ctypes.CDLL(None), "dlopen", None)
    if load is not None and spec is not None and spec.origin is not None:
        load.argtypes, load.restype = (ctypes.c_char_p, ctypes.c_int), ctypes.c_void_p
        load(os.fsencode(spec.origin), os.RTLD_NOW)  # should it fail, the import says why
    return import_libvirt()


def import_libvirt() -> Any:
    """
    The library, which is loaded by now where a connection is open.

    @raise HypervisorError: it is not installed.
    """
    try:
        import libvirt
    except ImportError as err:
        raise HypervisorError(f"{MISSING} ({err})") from err
    return libvirt


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
                tell_all = _telling(listeners)
                cls._embedded[uri] = _listening(libvirt, libvirt.open(uri), tell_all)
            listeners.append(thd_heard)
            return cls._embedded[uri]

    @classmethod
    def thd_close(cls, connection: Any, thd_heard: Heard) -> None:
        """Let go of a connection; an embedded driver stays open, and tells nothing any more."""
        with cls._lock:
            for uri, shared in cls._embedded.items():
                if shared is connection:
                    cls._listeners[uri].remove(thd_heard)
                    return
        connection.close()

    @classmethod
    def _thd_start_loop(cls, libvirt: Any) -> None:
        """Before the first connection is opened; it runs until the process ends."""
        if cls._looping:
            return
        libvirt.registerErrorHandler(_be_silent, None)
        libvirt.virEventRegisterDefaultImpl()
        threading.Thread(
            target=_thd_loop, args=(libvirt,), name="libvirt events", daemon=True
        ).start()
        cls._looping = True


def _thd_loop(libvirt: Any) -> None:
    while True:
        try:
            libvirt.virEventRunDefaultImpl()
        except libvirt.libvirtError as err:
            log.error("libvirt's event loop: {text}", text=text_of(err))
            time.sleep(_LOOP_REST_S)


def _telling(listeners: list[Heard]) -> Heard:
    def thd_tell_all(*event: Any) -> None:
        for each in tuple(listeners):
            each(*event)

    return thd_tell_all


def _listening(libvirt: Any, connection: Any, thd_heard: Heard) -> Any:
    lifecycle = libvirt.VIR_DOMAIN_EVENT_ID_LIFECYCLE
    connection.domainEventRegisterAny(None, lifecycle, thd_heard, None)
    return connection


def is_embedded(uri: str) -> bool:
    """Whether an address of libvirt is that of a driver inside this process."""
    return urlsplit(uri).path == "/embed"


def _be_silent(_context: object, _error: object) -> None:
    """Errors are raised; libvirt would print them too."""


def text_of(err: Any) -> str:
    """What libvirt says, in one line."""
    return " ".join((err.get_error_message() or str(err)).split())


def hint(libvirt: Any, uri: str, err: Any) -> str:
    """What an admin may do about a connection that cannot be opened."""
    if err.get_error_code() == libvirt.VIR_ERR_NO_CONNECT:
        return "; is libvirt's QEMU driver installed (libvirt-daemon-driver-qemu)?"
    if not is_embedded(uri):
        return "; is libvirtd installed (libvirt-daemon-system), and does it run?"
    return ""
