"""Hooks."""

from __future__ import annotations

from enum import StrEnum
from typing import Annotated, ClassVar

from msgspec import Meta

from ganeti.model.live import HookResult
from ganeti.rpc.calls.call import MASTER, Call, Seconds
from ganeti.rpc.roles import Role


class HookPhase(StrEnum):
    """Before or after the operation."""

    PRE = "pre"
    POST = "post"


class RunHooks(Call[tuple[HookResult, ...]], frozen=True, kw_only=True, tag="run_hooks"):
    """Run the node's hook scripts of one operation, and report each."""

    roles: ClassVar[frozenset[Role]] = MASTER
    changes: ClassVar[bool] = True
    task: ClassVar[bool] = True
    answer_limit: ClassVar[int] = 4 << 20
    path: Annotated[str, Meta(pattern=r"^[a-z][a-z0-9-]*\Z")]
    """C{instance-add}: the scripts are in C{instance-add-pre.d}."""
    phase: HookPhase
    env: dict[str, str]
    deadline_s: Seconds = 3600.0
    """For all scripts together."""

    def limit_s(self) -> float:
        return self.deadline_s
