"""What filter rules and rate limits in reasons say about a queued job. Pure."""

from __future__ import annotations

import re
from collections.abc import Iterable
from dataclasses import dataclass

from ganeti.masterd.scheduler import Limit
from ganeti.model.filter import FilterRule
from ganeti.model.job import Job

_RATE_LIMIT = re.compile(r"rate-limit:([1-9][0-9]*):(.*)", re.DOTALL)


@dataclass(frozen=True)
class Verdict:
    """May the job start, and what counts it while it runs?"""

    rejected: bool = False
    paused: bool = False
    limits: tuple[Limit, ...] = ()


def judge(job: Job, rules: Iterable[FilterRule]) -> Verdict:
    """What C{rules} and the job's own reasons decide about it."""
    return Verdict(limits=tuple(_reason_limits(job)))


def _reason_limits(job: Job) -> Iterable[Limit]:
    """A reason C{rate-limit:n:label} lets n jobs with the same label and n run."""
    texts = {str(entry[1]) for op in job.ops for entry in op.input.get("reason") or ()}
    for text in sorted(texts):
        match = _RATE_LIMIT.match(text)
        if match:
            yield Limit(f"reason:{text}", int(match[1]))
