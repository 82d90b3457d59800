"""What can be asked of a cluster: one frozen record per operation."""

from __future__ import annotations

from typing import Any

import msgspec

from ganeti.errors import OpCodeUnknown, ParseError
from ganeti.model import codec
from ganeti.opcodes.allocator import OpTestAllocator
from ganeti.opcodes.base import OpCode, dependencies, op_id, reason_source, summary
from ganeti.opcodes.cluster import (
    OpClusterDestroy,
    OpClusterPostInit,
    OpClusterRedistConf,
    OpClusterSetParams,
)
from ganeti.opcodes.complaints import explain
from ganeti.opcodes.group import (
    OpGroupAdd,
    OpGroupAssignNodes,
    OpGroupRemove,
    OpGroupRename,
    OpGroupSetParams,
)
from ganeti.opcodes.instance import (
    OpInstanceCreate,
    OpInstanceMultiAlloc,
    OpInstanceQueryData,
    OpInstanceReboot,
    OpInstanceReinstall,
    OpInstanceRemove,
    OpInstanceRename,
    OpInstanceSetParams,
    OpInstanceShutdown,
    OpInstanceStartup,
)
from ganeti.opcodes.node import OpNodeAdd, OpNodePowercycle, OpNodeRemove, OpNodeSetParams
from ganeti.opcodes.os import OpOsDiagnose
from ganeti.opcodes.tags import OpTagsDel, OpTagsGet, OpTagsSearch, OpTagsSet
from ganeti.opcodes.test import OpTestDelay
from ganeti.opcodes.verify import OpClusterVerify, OpClusterVerifyConfig, OpClusterVerifyGroup

__all__ = [
    "OPCODES",
    "OpCode",
    "decode_opcode",
    "dependencies",
    "describe",
    "encode_opcode",
    "op_id",
    "reason_source",
    "stored_fields",
    "summary",
]

_ALL: tuple[type[OpCode], ...] = (
    OpClusterPostInit,
    OpClusterDestroy,
    OpClusterVerify,
    OpClusterVerifyConfig,
    OpClusterVerifyGroup,
    OpClusterSetParams,
    OpClusterRedistConf,
    OpNodeAdd,
    OpNodeRemove,
    OpNodeSetParams,
    OpNodePowercycle,
    OpInstanceCreate,
    OpInstanceMultiAlloc,
    OpInstanceRemove,
    OpInstanceStartup,
    OpInstanceShutdown,
    OpInstanceReboot,
    OpInstanceReinstall,
    OpInstanceRename,
    OpInstanceSetParams,
    OpInstanceQueryData,
    OpGroupAdd,
    OpGroupSetParams,
    OpGroupRename,
    OpGroupRemove,
    OpGroupAssignNodes,
    OpOsDiagnose,
    OpTagsGet,
    OpTagsSearch,
    OpTagsSet,
    OpTagsDel,
    OpTestDelay,
    OpTestAllocator,
)

OPCODES: dict[str, type[OpCode]] = {op_id(kind): kind for kind in _ALL}
"""By OP_ID."""


class _Head(msgspec.Struct, frozen=True, kw_only=True):
    """As much of an opcode as it takes to see what the rest must be."""

    OP_ID: str
    reason: Any = None


def decode_opcode(raw: bytes | msgspec.Raw, *, submitted: bool = False) -> OpCode:
    """
    Read an opcode.

    @param submitted: it comes from a client, which must say a C{reason} (a list, maybe empty).
    @raise OpCodeUnknown: there is no such operation here.
    @raise ParseError: a parameter is unknown, missing, or of a wrong type or value.
    """
    head = _read_head(raw)
    kind = OPCODES.get(head.OP_ID)
    if kind is None:
        raise OpCodeUnknown(f"Unknown opcode '{head.OP_ID}'")
    if submitted and head.reason is None:
        raise ParseError(f"{head.OP_ID}: missing value for 'reason'")
    try:
        return codec.decode(bytes(raw), kind)
    except ParseError as err:
        raise ParseError(explain(kind, bytes(raw), str(err.__cause__))) from err


def _read_head(raw: bytes | msgspec.Raw) -> _Head:
    try:
        return codec.decode(bytes(raw), _Head)
    except ParseError as err:
        raise ParseError(f"Not an opcode: {err.__cause__}") from err


def stored_fields(op: OpCode) -> dict[str, Any]:
    """
    An opcode as jobs keep and show it: plain values by name, with OP_ID.

    What is not set is left out, but for the comment and the dependencies. Private
    and secret values are in clear.
    """
    plain: dict[str, Any] = msgspec.json.decode(codec.encode(op))
    return {
        name: value
        for name, value in plain.items()
        if value is not None or name in ("comment", "depends")
    }


def encode_opcode(op: OpCode) -> bytes:
    """JSON of an opcode, with its OP_ID; private and secret values in clear."""
    return codec.encode(op)


def describe(kind: type[OpCode]) -> dict[str, str]:
    """Name and one line of text of each parameter, for help and documentation."""
    fields = msgspec.inspect.type_info(kind)
    assert isinstance(fields, msgspec.inspect.StructType)
    return {field.name: _description(field.type) for field in fields.fields}


def _description(of: msgspec.inspect.Type) -> str:
    if isinstance(of, msgspec.inspect.Metadata):
        return str((of.extra_json_schema or {}).get("description", ""))
    return ""
