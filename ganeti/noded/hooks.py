"""
Hook scripts: what admins want run before and after operations on a node.

Those of C{instance-add} are in C{/etc/ganeti/hooks/instance-add-pre.d} and
C{-post.d}; they run one after another, sorted by name. See ganeti's hooks manual.
"""

from __future__ import annotations

import os
import re
import stat
from collections.abc import Awaitable, Callable, Mapping
from dataclasses import dataclass

from twisted.internet.interfaces import IReactorTime

from ganeti.errors import CommandError, HooksFailure
from ganeti.model.live import HookResult, HookStatus
from ganeti.noded.environment import PATH, check_environment
from ganeti.utils.interfaces import IProcessRunner, Output
from ganeti.utils.text import printable
from ganeti.utils.threads import Threads

SCRIPT_LIMIT_S = 900.0
OUTPUT_LIMIT = 16 << 10
"""Bytes of each script's output that are reported: the last ones."""
_SCRIPTS_LIMIT = 200

OnStart = Callable[[int], Awaitable[None]]

_NAME = re.compile(r"[a-zA-Z0-9_-]+")
_PATH_NAME = re.compile(r"[a-z][a-z0-9-]*")


@dataclass(frozen=True)
class HookScript:
    """A file in a hooks directory; C{runnable} when it is a script to run."""

    path: str
    name: str
    """With its directory's name, as in reports."""
    runnable: bool


class HookRunner:
    """Runs the hooks of one node."""

    def __init__(
        self,
        directory: str,
        processes: IProcessRunner,
        threads: Threads,
        clock: IReactorTime,
        script_limit_s: float = SCRIPT_LIMIT_S,
    ) -> None:
        self._directory = directory
        self._script_limit_s = script_limit_s
        self._processes = processes
        self._threads = threads
        self._clock = clock

    async def run(
        self,
        path: str,
        phase: str,
        env: Mapping[str, str],
        limit_s: float,
        on_start: OnStart,
    ) -> tuple[HookResult, ...]:
        """
        Run all scripts of one path and phase; one that fails does not stop the others.

        @param path: such as C{instance-add}.
        @param env: the scripts' variables, complete with prefixes; PATH is added.
        @param limit_s: seconds for all together; each has a limit of its own.
        @raise HooksFailure: the scripts cannot be looked for.
        """
        if not _PATH_NAME.fullmatch(path) or phase not in ("pre", "post"):
            raise HooksFailure(f"There are no hooks called '{path}', phase '{phase}'")
        environment = {**env, "PATH": PATH}
        check_environment(environment)
        deadline = self._clock.seconds() + limit_s
        directory = os.path.join(self._directory, f"{path}-{phase}.d")
        scripts = await self._threads.run(thd_find_hooks, directory)
        return tuple([await self._one(s, environment, deadline, on_start) for s in scripts])

    async def _one(
        self,
        script: HookScript,
        env: Mapping[str, str],
        deadline_s: float,
        on_start: OnStart,
    ) -> HookResult:
        if not script.runnable:
            return HookResult(script=script.name, status=HookStatus.SKIP)
        left_s = deadline_s - self._clock.seconds()
        if left_s <= 0:
            text = "not run: the time for all hooks together is over"
            return HookResult(script=script.name, status=HookStatus.ERROR, output=text)
        try:
            output = await self._processes.run(
                [script.path],
                timeout_s=min(left_s, self._script_limit_s),
                env=env,
                cwd="/",
                max_output=OUTPUT_LIMIT,
                on_start=on_start,
                check=False,
            )
        except CommandError as err:  # it could not be started, or took too long
            return HookResult(script=script.name, status=HookStatus.ERROR, output=str(err))
        return _result(script, output)


def _result(script: HookScript, output: Output) -> HookResult:
    printed = printable((output.stdout + output.stderr)[-OUTPUT_LIMIT:]).strip()
    if output.status == 0:
        return HookResult(script=script.name, status=HookStatus.OK, output=printed)
    how = f"exited with status {output.status}"
    if output.status < 0:
        how = f"was ended by signal {-output.status}"
    return HookResult(
        script=script.name, status=HookStatus.ERROR, output=printed or f"{script.name} {how}"
    )


def thd_find_hooks(directory: str) -> tuple[HookScript, ...]:
    """
    The files in a hooks directory, sorted; no directory, no files.

    As run-parts(8): scripts are executable files whose names are letters, digits, C{_} and C{-}.

    @raise HooksFailure: the directory cannot be read, or holds too much.
    """
    try:
        names = sorted(os.listdir(directory))
    except FileNotFoundError:
        return ()
    except OSError as err:
        raise HooksFailure(f"Cannot look for hooks: {err}") from err
    if len(names) > _SCRIPTS_LIMIT:
        raise HooksFailure(f"More than {_SCRIPTS_LIMIT} files in {directory}")
    return tuple(_script(directory, name) for name in names)


def _script(directory: str, name: str) -> HookScript:
    path = os.path.join(directory, name)
    runnable = bool(_NAME.fullmatch(name)) and _is_executable_file(path)
    return HookScript(path, f"{os.path.basename(directory)}/{name}", runnable)


def _is_executable_file(path: str) -> bool:
    try:
        regular = stat.S_ISREG(os.stat(path).st_mode)
    except OSError:  # a dangling link
        return False
    return regular and os.access(path, os.X_OK)
