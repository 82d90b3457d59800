"""What all opcodes share: common parameters, the summary line, dependencies."""

from __future__ import annotations

from enum import StrEnum
from typing import Annotated, Any, ClassVar, Literal

import msgspec
from msgspec import Meta

NonEmpty = Annotated[str, Meta(min_length=1)]
NonNegative = Annotated[int, Meta(ge=0)]
Positive = Annotated[int, Meta(ge=1)]
Negative = Annotated[int, Meta(lt=0)]
DecimalText = Annotated[str, Meta(pattern=r"^[0-9]+$")]
JobReference = int | DecimalText
ReasonEntry = tuple[str, str, int]


def doc(text: str) -> Meta:
    """The line of text that goes with a parameter, for help and documentation."""
    return Meta(description=text)


class FinalStatus(StrEnum):
    """How a job can end, as dependencies name it."""

    CANCELED = "canceled"
    ERROR = "error"
    SUCCESS = "success"


class OpCode(
    msgspec.Struct, frozen=True, kw_only=True, forbid_unknown_fields=True, tag_field="OP_ID"
):
    """
    A request to the cluster: what to do, checked by type, with nothing done yet.

    @cvar SUMMARY_FIELD: the parameter shown in the one-line summary.
    @cvar RESULT: what the operation answers, in words.
    """

    SUMMARY_FIELD: ClassVar[str | None] = None
    RESULT: ClassVar[str] = "none"

    comment: Annotated[str | None, doc("Free text kept with the job")] = None
    debug_level: Annotated[NonNegative | None, doc("Verbosity of scripts")] = None
    depends: Annotated[
        tuple[tuple[JobReference, tuple[FinalStatus, ...]], ...] | None,
        doc("Jobs to wait for, each with the final states that let this one go on"),
    ] = None
    dry_run: Annotated[bool | None, doc("Check and plan only; change nothing")] = None
    priority: Annotated[Literal[-10, 0, 10], doc("Smaller runs first")] = 0
    reason: Annotated[
        tuple[ReasonEntry, ...],
        doc("Who asked for this and why: source, text, time in nanoseconds"),
    ] = ()

    def summary_value(self) -> str | None:
        """The text in the brackets of the summary; None for no brackets."""
        if self.SUMMARY_FIELD is None:
            return None
        return _summary_text(getattr(self, self.SUMMARY_FIELD))


def op_id(op: OpCode | type[OpCode]) -> str:
    """The name of an opcode on the wire, like C{OP_NODE_ADD}."""
    tag = op.__struct_config__.tag
    assert isinstance(tag, str)
    return tag


def summary(op: OpCode) -> str:
    """One line that names the operation and its object, like C{NODE_ADD(node2)}."""
    name = op_id(op).removeprefix("OP_")
    value = op.summary_value()
    return name if value is None else f"{name}({value})"


def _summary_text(value: Any) -> str:
    if isinstance(value, (list, tuple)):
        return ",".join(str(item) for item in value)
    return str(value)


def reason_source(op: OpCode | type[OpCode]) -> str:
    """The source an opcode puts in front of its reason trail, like C{gnt:opcode:node_add}."""
    return "gnt:opcode:" + op_id(op).removeprefix("OP_").lower()


def dependencies(op: OpCode) -> tuple[tuple[int, frozenset[FinalStatus]], ...]:
    """What C{op} waits for, with job ids as numbers; negative ones are relative to its own job."""
    return tuple((int(job_id), frozenset(states)) for job_id, states in op.depends or ())
