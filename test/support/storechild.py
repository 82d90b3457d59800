"""
A process that commits and says what was acknowledged, for tests that kill it or break its disk.

Run: C{python -m support.storechild PATH COMMITS MODE [FAILPOINTS [TRACE]]}. It prints lines:
C{ack N}, C{refused N text}, C{fatal text}, C{error text}, C{closed}. Modes:

 - C{serial}: one commit after another;
 - C{grouped}: all at once;
 - C{full}: as serial, with a limit on file sizes that is lifted after the first refusal;
 - C{node}: writes of node.db instead.
"""

from __future__ import annotations

import os
import resource
import sys
from typing import Any

from twisted.internet import reactor as installed_reactor
from twisted.internet import task
from twisted.internet.defer import Deferred, gatherResults

from ganeti.errors import ConfigurationError, StorageError
from ganeti.model.delta import ArchiveJob, Delta, put
from ganeti.model.job import Job, JobOp, OpStatus
from ganeti.model.state import State
from ganeti.store.commit import Store
from ganeti.store.journal import SqliteJournal
from ganeti.store.nodestate_db import NodeDatabase
from ganeti.utils import failpoints

FILE_LIMIT = 400_000

reactor: Any = installed_reactor


def say(text: str) -> None:
    """Tell the test, at once."""
    os.write(1, f"{text}\n".encode())


def fatal(err: Exception) -> None:
    """As a daemon would."""
    say(f"fatal {err}")
    os._exit(3)


def change_of(number: int) -> Any:
    """Job C{number} arrives; the one three before it leaves for the archive."""

    def change(state: State) -> Delta:
        old = number - 3
        leaving = (ArchiveJob(job_id=old),) if old in state.jobs else ()
        op = JobOp(input={"padding": "x" * 2000}, op_id="OP_X", status=OpStatus.SUCCESS)
        return (put(Job(id=number, ops=(op,))), *leaving)

    return change


async def commit(store: Store, number: int) -> None:
    """One commit, and a line of its job's log."""
    try:
        await store.commit(change_of(number))
    except StorageError as err:
        say(f"refused {number} {err}")
        lift_limit()
        await store.when_writable()
    else:
        say(f"ack {number}")
        store.add_log(number, "message", f"line of {number}")


def limit_files() -> None:
    """No file may grow beyond the limit."""
    _, hard = resource.getrlimit(resource.RLIMIT_FSIZE)
    resource.setrlimit(resource.RLIMIT_FSIZE, (FILE_LIMIT, hard))


def lift_limit() -> None:
    """The admin has made room."""
    _, hard = resource.getrlimit(resource.RLIMIT_FSIZE)
    resource.setrlimit(resource.RLIMIT_FSIZE, (hard, hard))


async def run_store(path: str, commits: int, mode: str) -> None:
    """Commit C{commits} times."""
    journal = await SqliteJournal.open(path, reactor, create=True)
    store = await Store.open(journal, reactor, 1, on_fatal=fatal)
    first = store.committed.queue.last_job_id + 1
    numbers = range(first, first + commits)
    if mode == "full":
        limit_files()
    if mode == "grouped":
        await gatherResults([Deferred.fromCoroutine(commit(store, number)) for number in numbers])
    else:
        for number in numbers:
            await commit(store, number)
    await store.close()


def run_node(path: str, requests: int) -> None:
    """Begin, finish, end and forget requests."""
    database = NodeDatabase(path, create=True)
    for number in range(1, requests + 1):
        for word, write in (
            ("begin", lambda n=number: database.begin(f"{n}/0/1", b"call")),
            ("finish", lambda n=number: database.finish(f"{n}/0/1", b"answer")),
            ("tombstone", lambda n=number: database.tombstone(f"{n}/0/2")),
            ("forget", lambda n=number: database.forget_job(n - 2)),
            ("role", lambda n=number: database.set_role(n, b"role")),
        ):
            write()
            say(f"ack {word} {number}")
    database.close()


async def main(path: str, count: str, mode: str, spec: str = "", trace: str = "") -> None:
    """Do it, and say how it ended."""
    failpoints.configure(spec, trace)
    try:
        if mode == "node":
            run_node(path, int(count))
        else:
            await run_store(path, int(count), mode)
    except (StorageError, ConfigurationError) as err:
        say(f"error {err}")
    else:
        say("closed")


if __name__ == "__main__":
    task.react(lambda _reactor: Deferred.fromCoroutine(main(*sys.argv[1:])))
