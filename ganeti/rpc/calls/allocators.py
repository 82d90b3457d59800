"""Programs that choose nodes for instances."""

from __future__ import annotations

from typing import Annotated, ClassVar

from msgspec import Meta, Raw, Struct

from ganeti.rpc.calls.call import MASTER, Call, Seconds
from ganeti.rpc.roles import Role

ALLOCATOR_OUTPUT_LIMIT = 5 << 20
"""Bytes that an allocator may print."""


class AllocatorOutput(Struct, frozen=True, kw_only=True):
    """What an allocator that succeeded printed on its standard output."""

    stdout: bytes


class RunAllocator(Call[AllocatorOutput], frozen=True, kw_only=True, tag="run_allocator"):
    """
    Run an instance allocator of the node's search path.

    It changes nothing; but it is a program, and must not outlive who asked for it.
    """

    roles: ClassVar[frozenset[Role]] = MASTER
    changes: ClassVar[bool] = True
    task: ClassVar[bool] = True
    # base64 and the rest of the message
    answer_limit: ClassVar[int] = ALLOCATOR_OUTPUT_LIMIT * 4 // 3 + (64 << 10)
    name: Annotated[str, Meta(pattern=r"^[A-Za-z0-9_][A-Za-z0-9_.-]*\Z", max_length=128)]
    document: Raw
    """The input file: cluster and request, JSON."""
    arguments: tuple[Annotated[str, Meta(pattern=r"^--[^\0]*\Z", max_length=4096)], ...] = ()
    """Go behind the input file's name: C{--key=value}."""
    deadline_s: Seconds = 900.0

    def limit_s(self) -> float:
        return self.deadline_s
