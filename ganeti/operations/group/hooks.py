"""Hooks around operations on node groups."""

from __future__ import annotations

from collections.abc import Iterable, Mapping

from ganeti.model.config import Configuration
from ganeti.model.node import Node
from ganeti.operations.asking import online
from ganeti.operations.unit import HookPlan


def group_hooks(
    path: str, config: Configuration, env: Mapping[str, str], nodes: Iterable[Node] = ()
) -> HookPlan:
    """They run on the master, and on C{nodes} that are not offline, before and after."""
    everywhere = online({node.uuid: node for node in (config.master, *nodes)}.values())
    return HookPlan(
        path=path, object_type="GROUP", env=env, pre_nodes=everywhere, post_nodes=everywhere
    )
