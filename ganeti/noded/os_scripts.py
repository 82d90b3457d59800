"""
Running OS scripts, with limits.

A script runs in the definition's directory with nothing but the documented
variables, in a process group of its own, and for a limited time; then the whole
group is killed. What it prints goes to a log of at most L{LOG_LIMIT} bytes: what
is beyond is read and thrown away, since a talkative script may still do its work.
"""

from __future__ import annotations

import contextlib
import os
import time
from collections import deque
from collections.abc import AsyncIterator, Awaitable, Callable, Collection, Mapping
from contextlib import asynccontextmanager
from dataclasses import dataclass
from typing import Any, Protocol

from twisted.internet.interfaces import IReactorTime

from ganeti.errors import CommandError, CommandTimeout, OpExecError
from ganeti.model.live import InstanceSpec, OsInfo
from ganeti.model.secret import Secret
from ganeti.noded.environment import check_environment
from ganeti.noded.os import (
    CREATE,
    RENAME,
    VERIFY,
    VERIFY_FROM_API,
    IOsDefinitions,
    common_api,
    split_name,
)
from ganeti.noded.os_environment import build_os_environment, build_verify_environment
from ganeti.utils.failpoints import reach
from ganeti.utils.interfaces import IProcessRunner, Output
from ganeti.utils.text import printable
from ganeti.utils.threads import Threads

LOG_LIMIT = 1 << 20
VERIFY_LIMIT_S = 60.0
"""What a verify script may take; it looks at texts only."""
PROGRESS_LIMIT = 1000
"""Lines of output that are passed on while a script runs."""
_LAST_LINES = 20
_LINE_LIMIT = 500
_VERIFY_OUTPUT = 1 << 16

OnLine = Callable[[str], None]
OnStart = Callable[[int], Awaitable[None]]


@dataclass(frozen=True)
class OsLog:
    """An open log: a descriptor, and the path to tell the admin."""

    fd: int
    path: str


class OsLogs(Protocol):
    """Where the output of OS scripts goes."""

    def open(self, name: str) -> contextlib.AbstractAsyncContextManager[OsLog]:
        """A new log for one run; C{name} ends with the time, and more is added if it is taken."""


class OsLogFiles:
    """Logs in the node's directory for them."""

    def __init__(self, directory: str, threads: Threads) -> None:
        self._directory = directory
        self._threads = threads

    @asynccontextmanager
    async def open(self, name: str) -> AsyncIterator[OsLog]:
        opened = await self._threads.run(thd_open_log, self._directory, name)
        try:
            yield opened
        finally:
            os.close(opened.fd)


class NoOsLogs:
    """Nowhere: for simulated nodes."""

    @asynccontextmanager
    async def open(self, name: str) -> AsyncIterator[OsLog]:
        fd = os.open(os.devnull, os.O_WRONLY | os.O_CLOEXEC)
        try:
            yield OsLog(fd, f"{name}.log")
        finally:
            os.close(fd)


def thd_open_log(directory: str, name: str) -> OsLog:
    """@raise OpExecError: no log can be written, so nothing should run."""
    flags = os.O_WRONLY | os.O_APPEND | os.O_CREAT | os.O_EXCL | os.O_CLOEXEC
    try:
        os.makedirs(directory, mode=0o750, exist_ok=True)
        for count in range(100):
            path = os.path.join(directory, name + (f"-{count}" if count else "") + ".log")
            with contextlib.suppress(FileExistsError):
                return OsLog(os.open(path, flags, 0o600), path)
    except OSError as err:
        raise OpExecError(f"Cannot open a log for an OS script: {err}") from err
    raise OpExecError(f"Cannot open a log for an OS script: too many like {name} in {directory}")


def log_name(kind: str, os_name: str, instance_name: str, now_s: float) -> str:
    """C{<kind>-<os>-<instance>-<time>}; the time is local, as in the daemons' logs."""
    stamp = time.strftime("%Y-%m-%d_%H_%M_%S", time.localtime(now_s))
    return f"{kind}-{os_name}-{instance_name}"[:200].replace("/", "_") + f"-{stamp}"


@dataclass(frozen=True, kw_only=True)
class ScriptJob:
    """
    One script to run on one instance.

    @ivar disk_paths: the active disks.
    @ivar limit_s: seconds it may take.
    """

    spec: InstanceSpec
    os_name: str
    disk_paths: tuple[str, ...]
    secrets: Mapping[str, Secret]
    debug: int
    limit_s: float
    on_line: OnLine
    on_start: OnStart

    def osparams(self) -> dict[str, str]:
        """All of them, also the private and secret ones."""
        return {**self.spec.osparams, **{n: s.reveal() for n, s in self.secrets.items()}}


