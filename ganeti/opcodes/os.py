"""Opcodes about OS definitions."""

from __future__ import annotations

from typing import Annotated, ClassVar

from ganeti.opcodes.base import NonEmpty, OpCode, doc


class OpOsDiagnose(OpCode, frozen=True, kw_only=True, tag="OP_OS_DIAGNOSE"):
    """Compare the OS definitions found on all nodes."""

    RESULT: ClassVar[str] = "list of rows"

    output_fields: Annotated[tuple[NonEmpty, ...], doc("Fields of each row")]
    names: Annotated[tuple[NonEmpty, ...], doc("Which definitions; none: all")] = ()
