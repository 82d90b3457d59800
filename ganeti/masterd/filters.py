"""
What filter rules and rate limits in reasons say about a queued job. Pure.

The first rule (by priority, watermark, uuid) whose predicates all hold and that
does not say CONTINUE decides; without one the job may run (Ganeti admin guide,
Filter rules).
"""

from __future__ import annotations

import operator
import re
from collections.abc import Callable, Iterable, Iterator, Mapping
from dataclasses import dataclass
from typing import Any

from ganeti.errors import ParseError
from ganeti.masterd.scheduler import Limit
from ganeti.model.filter import FilterAction, FilterRule
from ganeti.model.job import Job, JobOp
from ganeti.utils.patterns import Pattern, compile_pattern

MAX_DEPTH = 50
WATERMARK = "watermark"
_COMMON_FIELDS = frozenset(("priority", "depends", "comment", "reason"))
_REASON_FIELDS = ("source", "reason", "timestamp")
_RATE_LIMIT = re.compile(r"rate-limit:([1-9][0-9]*):(.*)", re.DOTALL)
_COMPARE: dict[str, Callable[[Any, Any], bool]] = {
    "=": operator.eq,
    "==": operator.eq,
    "!=": operator.ne,
    "<": operator.lt,
    "<=": operator.le,
    ">": operator.gt,
    ">=": operator.ge,
}
_SEARCH = ("=~", "=[]")

Row = Mapping[str, Any]


@dataclass(frozen=True)
class Verdict:
    """May the job start, and what counts it while it runs?"""

    rejected: bool = False
    paused: bool = False
    limits: tuple[Limit, ...] = ()


def judge(job: Job, rules: Iterable[FilterRule]) -> Verdict:
    """What C{rules} and the job's own reasons decide about it."""
    limits = tuple(_reason_limits(job))
    for rule in sorted(rules, key=lambda r: (r.priority, r.watermark, r.uuid)):
        if rule.action is FilterAction.CONTINUE or not _applies(rule, job):
            continue
        if isinstance(rule.action, tuple):
            return Verdict(limits=(*limits, Limit(f"rule:{rule.uuid}", rule.action[1])))
        return Verdict(
            rejected=rule.action is FilterAction.REJECT,
            paused=rule.action is FilterAction.PAUSE,
            limits=limits,
        )
    return Verdict(limits=limits)


def _reason_limits(job: Job) -> Iterator[Limit]:
    """A reason C{rate-limit:n:label} lets n jobs with the same label and n run."""
    texts = {str(entry[1]) for op in job.ops for entry in op.input.get("reason") or ()}
    for text in sorted(texts):
        match = _RATE_LIMIT.match(text)
        if match:
            yield Limit(f"reason:{text}", int(match[1]))


def check_rule(rule: FilterRule) -> None:
    """@raise ParseError: a predicate is none."""
    for name, qfilter in rule.predicates:
        if name not in _ROWS:
            raise ParseError(f"Unknown predicate '{name}'")
        _check_filter(qfilter, 0)


def _check_filter(qfilter: Any, depth: int) -> None:
    if depth > MAX_DEPTH:
        raise ParseError(f"A filter is nested deeper than {MAX_DEPTH} levels")
    match qfilter:
        case ["&" | "|", *parts]:
            for part in parts:
                _check_filter(part, depth + 1)
        case ["!", part]:
            _check_filter(part, depth + 1)
        case ["?", str()]:
            return
        case ["=~", str(), str(pattern)]:
            _compiled(pattern)
        case [str(op), str(), str() | int() as value] if not isinstance(value, bool):
            if op not in _COMPARE and op not in _SEARCH:
                raise ParseError(f"Unknown filter operator '{op}'")
        case _:
            raise ParseError(f"Malformed filter {qfilter!r:.100}")


def _compiled(pattern: str) -> Pattern:
    try:
        return compile_pattern(pattern)
    except ValueError as err:
        raise ParseError(f"Invalid regular expression {pattern!r:.100}: {err}") from err


def _applies(rule: FilterRule, job: Job) -> bool:
    return all(_holds(name, qfilter, rule, job) for name, qfilter in rule.predicates)


def _holds(name: str, qfilter: Any, rule: FilterRule, job: Job) -> bool:
    """Whether any of the rows that the predicate looks at passes."""
    searches = name == "opcode"
    return any(_passes(qfilter, row, rule, searches) for row in _ROWS[name](job))


def _job_rows(job: Job) -> Iterator[Row]:
    yield {"id": job.id}


def _opcode_rows(job: Job) -> Iterator[Row]:
    for op in job.ops:
        yield _opcode_row(op)


def _opcode_row(op: JobOp) -> Row:
    return {
        "OP_ID": op.op_id,
        **{key: value for key, value in op.input.items() if key not in _COMMON_FIELDS},
    }


def _reason_rows(job: Job) -> Iterator[Row]:
    for op in job.ops:
        for entry in op.input.get("reason") or ():
            yield dict(zip(_REASON_FIELDS, entry, strict=False))


_ROWS: dict[str, Callable[[Job], Iterator[Row]]] = {
    "jobid": _job_rows,
    "opcode": _opcode_rows,
    "reason": _reason_rows,
}


def _passes(qfilter: Any, row: Row, rule: FilterRule, searches: bool) -> bool:
    """@param searches: tests other than comparisons count, too."""
    match qfilter:
        case ["&", *parts]:
            return all(_passes(part, row, rule, searches) for part in parts)
        case ["|", *parts]:
            return any(_passes(part, row, rule, searches) for part in parts)
        case ["!", part]:
            return not _passes(part, row, rule, searches)
        case ["?", str(name)]:
            return searches and _value(row, name) is True
        case [str(op), str(name), value] if op in _COMPARE:
            wanted = rule.watermark if value == WATERMARK and name == "id" else value
            return _compared(_COMPARE[op], _value(row, name), wanted)
        case ["=~", str(name), str(pattern)]:
            found = _value(row, name)
            return searches and isinstance(found, str) and bool(_compiled(pattern).search(found))
        case ["=[]", str(name), value]:
            found = _value(row, name)
            return searches and isinstance(found, list | tuple | dict) and value in found
    return False


def _compared(compare: Callable[[Any, Any], bool], found: Any, wanted: Any) -> bool:
    if found is None or isinstance(found, str) is not isinstance(wanted, str):
        return False
    try:
        return compare(found, wanted)
    except TypeError:
        return False


def _value(row: Row, name: str) -> Any:
    """A field, or part of one by dots; None when there is none."""
    found: Any = row
    for part in name.split("."):
        if not isinstance(found, Mapping) or part not in found:
            return None
        found = found[part]
    return found
