"""Add tags to an object, or remove some."""

from __future__ import annotations

from typing import ClassVar, Generic, TypeVar

from msgspec.structs import replace

from ganeti.errors import ErrorCode, OpPrereqError, TagError
from ganeti.model.delta import Delta, put
from ganeti.model.state import State
from ganeti.model.tagged import find_tagged
from ganeti.model.tags import with_tags, without_tags
from ganeti.opcodes.tags import OpTagsDel, OpTagsSet
from ganeti.operations.tags.target import target_locks, target_of
from ganeti.operations.unit import LockRequest, Unit

OpT = TypeVar("OpT", OpTagsSet, OpTagsDel)


class _TagsChange(Unit[OpT, str], Generic[OpT]):
    """The plan is the object's uuid."""

    VERB: ClassVar[str]

    def locks(self, state: State) -> LockRequest:
        return target_locks(self.op.kind, target_of(state.config, self.op), alone=True)

    async def plan(self) -> str:
        target = target_of(self.job.snapshot().config, self.op)
        self._edit(target.tags)
        return target.uuid

    def describe(self, plan: str) -> tuple[str, ...]:
        name = f"{self.op.kind} {self.op.name or ''}".rstrip()
        return (f"{self.VERB} {name}: {', '.join(self.op.tags)}",)

    async def execute(self, plan: str) -> None:
        def change(state: State) -> Delta:
            target = find_tagged(state.config, self.op.kind, plan)
            tags = self._edit(target.tags)
            return () if tags == target.tags else (put(replace(target, tags=tags)),)

        await self.job.conclude(change)

    def _edit(self, tags: tuple[str, ...]) -> tuple[str, ...]:
        """@raise OpPrereqError, TagError: it cannot be done."""
        raise NotImplementedError


class TagsSet(_TagsChange[OpTagsSet]):
    """Add tags; those that are there already stay."""

    OP = OpTagsSet
    VERB = "add tags to"

    def _edit(self, tags: tuple[str, ...]) -> tuple[str, ...]:
        return with_tags(tags, self.op.tags)


class TagsDel(_TagsChange[OpTagsDel]):
    """Remove tags, which all must be there."""

    OP = OpTagsDel
    VERB = "remove tags of"

    def _edit(self, tags: tuple[str, ...]) -> tuple[str, ...]:
        try:
            return without_tags(tags, self.op.tags)
        except TagError as err:
            raise OpPrereqError(str(err), ErrorCode.NOT_FOUND) from err
