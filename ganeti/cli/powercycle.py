"""
What a power cycle is for a node of a virtual cluster: its daemons are killed, and started again.

The node daemon runs C{python -m ganeti.cli.powercycle ROOT DELAY}. That leaves a process of its own
session behind, which nobody ends with the daemon, and returns at once. Processes of other nodes,
and the machine, are never touched.
"""

from __future__ import annotations

import os
import subprocess
import sys
import time
from collections.abc import Callable, Sequence
from typing import NamedTuple

from ganeti.cli import daemons, fleet
from ganeti.errors import GanetiError
from ganeti.paths import MASTERD, NODED, Paths

_STAY = "--stay"


class Switch(NamedTuple):
    """What is done to daemons; tests hand in their own."""

    kill: Callable[[Paths, str], object] = daemons.kill
    start: Callable[[Paths, str], object] = daemons.start


def main(argv: Sequence[str], switch: Switch | None = None) -> int:
    """C{ROOT DELAY}: restart the node with this root folder after so many seconds."""
    words = [word for word in argv if word != _STAY]
    paths = node_of(words[0]) if len(words) == 2 else None
    if paths is None:
        sys.stderr.write("Usage: ROOT-OF-A-VIRTUAL-NODE DELAY\n")
        return 2
    if _STAY not in argv:
        _leave_behind(paths, words)
        return 0
    time.sleep(float(words[1]))
    return restart(paths, switch or Switch())


def node_of(root: str) -> Paths | None:
    """The node of a virtual cluster with this root; None when it is none."""
    if not os.path.isabs(root) or not os.path.exists(os.path.join(root, "cmd")):
        return None
    return Paths(root=root, hostname=os.path.basename(root))


def _leave_behind(paths: Paths, words: Sequence[str]) -> None:
    """Go on in a process that nothing ties to the one that called us."""
    command = [sys.executable, "-I", "-m", __spec__.name, *words, _STAY]
    with open(os.path.join(paths.log_dir, "powercycle.log"), "ab") as stream:
        subprocess.Popen(
            command,
            stdin=subprocess.DEVNULL,
            stdout=stream,
            stderr=stream,
            cwd="/",
            start_new_session=True,
        )


def restart(paths: Paths, switch: Switch) -> int:
    """Kill the node's daemons, and start those that it should have."""
    try:
        for daemon in (MASTERD, NODED):
            switch.kill(paths, daemon)
        if fleet.is_set_up(paths):
            switch.start(paths, NODED)
            if fleet.is_master(paths):
                switch.start(paths, MASTERD)
    except (GanetiError, OSError) as err:
        sys.stderr.write(f"{time.ctime()} {paths.hostname}: {err}\n")
        return 1
    return 0


if __name__ == "__main__":
    sys.exit(main(sys.argv[1:]))
