"""How a request changes a list: the disks or the network interfaces of an instance."""

from __future__ import annotations

from enum import StrEnum
from typing import Generic, TypeVar

from msgspec import Struct

ValuesT = TypeVar("ValuesT")

LAST = -1
"""The index that means the last item, or the place after it."""


class ModificationAction(StrEnum):
    """What happens to an item."""

    ADD = "add"
    ATTACH = "attach"
    DETACH = "detach"
    MODIFY = "modify"
    REMOVE = "remove"


_IN_SHORT_FORM = (ModificationAction.ADD, ModificationAction.REMOVE)


class Modification(
    Struct, Generic[ValuesT], frozen=True, kw_only=True, array_like=True, forbid_unknown_fields=True
):
    """
    One change, on the wire C{[action, index or name, values]}.

    The older form C{[action, values]} adds or removes at the end; with a number in
    place of the action it modifies the item of that index.
    """

    what: ModificationAction | int
    where: int | str | ValuesT
    given: ValuesT | None = None

    def __post_init__(self) -> None:
        if self.given is None and isinstance(self.where, (int, str)):
            raise ValueError("a modification needs its values")
        if self.given is None and self.what not in _IN_SHORT_FORM and self._is_named:
            raise ValueError(f"'{self.what}' needs an index or a name")
        if self.given is not None and not (self._is_named and isinstance(self.where, (int, str))):
            raise ValueError("a modification is an action, an index or a name, and values")

    @property
    def _is_named(self) -> bool:
        return isinstance(self.what, ModificationAction)

    @property
    def action(self) -> ModificationAction:
        """What is to be done."""
        return self.what if isinstance(self.what, ModificationAction) else ModificationAction.MODIFY

    @property
    def item(self) -> int | str:
        """Which item: its index, L{LAST}, or its name or uuid."""
        if isinstance(self.where, (int, str)):
            return self.where
        return LAST if isinstance(self.what, ModificationAction) else self.what

    @property
    def values(self) -> ValuesT:
        """What is said about it."""
        if self.given is not None:
            return self.given
        assert not isinstance(self.where, (int, str))
        return self.where
