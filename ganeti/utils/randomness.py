"""What must be unlike anything else: identities, MAC addresses, secrets."""

from __future__ import annotations

import os
import random
import uuid
from collections.abc import Callable
from typing import Protocol


class Randomness(Protocol):
    """A source of new values; services are handed one."""

    def uuid(self) -> str:
        """A new uuid in its canonical form."""

    def mac(self, prefix: str) -> str:
        """A MAC address that begins with C{prefix}, as in C{aa:00:00}."""

    def secret(self) -> str:
        """160 unguessable bits, in hexadecimal."""


class _FromBytes:
    """Values made of a source of bytes."""

    def __init__(self, draw: Callable[[int], bytes]) -> None:
        self._draw = draw

    def uuid(self) -> str:
        return str(uuid.UUID(bytes=self._draw(16), version=4))

    def mac(self, prefix: str) -> str:
        return ":".join([prefix.lower(), *(f"{byte:02x}" for byte in self._draw(3))])

    def secret(self) -> str:
        return self._draw(20).hex()


class SystemRandomness(_FromBytes):
    """The kernel's randomness."""

    def __init__(self) -> None:
        super().__init__(os.urandom)


class SeededRandomness(_FromBytes):
    """The same values at every run, for tests and simulation; no secrets."""

    def __init__(self, seed: int) -> None:
        super().__init__(random.Random(seed).randbytes)
