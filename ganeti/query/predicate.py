"""
Filters in list form, checked and turned into a test of rows.

Operators: C{["|", f, …]}, C{["&", f, …]}, C{["!", f]}, C{["?", field]},
C{[op, field, value]} with C{= == != < <= > >= =~ =[]}. A comparison with a field
that has no value in a row is true: such a row is kept.
"""

from __future__ import annotations

import operator
from collections.abc import Callable, Mapping
from dataclasses import dataclass
from typing import Any

from ganeti.errors import ParameterError, RequestError
from ganeti.query.fields import Field, Matching, Missing, Need
from ganeti.utils.patterns import compile_pattern

MAX_DEPTH = 100

Test = Callable[[Any], bool]
_Compare = Callable[[Any, Any], bool]

_ORDERS: Mapping[str, _Compare] = {
    "<": operator.lt,
    "<=": operator.le,
    ">": operator.gt,
    ">=": operator.ge,
}
_EQUALS = ("=", "==")


@dataclass(frozen=True, slots=True)
class Predicate:
    """A filter ready to be used."""

    test: Test
    needs: Need
    """Of the fields that occur in it."""
    names: tuple[str, ...] | None
    """Values of the key field, if the filter is only that or several of them with C{|}."""


def build_predicate(fields: Mapping[str, Field], key: str, qfilter: Any) -> Predicate:
    """
    Check a filter.

    @param key: name of the field that names objects.
    @param qfilter: list form; None: all rows.
    @raise RequestError: it is no filter.
    @raise ParameterError: it has a field that there is not, or compares unlike things.
    """
    if qfilter is None:
        return Predicate(lambda row: True, Need.NONE, None)
    builder = _Builder(fields)
    test = builder.build(qfilter, 0)
    return Predicate(test, builder.needs, _names(qfilter, key))


def _names(qfilter: list[Any], key: str) -> tuple[str, ...] | None:
    parts = qfilter[1:] if qfilter[0] == "|" else [qfilter]
    if not parts or not all(part[0] in _EQUALS and part[1] == key for part in parts):
        return None
    return tuple(dict.fromkeys(str(part[2]) for part in parts))


class _Builder:
    def __init__(self, fields: Mapping[str, Field]) -> None:
        self._fields = fields
        self.needs = Need.NONE

    def build(self, qfilter: Any, depth: int) -> Test:
        if depth > MAX_DEPTH:
            raise ParameterError(f"The filter is nested deeper than {MAX_DEPTH} levels")
        match qfilter:
            case ["&", *parts]:
                tests = [self.build(part, depth + 1) for part in parts]
                return lambda row: all(test(row) for test in tests)
            case ["|", *parts]:
                tests = [self.build(part, depth + 1) for part in parts]
                return lambda row: any(test(row) for test in tests)
            case ["!", part]:
                test = self.build(part, depth + 1)
                return lambda row: not test(row)
            case ["?", str(name)]:
                return _truth(self._field(name))
            case [str(op), str(name), value]:
                return self._comparison(op, name, value)
            case _:
                raise _unreadable(f"Malformed filter {_short(qfilter)}")

    def _field(self, name: str) -> Field:
        if name not in self._fields:
            raise ParameterError(f"Can't find field named '{name}'")
        self.needs |= self._fields[name].needs
        return self._fields[name]

    def _comparison(self, op: str, name: str, value: Any) -> Test:
        field = self._field(name)
        if isinstance(value, bool) or not isinstance(value, str | int):
            raise _unreadable(f"A filter compares with texts and integers, not {_short(value)}")
        if op in _EQUALS:
            return _equal(field, value)
        if op == "!=":
            equal = _equal(field, value)
            return lambda row: isinstance(field.get(row), Missing) or not equal(row)
        if op in _ORDERS:
            return _ordered(field, op, value)
        if op == "=~":
            return _matching(field, value)
        if op == "=[]":
            return _containing(field, value)
        raise _unreadable(f"Unknown filter operator '{op}'")


def _unreadable(why: str) -> RequestError:
    """What the original cannot read it refuses with a plain text."""
    return RequestError(f"Failed to parse request: {why}")


def _short(value: Any) -> str:
    text = repr(value)
    return text if len(text) < 60 else text[:57] + "..."


def _truth(field: Field) -> Test:
    def test(row: Any) -> bool:
        found = field.get(row)
        if isinstance(found, Missing):
            return True
        if not isinstance(found, bool):
            raise ParameterError(f"Field '{field.name}' is neither true nor false")
        return found

    return test


def _equal(field: Field, value: Any) -> Test:
    if field.matching is Matching.HOSTNAME:
        return _same_host(field, value)
    return _compared(field, operator.eq, value)


def _ordered(field: Field, op: str, value: Any) -> Test:
    return _compared(field, _ORDERS[op], value)


def _compared(field: Field, compare: _Compare, value: Any) -> Test:
    wanted = _number(field, value) if field.matching is Matching.NUMBER else value
    is_text = isinstance(wanted, str)

    def test(row: Any) -> bool:
        found = field.get(row)
        if isinstance(found, Missing):
            return True
        if field.matching is Matching.SECONDS:
            found = found[0]
        if found is None:
            return False
        if isinstance(found, bool) or not isinstance(found, str if is_text else int | float):
            raise _unlike(field, value)
        return compare(found, wanted)

    return test


def _number(field: Field, value: Any) -> int:
    try:
        return int(value)
    except ValueError as err:
        raise _unlike(field, value) from err


def _unlike(field: Field, value: Any) -> ParameterError:
    return ParameterError(f"Field '{field.name}' cannot be compared with {_short(value)}")


def _same_host(field: Field, value: Any) -> Test:
    if not isinstance(value, str):
        raise _unlike(field, value)
    wanted = value.lower()

    def test(row: Any) -> bool:
        found = field.get(row)
        if not isinstance(found, str):
            return isinstance(found, Missing)
        name = found.lower()
        return name == wanted or name.startswith(wanted + ".")

    return test


def _matching(field: Field, value: Any) -> Test:
    if not isinstance(value, str):
        raise _unlike(field, value)
    try:
        pattern = compile_pattern(value)
    except ValueError as err:
        raise ParameterError(f"Invalid regular expression {_short(value)}: {err}") from err

    def test(row: Any) -> bool:
        found = field.get(row)
        if isinstance(found, Missing):
            return True
        if found is None:
            return False
        if not isinstance(found, str):
            raise ParameterError(f"Field '{field.name}' is no text to search in")
        return pattern.search(found) is not None

    return test


def _containing(field: Field, value: Any) -> Test:
    def test(row: Any) -> bool:
        found = field.get(row)
        if isinstance(found, Missing):
            return True
        if not isinstance(found, list | tuple):
            raise ParameterError(f"Field '{field.name}' is no list")
        return value in found

    return test
