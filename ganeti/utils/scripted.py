"""A process runner for tests: nothing is run, answers follow a script (needs Twisted)."""

from __future__ import annotations

import os
from collections.abc import Awaitable, Callable, Mapping, Sequence
from dataclasses import dataclass, field

from zope.interface import implementer

from ganeti.utils.capture import LineBudget, Lines
from ganeti.utils.interfaces import IProcessRunner, OnStart, Output
from ganeti.utils.process import checked


@dataclass(frozen=True)
class Command:
    """What somebody wanted to run."""

    argv: tuple[str, ...]
    env: Mapping[str, str] = field(default_factory=dict)
    cwd: str | None = None
    stdin: bytes = b""
    timeout_s: float = 0


Answer = Callable[[Command], Output | Awaitable[Output]]


def succeed(command: Command) -> Output:
    """The answer of a program that prints nothing and succeeds."""
    return Output()


@implementer(IProcessRunner)
class ScriptedProcessRunner:
    """
    Records what is to be run, and answers with what C{answer} returns or raises.

    An awaitable answer stands for a program that takes its time.

    @cvar PID: of every program; the kernel gives no such number (proc(5), pid_max), so that
        whoever ends leftovers after a restart finds none.
    """

    PID = 1 << 22

    def __init__(self, answer: Answer = succeed) -> None:
        self.answer = answer
        self.commands: list[Command] = []

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
        command = Command(tuple(argv), dict(env or {}), cwd, stdin, timeout_s)
        self.commands.append(command)
        if on_start:
            noted = on_start(self.PID)
            if noted is not None:
                await noted
        answer = self.answer(command)
        result = answer if isinstance(answer, Output) else await answer
        printed = (result.stdout + result.stderr)[:max_output]
        if output is not None:
            os.write(output, printed)
        if on_line:
            lines = Lines(LineBudget(max_output, on_line))
            lines.add(printed)
            lines.end()
        return checked(argv, result, check)
