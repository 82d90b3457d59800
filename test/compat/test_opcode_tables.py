"""Opcodes against the table of the public interface, parameter by parameter."""

from __future__ import annotations

import json
import re
from pathlib import Path
from typing import Any

import pytest
from msgspec import NODEFAULT, inspect

from ganeti.model import codec
from ganeti.model.secret import Secret
from ganeti.opcodes import (
    OPCODES,
    decode_opcode,
    describe,
    op_id,
    reason_source,
    stored_fields,
    summary,
)
from ganeti.opcodes.base import OpCode
from ganeti.opcodes.modifications import Modification
from ganeti.opcodes.test import OpTestDelay
from ganeti.operations.registry import UNITS

TABLE = json.loads((Path(__file__).parent / "interface" / "opcodes.json").read_text())
COMMON = TABLE["common_params"]

_ANY_INT = ("int", None, None)

# Types are compared in a form of their own: a name, or a name with what it is made of.
Shape = Any

_WORD = re.compile(r"[a-zA-Z_:]+|[(),|]")


class _Grammar:
    """Reads the table's types (C{type_grammar})."""

    def __init__(self, text: str) -> None:
        self._words = _WORD.findall(re.sub(r"(str|int) (source|text|ns_timestamp)", r"\1", text))

    def read(self) -> Shape:
        """One type, with its alternatives."""
        shapes = [self._one()]
        while self._words and self._words[0] == "|":
            self._words.pop(0)
            shapes.append(self._one())
        return shapes[0] if len(shapes) == 1 else _either(shapes)

    def _one(self) -> Shape:
        name = self._words.pop(0)
        if name.startswith("enum:"):
            return _enum(TABLE["enums"][name.removeprefix("enum:")])
        parts = self._parts()
        return _SIMPLE[name] if not parts else _made_of(name, parts)

    def _parts(self) -> list[Shape]:
        if not self._words or self._words[0] != "(":
            return []
        parts = []
        while self._words.pop(0) != ")":
            parts.append(self.read())
        return parts


def _enum(values: list[Any]) -> Shape:
    return ("enum", tuple(sorted(values)))


def _either(shapes: list[Shape]) -> Shape:
    flat: list[Shape] = []
    for shape in shapes:
        flat += shape[1] if isinstance(shape, tuple) and shape[0] == "either" else [shape]
    if _ANY_INT in flat:  # which holds all narrower ones
        flat = [shape for shape in flat if shape[0] != "int" or shape == _ANY_INT]
    return ("either", tuple(sorted(set(flat), key=repr)))


_SIMPLE: dict[str, Shape] = {
    "any": "any",
    "bool": "bool",
    "str": "str",
    "nestr": "nestr",
    "int": ("int", None, None),
    "uint": ("int", 0, None),
    "negint": ("int", None, -1),
    "float": "float",
    "jobid": _either([("int", None, None), "digits"]),
    "disk_params": ("dict", "str", _either(["nestr", ("int", None, None)])),
    "nic_params": ("dict", _enum(TABLE["enums"]["INicParamKeys"]), ("maybe", "str")),
}


def _made_of(name: str, parts: list[Shape]) -> Shape:
    if name in ("private", "secret"):
        return "secret"
    if name in ("nonneg", "pos"):
        return ("int", 0 if name == "nonneg" else 1, None)
    if name == "dict":  # keys are texts in JSON
        return ("dict", "str" if parts[0] == "any" else parts[0], parts[1])
    return (name, *parts)


