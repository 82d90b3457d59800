"""Values that must not show up in logs or answers by accident."""

from __future__ import annotations


class Secret:
    """
    A string that prints as C{***}.

    The codec writes the plain string (the store and config.data hold it in
    clear, in files only their owner reads); every other way to look at it needs
    L{reveal}.
    """

    __slots__ = ("_value",)

    def __init__(self, value: str) -> None:
        self._value = value

    def reveal(self) -> str:
        """Return the value; what is done with it is the caller's care."""
        return self._value

    def __repr__(self) -> str:
        return "***"

    __str__ = __repr__

    def __format__(self, spec: str) -> str:
        return format("***", spec)

    def __eq__(self, other: object) -> bool:
        return isinstance(other, Secret) and other._value == self._value

    def __hash__(self) -> int:
        return hash((Secret, self._value))
