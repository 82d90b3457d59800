"""What a node finds when it is to verify itself: facts, which the master judges."""

from __future__ import annotations

from typing import Annotated

from msgspec import Meta, Struct

from ganeti.model.hypervisors import HypervisorName
from ganeti.model.live import InstanceRuntime, OsInfo

Count = Annotated[int, Meta(ge=0, le=2**63 - 1)]
"""A number as nodes may have it; what is larger makes an answer unusable."""


class Peer(Struct, frozen=True, kw_only=True):
    """Another node that must be within reach."""

    name: str
    addresses: tuple[str, ...]


class ParameterFile(Struct, frozen=True, kw_only=True):
    """A file or directory that a hypervisor parameter names, and that must be on the node."""

    source: str
    """Whose parameter it is, as in C{instance web1}."""
    hypervisor: HypervisorName
    parameter: str
    path: str
    directory: bool = False


class CertificateFinding(Struct, frozen=True, kw_only=True):
    """One of the node's certificates."""

    path: str
    expires: float | None = None
    """Seconds since the epoch."""
    problem: str = ""
    """Why it cannot be used."""


class ParameterFinding(Struct, frozen=True, kw_only=True):
    """Something wrong with a hypervisor parameter on this node."""

    source: str
    hypervisor: HypervisorName
    problem: str


class DiskFinding(Struct, frozen=True, kw_only=True):
    """One disk that the node should have."""

    uuid: str
    size: Count | None = None
    """MiB; None: it is not there."""
    problem: str = ""
    """Why that cannot be told."""


class NodeFindings(Struct, frozen=True, kw_only=True):
    """
    All that was asked of one node; what could not be found out is a text in its place.

    Nothing here depends on what another part found: one that fails spoils no other.
    """

    protocol: Count
    release: str
    time_ns: Count
    """The node's clock."""
    digest: str = ""
    """Of its own certificate."""
    certificates: tuple[CertificateFinding, ...] = ()
    setup: tuple[str, ...] = ()
    """What is missing on the machine."""
    hypervisors: dict[HypervisorName, tuple[str, ...]] = {}
    """What keeps each from running guests."""
    parameters: tuple[ParameterFinding, ...] = ()
    guests: tuple[InstanceRuntime, ...] = ()
    guests_problem: str = ""
    memory_free: Count | None = None
    """MiB."""
    files: dict[str, str] = {}
    """Checksum by path, of those that are there."""
    silent_peers: dict[str, str] = {}
    """Why each could not be reached, by name."""
    missing_bridges: tuple[str, ...] = ()
    oses: tuple[OsInfo, ...] = ()
    oses_problem: str = ""
    disks: tuple[DiskFinding, ...] = ()
    places: tuple[str, ...] = ()
    """Of all disks of ours, as at the end of their logical ids."""
    places_problem: str = ""
    storage_paths_problem: str = ""
    """Why the list of directories for file storage cannot be used."""
    storage_problems: dict[str, str] = {}
    """Why a directory cannot be used, by storage type."""
    missing_programs: tuple[str, ...] = ()
    """Those that are not there, or not executable."""
