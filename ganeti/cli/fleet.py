"""
Start and stop the daemons of all nodes of a virtual cluster (C{start-all}).

A node that is not set up is left alone. Nodes work at the same time; masterd
starts last and stops first.
"""

from __future__ import annotations

import os
import signal
import sys
from collections.abc import Callable, Iterable
from concurrent.futures import ThreadPoolExecutor

from ganeti.cli import daemons
from ganeti.errors import GanetiError
from ganeti.paths import MASTERD, NODED, Paths
from ganeti.utils import procfs
from ganeti.utils.text import nice_sort_key

_AT_ONCE = 8


def nodes(directory: str) -> list[Paths]:
    """The nodes whose folders are in a cluster's."""
    names = sorted(os.listdir(directory), key=nice_sort_key)
    return [
        Paths(root=os.path.join(directory, name), hostname=name)
        for name in names
        if os.path.exists(os.path.join(directory, name, "cmd"))
    ]


def is_set_up(paths: Paths) -> bool:
    """Whether the node belongs to a cluster: it has its certificate and its memory."""
    return os.path.exists(paths.server_pem) and os.path.exists(paths.node_db)


def is_master(paths: Paths) -> bool:
    """Whether the node thinks that it is the master."""
    try:
        with open(paths.ssconf("master_node"), encoding="utf-8") as stream:
            return stream.read().strip() == paths.hostname
    except FileNotFoundError:
        return False


def start(directory: str) -> list[str]:
    """Start what is not running; return what went wrong."""
    ready = [paths for paths in nodes(directory) if is_set_up(paths)]
    wrong = _each(ready, lambda paths: daemons.start(paths, NODED))
    return wrong + _each(filter(is_master, ready), lambda paths: daemons.start(paths, MASTERD))


def stop(directory: str) -> list[str]:
    """Stop what is running; return what went wrong."""
    everywhere = nodes(directory)
    wrong = _each(everywhere, lambda paths: daemons.stop(paths, MASTERD))
    return wrong + _each(everywhere, lambda paths: daemons.stop(paths, NODED))


def kill_strays(directory: str) -> None:
    """
    Kill daemons that L{stop} could not see: those that somebody who was killed was starting.

    They run nothing yet.
    """
    roots = {f"GANETI_ROOTDIR={paths.root}" for paths in nodes(directory)}
    for pid in procfs.process_ids():
        names = set(map(os.path.basename, procfs.command_line(pid)))
        if names & {MASTERD, NODED} and roots & set(procfs.environment(pid)):
            try:
                os.kill(pid, signal.SIGKILL)
            except ProcessLookupError:
                continue


def restart(directory: str) -> list[str]:
    """Stop all, then start all."""
    return stop(directory) or start(directory)


def _each(some: Iterable[Paths], do: Callable[[Paths], object]) -> list[str]:
    def attempt(paths: Paths) -> str | None:
        try:
            do(paths)
        except (GanetiError, OSError) as err:
            return f"{paths.hostname}: {err}"
        return None

    with ThreadPoolExecutor(_AT_ONCE) as pool:
        return [text for text in pool.map(attempt, some) if text]


ACTIONS: dict[str, Callable[[str], list[str]]] = {
    "start": start,
    "stop": stop,
    "restart": restart,
}


def main(argv: list[str]) -> int:
    """C{fleet ACTION DIRECTORY}, as the scripts of a virtual cluster call it."""
    if len(argv) != 2 or argv[0] not in ACTIONS:
        sys.stderr.write(f"Usage: {'|'.join(ACTIONS)} DIRECTORY\n")
        return 2
    wrong = ACTIONS[argv[0]](argv[1])
    for text in wrong:
        sys.stderr.write(f"{text}\n")
    return 1 if wrong else 0


if __name__ == "__main__":
    sys.exit(main(sys.argv[1:]))
