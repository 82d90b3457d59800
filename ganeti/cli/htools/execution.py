"""
Carrying a solution out: its jobs are submitted to the master daemon, set by set (--exec).

A set is what can be done at the same time; the next one is submitted when all jobs of the one
before have succeeded. On an interrupt (SIGINT) nothing more is submitted, and the jobs under way
are waited for; SIGTERM ends the program at once with status 2 (hbal(1), Signal handling).
"""

from __future__ import annotations

import signal
import sys
import time
from collections.abc import Iterator, Sequence
from contextlib import contextmanager
from types import FrameType
from typing import Any

from ganeti.cli.htools.console import Console
from ganeti.errors import GanetiError
from ganeti.htools.cluster import Cluster
from ganeti.htools.moves import Step, jobs, jobsets
from ganeti.luxi.client import Client

PRIORITIES = {"low": 10, "normal": 0, "high": -10}
_FINAL = ("success", "error", "canceled")
_PAUSE_S = 1.0
_DELAYS_S = (0.1, 0.1, 0.2, 0.2, 0.5)


class Interrupts:
    """Whether an interrupt came."""

    def __init__(self) -> None:
        self.wanted = False

    def note(self, _number: int, _frame: FrameType | None) -> None:
        """Remember it."""
        self.wanted = True


def execute(console: Console, cluster: Cluster, steps: Sequence[Step], socket: str) -> int:
    """Submit the jobs of these steps and wait for them; the exit status."""
    sets = jobsets(tuple(steps))
    if console.options.first_job_group:
        sets = sets[:1]
    with Client(socket) as client, _handled_signals() as interrupts:
        for jobset in sets:
            if interrupts.wanted:
                console.note("Exiting early due to user request, no jobs are left running.")
                return 0
            names = ", ".join(cluster.short(step.instance) for step in jobset)
            console.out(f"Executing jobset for instances {names}")
            console.flush()
            if not run_jobs(console, client, [_opcodes(console, step) for step in jobset]):
                return 1
    return 0


def _opcodes(console: Console, step: Step) -> list[dict[str, Any]]:
    options = console.options
    text = options.reason or "balancing"
    reason = [["hbal", text, time.time_ns()]]
    priority = PRIORITIES[options.priority or "normal"]
    return [{**opcode, "reason": reason, "priority": priority} for opcode in jobs(step)]


def run_jobs(console: Console, client: Client, wanted: list[list[dict[str, Any]]]) -> bool:
    """Submit these jobs and wait for all of them; whether each succeeded."""
    answers = client.call("SubmitManyJobs", [wanted])
    submitted = [int(answer) for accepted, answer in answers if accepted]
    for refusal in (answer for accepted, answer in answers if not accepted):
        console.note(f"Error: a job was not taken: {refusal}")
    console.out(f"Got job IDs {', '.join(map(str, submitted))}")
    console.flush()
    good = wait_for(console, client, submitted)
    return good and len(submitted) == len(wanted)


def wait_for(console: Console, client: Client, job_ids: list[int]) -> bool:
    """Wait until all these jobs have ended; tells of those that failed."""
    delays = iter(_DELAYS_S)
    while True:
        rows = client.call("QueryJobs", [job_ids, ["id", "status", "opresult"]])
        statuses = {job_id: _status(row) for job_id, row in zip(job_ids, rows, strict=True)}
        if all(status in _FINAL for status in statuses.values()):
            break
        time.sleep(next(delays, _PAUSE_S))
    failed = [job_id for job_id in job_ids if statuses[job_id] != "success"]
    for job_id in failed:
        console.note(f"Error: job {job_id} ended with status {statuses[job_id]}")
    return not failed


def _status(row: Sequence[Any] | None) -> str:
    if row is None:
        raise GanetiError("A job is gone from the queue: its end is not known")
    return str(row[1])


@contextmanager
def _handled_signals() -> Iterator[Interrupts]:
    interrupts = Interrupts()
    before = signal.signal(signal.SIGINT, interrupts.note)
    term = signal.signal(signal.SIGTERM, _terminate)
    try:
        yield interrupts
    finally:
        signal.signal(signal.SIGINT, before)
        signal.signal(signal.SIGTERM, term)


def _terminate(_number: int, _frame: FrameType | None) -> None:
    sys.exit(2)
