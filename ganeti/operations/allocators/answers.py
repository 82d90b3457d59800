"""What instance allocators say, looked at before anything is done with it (iallocator.json)."""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any, Final

import msgspec
from msgspec import UNSET, Struct, UnsetType

from ganeti.errors import OpExecError
from ganeti.htools.requests import Answer
from ganeti.model.config import Configuration
from ganeti.operations.allocators.requests import (
    Allocate,
    AllocateSecondary,
    AllocatorRequest,
    MultiAllocate,
    Relocate,
)
from ganeti.utils.resolving import resolved
from ganeti.utils.text import printable_line

OPCODES: Final = frozenset(
    {"OP_INSTANCE_FAILOVER", "OP_INSTANCE_MIGRATE", "OP_INSTANCE_REPLACE_DISKS"}
)
"""What may be in the jobs of an evacuation or a change of group."""
_SHOWN = 300


class _Response(Struct, frozen=True, kw_only=True):
    """An answer as it comes; C{nodes} is what C{result} was called in Ganeti 2.0."""

    success: bool
    info: str
    result: Any = UNSET
    nodes: Any = UNSET


class _OpCode(Struct, frozen=True, kw_only=True):
    """An opcode, as far as one looks at it here."""

    OP_ID: str


Jobs = tuple[tuple[_OpCode, ...], ...]
Moved = tuple[tuple[str, str, tuple[str, ...]], ...]
Failed = tuple[tuple[str, str], ...]
_Places = tuple[tuple[tuple[str, tuple[str, ...]], ...], tuple[str, ...]]


class _Senseless(Exception):
    """Why an answer cannot be used."""


def read_answer(body: bytes, name: str, request: AllocatorRequest, config: Configuration) -> Answer:
    """
    The answer of the allocator C{name} to C{request}.

    @raise OpExecError: it makes no sense; says what it was.
    """
    try:
        response = _decode(body, _Response)
        result = response.nodes if response.result is UNSET else response.result
        if isinstance(result, UnsetType):
            raise _Senseless("there is no 'result' in it")
        if response.success:
            _check(result, request, config)
        return Answer(success=response.success, info=response.info, result=result)
    except _Senseless as err:
        said = printable_line(body[: _SHOWN * 4].decode(errors="replace"), _SHOWN)
        raise OpExecError(
            f"Can't use the answer of the instance allocator '{name}': {err};"
            + (f" it was: {said}" if said.strip() else " it was empty")
        ) from err


def chosen_places(request: AllocatorRequest, answer: Answer) -> dict[str, tuple[str, ...]]:
    """
    Where new instances go: by name the nodes, the primary one first.

    @param answer: a success, to that request; others than for new instances have no places.
    """
    match request:
        case Allocate():
            return {request.name: msgspec.convert(answer.result, resolved(tuple[str, ...]))}
        case MultiAllocate():
            return dict(msgspec.convert(answer.result, resolved(_Places))[0])
        case _:
            return {}


def _decode(body: bytes, kind: type[_Response]) -> _Response:
    try:
        return msgspec.json.decode(body, type=resolved(kind))
    except (msgspec.DecodeError, UnicodeDecodeError, RecursionError) as err:
        raise _Senseless(str(err)) from err


def _check(result: Any, request: AllocatorRequest, config: Configuration) -> None:
    """@raise _Senseless: C{result} is not what C{request} asks for."""
    match request:
        case Allocate() | Relocate():
            _check_nodes(result, request.required_nodes, config)
        case MultiAllocate():
            _check_places(result, request, config)
        case AllocateSecondary():
            _check_nodes([result], 1, config)
        case _:
            _check_moves(result, config)


def _check_nodes(result: Any, count: int, config: Configuration) -> None:
    nodes = _typed(result, tuple[str, ...], "is no list of names of nodes")
    if len(nodes) != count:
        raise _Senseless(f"it names {len(nodes)} nodes, and {count} are wanted")
    if len(set(nodes)) != len(nodes):
        raise _Senseless("it names a node twice")
    _check_known(nodes, config)


def _check_known(nodes: Sequence[str], config: Configuration) -> None:
    known = config.indexes.node_by_name
    unknown = [node for node in nodes if node not in known]
    if unknown:
        raise _Senseless(f"there is no node {printable_line(unknown[0], _SHOWN)!r}")


def _check_places(result: Any, request: MultiAllocate, config: Configuration) -> None:
    shape = "is not [[[instance, [node, ...]], ...], [instance, ...]]"
    placed, failed = _typed(result, _Places, shape)
    wanted = {one.name: one.required_nodes for one in request.instances}
    told = [name for name, _ in placed] + list(failed)
    if sorted(told) != sorted(wanted):
        raise _Senseless("it does not name each wanted instance once")
    for name, nodes in placed:
        _check_nodes(nodes, wanted[name], config)


def _check_moves(result: Any, config: Configuration) -> None:
    moved, _, jobs = _typed(result, tuple[Moved, Failed, Jobs], "is not [moved, failed, jobs]")
    for _, _, nodes in moved:
        _check_known(nodes, config)
    for op in (op for job in jobs for op in job):
        if op.OP_ID not in OPCODES:
            raise _Senseless(f"its jobs do {printable_line(op.OP_ID, _SHOWN)!r}")


def _typed(result: Any, kind: Any, why_not: str) -> Any:
    try:
        return msgspec.convert(result, resolved(kind))
    except msgspec.ValidationError as err:
        raise _Senseless(f"its result {why_not}: {err}") from err
