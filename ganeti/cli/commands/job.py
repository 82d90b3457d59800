"""gnt-job list, list-fields, watch, wait, cancel, change-priority."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

from ganeti.cli import failures, jobs, listing
from ganeti.cli.names import build_filter, job_ids, looks_like_filter
from ganeti.cli.selection import confirm_all
from ganeti.cli.table import format_stamp
from ganeti.errors import ErrorCode, GanetiError, OpPrereqError

if TYPE_CHECKING:
    from optparse import Values

    from ganeti.cli.session import Session

_DEFAULT_FIELDS = ("id", "status", "summary")


def _times(stamps: Any) -> str:
    """When something happened to each opcode."""
    return str([format_stamp(stamp, "?") for stamp in stamps])


_SPECIAL = {"opstart": _times, "opexec": _times, "opend": _times}


def list_jobs(session: Session, options: Values, words: list[str]) -> int:
    """A table of jobs."""
    default = (*_DEFAULT_FIELDS, "archived") if options.archived else _DEFAULT_FIELDS
    fields = listing.chosen_fields(options.output, default)
    if options.archived and "archived" not in fields:
        fields.append("archived")
    qfilter = _filter(options, words)
    return listing.print_query(session, options, "job", fields, qfilter, _SPECIAL)


def _filter(options: Values, words: list[str]) -> Any:
    """What the job numbers, the filter and the status options select together."""
    if options.force_filter or looks_like_filter(words):
        chosen = build_filter(words, force_filter=True)
    else:
        ids = job_ids(words)
        chosen = ["|", *(["=", "id", job_id] for job_id in ids)] if ids else None
    if options.status_filter is None:
        return chosen
    status = ["|", *(["=", "status", state] for state in options.status_filter)]
    return status if chosen is None else ["&", status, chosen]


def list_fields(session: Session, options: Values, names: list[str]) -> int:
    """The fields that a table of jobs may have."""
    return listing.print_fields(session, options, "job", names)


def watch(session: Session, _options: Values, words: list[str]) -> int:
    """Follow a job."""
    (job_id,) = job_ids(words)
    title = f"Output from job {job_id} follows"
    session.out(title, "-" * len(title))
    return _poll(session, job_id, jobs.ConsoleReporter(session, job_id))


def wait(session: Session, _options: Values, words: list[str]) -> int:
    """Wait for a job, in silence."""
    (job_id,) = job_ids(words)
    return _poll(session, job_id, jobs.SilentReporter())


def _poll(session: Session, job_id: int, reporter: jobs.JobReporter) -> int:
    try:
        jobs.poll(session, job_id, reporter)
    except GanetiError as err:
        session.err(f"Job {job_id} failed: {failures.describe(err)[1]}")
        return failures.FAILURE
    return 0


def cancel(session: Session, options: Values, words: list[str]) -> int:
    """Take jobs back."""
    _check_selection(options, words)
    if options.kill and not options.yes_do_it:
        text = "The --kill option must be confirmed with --yes-do-it"
        raise OpPrereqError(text, ErrorCode.WRONG_INPUT)
    return max(
        _tell(session, "CancelJob", job_id, options.kill)
        for job_id in _selected(session, options, words)
    )


def change_priority(session: Session, options: Values, words: list[str]) -> int:
    """Let jobs run sooner or later."""
    if options.priority is None:
        raise failures.CommandFailed("--priority option must be given.")
    _check_selection(options, words)
    priority = jobs.PRIORITIES[options.priority]
    return max(
        _tell(session, "ChangeJobPriority", job_id, priority)
        for job_id in _selected(session, options, words)
    )


def _check_selection(options: Values, words: list[str]) -> None:
    if bool(words) == (options.status_filter is not None):
        text = "Either a status filter or job ID(s) must be specified and never both"
        raise OpPrereqError(text, ErrorCode.WRONG_INPUT)


def _selected(session: Session, options: Values, words: list[str]) -> list[int]:
    """The jobs that are named, or those in a state; at least one."""
    return job_ids(words) if words else _jobs_in_state(session, options)


def _jobs_in_state(session: Session, options: Values) -> list[int]:
    """The jobs that the status options mean, once the user agrees."""
    wanted = ["|", *(["=", "status", state] for state in options.status_filter)]
    answer = session.query("job", ["id", "summary"], wanted)
    found = [(row[0][1], row[1][1]) for row in answer["data"]]
    if not found:
        text = "No jobs with the requested status have been found"
        raise OpPrereqError(text, ErrorCode.WRONG_STATE)
    names = [f"{job_id} ({', '.join(summary)})" for job_id, summary in found]
    if not options.force and not confirm_all(session, session.command, "jobs", names):
        raise failures.CommandFailed()
    return [int(job_id) for job_id, _summary in found]


def _tell(session: Session, method: str, job_id: int, how: bool | int) -> int:
    """Ask for a change of one job, and print what is answered."""
    done, text = session.call(method, [job_id, how])
    session.out(text)
    return 0 if done else failures.FAILURE