def shape_of(kind: inspect.Type) -> Shape:
    """A field's type in the same form."""
    match kind:
        case inspect.Metadata():
            return shape_of(kind.type)
        case inspect.UnionType():
            rest = [shape_of(t) for t in kind.types if not isinstance(t, inspect.NoneType)]
            shape = rest[0] if len(rest) == 1 else _either(rest)
            return shape if len(rest) == len(kind.types) else ("maybe", shape)
        case inspect.StrType(pattern=None):
            return "nestr" if kind.min_length == 1 else "str"
        case inspect.StrType():
            return "digits"
        case inspect.IntType():
            return ("int", kind.ge, None if kind.lt is None else kind.lt - 1)
        case inspect.EnumType():
            return _enum([member.value for member in kind.cls])
        case inspect.LiteralType():
            return _enum(list(kind.values))
        case inspect.VarTupleType(item_type=inspect.StructType(cls=cls) as item) if _modifies(cls):
            return ("mods", shape_of(item.fields[-1].type)[1])
        case inspect.VarTupleType() | inspect.ListType():
            return ("list", shape_of(kind.item_type))
        case inspect.FrozenSetType():
            return ("set", shape_of(kind.item_type))
        case inspect.TupleType():
            return ("tuple", *map(shape_of, kind.item_types))
        case inspect.DictType():
            return ("dict", shape_of(kind.key_type), shape_of(kind.value_type))
        case inspect.CustomType(cls=cls) if cls is Secret:
            return "secret"
        case inspect.AnyType():
            return "any"
        case inspect.BoolType():
            return "bool"
        case inspect.FloatType():
            return "float"
    raise AssertionError(f"no form for {kind}")


def _modifies(cls: Any) -> bool:
    return getattr(cls, "__origin__", cls) is Modification


def fields_of(kind: type[OpCode]) -> dict[str, inspect.Field]:
    """The fields of an opcode by name."""
    info = inspect.type_info(kind)
    assert isinstance(info, inspect.StructType)
    return {field.name: field for field in info.fields}


def default_of(field: inspect.Field) -> Any:
    """A field's default as JSON; C{"required"} without one."""
    if field.required:
        return "required"
    value = field.default_factory() if field.default is NODEFAULT else field.default
    return json.loads(codec.encode(value))


ALL = sorted(OPCODES)


@pytest.mark.parametrize("name", ALL)
def test_parameters(name: str) -> None:
    """Names, types, ranges and defaults are the table's."""
    table = TABLE["opcodes"][name]["params"]
    fields = fields_of(OPCODES[name])
    assert set(fields) == set(table) | set(COMMON)
    for parameter, entry in (table | COMMON).items():
        field = fields[parameter]
        assert shape_of(field.type) == _Grammar(entry["type"]).read(), parameter
        assert default_of(field) == entry["default"], parameter
        assert field.required == entry.get("required", False), parameter


@pytest.mark.parametrize("name", ALL)
def test_class(name: str) -> None:
    """Class name, summary field, unit and description of each parameter."""
    kind = OPCODES[name]
    entry = TABLE["opcodes"][name]
    assert kind.__name__ == entry["class"]
    assert entry["summary_field"] == kind.SUMMARY_FIELD
    assert UNITS[name].OP is kind
    assert all(describe(kind).values())


def test_op_id_rule() -> None:
    """OP_IDs follow from class names."""
    for name, kind in OPCODES.items():
        words = re.findall("[A-Z][a-z0-9]*", kind.__name__)
        assert "_".join(words).upper() == name == op_id(kind)


def test_units_and_opcodes_match() -> None:
    """There is no opcode without a unit, and no unit without an opcode."""
    assert set(UNITS) == set(OPCODES)


def test_summary() -> None:
    """The rule of the summary, with the one field that has its own form."""
    op = decode_opcode(b'{"OP_ID":"OP_NODE_REMOVE","node_name":"node2"}')
    assert summary(op) == "NODE_REMOVE(node2)"
    assert summary(decode_opcode(b'{"OP_ID":"OP_CLUSTER_DESTROY"}')) == "CLUSTER_DESTROY"
    assert summary(OpTestDelay(duration=0.1)) == "TEST_DELAY(100000000 ns)"


def test_reason_source() -> None:
    """Reason sources follow from OP_IDs."""
    assert reason_source(OpTestDelay) == "gnt:opcode:test_delay"


def test_stored_form() -> None:
    """Optional values that are not set are left out, but for two."""
    stored = stored_fields(OpTestDelay(duration=1.0))
    assert stored == {
        "OP_ID": "OP_TEST_DELAY",
        "comment": None,
        "depends": None,
        "priority": 0,
        "reason": [],
        "duration": 1.0,
        "on_master": True,
        "on_nodes": [],
        "repeat": 0,
        "interruptible": False,
        "no_locks": True,
    }
