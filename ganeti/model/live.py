"""What nodes report, and what a hypervisor needs to run an instance."""

from __future__ import annotations

from enum import StrEnum
from typing import Any

from msgspec import UNSET, Struct, UnsetType

from ganeti.model.disk import Disk
from ganeti.model.hypervisors import HypervisorName
from ganeti.model.instance import Instance
from ganeti.model.network import Network
from ganeti.model.nic import Nic
from ganeti.model.parameters import BeParams, NicParams


class RunState(StrEnum):
    """State of a guest as its hypervisor sees it."""

    RUNNING = "running"
    PAUSED = "paused"
    SHUTDOWN = "shutdown"
    """The guest shut itself down and its remains are still there."""
    CRASHED = "crashed"


class InstanceRuntime(Struct, frozen=True, kw_only=True):
    """
    A guest the hypervisor knows on a node.

    @ivar mark: of the reboot that started it; empty: it was started otherwise.
    """

    name: str
    uuid: str | None = None
    memory_mib: int
    vcpus: int
    state: RunState = RunState.RUNNING
    cpu_time_s: float = 0.0
    mark: str = ""


class StorageSpace(Struct, frozen=True, kw_only=True):
    """Room in one storage unit of a node; None: the unit does not report it."""

    kind: str
    """Storage type: C{file}, C{lvm-vg}, C{lvm-pv}, …"""
    name: str
    free_mib: int | None = None
    size_mib: int | None = None
    spindles_free: int | None = None
    spindles_total: int | None = None


class NodeResources(Struct, frozen=True, kw_only=True):
    """What a node has and uses. Memory in MiB."""

    memory_total: int | None = None
    memory_free: int | None = None
    memory_dom0: int | None = None
    cpus: int | None = None
    cpu_nodes: int | None = None
    cpu_sockets: int | None = None
    cpu_dom0: int | None = None
    bootid: str = ""
    time_ns: int = 0
    """The node's clock."""
    storage: tuple[StorageSpace, ...] = ()
    """In the order asked."""


class OsInfo(Struct, frozen=True, kw_only=True):
    """An OS definition found in one directory of a node's search path."""

    name: str
    path: str
    valid: bool
    reason: str = ""
    """Why it is not valid."""
    variants: tuple[str, ...] = ()
    parameters: tuple[tuple[str, str], ...] = ()
    """(name, one line of documentation)."""
    api_versions: tuple[int, ...] = ()
    trusted: bool = True


class HookStatus(StrEnum):
    """How a hook script ended."""

    OK = "ok"
    ERROR = "error"
    SKIP = "skip"


class HookResult(Struct, frozen=True, kw_only=True):
    """What one hook script did."""

    script: str
    status: HookStatus
    output: str = ""


class NicSpec(Struct, frozen=True, kw_only=True):
    """An interface with its parameters filled."""

    nic: Nic
    params: NicParams
    network: Network | None = None


class DiskSpec(Struct, frozen=True, kw_only=True):
    """A disk of an instance to run; C{params} are the template's, filled."""

    disk: Disk
    params: dict[str, Any] = {}


class InstanceSpec(Struct, frozen=True, kw_only=True):
    """
    Everything a node needs to run an instance or install its OS, filled.

    @ivar memory_mib: to start with, of what C{beparams.maxmem} allows it to come to; UNSET: all.
    """

    instance: Instance
    hypervisor: HypervisorName
    hvparams: dict[str, Any]
    beparams: BeParams
    nics: tuple[NicSpec, ...] = ()
    disks: tuple[DiskSpec, ...] = ()
    osparams: dict[str, str] = {}
    """Without the private and secret ones."""
    primary_node_name: str = ""
    secondary_node_names: tuple[str, ...] = ()
    cluster_name: str = ""
    memory_mib: int | UnsetType = UNSET

    @property
    def start_memory_mib(self) -> int:
        """What the guest has when it starts."""
        return self.beparams.maxmem if self.memory_mib is UNSET else self.memory_mib
