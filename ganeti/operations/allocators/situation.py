"""The cluster at one moment, as an instance allocator is told of it."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, field

from ganeti.htools.records import Instance
from ganeti.model.config import Configuration
from ganeti.operations.allocators.figures import NodeFigures


@dataclass(frozen=True, kw_only=True)
class Situation:
    """
    What allocators choose by.

    @ivar figures: by node uuid; not there: the node is offline, cannot have instances, or
        did not answer. What open jobs have reserved is taken off what is free.
    @ivar silent: by node uuid why it has no figures, where it was asked.
    @ivar promised: instances that open jobs are about to make, and where. Their memory is taken
        off what is free; they are no part of the configuration yet.
    """

    config: Configuration
    figures: Mapping[str, NodeFigures]
    silent: Mapping[str, str] = field(default_factory=dict)
    promised: tuple[Instance, ...] = ()
