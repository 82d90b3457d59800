"""
Run programs without blocking the reactor (needs Twisted).

Each program gets a session of its own, made by setsid(1) in the program's own
process, so that all of it can be killed. What is killed is waited for: when a
wait here is over, nothing of the program's process group runs any more. A
program whose start is to be written down first waits behind a gate (gate.py).
"""

from __future__ import annotations

import contextlib
import os
import shutil
import signal
import sys
from collections.abc import Awaitable, Callable, Mapping, Sequence
from typing import Any

from twisted.internet.defer import CancelledError
from twisted.internet.error import ProcessTerminated
from twisted.internet.interfaces import IReactorTime
from twisted.internet.protocol import ProcessProtocol
from twisted.logger import Logger
from twisted.python.failure import Failure
from zope.interface import implementer

from ganeti.errors import CommandError, CommandTimeout
from ganeti.utils import gate, procfs
from ganeti.utils.aio import Event, sleep, uncancelled, with_timeout
from ganeti.utils.capture import Copy, LineBudget, Lines, Tail
from ganeti.utils.interfaces import IProcessRunner, OnStart, Output
from ganeti.utils.text import printable

log = Logger()

_SETSID = "/usr/bin/setsid"  # util-linux, on every Linux machine
_GATE = [sys.executable, "-I", "-S", gate.__file__]

MINIMAL_ENV = {
    "PATH": "/usr/local/sbin:/usr/local/bin:/usr/sbin:/usr/bin:/sbin:/bin",
    "LC_ALL": "C",
}

# How long what is killed may take to be gone; and, once a program has ended,
# its pipes to be closed (one that left its session may hold them for ever).
_GONE_LIMIT_S = 4.0
_PIPES_LIMIT_S = 0.5


class _Program(ProcessProtocol):
    """One running program: keeps what it prints, and knows when it ended."""

    transport: Any

    def __init__(self, max_output: int, output: int | None, lines: LineBudget | None) -> None:
        self._streams = {1: Tail(max_output), 2: Tail(max_output)}
        self._lines = {fd: Lines(lines) for fd in (1, 2)} if lines else {}
        self._copy = None if output is None else Copy(output, max_output)
        self.pid = 0
        self.exited = Event()  # it was reaped
        self.ended = Event()  # and its pipes are closed
        self.status = 0
        self.defect: Exception | None = None

    def connectionMade(self) -> None:
        self.pid = self.transport.pid  # forgotten by the transport when it is reaped

    def close_pipes(self) -> None:
        self.transport.loseConnection()

    def send(self, stdin: bytes) -> None:
        self.transport.write(stdin)
        self.transport.closeStdin()

    def childDataReceived(self, childFD: int, data: bytes) -> None:
        self._streams[childFD].add(data)
        try:
            if self._copy:
                self._copy_or_stop(data)
            if childFD in self._lines:
                self._lines[childFD].add(data)
        except Exception as error:  # of on_line: raised by run()
            self.defect = self.defect or error
            self._lines = {}

    def _copy_or_stop(self, data: bytes) -> None:
        assert self._copy
        try:
            self._copy.add(data)
        except OSError as err:
            log.warn("Output of a program could not be written down: {err}", err=err)
            self._copy = None

    def processExited(self, reason: Failure) -> None:
        if isinstance(reason.value, ProcessTerminated):
            self.status = _status(reason.value)
        self.exited.set()

    def processEnded(self, reason: Failure) -> None:
        for lines in self._lines.values():
            lines.end()
        self.ended.set()

    def output(self) -> Output:
        return Output(
            stdout=self._streams[1].value(), stderr=self._streams[2].value(), status=self.status
        )


def _status(terminated: Any) -> int:
    if terminated.signal is not None:
        return -int(terminated.signal)
    return int(terminated.exitCode)


async def run(
    reactor: Any,
    argv: Sequence[str],
    *,
    timeout_s: float,
    env: Mapping[str, str] | None = None,
    cwd: str | None = None,
    stdin: bytes = b"",
    output: int | None = None,
    max_output: int = 1 << 20,
    on_line: Callable[[str], None] | None = None,
    kill_grace_s: float = 0,
    on_start: OnStart | None = None,
    check: bool = True,
) -> Output:
    """Run a program to its end, as L{IProcessRunner.run} says."""
    environment = dict(MINIMAL_ENV if env is None else env)
    executable = find_executable(argv[0], environment, cwd)
    lines = LineBudget(max_output, on_line) if on_line else None
    program = _Program(max_output, output, lines)
    log.debug("Running {argv}", argv=list(argv))
    before = _GATE if on_start else []
    _spawn(reactor, program, [*before, executable, *argv[1:]], environment, cwd)
    late = CommandTimeout(f"{argv[0]} did not end within {timeout_s:g} s and was killed")
    try:
        if on_start:
            await _noted(on_start(program.pid))
        program.send(gate.WORD * bool(before) + stdin)
        await with_timeout(program.exited.wait(), timeout_s, reactor, late)
    except (CancelledError, CommandTimeout):
        await uncancelled(_terminate(reactor, program, kill_grace_s))
        raise
    finally:
        await uncancelled(_clear(reactor, program))
    if program.defect:
        raise program.defect
    return checked(argv, program.output(), check)


