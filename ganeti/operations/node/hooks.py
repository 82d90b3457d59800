"""Hooks around operations on nodes."""

from __future__ import annotations

from ganeti.model.config import Configuration
from ganeti.operations.asking import online


def other_nodes(config: Configuration, uuid: str) -> tuple[str, ...]:
    """Uuids of all nodes that can be called, but for one."""
    return online(node for node in config.nodes.values() if node.uuid != uuid)
