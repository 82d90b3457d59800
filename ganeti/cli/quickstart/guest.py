"""The real virtual machine of quickstart's cluster: whether there is one, and what it says."""

from __future__ import annotations

import os
import time
from collections.abc import Sequence

from ganeti.cli import programs
from ganeti.cli.guest import console_log
from ganeti.cli.guest.real import RealGuest
from ganeti.cli.quickstart.commands import Commands
from ganeti.cli.quickstart.words import QuickstartError, say
from ganeti.paths import Paths

GREETING_LIMIT_S = 120
_OLD_GREETING_LIMIT_S = 5
"""For the rest of what a guest says that has greeted before."""


def _cache(folder: str) -> str:
    """Where is kept what outlives clusters, if it can be."""
    return os.path.join(programs.checkout() or folder, ".cache")


def forget_preparation(folder: str) -> None:
    """Remove what a killed one may have left."""
    RealGuest(_cache(folder)).forget()


class Preparation:
    """
    Makes the machine ready for a real guest beside all else.

    @ivar enabled: whether there may be one.
    """

    def __init__(self, folder: str, name: str, nodes: list[Paths], *, fake: bool) -> None:
        """@param fake: there is to be none."""
        self._name = name
        self._nodes = nodes
        self._real: RealGuest | None = None
        if not fake:
            self._real = RealGuest(_cache(folder))
            self._real.begin(nodes)
            if self._real.problem:
                self._give_up(self._real.problem)
                _say_who_could_help()

    @property
    def enabled(self) -> bool:
        return self._real is not None

    def finish(self, hypervisors: Sequence[str]) -> bool:
        """
        Give the nodes what the guest needs; False, having said why, when there can be none.

        @param hypervisors: those that the cluster has.
        """
        if self._real is None:
            return False
        if self._real.busy:
            say("Waiting for the kernel of the real virtual machine to be ready")
        self._real.finish(self._nodes)
        problem = self._real.problem
        if not problem and "kvm" not in hypervisors:
            problem = "this cluster was made without kvm"
        if problem:
            self._give_up(problem)
        return self._real is not None

    def _give_up(self, problem: str) -> None:
        self._real = None
        say(f"{self._name} will be a fake one: {problem}")


def _say_who_could_help() -> None:
    if os.geteuid() != 0 and programs.checkout():
        say("  Run by root, quickstart installs what it needs; with --fake it does without")


class Status:
    """What the cluster says of one instance."""

    def __init__(self, commands: Commands, name: str) -> None:
        fields = "hypervisor,status"
        (line,) = commands.lines("gnt-instance", "list", "--no-headers", "-o", fields, name)
        self.hypervisor, self.status = line.split()


def start_guest(commands: Commands, name: str, log: str) -> int | None:
    """
    Start the real guest if it should run and does not.

    @param log: of its serial console.
    @return: where in that its greeting is, or will be; None when there is none to be shown.
    """
    found = Status(commands, name)
    if found.hypervisor != "kvm":
        return None
    if found.status == "running":
        return console_log.last_start(log)
    if found.status != "ERROR_down":
        say(f"\n{name} is stopped ({found.status}); start it with gnt-instance startup {name}")
        return None
    say(f"Starting {name}")
    since = console_log.size(log)
    commands.run("gnt-instance", "startup", name)
    return since


def show_greeting(name: str, log: str, since: int, began: float) -> None:
    """
    Print what the guest says, as it comes up.

    @param began: when quickstart did, L{time.monotonic}.
    @raise QuickstartError: it says nothing, for long.
    """
    say(f"\n{name} on its serial console:")
    before = console_log.has_greeted(log, since)
    limit_s = _OLD_GREETING_LIMIT_S if before else GREETING_LIMIT_S
    for line in console_log.greeting(log, since, limit_s):
        say(f"  {line}")
        if line.startswith(console_log.GREETING) and not before:
            say(f"  (that was {time.monotonic() - began:.1f} s after quickstart began)")
        if console_log.LAST_SHOWN in line:
            return
    if not before:  # else somebody has stopped its counter
        raise QuickstartError(f"{name} does not come up in {GREETING_LIMIT_S} s; see {log}")