async def _noted(noting: Awaitable[None] | None) -> None:
    if noting is not None:
        await noting


def _spawn(
    reactor: Any, program: _Program, argv: list[str], env: dict[str, str], cwd: str | None
) -> None:
    # Not a process group leader yet, so setsid(1) does not fork: its pid is
    # the program's, the group's and the session's.
    try:
        reactor.spawnProcess(program, _SETSID, ["setsid", *argv], env=env, path=cwd)
    except OSError as err:
        raise CommandError(f"{argv[0]} could not be started: {err.strerror}") from err


async def _terminate(clock: IReactorTime, program: _Program, kill_grace_s: float) -> None:
    """Ask the group to end, and give it time."""
    if kill_grace_s > 0 and not program.exited.is_set():
        _signal(program.pid, signal.SIGTERM)
        await _within(clock, kill_grace_s, program.exited.wait())


async def _clear(clock: IReactorTime, program: _Program) -> None:
    """Kill what is left of the group; wait until it is gone and its pipes are closed."""
    if not program.exited.is_set():
        _signal(program.pid, signal.SIGKILL)
    if not await end_group(clock, program.pid, _GONE_LIMIT_S):
        log.error("Process group {pid} does not end", pid=program.pid)
    await _within(clock, _GONE_LIMIT_S, program.exited.wait())
    if not await _within(clock, _PIPES_LIMIT_S, program.ended.wait()):
        program.close_pipes()
        await _within(clock, _PIPES_LIMIT_S, program.ended.wait())


def _signal(pid: int, number: int) -> None:
    """Signal a group, or the process that is about to be one."""
    try:
        os.killpg(pid, number)
    except ProcessLookupError:
        with contextlib.suppress(ProcessLookupError):
            os.kill(pid, number)


async def end_group(clock: IReactorTime, pgid: int, limit_s: float) -> bool:
    """
    Kill a process group, and wait until none of it runs.

    @return: whether it is gone; what hangs in the kernel may outlast C{limit_s}.
    """
    deadline = clock.seconds() + limit_s
    while True:
        try:
            os.killpg(pgid, signal.SIGKILL)
        except ProcessLookupError:
            return True
        if not procfs.group_members(pgid):
            return True
        if clock.seconds() >= deadline:
            return False
        await sleep(clock, 0.01)


async def _within(clock: IReactorTime, seconds: float, awaitable: Awaitable[None]) -> bool:
    """Wait at most so long; say whether it was enough."""
    try:
        await with_timeout(awaitable, seconds, clock, CommandTimeout("not yet"))
    except CommandTimeout:
        return False
    return True


def find_executable(program: str, env: Mapping[str, str], cwd: str | None = None) -> str:
    """
    The path of a program, looked up as its own environment would.

    @raise CommandError: there is none, or it may not be run.
    """
    if cwd is not None and not os.path.isdir(cwd):
        raise CommandError(f"{program}: directory {cwd} does not exist")
    if "/" in program and not os.path.isabs(program):
        found = shutil.which(os.path.join(cwd or os.curdir, program))
        found = found and os.path.abspath(found)
    else:
        found = shutil.which(program, path=env.get("PATH", os.defpath))
    if not found:
        raise CommandError(f"{program}: no such program, or it is not executable")
    return found


def checked(argv: Sequence[str], output: Output, check: bool = True) -> Output:
    """
    C{output}, if the program succeeded or it does not matter.

    @raise CommandError: it failed; the message ends with what it printed last.
    """
    if output.status == 0 or not check:
        return output
    how = f"exited with status {output.status}"
    if output.status < 0:
        how = f"was ended by signal {-output.status}"
    printed = printable((output.stderr or output.stdout)[-400:]).strip()
    raise CommandError(f"{argv[0]} {how}" + (f": {printed}" if printed else ""))


@implementer(IProcessRunner)
class RealProcessRunner:
    """Runs programs on this machine."""

    def __init__(self, reactor: Any) -> None:
        """@param reactor: provides IReactorProcess and IReactorTime."""
        self._reactor = reactor

    async def run(
        self,
        argv: Sequence[str],
        *,
        timeout_s: float,
        env: Mapping[str, str] | None = None,
        cwd: str | None = None,
        stdin: bytes = b"",
        output: int | None = None,
        max_output: int = 1 << 20,
        on_line: Callable[[str], None] | None = None,
        kill_grace_s: float = 0,
        on_start: OnStart | None = None,
        check: bool = True,
    ) -> Output:
        return await run(
            self._reactor,
            argv,
            timeout_s=timeout_s,
            env=env,
            cwd=cwd,
            stdin=stdin,
            output=output,
            max_output=max_output,
            on_line=on_line,
            kill_grace_s=kill_grace_s,
            on_start=on_start,
            check=check,
        )
