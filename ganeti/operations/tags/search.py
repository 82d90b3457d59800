"""Look at tags: those of an object, or those that match a pattern."""

from __future__ import annotations

from ganeti.errors import ErrorCode, OpPrereqError
from ganeti.model.state import State
from ganeti.model.tagged import search_tags
from ganeti.opcodes.tags import OpTagsGet, OpTagsSearch
from ganeti.operations.tags.target import target_locks, target_of
from ganeti.operations.unit import LockRequest, Unit
from ganeti.utils.patterns import Pattern, compile_pattern


class TagsGet(Unit[OpTagsGet, None]):
    """The tags of one object."""

    OP = OpTagsGet

    def locks(self, state: State) -> LockRequest:
        if not self.op.use_locking:
            return ()
        return target_locks(self.op.kind, target_of(state.config, self.op), alone=False)

    async def plan(self) -> None:
        target_of(self.job.snapshot().config, self.op)

    async def execute(self, plan: None) -> list[str]:
        return sorted(target_of(self.job.snapshot().config, self.op).tags)


class TagsSearch(Unit[OpTagsSearch, Pattern]):
    """The plan is the compiled pattern."""

    OP = OpTagsSearch

    async def plan(self) -> Pattern:
        pattern = self.op.pattern
        try:
            return compile_pattern(pattern)
        except ValueError as err:
            raise OpPrereqError(
                f"Invalid search pattern '{pattern}': {err}", ErrorCode.WRONG_INPUT
            ) from err

    async def execute(self, plan: Pattern) -> list[tuple[str, str]]:
        return list(search_tags(self.job.snapshot().config, plan))
