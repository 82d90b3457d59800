"""Opcodes about the cluster as a whole."""

from __future__ import annotations

from typing import ClassVar

from ganeti.opcodes.base import OpCode


class OpClusterPostInit(OpCode, frozen=True, kw_only=True, tag="OP_CLUSTER_POST_INIT"):
    """Run the hooks of a cluster that has just been made."""

    RESULT: ClassVar[str] = "bool"


class OpClusterDestroy(OpCode, frozen=True, kw_only=True, tag="OP_CLUSTER_DESTROY"):
    """End an empty cluster."""

    RESULT: ClassVar[str] = "uuid of the master node"
