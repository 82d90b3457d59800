"""
kvm-console: the serial console of a guest of this node.

What the guest prints is read from its log, which has everything, in order and
from before; what is typed goes to the guest's socket. The socket takes one
console at a time: who comes later only watches.
"""

from __future__ import annotations

import fcntl
import os
import select
import socket
import sys
import termios
import time
import tty
from collections.abc import Iterator, Mapping, Sequence
from contextlib import contextmanager
from typing import TextIO

from ganeti.errors import GanetiError
from ganeti.paths import Paths
from ganeti.utils.sockets import connect_unix

_USAGE = """\
Usage: kvm-console [--help] INSTANCE UUID

Shows the serial console of a guest that runs on this node. 'gnt-instance
console' on the master starts it:

  gnt-instance console instance1.example.com
"""
ESCAPE = b"\x1d"
"""Control-], which ends it."""

_CONNECT_LIMIT_S = 5.0
_HISTORY = 2048
_POLL_S = 0.05
_LINGER_S = 1.0
_CHUNK = 1 << 16


class ConsoleError(GanetiError):
    """The console cannot be shown."""


class SerialLog:
    """What a guest has printed; grows, and may be shortened or begun anew meanwhile."""

    def __init__(self, path: str) -> None:
        self._path = path
        self._fd = -1
        self._place = 0

    def open(self) -> None:
        """Begin with the last lines."""
        self._fd = os.open(self._path, os.O_RDONLY | os.O_CLOEXEC)
        size = os.fstat(self._fd).st_size
        self._place = max(0, size - _HISTORY)
        if self._place:
            first = os.pread(self._fd, _HISTORY, self._place)
            self._place += first.find(b"\n") + 1

    def read(self) -> bytes:
        """What is new."""
        size = os.fstat(self._fd).st_size
        if size < self._place:
            self._place = 0
        data = os.pread(self._fd, _CHUNK, self._place)
        self._place += len(data)
        if not data and self._replaced():
            os.close(self._fd)
            self._fd, self._place = os.open(self._path, os.O_RDONLY | os.O_CLOEXEC), 0
        return data

    def _replaced(self) -> bool:
        try:
            return os.stat(self._path).st_ino != os.fstat(self._fd).st_ino
        except FileNotFoundError:
            return False

    def close(self) -> None:
        if self._fd >= 0:
            os.close(self._fd)


class Console:
    """One console: a keyboard, a screen, the guest."""

    def __init__(self, guest: socket.socket | None, log: SerialLog, keyboard: int, screen: int):
        """@param guest: None: only watch."""
        self._guest = guest
        self._log = log
        self._keyboard: int | None = keyboard
        self._screen = screen

    def run(self) -> None:
        """Until Control-] is typed, the keyboard is closed, or the guest ends."""
        until: float | None = None
        while until is None or time.monotonic() < until:
            ready = self._ready()
            self._show()
            if self._keyboard in ready and not self._type():
                return
            if self._guest in ready and not self._drain():
                until = 0.0
            if self._keyboard is None and until is None:
                until = time.monotonic() + _LINGER_S
        self._show()

    def _ready(self) -> list[int | socket.socket]:
        sources = [each for each in (self._keyboard, self._guest) if each is not None]
        return select.select(sources, [], [], _POLL_S)[0]

    def _show(self) -> None:
        while data := self._log.read():
            _write(self._screen, data)

    def _type(self) -> bool:
        """Pass on what was typed; False when that ends the console."""
        assert self._keyboard is not None
        typed = os.read(self._keyboard, 4096)
        if not typed:
            self._keyboard = None
            return True
        before, escape, _ = typed.partition(ESCAPE)
        if self._guest is not None and before:
            try:
                self._guest.sendall(before)
            except OSError as err:
                raise ConsoleError(f"The guest does not take what is typed: {err}") from err
        return not escape

    def _drain(self) -> bool:
        """Throw away what the log has too; False when the guest is gone."""
        assert self._guest is not None
        try:
            return bool(self._guest.recv(_CHUNK))
        except ConnectionError:
            return False
        except TimeoutError:
            return True


def _write(fd: int, data: bytes) -> None:
    while data:
        data = data[os.write(fd, data) :]


@contextmanager
def raw_terminal(fd: int) -> Iterator[None]:
    """Every key goes to the guest, while this lasts; no matter to what is no terminal."""
    if not os.isatty(fd):
        yield
        return
    before = termios.tcgetattr(fd)
    try:
        tty.setraw(fd)
        yield
    finally:
        termios.tcsetattr(fd, termios.TCSADRAIN, before)


def show(paths: Paths, name: str, uuid: str, keyboard: int, screen: int, err: TextIO) -> None:
    """
    Be the console of a guest.

    @raise ConsoleError: the guest does not run here, or has no serial port.
    """
    path = paths.serial_socket(uuid)
    log = SerialLog(paths.serial_log(name))
    try:
        guest = connect_unix(path, _CONNECT_LIMIT_S)
    except OSError as error:
        raise ConsoleError(
            f"Instance {name} does not run on this node: {error.strerror}"
        ) from error
    try:
        log.open()
        lock = os.open(f"{path}.lock", os.O_RDWR | os.O_CREAT | os.O_CLOEXEC, 0o600)
        alone = _lock(lock)
        mode = "" if alone else " somebody else types there, you only see it;"
        err.write(f"Console of {name};{mode} Control-] ends it\r\n")
        err.flush()
        if not alone:
            guest.close()
        with raw_terminal(keyboard):
            Console(guest if alone else None, log, keyboard, screen).run()
        err.write("\r\n")
    except OSError as error:
        raise ConsoleError(f"The console of {name} was lost: {error}") from error
    finally:
        guest.close()
        log.close()


def _lock(fd: int) -> bool:
    """Be the one that types; the kernel ends that with the process."""
    try:
        fcntl.flock(fd, fcntl.LOCK_EX | fcntl.LOCK_NB)
    except BlockingIOError:
        return False
    return True


def main(
    argv: Sequence[str],
    environ: Mapping[str, str],
    *,
    keyboard: int = 0,
    screen: int = 1,
    stdout: TextIO | None = None,
    stderr: TextIO | None = None,
) -> int:
    """Show the console; the exit status."""
    out, err = stdout or sys.stdout, stderr or sys.stderr
    if "--help" in argv or len(argv) != 2:
        (out if "--help" in argv else err).write(_USAGE)
        return 0 if "--help" in argv else 2
    try:
        show(Paths.from_environ(environ), argv[0], argv[1], keyboard, screen, err)
    except GanetiError as error:
        err.write(f"{error}\n")
        return 1
    except KeyboardInterrupt:
        err.write("\n")
    return 0


def run() -> None:
    """The entry point of the installed program."""
    sys.exit(main(sys.argv[1:], os.environ))