class OsScripts:
    """Runs the scripts of one node's OS definitions."""

    def __init__(
        self,
        definitions: IOsDefinitions,
        processes: IProcessRunner,
        logs: OsLogs,
        clock: IReactorTime,
    ) -> None:
        self._definitions = definitions
        self._processes = processes
        self._logs = logs
        self._clock = clock

    async def create(self, job: ScriptJob, reinstall: bool = False) -> None:
        """
        Install the guest's system on its disks, if it takes the parameters.

        @raise OpExecError: no such OS, or a script of it failed, or took too long.
        """
        await self._verify(job)
        extra = {"INSTANCE_REINSTALL": "1"} if reinstall else {}
        await self._run(CREATE, "add", job, extra)

    async def rename(self, job: ScriptJob, old_name: str) -> None:
        """
        Tell the guest's system its new name.

        @raise OpExecError: no such OS, or its script failed, or took too long.
        """
        await self._run(RENAME, "rename", job, {"OLD_INSTANCE_NAME": old_name})

    async def _verify(self, job: ScriptJob) -> None:
        definition = await self._usable(job.os_name)
        if (common_api(definition.api_versions) or 0) < VERIFY_FROM_API:
            return
        env = build_verify_environment(definition, job.os_name, job.osparams(), job.debug)
        check_environment(env)
        how, output = await self._ended(
            [os.path.join(definition.path, VERIFY), "parameters"],
            min(job.limit_s, VERIFY_LIMIT_S),
            env=env,
            cwd=definition.path,
            max_output=_VERIFY_OUTPUT,
            on_start=job.on_start,
        )
        if how:
            raise OpExecError(
                f"OS Parameters validation failed: OS {VERIFY} script of '{job.os_name}' {how}"
                f"{_last_lines(_lines_of(output))}"
            )

    async def _run(self, script: str, kind: str, job: ScriptJob, extra: Mapping[str, str]) -> None:
        definition = await self._usable(job.os_name)
        env = build_os_environment(
            definition, job.os_name, job.spec, job.disk_paths, job.osparams(), job.debug
        )
        env.update(extra)
        check_environment(env)
        name = log_name(kind, job.os_name, job.spec.instance.name, self._clock.seconds())
        async with self._logs.open(name) as logged:
            reach("os.script.before", script)
            await self._run_logged(script, job, env, definition, logged)
            reach("os.script.after", script)

    async def _run_logged(
        self, script: str, job: ScriptJob, env: dict[str, str], definition: OsInfo, logged: OsLog
    ) -> None:
        progress = _Progress(job.on_line, logged.path)
        how, output = await self._ended(
            [os.path.join(definition.path, script)],
            job.limit_s,
            env=env,
            cwd=definition.path,
            output=logged.fd,
            max_output=LOG_LIMIT,
            on_line=progress.line,
            on_start=job.on_start,
        )
        if how:
            progress.add_end(output)
            raise OpExecError(
                f"OS {script} script of '{job.os_name}' for instance {job.spec.instance.name}"
                f" {how}; log file {logged.path}{progress.last_lines()}"
            )

    async def _ended(self, argv: list[str], limit_s: float, **how: Any) -> tuple[str, Output]:
        """Run a script: in what way it failed, empty if it did not, and what it printed."""
        try:
            output = await self._processes.run(argv, timeout_s=limit_s, check=False, **how)
        except CommandTimeout:
            return f"did not end within {limit_s:g} s and was killed", Output()
        except CommandError as err:
            return f"could not be run: {err}", Output()
        return how_ended(output.status) if output.status else "", output

    async def _usable(self, os_name: str) -> OsInfo:
        name = split_name(os_name)[0]
        definition = await self._definitions.find(name)
        if definition is None:
            raise OpExecError(f"Directory for OS {name} not found in search path")
        if not definition.valid:
            raise OpExecError(f"OS '{name}' cannot be used: {definition.reason}")
        if not definition.trusted:
            raise OpExecError(
                f"OS '{name}' cannot be used: its {CREATE}_untrusted script needs"
                " a helper VM, which this release does not have"
            )
        return definition


def how_ended(status: int) -> str:
    """What became of a program that did not succeed, in words."""
    return f"failed (exited with status {status})" if status > 0 else f"died of signal {-status}"


class _Progress:
    """Passes lines on, not too many, and keeps the last ones."""

    def __init__(self, on_line: OnLine, log_path: str) -> None:
        self._on_line = on_line
        self._log_path = log_path
        self._count = 0
        self._last: deque[str] = deque(maxlen=_LAST_LINES)

    def line(self, line: str) -> None:
        line = line[:_LINE_LIMIT]
        self._last.append(line)
        self._count += 1
        if self._count <= PROGRESS_LIMIT:
            self._on_line(line)
        elif self._count == PROGRESS_LIMIT + 1:
            self._on_line(f"(further output is in {self._log_path})")

    def add_end(self, output: Output) -> None:
        """When more was printed than was passed on, the end is what counts."""
        if max(len(output.stdout), len(output.stderr)) >= LOG_LIMIT:
            self._last.extend(_lines_of(output))

    def last_lines(self) -> str:
        return _last_lines(self._last)


def _lines_of(output: Output) -> list[str]:
    """The last of what was printed, of complaints if there are any."""
    end = (output.stderr or output.stdout)[-_LAST_LINES * _LINE_LIMIT :]
    return [line[:_LINE_LIMIT] for line in printable(end).splitlines()][-_LAST_LINES:]


def _last_lines(lines: Collection[str]) -> str:
    return ", last lines:\n" + "\n".join(lines) if lines else "; it printed nothing"
