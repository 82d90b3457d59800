"""The store's files, killed at every failpoint and system call, and on disks that fail."""

from __future__ import annotations

import os
import random
import shutil
import signal
import subprocess
import sys
import time
from collections import Counter
from collections.abc import Callable, Iterable
from concurrent.futures import ThreadPoolExecutor
from dataclasses import dataclass, field
from pathlib import Path
from typing import TypeVar

import pytest

from ganeti.model import codec
from ganeti.model.delta import Delta, Stamp, apply
from ganeti.model.state import State
from ganeti.store.database import Database
from ganeti.store.entry import Position, first_break
from ganeti.store.loading import load
from ganeti.store.nodestate_db import NodeDatabase, RequestState

T = TypeVar("T")
R = TypeVar("R")
ROOT = Path(__file__).parents[2]
CHILD = [sys.executable, "-m", "support.storechild"]
ENVIRONMENT = {"PATH": os.environ.get("PATH", ""), "PYTHONPATH": f"{ROOT}:{ROOT / 'test'}"}
STRACE = ["strace", "-f", "-qq", "--seccomp-bpf"]
COMMITS = 7
SAMPLES = 8
LIMIT_S = 120.0
SIDE_BY_SIDE = 3
FATAL = 3
NEEDS_STRACE = pytest.mark.skipif(
    shutil.which("strace") is None, reason="strace, which injects the faults, is not installed"
)


@dataclass
class Ran:
    """What a child said before it ended."""

    status: int
    acked: list[int] = field(default_factory=list)
    refused: list[int] = field(default_factory=list)
    words: list[str] = field(default_factory=list)

    @classmethod
    def read(cls, status: int, output: str) -> Ran:
        ran = cls(status)
        for line in output.splitlines():
            word, _, rest = line.partition(" ")
            if word == "ack" and rest.isdecimal():
                ran.acked.append(int(rest))
            elif word == "refused":
                ran.refused.append(int(rest.split()[0]))
            else:
                ran.words.append(line)
        return ran


def run_child(
    path: Path,
    mode: str,
    *,
    spec: str = "",
    trace: str = "",
    strace: str = "",
    count: int = COMMITS,
) -> Ran:
    """Run a child to its end, however that comes."""
    argv = [*CHILD, str(path), str(count), mode, spec, trace]
    if strace:
        argv = [*STRACE, "-o", os.devnull, "-e", strace, *argv]
    done = subprocess.run(
        argv, env=ENVIRONMENT, capture_output=True, text=True, timeout=LIMIT_S, check=False
    )
    assert "Traceback" not in done.stderr or done.returncode == FATAL, done.stderr
    return Ran.read(done.returncode, done.stdout)


