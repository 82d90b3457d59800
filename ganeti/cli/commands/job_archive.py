"""gnt-job archive, autoarchive."""

from __future__ import annotations

from typing import TYPE_CHECKING

from ganeti.cli import failures
from ganeti.cli.names import job_ids
from ganeti.errors import ErrorCode, OpPrereqError

if TYPE_CHECKING:
    from optparse import Values

    from ganeti.cli.session import Session

_UNIT_S = {"s": 1, "m": 60, "h": 3600, "d": 86400, "w": 7 * 86400}
_MAX_AGE_S = 1 << 40
_ALL = -1
_TIME_LIMIT_S = 90
"""So long the master daemon may work on one request for the archive."""


def archive(session: Session, _options: Values, words: list[str]) -> int:
    """Move jobs to the archive."""
    status = 0
    for job_id in job_ids(words):
        if not session.call("ArchiveJob", [job_id]):
            session.err(f"Failed to archive job with ID '{job_id}'")
            status = failures.FAILURE
    return status


def autoarchive(session: Session, _options: Values, words: list[str]) -> int:
    """Move all jobs to the archive that ended long ago."""
    (text,) = words
    age_s = _ALL if text == "all" else parse_age(text)
    archived, unchecked = session.call("AutoArchiveJobs", [age_s, _TIME_LIMIT_S])
    session.out(f"Archived {archived} jobs, {unchecked} unchecked left")
    return 0


def parse_age(text: str) -> int:
    """
    Seconds, from a number with or without a unit: s, m, h, d, w.

    @raise OpPrereqError: it is no such text.
    """
    if not text:
        raise OpPrereqError("Empty time specification passed", ErrorCode.WRONG_INPUT)
    number, unit = (text[:-1], text[-1]) if text[-1] in _UNIT_S else (text, "s")
    if not (number.isascii() and number.isdigit()):
        raise OpPrereqError(f"Invalid time specification '{number}'", ErrorCode.WRONG_INPUT)
    return min(int(number) * _UNIT_S[unit], _MAX_AGE_S)
