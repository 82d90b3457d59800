"""Add tags to an object, or remove some."""

from __future__ import annotations

from collections.abc import Sequence
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
Tags = tuple[str, ...]


class _TagsChange(Unit[OpT, str], Generic[OpT]):
    """The plan is the object's uuid."""

    VERB: ClassVar[str]
    EDIT: ClassVar[staticmethod[[Tags, Sequence[str]], Tags]]
    """An object's tags afterwards; of those before, and of the opcode's."""

    def locks(self, state: State) -> LockRequest:
        return target_locks(self.op.kind, target_of(state.config, self.op), alone=True)

    async def plan(self) -> str:
        target = target_of(self.job.snapshot().config, self.op)
        self.EDIT(target.tags, self.op.tags)
        return target.uuid

    def describe(self, plan: str) -> tuple[str, ...]:
        name = f"{self.op.kind} {self.op.name or ''}".rstrip()
        return (f"{self.VERB} {name}: {', '.join(self.op.tags)}",)

    async def execute(self, plan: str) -> None:
        def change(state: State) -> Delta:
            target = find_tagged(state.config, self.op.kind, plan)
            tags = self.EDIT(target.tags, self.op.tags)
            return () if tags == target.tags else (put(replace(target, tags=tags)),)

        await self.job.conclude(change)


class TagsSet(_TagsChange[OpTagsSet]):
    """Add tags; those that are there already stay."""

    OP = OpTagsSet
    VERB = "add tags to"
    EDIT = staticmethod(with_tags)


def _without(tags: Tags, gone: Sequence[str]) -> Tags:
    try:
        return without_tags(tags, gone)
    except TagError as err:
        raise OpPrereqError(str(err), ErrorCode.NOT_FOUND) from err


class TagsDel(_TagsChange[OpTagsDel]):
    """Remove tags, which all must be there."""

    OP = OpTagsDel
    VERB = "remove tags of"
    EDIT = staticmethod(_without)
