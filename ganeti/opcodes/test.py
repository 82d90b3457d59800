"""Opcodes for trying the machinery out."""

from __future__ import annotations

from typing import Annotated, ClassVar

from ganeti.opcodes.base import NonEmpty, NonNegative, OpCode, doc


class OpTestDelay(OpCode, frozen=True, kw_only=True, tag="OP_TEST_DELAY"):
    """Do nothing for a while, on the master and on nodes."""

    SUMMARY_FIELD: ClassVar[str | None] = "duration"

    duration: Annotated[float, doc("Seconds to wait; 0 is accepted")]
    on_master: Annotated[bool, doc("Wait on the master")] = True
    on_nodes: Annotated[tuple[NonEmpty, ...], doc("Names of nodes that wait")] = ()
    on_node_uuids: Annotated[
        tuple[NonEmpty, ...] | None, doc("UUIDs of nodes that wait; go before the names")
    ] = None
    repeat: Annotated[NonNegative, doc("How often to wait; 0: once, without a line in the log")] = 0
    interruptible: Annotated[bool, doc("Offer a socket on which the wait can be ended")] = False
    no_locks: Annotated[bool, doc("Do not lock the nodes")] = True

    def summary_value(self) -> str | None:
        return f"{round(self.duration * 1e9)} ns"
