"""Values of a row that are made when a field first needs them."""

from __future__ import annotations

from collections.abc import Callable
from typing import Any, Generic, TypeVar, overload

T = TypeVar("T")


class once(Generic[T]):
    """
    As C{functools.cached_property}, without the lock that costs more than most values
    here (Python 3.11); rows belong to one thread.
    """

    def __init__(self, make: Callable[[Any], T]) -> None:
        self._make = make
        self._name = make.__name__
        self.__doc__ = make.__doc__

    @overload
    def __get__(self, row: None, owner: type) -> once[T]: ...
    @overload
    def __get__(self, row: object, owner: type) -> T: ...
    def __get__(self, row: object | None, owner: type) -> once[T] | T:
        if row is None:
            return self
        value = self._make(row)
        row.__dict__[self._name] = value
        return value
