"""Reading JSON that may be anything: every complaint names the key."""

from __future__ import annotations

from collections.abc import Callable
from enum import StrEnum
from typing import Any, TypeVar

from ganeti.htools.errors import InputError
from ganeti.htools.rows import shown

T = TypeVar("T")
E = TypeVar("E", bound=StrEnum)

LARGEST = 1 << 53
"""What numbers hold exactly."""


class Reader:
    """One JSON object, and where it is."""

    def __init__(self, value: Any, where: str) -> None:
        if not isinstance(value, dict):
            raise InputError(f"{where}: not an object")
        self.value, self.where = value, where

    def has(self, key: str) -> bool:
        """Whether it has the key, with a value."""
        return self.value.get(key) is not None

    def get(self, key: str) -> Any:
        """The value of a key that has to be there."""
        try:
            return self.value[key]
        except KeyError:
            raise InputError(f"{self.where}: the key {shown(key)} is missing") from None

    def fail(self, key: str, what: str) -> InputError:
        """The error for a key's value."""
        return InputError(f"{self.where}: {key}: {what}")

    def number(self, key: str) -> int:
        """A whole number that is not negative."""
        value = self.get(key)
        if isinstance(value, bool) or not isinstance(value, int | float):
            raise self.fail(key, "not a number")
        if not 0 <= value <= LARGEST:
            raise self.fail(key, f"out of range: {shown(value)}")
        return int(value)

    def real(self, key: str, least: float = 0.0) -> float:
        """A number that is at least that."""
        value = self.get(key)
        if isinstance(value, bool) or not isinstance(value, int | float):
            raise self.fail(key, "not a number")
        if not least <= value <= LARGEST:
            raise self.fail(key, f"out of range: {shown(value)}")
        return float(value)

    def text(self, key: str) -> str:
        """A string."""
        value = self.get(key)
        if not isinstance(value, str):
            raise self.fail(key, "not a string")
        return value

    def flag(self, key: str) -> bool:
        """True or false; a key that is not there is false."""
        value = self.value.get(key, False)
        if not isinstance(value, bool):
            raise self.fail(key, "neither true nor false")
        return value

    def texts(self, key: str) -> tuple[str, ...]:
        """A list of strings."""
        value = self.get(key)
        if not isinstance(value, list) or not all(isinstance(one, str) for one in value):
            raise self.fail(key, "not a list of strings")
        return tuple(value)

    def objects(self, key: str) -> list[Reader]:
        """A list of objects."""
        value = self.get(key)
        if not isinstance(value, list):
            raise self.fail(key, "not a list")
        return [Reader(one, f"{self.where}: {key} {i}") for i, one in enumerate(value)]

    def named(self, key: str, what: str) -> list[tuple[str, Reader]]:
        """An object of objects, by name."""
        value = self.get(key)
        if not isinstance(value, dict):
            raise self.fail(key, "not an object")
        return [(name, Reader(one, f"{what} {shown(name)}")) for name, one in value.items()]

    def within(self, key: str) -> Reader:
        """An object."""
        return Reader(self.get(key), f"{self.where}: {key}")

    def choice(self, key: str, kind: type[E]) -> E:
        """One of an enumeration's values."""
        value = self.text(key)
        try:
            return kind(value)
        except ValueError:
            raise self.fail(key, f"unknown: {shown(value)}") from None

    def optional(self, key: str, read: Callable[[str], T], default: T) -> T:
        """What C{read} makes of the key; the default when it is not there, or null."""
        return read(key) if self.has(key) else default
