"""The seams of the ground floor: what services are handed, and tests replace."""

from __future__ import annotations

from collections.abc import Awaitable, Callable, Mapping, Sequence
from dataclasses import dataclass

from zope.interface import Interface

OnStart = Callable[[int], Awaitable[None] | None]


@dataclass(frozen=True)
class Output:
    """
    How a program ended, and what it printed.

    @ivar stdout: the last part of it, when it printed more than was asked for.
    @ivar status: its exit status; minus the signal's number when a signal ended it.
    """

    stdout: bytes = b""
    stderr: bytes = b""
    status: int = 0


class IProcessRunner(Interface):
    """Runs programs, without blocking the reactor."""

    async def run(
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
        """
        Run a program to its end.

        It runs in a session of its own; when the time is over, or the caller
        is cancelled, or the program has ended and left others behind, all of
        its process group is killed, and is gone when this returns or raises.

        @param argv: the program (a path, or a name looked up in C{env}'s PATH)
            and its arguments.
        @param timeout_s: seconds; the end may take 5 s more.
        @param env: its whole environment; None is a minimal one.
        @param output: a file descriptor that also gets what it prints, both
            streams, at most C{max_output} bytes; the caller closes it.
        @param max_output: bytes kept of each stream; more is read and thrown
            away, the last part is what is returned.
        @param on_line: called with each line of both streams, at most
            C{max_output} bytes in all.
        @param kill_grace_s: seconds between SIGTERM and SIGKILL; 0 is SIGKILL
            at once.
        @param on_start: called with the process id, which is also that of the
            session and the process group, and awaited before the program does
            anything; should we be killed meanwhile, it never will.
        @param check: raise when its status is not 0.
        @raise CommandError: it could not be started, or C{check} and it failed.
        @raise CommandTimeout: it did not end in time.
        """
