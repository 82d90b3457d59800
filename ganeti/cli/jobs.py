"""
Jobs, seen from a command: submitting them, following their log, their results.

Waiting survives a restart of the master daemon: asking again does no harm. Submitting is never
repeated by itself.
"""

from __future__ import annotations

import time
from collections.abc import Callable, Sequence
from typing import TYPE_CHECKING, Any, Protocol

from ganeti.cli.failures import CommandFailed
from ganeti.errors import JobCanceled, JobLost, OpExecError, decode_error

if TYPE_CHECKING:
    from optparse import Values

    from ganeti.cli.session import Session

PRIORITIES = {"low": 10, "normal": 0, "high": -10}
SUCCESS = "success"
FINAL = frozenset({"canceled", "error", SUCCESS})
_STATE_TEXTS = {
    "queued": "is waiting in queue",
    "waiting": "is trying to acquire all necessary locks",
    "running": "is running",
    "canceling": "is being canceled",
}
_PLAN = "plan"
"""Type of the log entry that holds what a dry run would do."""
_QUIET_S = 10
"""So long a job may stand still before the user is told why."""


class Submitted(CommandFailed):
    """The job is in the queue and nobody wants to wait: the command ends well."""

    def __init__(self, job_id: int) -> None:
        super().__init__(f"JobID: {job_id}", status=0)


class JobReporter(Protocol):
    """Who is told while a job is followed."""

    def log(self, entry: Sequence[Any]) -> None:
        """One entry of the job's log: [serial, [seconds, microseconds], type, message]."""

    def standstill(self, job_id: int, status: str) -> None:
        """Nothing has happened for a while."""


class ConsoleReporter:
    """
    Prints log lines as they come, and once why a job does not go on.

    @param say: prints a line of the log; on standard output when it is not given.
    """

    def __init__(
        self, session: Session, job_id: int, say: Callable[[str], None] | None = None
    ) -> None:
        self._session = session
        self._job_id = job_id
        self._say = say or session.out
        self._told: set[str] = set()

    def log(self, entry: Sequence[Any]) -> None:
        """Print one entry with its time."""
        _serial, when, kind, message = entry
        if kind == _PLAN:
            self._session.show_plan(self._job_id, message)
            return
        self._say(f"{time.ctime(when[0])} {log_text(kind, message)}")

    def standstill(self, job_id: int, status: str) -> None:
        """Say what a queued or waiting job waits for."""
        if status in ("queued", "waiting") and status not in self._told:
            self._told.add(status)
            self._session.err(f"Job {job_id} {_STATE_TEXTS[status]}")


class SilentReporter:
    """Prints nothing."""

    def log(self, entry: Sequence[Any]) -> None:
        """Drop the entry."""

    def standstill(self, job_id: int, status: str) -> None:
        """Wait on."""


def log_text(kind: str, message: Any) -> str:
    """A log entry's message as text, which may have several lines."""
    if kind == _PLAN:
        from ganeti.cli import plans

        return "\n".join(plans.plan_lines(message))
    if kind == "message-list" and isinstance(message, list):
        return " ".join(map(str, message))
    return str(message)


def common_fields(session: Session, options: Values) -> dict[str, Any]:
    """What every opcode of this command carries: its reason, its priority, and so on."""
    fields: dict[str, Any] = {
        "reason": _reason_trail(session, options),
        "debug_level": options.debug,
    }
    priority = getattr(options, "priority", None)
    if priority is not None:
        fields["priority"] = PRIORITIES[priority]
    if hasattr(options, "dry_run"):
        fields["dry_run"] = bool(options.dry_run)
    return fields


def _reason_trail(session: Session, options: Values) -> tuple[tuple[str, str, int], ...]:
    now = session.clock.now_ns()
    client = (f"gnt:client:{session.program}", session.command, now)
    if options.reason:
        return (("gnt:user", options.reason, now), client)
    return (client,)


def submit(session: Session, ops: Sequence[Any], options: Values | None = None) -> int:
    """
    Give a job to the queue; its number.

    @raise Submitted: C{--submit} was given.
    """
    job_id = int(session.call("SubmitJob", [list(ops)]))
    session.submitted.append(job_id)
    if getattr(options, "print_jobid", False):
        session.out(str(job_id))
    if getattr(options, "submit_only", False):
        raise Submitted(job_id)
    return job_id


def run(session: Session, op: Any, options: Values | None = None) -> Any:
    """
    Do one operation as a job and wait for it; its result.

    @raise Submitted: C{--submit} was given.
    @raise GanetiError: what the job failed with.
    """
    return poll(session, submit(session, [op], options))[0]


def poll(session: Session, job_id: int, reporter: JobReporter | None = None) -> list[Any]:
    """
    Follow a job to its end; the results of its opcodes.

    @raise GanetiError: what the job failed with.
    @raise JobLost: there is no such job.
    """
    follow(session, job_id, reporter or ConsoleReporter(session, job_id))
    return results_of(session, job_id)


def follow(session: Session, job_id: int, reporter: JobReporter) -> str:
    """
    Tell the reporter what happens in a job until it ends; its last status.

    @raise JobLost: there is no such job.
    """
    with session.progress.waiting(f"Job {job_id}"):
        return _follow(session, job_id, reporter)


def _follow(session: Session, job_id: int, reporter: JobReporter) -> str:
    known: list[Any] | None = None
    serial: int | None = None
    while True:
        answer = session.call("WaitForJobChange", [job_id, ["status"], known, serial, _QUIET_S])
        if answer == "nochange":  # of an old daemon
            answer = [known, []]
        info, entries = answer
        if info is None or info[0] is None:
            raise JobLost(f"Job with id {job_id} lost")
        for entry in entries:
            reporter.log(entry)
            serial = max(serial or 0, int(entry[0]))
        if info[0] in FINAL:
            return str(info[0])
        session.progress.now(f"Job {job_id} {_STATE_TEXTS.get(info[0], '')}".rstrip())
        if info == known and not entries:
            reporter.standstill(job_id, info[0])
        known = info


def complete(session: Session, job_id: int) -> None:
    """
    Wait for a job whose results nobody needs, and print its log as it comes.

    @raise GanetiError: what it failed with; JobLost when it is gone.
    """
    if follow(session, job_id, ConsoleReporter(session, job_id)) != SUCCESS:
        results_of(session, job_id)


def results_of(session: Session, job_id: int) -> list[Any]:
    """
    The results of an ended job's opcodes.

    @raise GanetiError: what it failed with; JobLost when it is gone.
    """
    fields = ["status", "opstatus", "opresult"]
    rows = session.call("QueryJobs", [[job_id], fields])
    if not rows or rows[0] is None or rows[0][0] is None:
        raise JobLost(f"Job with id {job_id} lost")
    status, op_status, op_results = rows[0]
    if status == SUCCESS:
        return list(op_results)
    if status in ("canceled", "canceling"):
        raise JobCanceled("Job was canceled")
    _raise_failure(op_status, op_results)
    raise OpExecError(f"Job {job_id} ended in status '{status}'")


def _raise_failure(op_status: Sequence[str], op_results: Sequence[Any]) -> None:
    done = False
    for number, (status, result) in enumerate(zip(op_status, op_results, strict=True)):
        if status == "success":
            done = True
        elif status == "error":
            error = decode_error(result) if isinstance(result, list) else OpExecError(str(result))
            if done:
                raise OpExecError(f"partial failure (opcode {number}): {error}") from error
            raise error
