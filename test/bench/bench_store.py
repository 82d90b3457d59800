"""
What the store costs: commits, loading, grouped transitions.

Run: C{.venv/bin/python test/bench/bench_store.py}; prints figures, asserts nothing.
"""

from __future__ import annotations

import gc
import os
import statistics
import sys
import tempfile
import time
from collections.abc import Awaitable, Callable
from functools import partial
from pathlib import Path
from typing import Any

sys.path[:0] = [str(Path(__file__).parents[2]), str(Path(__file__).parents[1])]

from msgspec.structs import replace
from support.samples import instance_uuid, make_config
from twisted.internet import reactor as installed_reactor
from twisted.internet import task
from twisted.internet.defer import Deferred, ensureDeferred, gatherResults

from ganeti.model import codec
from ganeti.model.delta import ArchiveJob, Delta, put
from ganeti.model.job import Job, JobOp, OpStatus
from ganeti.model.state import State
from ganeti.paths import Paths
from ganeti.store import checks
from ganeti.store.bootstrap import write_state
from ganeti.store.commit import Change, Store
from ganeti.store.database import Database
from ganeti.store.entry import Position
from ganeti.store.journal import SqliteJournal
from ganeti.store.projections import ConfigFiles

INSTANCES = 20_000
ARCHIVED = 10_000
COMMITS = 1_000

reactor: Any = installed_reactor


def fatal(err: Exception) -> None:
    """Benchmarks end when the disk fails."""
    raise err


def make_job(number: int, status: OpStatus = OpStatus.QUEUED) -> Job:
    """A job of one small opcode."""
    given = {"OP_ID": "OP_TEST_DELAY", "duration": 0.0, "on_master": True, "reason": []}
    op = JobOp(input=given, op_id="OP_TEST_DELAY", status=status)
    return Job(id=number, ops=(op,), received=time.time_ns())


def written_bytes() -> int:
    """What this process has handed to the kernel to write, so far."""
    fields = dict(line.split(": ") for line in Path("/proc/self/io").read_text().splitlines())
    return int(fields["wchar"])


def make_database(path: str, instances: int, archived: int) -> int:
    """Make a database of a cluster of that size, and return its own size in MiB."""
    config = make_config(100, instances)
    write_state(path, State(config=config), Position(index=1, term=1, digest="bench"), {})
    database = Database(path)
    rows = [
        (number, codec.encode(make_job(number, OpStatus.SUCCESS)))
        for number in range(1, archived + 1)
    ]
    connection = database.connection
    connection.execute("BEGIN")
    connection.executemany("INSERT INTO archive (id, body) VALUES (?, ?)", rows)
    connection.execute("COMMIT")
    database.close()
    return Path(path).stat().st_size >> 20


async def opened(path: str) -> Store:
    """The store of a database."""
    journal = await SqliteJournal.open(path, reactor)
    return await Store.open(journal, reactor, 1, on_fatal=fatal)


def touch(number: int) -> Change:
    """A change of one instance."""

    def change(state: State) -> Delta:
        instance = state.config.instances[instance_uuid(1 + number)]
        return (put(replace(instance, disks_active=not instance.disks_active)),)

    return change


async def bench_commits(store: Store, instances: int) -> None:
    """One commit after another."""
    times = []
    before = written_bytes()
    for number in range(COMMITS):
        begun = time.perf_counter()
        await store.commit(touch(number * 7 % instances))
        times.append((time.perf_counter() - begun) * 1e3)
    each = (written_bytes() - before) / COMMITS
    times.sort()
    print(
        f"commit of one instance among {instances:>6}: median {statistics.median(times):.2f} ms,"
        f" 99% {times[int(COMMITS * 0.99)]:.2f} ms, {each / 1024:.1f} KiB written each"
    )


async def bench_groups(store: Store) -> None:
    """300 jobs, three transitions each, all at once."""

    async def run(job: Job) -> None:
        for status in (OpStatus.WAITING, OpStatus.RUNNING, OpStatus.SUCCESS):
            op = replace(job.ops[0], status=status)
            job = replace(job, ops=(op,))
            await store.commit(lambda state, job=job: (put(job),))  # type: ignore[misc]

    jobs = [make_job(number) for number in range(20_001, 20_301)]
    await store.commit(lambda state: tuple(put(job) for job in jobs))
    begun = time.perf_counter()
    await gatherResults([Deferred.fromCoroutine(run(job)) for job in jobs])
    took = time.perf_counter() - begun
    print(f"300 jobs x 3 transitions: {took * 1e3:.0f} ms, {900 / took:.0f} transitions/s")
    begun = time.perf_counter()
    await store.commit(lambda state: tuple(ArchiveJob(job_id=job.id) for job in jobs))
    print(f"archive 300 jobs: {(time.perf_counter() - begun) * 1e3:.0f} ms")


async def timed(what: str, work: Callable[[], Awaitable[Any]]) -> Any:
    """Print how long C{work} took."""
    gc.collect()
    begun = time.perf_counter()
    result = await work()
    print(f"{what}: {(time.perf_counter() - begun) * 1e3:.0f} ms")
    return result


async def main(folder: str) -> None:
    """Print the figures."""
    for instances in (200, INSTANCES):
        path = os.path.join(folder, f"store-{instances}.db")
        size = make_database(path, instances, ARCHIVED)
        store = await timed(
            f"load {instances} instances, {ARCHIVED} archived jobs ({size} MiB)",
            partial(opened, path),
        )
        await bench_commits(store, instances)
        await bench_groups(store)
        await timed("list ids of archived jobs", store.journal.archived_ids)
        journal: Any = store.journal
        await timed("read 500 archived jobs", partial(journal.archived_jobs, 0, 500))
        await bench_snapshot(store)
        bench_files(store, folder)
        await store.close()


async def bench_snapshot(store: Store) -> None:
    """Reading a snapshot, with commits going on."""
    begun = time.perf_counter()
    snapshot = await store.journal.open_snapshot()
    size = parts = 0
    slowest = 0.0
    while (part := await snapshot.next_part()) is not None:
        size, parts = size + len(part), parts + 1
        commit_begun = time.perf_counter()
        await store.commit(touch(parts % 100))
        slowest = max(slowest, time.perf_counter() - commit_begun)
    await snapshot.close()
    took = time.perf_counter() - begun
    print(
        f"snapshot: {size >> 20} MiB in {parts} parts, {took * 1e3:.0f} ms;"
        f" slowest commit meanwhile {slowest * 1e3:.1f} ms"
    )


def bench_files(store: Store, folder: str) -> None:
    """config.data and ssconf, in the calling thread."""
    paths = Paths(root=folder)
    os.makedirs(paths.data_dir, exist_ok=True)
    files = ConfigFiles(paths, lambda: store.unknown)
    config = store.committed.config
    for what in ("first", "again"):
        begun = time.perf_counter()
        files.write(config)
        print(f"write config.data and ssconf, {what}: {(time.perf_counter() - begun) * 1e3:.0f} ms")
    begun = time.perf_counter()
    found = checks.cross_check(config)
    print(f"cross-check: {(time.perf_counter() - begun) * 1e3:.0f} ms, {len(found)} findings")


if __name__ == "__main__":
    with tempfile.TemporaryDirectory(prefix="store-bench-") as place:
        task.react(lambda _reactor: ensureDeferred(main(place)))
