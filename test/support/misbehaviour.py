"""
What must hold after anything that should not have been asked or done.

A command that must fail says why in one clear error; nothing is left behind; the
daemons serve on as the processes that they were.
"""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from contextlib import contextmanager
from dataclasses import dataclass
from pathlib import Path

from ganeti.paths import MASTERD, NODED
from support.audit import Acknowledged
from support.observe import problems_at_rest
from support.virtualcluster import Ran, VirtualCluster

NEW = "new.example.com"
"""An instance that is to be made, or rather not."""
UNCLEAR = ("Traceback", "Internal error", "internal error", "Unhandled", "object at 0x", "None\n")


@contextmanager
def unharmed(cluster: VirtualCluster, *, may_owe: bool = False) -> Iterator[None]:
    """Whatever the block does: the same daemons serve after it, and nothing is left behind."""
    before, logged = pids(cluster), _defects(cluster)
    yield
    assert pids(cluster) == before, cluster.last_words()
    assert problems_at_rest(cluster, Acknowledged(), may_owe=may_owe) == []
    assert _defects(cluster) - logged == set(), "a daemon logged a defect of its own"


def pids(cluster: VirtualCluster) -> dict[str, int | None]:
    """Of all daemons."""
    found = {f"{NODED} {node}": cluster.pid(node, NODED) for node in range(1, cluster.nodes + 1)}
    return {**found, MASTERD: cluster.pid(1, MASTERD)}


def _defects(cluster: VirtualCluster) -> set[str]:
    """Lines of the daemons' logs that begin a traceback, each with its place."""
    return {
        f"{log}:{number}"
        for node in range(1, cluster.nodes + 1)
        for log in Path(cluster.paths(node).log_dir).glob("*-daemon.log")
        for number, line in enumerate(log.read_text(errors="replace").splitlines())
        if "Traceback" in line
    }


def refused(cluster: VirtualCluster, argv: tuple[str, ...], *words: str, status: int = 1) -> Ran:
    """
    Run a command that must fail, and look at what it says.

    @param words: names of the object and the node, and the cause; all in its error.
    """
    ran = cluster.run(*argv)
    said = ran.told()
    assert ran.status == status, said
    error = ran.stderr or ran.stdout
    assert error.strip(), said
    for word in words:
        assert word in error, f"{word!r} is not in the error of {said}"
    for word in UNCLEAR:
        assert word not in ran.stdout + ran.stderr, said
    return ran


def refused_all(
    cluster: VirtualCluster,
    cases: Sequence[tuple[tuple[str, ...], tuple[str, ...]]],
    status: int = 1,
) -> None:
    """Run commands that must fail, each with its words; tell of all that go wrong."""
    wrong = []
    for argv, words in cases:
        try:
            refused(cluster, argv, *words, status=status)
        except AssertionError as err:
            wrong.append(str(err))
    assert wrong == [], "\n".join(wrong)


def add_argv(*words: str, node: str = "node2", name: str = NEW) -> tuple[str, ...]:
    """An addition of an instance that would be fine but for C{words}, which come last."""
    base = ("gnt-instance", "add", "-n", node, "-B", "memory=128M", "-t", "diskless")
    return (*base, "-o", "busybox+default", "--no-install", *words, name)


def add_file_argv(*words: str, node: str = "node2", name: str = NEW) -> tuple[str, ...]:
    """The same with a disk that is a file, and an installation."""
    base = ("gnt-instance", "add", "-n", node, "-B", "memory=128M", "-t", "file")
    return (*base, "-o", "busybox+default", *words, name)


def alive(pid_file: Path) -> list[str]:
    """Those of the processes listed in a file that run; what init has not reaped yet does not."""
    stats = [Path(f"/proc/{pid}/stat") for pid in pid_file.read_text().split()]
    states = {
        stat: stat.read_text().rpartition(")")[2].split()[0] for stat in stats if stat.exists()
    }
    return [stat.parent.name for stat, state in states.items() if state not in "ZX"]


@dataclass
class Growth:
    """By how many MiB a process grew at most."""

    mib: float = 0.0


@contextmanager
def memory_growth(pid: int | None) -> Iterator[Growth]:
    """How much more memory than before a process had at some moment of the block."""
    growth = Growth()
    before = _status_mib(pid, "VmRSS")
    Path(f"/proc/{pid}/clear_refs").write_text("5")  # proc(5): the peak begins anew
    yield growth
    growth.mib = _status_mib(pid, "VmHWM") - before


def _status_mib(pid: int | None, field: str) -> float:
    for line in Path(f"/proc/{pid}/status").read_text().splitlines():
        if line.startswith(f"{field}:"):
            return int(line.split()[1]) / 1024
    raise AssertionError(f"process {pid} has no {field}")
