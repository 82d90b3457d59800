"""Which instance allocator is meant."""

from __future__ import annotations

from ganeti.model.allocators import CLUSTER_DEFAULT
from ganeti.model.config import Configuration


def allocator_name(config: Configuration, given: str | None) -> str:
    """The allocator that was asked for, or the cluster's default one; empty: there is none."""
    if given in (None, CLUSTER_DEFAULT):
        return config.cluster.default_iallocator
    return str(given)
