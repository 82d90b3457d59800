"""Why an opcode cannot be read, in the words that clients of Ganeti know."""

from __future__ import annotations

import re
from collections.abc import Iterator
from typing import Any

import msgspec
from msgspec import inspect

from ganeti.opcodes.base import OpCode, op_id

_AT_FIELD = re.compile(r"(?P<why>.*) - at `\$\.(?P<field>\w+)(?P<deeper>.*)`", re.DOTALL)
_ENUM = re.compile(r"Invalid enum value (?P<value>.*)", re.DOTALL)
_POSITIVE = "Expected `int` >= 1"


def explain(kind: type[OpCode], raw: bytes, problem: str) -> str:
    """
    A complaint about one opcode.

    @param problem: what the decoder said.
    """
    match = _AT_FIELD.fullmatch(problem)
    if match is None:
        return f"{op_id(kind)}: {problem}"
    field, why = match["field"], match["why"]
    enum = _ENUM.fullmatch(why)
    if enum is not None:
        value = enum["value"].strip("'")
        why = f'Invalid string value for type {_enum_name(kind, field)}: "{value}"'
    elif why == _POSITIVE and not match["deeper"]:
        why = f"Invalid value for positive type '{msgspec.json.decode(raw)[field]}'"
    return f"Can't parse value for '{field}': {why}"


def _enum_name(kind: type[OpCode], field: str) -> str:
    info = inspect.type_info(kind)
    assert isinstance(info, inspect.StructType)
    found = next(one.type for one in info.fields if one.name == field)
    names = [enum.cls.__name__.removesuffix("Name") for enum in _enums(found)]
    return " or ".join(names) or field


def _enums(of: inspect.Type) -> Iterator[inspect.EnumType]:
    """The enumerations within a type."""
    if isinstance(of, inspect.EnumType):
        yield of
    parts: Any = [getattr(of, name, ()) for name in ("type", "item_type", "key_type", "value_type")]
    for name in ("types", "item_types"):
        parts += getattr(of, name, ())
    for part in parts:
        if isinstance(part, inspect.Type):
            yield from _enums(part)
