"""Opcodes about tags, of any object that can have some."""

from __future__ import annotations

from typing import Annotated, ClassVar

from ganeti.model.tags import TagKind
from ganeti.opcodes.base import NonEmpty, OpCode, doc


class OpTagsGet(OpCode, frozen=True, kw_only=True, tag="OP_TAGS_GET"):
    """The tags of an object."""

    SUMMARY_FIELD: ClassVar[str | None] = "name"
    RESULT: ClassVar[str] = "list of tags"

    kind: Annotated[TagKind, doc("Kind of the object")]
    use_locking: Annotated[bool, doc("Wait for operations on the object to end")] = False
    name: Annotated[str | None, doc("Name of the object; none for the cluster")] = None


class OpTagsSearch(OpCode, frozen=True, kw_only=True, tag="OP_TAGS_SEARCH"):
    """All tags that match a regular expression, with their objects."""

    SUMMARY_FIELD: ClassVar[str | None] = "pattern"
    RESULT: ClassVar[str] = "list of [path of the object, tag]"

    pattern: Annotated[NonEmpty, doc("Regular expression, found anywhere in a tag")]


class OpTagsSet(OpCode, frozen=True, kw_only=True, tag="OP_TAGS_SET"):
    """Add tags to an object; those that it has already stay."""

    kind: Annotated[TagKind, doc("Kind of the object")]
    tags: Annotated[tuple[str, ...], doc("Tags to add")]
    name: Annotated[str | None, doc("Name of the object; none for the cluster")] = None


class OpTagsDel(OpCode, frozen=True, kw_only=True, tag="OP_TAGS_DEL"):
    """Remove tags from an object, which must have them all."""

    kind: Annotated[TagKind, doc("Kind of the object")]
    tags: Annotated[tuple[str, ...], doc("Tags to remove")]
    name: Annotated[str | None, doc("Name of the object; none for the cluster")] = None
