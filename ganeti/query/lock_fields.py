"""Fields of cluster locks."""

from __future__ import annotations

from typing import Any

from ganeti.query.fields import Field, Kind, Resource, table
from ganeti.query.view import LockView, View
from ganeti.utils.text import nice_sort_key


def _mode(row: LockView) -> str | None:
    return None if row.mode is None else row.mode.value


def _owners(row: LockView) -> list[int] | None:
    return sorted(row.owners) or None


def _pending(row: LockView) -> list[Any] | None:
    return [[mode.value, [owner]] for mode, owner in row.pending] or None


FIELDS = [
    Field("name", "Name", Kind.OTHER, "Level and name of the lock", lambda row: row.name),
    Field("mode", "Mode", Kind.OTHER, "How it is held", _mode),
    Field("owner", "Owner", Kind.OTHER, "Jobs that hold it", _owners),
    Field(
        "pending", "Pending", Kind.OTHER, "Jobs that wait for it, and how they want it", _pending
    ),
]


def _lock(lock: LockView, view: View) -> LockView:
    return lock


LOCK = Resource(
    name="lock",
    label="Lock",
    fields=table(FIELDS),
    objects=lambda view: sorted(view.locks, key=lambda lock: nice_sort_key(lock.name)),
    row=_lock,
)
