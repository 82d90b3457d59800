"""What a node has, and what is there of all that should be."""

from __future__ import annotations

from enum import StrEnum
from typing import Annotated, ClassVar

from msgspec import Meta

from ganeti.model.disk import Disk
from ganeti.model.findings import NodeFindings, ParameterFile, Peer
from ganeti.model.hypervisors import HypervisorName
from ganeti.model.live import NodeResources
from ganeti.model.templates import DiskTemplate
from ganeti.rpc.calls.call import MASTER, Call
from ganeti.rpc.roles import Role


class GetNodeInfo(Call[NodeResources], frozen=True, kw_only=True, tag="get_node_info"):
    """What does the node have, and what of it is free?"""

    roles: ClassVar[frozenset[Role]] = MASTER
    hypervisors: tuple[HypervisorName, ...] = ()
    """The first of them is asked for memory and processors."""
    storage: tuple[tuple[str, str], ...] = ()
    """(storage type, its key), such as C{("file", "/srv/ganeti/file-storage")}."""


class FileKind(StrEnum):
    """Which files of ours L{ListFiles} lists."""

    CLUSTER = "cluster"
    """Configuration, keys, ssconf."""
    FILE_STORAGE = "file-storage"
    """Everything below the directories for file storage."""
    OS_LOG = "os-log"


class ListFiles(Call[tuple[str, ...]], frozen=True, kw_only=True, tag="list_files"):
    """Which files of ours are there? For audits."""

    roles: ClassVar[frozenset[Role]] = MASTER
    answer_limit: ClassVar[int] = 8 << 20
    kind: FileKind


class VerifyNode(Call[NodeFindings], frozen=True, kw_only=True, tag="verify_node"):
    """
    What is there of all this? One call with every question of a verification.

    Paths are those of a real machine; a node of a virtual cluster puts its root before them.
    """

    timeout_s: ClassVar[float] = 60.0
    roles: ClassVar[frozenset[Role]] = MASTER
    answer_limit: ClassVar[int] = 8 << 20
    certificates: bool = False
    machine: bool = False
    """Is the machine set up at all?"""
    hypervisors: tuple[HypervisorName, ...] = ()
    parameter_files: tuple[ParameterFile, ...] = ()
    files: tuple[str, ...] = ()
    """Checksums of these."""
    peers: tuple[Peer, ...] = ()
    port: Annotated[int, Meta(ge=1, le=65535)] = 1811
    """On which peers are to answer."""
    bridges: tuple[str, ...] = ()
    oses: bool = False
    disks: tuple[Disk, ...] = ()
    templates: tuple[DiskTemplate, ...] = ()
    """Where to look for disks that nobody asked about."""
    storage: tuple[tuple[str, str], ...] = ()
    """(storage type, directory) of file storage."""
    programs: tuple[str, ...] = ()
