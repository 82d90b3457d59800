"""Names and modes of cluster locks."""

from __future__ import annotations

from enum import StrEnum

from msgspec import Struct

LOCKSET = "[lockset]"
"""Name of the lock that stands for all of a level, members included."""

BGL = "BGL"
"""Name of the one lock of level C{cluster}."""


class Level(StrEnum):
    """Kinds of locks, in Ganeti's order."""

    CLUSTER = "cluster"
    INSTANCE = "instance"
    NODEGROUP = "nodegroup"
    NODE = "node"
    NODE_RES = "node-res"
    NETWORK = "network"
    CONFIG = "config"


class LockMode(StrEnum):
    """How a lock is held."""

    SHARED = "shared"
    EXCLUSIVE = "exclusive"


class HeldLock(Struct, frozen=True, kw_only=True, order=True):
    """
    A lock wanted or held: instances by name (uuid for those that exist would not
    keep a new one of the same name out), all other objects by uuid.
    """

    level: Level
    name: str
    mode: LockMode


def lock_name(lock: HeldLock) -> str:
    """As C{gnt-debug locks} prints it."""
    if lock.level is Level.CONFIG:
        return "cluster/config"
    return f"{lock.level}/{lock.name}"


def exclusive(level: Level, *names: str) -> tuple[HeldLock, ...]:
    """Exclusive locks of one level."""
    return tuple(HeldLock(level=level, name=name, mode=LockMode.EXCLUSIVE) for name in names)


def shared(level: Level, *names: str) -> tuple[HeldLock, ...]:
    """Shared locks of one level."""
    return tuple(HeldLock(level=level, name=name, mode=LockMode.SHARED) for name in names)
