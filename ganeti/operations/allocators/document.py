"""The input file of instance allocators that are programs (iallocator.json, input)."""

from __future__ import annotations

from ganeti.errors import OpExecError
from ganeti.operations.allocators.requests import AllocatorRequest
from ganeti.operations.allocators.situation import Situation


def build_document(situation: Situation, request: AllocatorRequest) -> bytes:
    """The JSON that tells a program of the cluster, and what is asked."""
    raise OpExecError("Instance allocators that are programs cannot be told of the cluster yet")
