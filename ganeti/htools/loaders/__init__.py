"""
Where a cluster is read from.

Each loader is a module with C{load(address, hints) -> ClusterData}; it is imported when it is
used. To add one: a module here and a line in L{LOADERS}.
"""

from __future__ import annotations

from importlib import import_module
from typing import NamedTuple, cast

from ganeti.htools.records import ClusterData

LOADERS = {
    "text": "ganeti.htools.loaders.textfile",
    "simulate": "ganeti.htools.loaders.simulation",
    "luxi": "ganeti.htools.loaders.luxi",
    "rapi": "ganeti.htools.loaders.rapi",
    "ialloc": "ganeti.htools.loaders.ialloc",
}


class Hints(NamedTuple):
    """
    What some loaders need besides the address.

    @ivar static_kvm_node_memory: MiB a node with KVM keeps for itself; 0: what it says itself.
    """

    static_kvm_node_memory: int = 4096


class Source(NamedTuple):
    """A kind of L{LOADERS} and what that loader calls an address: a file, a socket, specs."""

    kind: str
    address: str | tuple[str, ...]


def load(source: Source, hints: Hints) -> ClusterData:
    """
    Read a cluster.

    @raise InputError: what is there makes no sense; names the place and the field.
    @raise GanetiError: it cannot be reached.
    """
    module = import_module(LOADERS[source.kind])
    return cast(ClusterData, module.load(source.address, hints))
