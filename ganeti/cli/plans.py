"""
What a dry run would do: as text on standard error, or as JSON on standard output.

Standard output has what the original prints in both cases, so the text, which it does not
print, goes beside it.
"""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

from ganeti.cli import tree


def plan_lines(entry: Any) -> list[str]:
    """
    A plan as text: its steps, or what it consists of; nothing when there is nothing to tell.

    @param entry: the message of the log entry.
    """
    if not isinstance(entry, Mapping):
        return [str(entry)]
    lines = [str(step) for step in entry.get("steps") or ()]
    if not lines:
        plan = _without_empty(entry.get("plan"))
        lines = tree.format_tree(plan) if plan else []
    head = f"Plan of {entry.get('operation')}:"
    return [head, *(f"  {line}" for line in lines)] if lines else []


_STAMPS = frozenset({"ctime", "mtime", "serial_no"})
"""What the store sets when an object is written."""


def _without_empty(value: Any) -> Any:
    """C{value} without what is None or holds nothing, and without stamps, at any depth."""
    if isinstance(value, Mapping):
        kept = {
            str(name): _without_empty(item) for name, item in value.items() if name not in _STAMPS
        }
        return {name: item for name, item in kept.items() if not _is_empty(item)}
    if isinstance(value, (list, tuple)):
        return [item for item in map(_without_empty, value) if not _is_empty(item)]
    return value


def _is_empty(value: Any) -> bool:
    return value is None or value in ("", [], {})


def as_json(job_id: int, entry: Any) -> dict[str, Any]:
    """A plan for C{--dry-run=json}."""
    return {"job": job_id, **(entry if isinstance(entry, Mapping) else {"plan": entry})}


def format_json(plans: list[dict[str, Any]]) -> str:
    """All plans of a command, as one document."""
    import json

    return json.dumps(plans, indent=2, sort_keys=True)
