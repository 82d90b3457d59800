"""What node.db holds: a node's role, and the requests it was sent."""

from __future__ import annotations

from enum import StrEnum

import msgspec


class RequestState(StrEnum):
    """What a node knows of a request."""

    OPEN = "open"
    DONE = "done"
    TOMBSTONE = "tombstone"


class RoleRow(msgspec.Struct, frozen=True, kw_only=True):
    """The role record as the node keeps it: whose term it is, and its encoded content."""

    term: int
    record: bytes


class Request(msgspec.Struct, frozen=True, kw_only=True):
    """One changing call that this node was sent, or was told never to run."""

    id: str
    state: RequestState
    call: bytes | None = None
    answer: bytes | None = None
    pid: int | None = None
    pid_started: int | None = None

    @property
    def job_id(self) -> int:
        return job_of(self.id)


def job_of(request_id: str) -> int:
    """The job that C{request_id}, "job/opcode/step", belongs to; 0 when it names none."""
    head = request_id.partition("/")[0]
    return int(head) if head.isascii() and head.isdecimal() else 0