def places(tmp_path: Path, call: str) -> list[int]:
    """Some of the numbers of the system calls of that name that a child makes, to the last."""
    output = tmp_path / "calls"
    argv = [*STRACE, "-o", str(output), "-e", f"trace={call}", *CHILD, str(tmp_path / "counted.db")]
    done = subprocess.run(
        [*argv, str(COMMITS), "serial"], env=ENVIRONMENT, check=True, timeout=LIMIT_S
    )
    assert done.returncode == 0
    count = sum(f" {call}(" in line for line in output.read_text().splitlines())
    return sorted({1 + (count - 1) * number // (SAMPLES - 1) for number in range(SAMPLES)})


def check_store(path: Path, acked: list[int], refused: list[int]) -> None:
    """
    What is in the file is what its log says, whole; everything acknowledged is there, nothing
    refused.
    """
    database = Database(str(path), create=True)
    try:
        loaded = load(database)
        entries = database.tail(0, 100_000)
        assert entries is not None
        assert first_break(Position(), entries) is None
        assert (entries[-1].position if entries else Position()) == loaded.position
        state = State()
        for entry in entries:
            stamp = Stamp(index=entry.index, time_s=entry.time_ns / 1e9, term=entry.term)
            state = apply(state, codec.decode(bytes(entry.body), Delta), stamp)  # type: ignore[arg-type]
        assert loaded.state == state
        assert not loaded.unreadable
        held = set(loaded.state.jobs) | set(database.archived_ids())
        assert len(held) == len(loaded.state.jobs) + len(database.archived_ids())
        assert set(acked) <= held
        assert not set(refused) & held
        (answer,) = database.connection.execute("PRAGMA integrity_check").fetchone()
        assert answer == "ok"
    finally:
        database.close()


def at_each(points: Iterable[T], check: Callable[[T], R]) -> list[R]:
    """What C{check} finds at each point; the children, which mostly wait, run side by side."""
    with ThreadPoolExecutor(SIDE_BY_SIDE) as pool:
        return list(pool.map(check, points))


def numbered(points: Counter[str]) -> list[tuple[str, int]]:
    """Each time that each failpoint was reached."""
    return [(name, number) for name, count in points.items() for number in range(1, count + 1)]


def reaches(trace: Path, prefix: str) -> Counter[str]:
    """How often each failpoint was reached."""
    names = [line.partition(" ")[0] for line in trace.read_text().splitlines()]
    return Counter(name for name in names if name.startswith(prefix))


def test_killed_at_every_failpoint(tmp_path: Path) -> None:
    """SIGKILL before and after each transaction: what was acknowledged is there, and it goes on."""
    trace = tmp_path / "trace"
    undisturbed = run_child(tmp_path / "plain.db", "serial", trace=str(trace))
    assert undisturbed.words == ["closed"]
    points = reaches(trace, "journal.")
    assert points["journal.append.before"] == points["journal.append.after"] >= COMMITS

    def check(point: tuple[str, int]) -> None:
        name, number = point
        path = tmp_path / f"{name}-{number}.db"
        ran = run_child(path, "serial", spec=f"{name}:{number}=kill")
        assert ran.status == -signal.SIGKILL
        check_store(path, ran.acked, [])
        again = run_child(path, "serial", count=2)
        assert again.words == ["closed"]
        check_store(path, ran.acked + again.acked, [])

    at_each(numbered(points), check)


def test_killed_at_any_time(tmp_path: Path) -> None:
    """SIGKILL at a random instant, with many commits under way, life after life on one file."""
    chance = random.Random(1)
    path = tmp_path / "store.db"
    acked: list[int] = []
    for _ in range(15):
        argv = [*CHILD, str(path), "600", "grouped"]
        with subprocess.Popen(argv, env=ENVIRONMENT, stdout=subprocess.PIPE, text=True) as child:
            assert child.stdout is not None
            output = "".join(child.stdout.readline() for _ in range(chance.randint(1, 100)))
            time.sleep(chance.random() * 0.01)
            child.kill()
            output += child.stdout.read()
        lines = output.splitlines() if output.endswith("\n") else output.splitlines()[:-1]
        acked += Ran.read(0, "\n".join(lines)).acked
        check_store(path, acked, [])
    assert len(acked) > 500


@NEEDS_STRACE
@pytest.mark.slow
@pytest.mark.parametrize("call", ["pwrite64", "fdatasync", "ftruncate", "unlink"])
def test_killed_at_system_calls(tmp_path: Path, call: str) -> None:
    """SIGKILL at the N-th write, sync and so on, for many N from the first to the last."""

    def check(number: int) -> None:
        path = tmp_path / f"{number}.db"
        ran = run_child(path, "serial", strace=f"inject={call}:signal=KILL:when={number}")
        assert ran.status == -signal.SIGKILL
        check_store(path, ran.acked, [])

    at_each(places(tmp_path, call), check)


@NEEDS_STRACE
@pytest.mark.slow
def test_failing_sync(tmp_path: Path) -> None:
    """When the disk does not confirm, the daemon ends; what it had acknowledged is there."""

    def check(number: int) -> bool:
        path = tmp_path / f"{number}.db"
        ran = run_child(path, "serial", strace=f"inject=fdatasync:error=EIO:when={number}")
        told = [word for word in ran.words if word.startswith(("fatal ", "error "))]
        assert ran.words == ["closed"] or "did not confirm" in told[0]
        check_store(path, ran.acked, [])
        return ran.status == FATAL

    assert sum(at_each(places(tmp_path, "fdatasync"), check)) > 1


@NEEDS_STRACE
@pytest.mark.slow
@pytest.mark.parametrize("error", ["ENOSPC", "EIO"])
def test_failing_write(tmp_path: Path, error: str) -> None:
    """A write that fails is refused cleanly, and the store goes on when writing works again."""

    def check(number: int) -> int:
        path = tmp_path / f"{number}.db"
        ran = run_child(path, "serial", strace=f"inject=pwrite64:error={error}:when={number}")
        assert ran.words == ["closed"] or ran.words[0].startswith("error Cannot write")
        check_store(path, ran.acked, ran.refused)
        return len(ran.refused)

    assert sum(at_each(places(tmp_path, "pwrite64"), check)) > 0


def check_full(path: Path) -> None:
    """Commits are refused while there is no room, accepted afterwards, and the log says so."""
    ran = run_child(path, "full", count=300)
    assert ran.words == ["closed"]
    assert len(ran.refused) == 1
    assert ran.acked[-1] == 300
    check_store(path, ran.acked, ran.refused)


def test_file_size_limit(tmp_path: Path) -> None:
    """The kernel refuses to let a file grow: a clear refusal, then on it goes."""
    check_full(tmp_path / "store.db")


@pytest.mark.skipif(os.geteuid() != 0, reason="only root can mount a small file system")
def test_full_file_system(tmp_path: Path) -> None:
    """A file system that is really full refuses commits; a start on it works and reads."""
    mounted = subprocess.run(
        ["mount", "-t", "tmpfs", "-o", "size=600k", "none", str(tmp_path)], check=False
    )
    if mounted.returncode:
        pytest.skip("this machine does not let root mount")
    try:
        path = tmp_path / "store.db"
        database = Database(str(path), create=True)
        acked = fill(database)
        database.close()
        check_store(path, list(acked), [])
    finally:
        subprocess.run(["umount", "-l", str(tmp_path)], check=True)


def fill(database: Database) -> range:
    """Append until the file system is full; nothing half-written may show."""
    from support.history import History, make_job

    from ganeti.errors import StorageError
    from ganeti.model.delta import put

    history = History()
    for number in range(1, 10_000):
        position = history.position
        entry = history.add(put(make_job(number)))
        try:
            database.append([entry], history.header)
        except StorageError as err:
            assert "full" in str(err)
            assert database.position() == position
            return range(1, number)
    raise AssertionError("the file system was never full")


def test_node_database_killed_at_every_failpoint(tmp_path: Path) -> None:
    """SIGKILL before and after each write of node.db: what was answered is there."""
    trace = tmp_path / "trace"
    assert run_child(tmp_path / "plain.db", "node", trace=str(trace), count=3).words[-1] == "closed"
    points = reaches(trace, "nodestate.")

    def check(point: tuple[str, int]) -> None:
        name, number = point
        path = tmp_path / f"{name}-{number}.db"
        ran = run_child(path, "node", spec=f"{name}:{number}=kill", count=3)
        assert ran.status == -signal.SIGKILL
        check_node(path, [word.removeprefix("ack ") for word in ran.words])

    at_each(numbered(points), check)


def check_node(path: Path, acked: list[str]) -> None:
    """Everything acknowledged is in node.db; at most one write more."""
    database = NodeDatabase(str(path), create=True)
    try:
        for number in (1, 2, 3):
            if f"forget {number + 2}" in acked:
                assert database.lookup(f"{number}/0/1") is None
                continue
            check_request(database, number, acked)
        roles = [int(word.split()[1]) for word in acked if word.startswith("role")]
        role = database.role()
        assert (role.term if role else 0) in (max(roles, default=0), max(roles, default=0) + 1)
        assert database.promised_term() == (role.term if role else 0)
    finally:
        database.close()


def check_request(database: NodeDatabase, number: int, acked: list[str]) -> None:
    """One request of a job that is not forgotten for certain."""
    if f"role {number + 1}" in acked:
        return  # being forgotten
    found = database.lookup(f"{number}/0/1")
    if f"finish {number}" in acked:
        assert found is not None
        assert (found.state, found.answer) == (RequestState.DONE, b"answer")
    elif f"begin {number}" in acked:
        assert found is not None
        assert found.call == b"call"
    if f"tombstone {number}" in acked:
        buried = database.lookup(f"{number}/0/2")
        assert buried is not None
        assert buried.state is RequestState.TOMBSTONE
