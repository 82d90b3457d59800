"""Where the fake hypervisor remembers its guests, so that they survive the node daemon."""

from __future__ import annotations

import os
import re

from msgspec import Struct
from zope.interface import Interface, implementer

from ganeti.errors import HypervisorError, ParseError
from ganeti.model.codec import decode, encode
from ganeti.utils.durable import read_limited, remove, write_atomic
from ganeti.utils.threads import Threads

_NAME = re.compile(r"[A-Za-z0-9_][A-Za-z0-9_.-]{0,230}")
_SUFFIX = ".json"
_RECORD_LIMIT = 1 << 16


class FakeGuest(Struct, frozen=True, kw_only=True):
    """A guest that the fake hypervisor pretends to run."""

    name: str
    uuid: str
    memory_mib: int
    vcpus: int
    paused: bool = False
    started_s: float = 0.0
    mark: str = ""


class IFakeStore(Interface):
    """Guests by name. A change is durable when its method returns."""

    async def load() -> tuple[FakeGuest, ...]:
        """All guests, sorted by name."""

    async def save(guest: FakeGuest) -> None:
        """Keep a guest, in place of the one with its name."""

    async def delete(name: str) -> None:
        """Forget a guest; an unknown one is fine."""


@implementer(IFakeStore)
class MemoryFakeStore:
    """Guests in memory; hand it from one FakeHypervisor to the next to survive a restart."""

    def __init__(self) -> None:
        self._guests: dict[str, FakeGuest] = {}

    async def load(self) -> tuple[FakeGuest, ...]:
        return tuple(guest for _, guest in sorted(self._guests.items()))

    async def save(self, guest: FakeGuest) -> None:
        self._guests[guest.name] = guest

    async def delete(self, name: str) -> None:
        self._guests.pop(name, None)


@implementer(IFakeStore)
class FileFakeStore:
    """Guests in one file each; removing a file is a guest's sudden death."""

    def __init__(self, directory: str, threads: Threads) -> None:
        self._directory = directory
        self._threads = threads

    async def load(self) -> tuple[FakeGuest, ...]:
        return await self._threads.run(thd_load, self._directory)

    async def save(self, guest: FakeGuest) -> None:
        await self._threads.run(thd_save, self._directory, guest)

    async def delete(self, name: str) -> None:
        await self._threads.run(thd_delete, self._directory, name)


def thd_load(directory: str) -> tuple[FakeGuest, ...]:
    """@raise HypervisorError: a file cannot be read, or is none of ours."""
    try:
        names = sorted(os.listdir(directory))
    except FileNotFoundError:
        return ()
    except OSError as err:
        raise HypervisorError(f"Cannot list the fake hypervisor's guests: {err}") from err
    guests = (_load(directory, n) for n in names if n.endswith(_SUFFIX) and not n.startswith("."))
    return tuple(guest for guest in guests if guest is not None)


def _load(directory: str, name: str) -> FakeGuest | None:
    path = os.path.join(directory, name)
    try:
        return decode(read_limited(path, _RECORD_LIMIT), FakeGuest)
    except FileNotFoundError:  # it died meanwhile
        return None
    except (OSError, ParseError) as err:
        raise HypervisorError(f"Cannot read the fake hypervisor's {path}: {err}") from err


def thd_save(directory: str, guest: FakeGuest) -> None:
    """@raise HypervisorError: it could not be written; the old record stays."""
    path = _path(directory, guest.name)
    try:
        os.makedirs(directory, mode=0o700, exist_ok=True)
        write_atomic(path, encode(guest))
    except OSError as err:
        raise HypervisorError(f"Cannot write the fake hypervisor's {path}: {err}") from err


def thd_delete(directory: str, name: str) -> None:
    """@raise HypervisorError: it could not be removed."""
    path = _path(directory, name)
    try:
        remove(path)
    except OSError as err:
        raise HypervisorError(f"Cannot remove the fake hypervisor's {path}: {err}") from err


def _path(directory: str, name: str) -> str:
    if not _NAME.fullmatch(name):
        raise HypervisorError(f"Instance name {name!r} cannot be a file name")
    return os.path.join(directory, name + _SUFFIX)
