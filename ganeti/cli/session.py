"""What a command works with: its node, its streams, the master daemon, a terminal."""

from __future__ import annotations

import os
import sys
import time
from collections.abc import Callable, Iterable, Mapping, Sequence
from typing import TYPE_CHECKING, Any, NamedTuple, TextIO

from ganeti.cli.master import ask, new_client
from ganeti.cli.progress import progress_for
from ganeti.cli.terminal import Terminal
from ganeti.paths import Paths

if TYPE_CHECKING:
    from ganeti.luxi.client import Client


class Clock(NamedTuple):
    """Time, handed in so that tests need none."""

    now: Callable[[], float] = time.time
    now_ns: Callable[[], int] = time.time_ns
    monotonic: Callable[[], float] = time.monotonic
    sleep: Callable[[float], None] = time.sleep


class World(NamedTuple):
    """What the command finds when it starts; tests hand in their own."""

    environ: Mapping[str, str]
    stdout: TextIO
    stderr: TextIO
    terminal: Terminal
    clock: Clock = Clock()
    stdin: TextIO = sys.stdin


class Session:
    """
    One run of a sub-command.

    @param json: plans of dry runs are wanted as JSON, alone on standard output.
    """

    def __init__(
        self, program: str, command: str, world: World, *, debug: int = 0, json: bool = False
    ) -> None:
        self.program = program
        self.command = command
        self.world = world
        self.clock = world.clock
        self.debug = debug
        self.paths = Paths.from_environ(world.environ)
        self.progress = progress_for(world.stdout, world.stderr, world.environ)
        self.submitted: list[int] = []
        self._client: Client | None = None
        self._plans: list[dict[str, Any]] | None = [] if json else None

    def out(self, *lines: str) -> None:
        """Print lines on standard output, at once; beside plans as JSON, on standard error."""
        if self._plans is not None:
            self.err(*lines)
            return
        with self.progress.paused():
            self.world.stdout.write("".join(f"{line}\n" for line in lines))
            self.world.stdout.flush()

    def err(self, *lines: str) -> None:
        """Print lines on standard error, after what standard output has got so far."""
        with self.progress.paused():
            self.world.stdout.flush()
            self.world.stderr.write("".join(f"{line}\n" for line in lines))
            self.world.stderr.flush()

    def show_plan(self, job_id: int, plan: Any) -> None:
        """Print what a dry run would do, or keep it for the JSON document at the end."""
        from ganeti.cli import plans

        if self._plans is None:
            self.err(*plans.plan_lines(plan))
        else:
            self._plans.append(plans.as_json(job_id, plan))

    def trace(self, text: str) -> None:
        """Print what C{--debug} wants to see."""
        if self.debug:
            now = self.clock.now()
            stamp = time.strftime("%Y-%m-%d %H:%M:%S", time.localtime(now))
            name = f"{self.program} {self.command}"
            self.err(f"{stamp},{int(now * 1000) % 1000:03d}: {name} pid={os.getpid()} DEBUG {text}")

    def confirm(self, question: str) -> bool:
        """Whether the person at the terminal says yes; no when there is nobody."""
        with self.progress.paused():
            return self.world.terminal.ask(question) == "y"

    def call(self, method: str, args: Iterable[Any] = ()) -> Any:
        """Ask the master daemon."""
        began = self.clock.monotonic()
        try:
            with self.progress.waiting():
                return ask(self, method, list(args))
        finally:
            self.trace(f"{method}: {(self.clock.monotonic() - began) * 1000:.1f} ms")

    @property
    def client(self) -> Client:
        """The client of the master daemon, made when first needed."""
        if self._client is None:
            self._client = new_client(self)
        return self._client

    def close(self) -> None:
        """Print the plans that are wanted as JSON, and let the connection go."""
        if self._plans is not None:
            from ganeti.cli import plans

            self.world.stdout.write(plans.format_json(self._plans) + "\n")
            self._plans = None
        if self._client is not None:
            self._client.close()
            self._client = None

    def query(self, what: str, fields: Sequence[str], qfilter: Any = None) -> dict[str, Any]:
        """Ask for a table: {fields, data}, with a status in each cell."""
        answer: dict[str, Any] = self.call("Query", [what, list(fields), qfilter])
        return answer
