"""gnt-job info."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from typing import TYPE_CHECKING, Any

from ganeti.cli import jobs, tree
from ganeti.cli.names import job_ids
from ganeti.cli.table import Timestamp, format_stamp

if TYPE_CHECKING:
    from optparse import Values

    from ganeti.cli.session import Session

_FIELDS = (
    "id",
    "status",
    "ops",
    "opresult",
    "opstatus",
    "oplog",
    "opstart",
    "opexec",
    "opend",
    "received_ts",
    "start_ts",
    "end_ts",
)

_UNKNOWN = "unknown (None)"


def info(session: Session, _options: Values, words: list[str]) -> int:
    """Details of jobs."""
    rows = session.call("QueryJobs", [job_ids(words), list(_FIELDS)])
    for row in rows:
        session.out(*_job_lines(dict(zip(_FIELDS, row, strict=True))))
    return 0


def _job_lines(job: Mapping[str, Any]) -> list[str]:
    if job["status"] is None:
        return [f"- Job ID {job['id']} not found"]
    return tree.format_tree([build(job)])


def build(job: Mapping[str, Any]) -> tree.Section:
    """All that is shown of one job."""
    received, start, end = job["received_ts"], job["start_ts"], job["end_ts"]
    total = _seconds(received, end)
    return [
        ("Job ID", job["id"]),
        ("Status", job["status"]),
        _at("Received", format_stamp(received, _UNKNOWN)),
        _at("Processing start", _with_delta(start, received)),
        _at("Processing end", _with_delta(end, start)),
        ("Total processing time", "N/A" if total is None else f"{total:.6f} seconds"),
        ("Opcodes", [_opcode(job, number) for number in range(len(job["ops"]))]),
    ]


def _at(label: str, text: str) -> tuple[str, str]:
    """A line whose text begins in the same column as that of its neighbours."""
    return label, " " * (len("Processing start") - len(label)) + text


def _with_delta(stamp: Timestamp, before: Timestamp) -> str:
    passed = _seconds(before, stamp)
    text = format_stamp(stamp, _UNKNOWN)
    return text if passed is None else f"{text} (delta {passed:.6f}s)"


def _seconds(start: Timestamp, end: Timestamp) -> float | None:
    if start is None or end is None:
        return None
    return (end[0] - start[0]) + (end[1] - start[1]) / 1e6


def _opcode(job: Mapping[str, Any], number: int) -> tree.Section:
    op = job["ops"][number]
    return [
        ("Opcode", op.get("OP_ID")),
        ("Status", job["opstatus"][number]),
        _at("Processing start", format_stamp(job["opstart"][number])),
        _at("Execution start", format_stamp(job["opexec"][number])),
        _at("Processing end", format_stamp(job["opend"][number])),
        ("Input fields", op),
        ("Result", job["opresult"][number]),
        ("Execution log", [_log_entry(entry) for entry in job["oplog"][number]]),
    ]


def _log_entry(entry: Sequence[Any]) -> tree.Section:
    serial, when, kind, message = entry
    return [
        ("Entry", serial),
        ("Time", format_stamp(when)),
        ("Content", jobs.log_text(kind, message)),
    ]
