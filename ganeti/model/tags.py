"""Tags of objects."""

from __future__ import annotations

import re
from collections.abc import Iterable
from enum import StrEnum

from ganeti.errors import TagError


class TagKind(StrEnum):
    """What can have tags."""

    CLUSTER = "cluster"
    INSTANCE = "instance"
    NETWORK = "network"
    NODE = "node"
    NODEGROUP = "nodegroup"


MAX_LENGTH = 128
MAX_PER_OBJECT = 4096
_TAG = re.compile(r"[\w.+*/:@-]+")


def check_tag(tag: str) -> None:
    """
    @raise TagError: the tag is empty, too long, or has characters that no tag has.
    """
    if not tag:
        raise TagError("Tags cannot be empty")
    if len(tag) > MAX_LENGTH:
        raise TagError(f"Tag too long (maximum {MAX_LENGTH} characters)")
    if not _TAG.fullmatch(tag):
        raise TagError("Tag contains invalid characters")


def with_tags(tags: Iterable[str], new: Iterable[str]) -> tuple[str, ...]:
    """
    Tags of an object after adding some, sorted.

    @raise TagError: one is malformed, or there are too many.
    """
    joined = set(tags)
    for tag in new:
        check_tag(tag)
        joined.add(tag)
    if len(joined) > MAX_PER_OBJECT:
        raise TagError(f"Too many tags: an object can have {MAX_PER_OBJECT}")
    return tuple(sorted(joined))


def without_tags(tags: Iterable[str], gone: Iterable[str]) -> tuple[str, ...]:
    """
    Tags of an object after removing some, sorted.

    @raise TagError: one is not there.
    """
    left, removed = set(tags), set(gone)
    missing = sorted(removed - left)
    if missing:
        raise TagError(f"Tag(s) {', '.join(repr(tag) for tag in missing)} not found")
    return tuple(sorted(left - removed))
