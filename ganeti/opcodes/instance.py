"""Opcodes about instances."""

from __future__ import annotations

from enum import StrEnum
from typing import Annotated, Any, ClassVar

from msgspec import Meta

from ganeti.model.hypervisors import HypervisorName
from ganeti.model.instance import AdminStateSource
from ganeti.model.secret import Secret
from ganeti.model.templates import DiskTemplate, FileDriver
from ganeti.opcodes.base import NonEmpty, NonNegative, OpCode

DiskRequest = dict[str, NonEmpty | int]
"""A wished disk: C{size} in MiB and the other keys of disk_request_params."""


class NicKey(StrEnum):
    """What may be said of a wished NIC."""

    BRIDGE = "bridge"
    IP = "ip"
    LINK = "link"
    MAC = "mac"
    MODE = "mode"
    NAME = "name"
    NETWORK = "network"
    VLAN = "vlan"


NicRequest = dict[NicKey, str | None]


class CreateMode(StrEnum):
    """Where a new instance's disks get their content."""

    CREATE = "create"
    IMPORT = "import"
    REMOTE_IMPORT = "remote-import"


class OpInstanceCreate(OpCode, frozen=True, kw_only=True, tag="OP_INSTANCE_CREATE"):
    """Make a new instance: disks, operating system, start."""

    SUMMARY_FIELD: ClassVar[str | None] = "instance_name"
    RESULT: ClassVar[str] = "names of the instance's nodes"

    instance_name: Annotated[str, Meta(description="Name of the new instance")]
    force_variant: Annotated[bool, Meta(description="Accept OS variants that the definition does not list")] = False
    wait_for_sync: Annotated[bool, Meta(description="Wait until mirrored disks are in sync")] = True
    name_check: Annotated[bool, Meta(description="The name must resolve")] = False
    ignore_ipolicy: Annotated[bool, Meta(description="Go on against the instance policy")] = False
    opportunistic_locking: Annotated[bool, Meta(description="Consider only nodes whose locks are free now")] = False
    beparams: Annotated[dict[str, Any], Meta(description="Backend parameters that differ from the cluster's")] = {}
    disks: Annotated[tuple[DiskRequest, ...], Meta(description="The disks, in order")]
    disk_template: Annotated[DiskTemplate | None, Meta(description="Kind of disks; default: the cluster's first")] = None
    group_name: Annotated[NonEmpty | None, Meta(description="Node group to allocate in")] = None
    file_driver: Annotated[FileDriver | None, Meta(description="Driver of file-based disks; default: loop")] = None
    file_storage_dir: Annotated[
        NonEmpty | None, Meta(description="Folder for file-based disks, below the cluster's folder")
    ] = None
    hvparams: Annotated[dict[str, Any], Meta(description="Hypervisor parameters that differ from the cluster's")] = {}
    hypervisor: Annotated[HypervisorName | None, Meta(description="Default: the cluster's first")] = None
    iallocator: Annotated[NonEmpty | None, Meta(description="Program that chooses the nodes")] = None
    identify_defaults: Annotated[bool, Meta(description="Do not store values equal to the defaults")] = False
    ip_check: Annotated[bool, Meta(description="Nothing may answer at the instance's address")] = False
    conflicts_check: Annotated[bool, Meta(description="Refuse addresses of networks that are not named")] = True
    mode: Annotated[CreateMode, Meta(description="Where the content of the disks comes from")]
    nics: Annotated[tuple[NicRequest, ...], Meta(description="The network interfaces, in order")]
    no_install: Annotated[bool | None, Meta(description="Do not run the OS create scripts")] = None
    osparams: Annotated[dict[str, Any], Meta(description="OS parameters")] = {}
    osparams_private: Annotated[
        dict[str, Secret] | None, Meta(description="OS parameters that are not shown")
    ] = None
    osparams_secret: Annotated[
        dict[str, Secret] | None, Meta(description="OS parameters that are neither shown nor kept")
    ] = None
    os_type: Annotated[NonEmpty | None, Meta(description="OS definition, with +variant")] = None
    pnode: Annotated[NonEmpty | None, Meta(description="Primary node")] = None
    pnode_uuid: Annotated[NonEmpty | None, Meta(description="UUID of the primary node; goes before the name")] = None
    snode: Annotated[NonEmpty | None, Meta(description="Secondary node")] = None
    snode_uuid: Annotated[NonEmpty | None, Meta(description="UUID of the secondary node")] = None
    source_handshake: Annotated[list[Any] | None, Meta(description="Signed greeting of the exporting cluster")] = None
    source_instance_name: Annotated[NonEmpty | None, Meta(description="Name on the exporting cluster")] = None
    source_shutdown_timeout: Annotated[
        NonNegative, Meta(description="Seconds the source instance has to shut down")
    ] = 120
    source_x509_ca: Annotated[NonEmpty | None, Meta(description="CA of the exporting cluster, PEM")] = None
    src_node: Annotated[NonEmpty | None, Meta(description="Node with the export")] = None
    src_node_uuid: Annotated[NonEmpty | None, Meta(description="UUID of the node with the export")] = None
    src_path: Annotated[NonEmpty | None, Meta(description="Folder of the export")] = None
    compress: Annotated[str, Meta(description="Compression of the transfer")] = "none"
    start: Annotated[bool, Meta(description="Start the instance at the end")] = True
    forthcoming: Annotated[bool, Meta(description="Only reserve room for it")] = False
    commit: Annotated[bool, Meta(description="Make a reserved instance real")] = False
    tags: Annotated[tuple[NonEmpty, ...], Meta(description="Tags of the new instance")] = ()
    instance_communication: Annotated[bool, Meta(description="Add the NIC of the metadata service")] = False
    helper_startup_timeout: Annotated[int | None, Meta(description="Seconds a helper VM has to start")] = None
    helper_shutdown_timeout: Annotated[int | None, Meta(description="Seconds a helper VM has to end")] = None


class OpInstanceRemove(OpCode, frozen=True, kw_only=True, tag="OP_INSTANCE_REMOVE"):
    """Shut an instance down and remove it with its disks."""

    SUMMARY_FIELD: ClassVar[str | None] = "instance_name"

    instance_name: Annotated[str, Meta(description="Name of the instance")]
    instance_uuid: Annotated[NonEmpty | None, Meta(description="UUID of the instance; goes before the name")] = None
    shutdown_timeout: Annotated[NonNegative, Meta(description="Seconds before it is forced down")] = 120
    ignore_failures: Annotated[bool, Meta(description="Forget the instance even if it cannot be cleaned up")] = False


class OpInstanceStartup(OpCode, frozen=True, kw_only=True, tag="OP_INSTANCE_STARTUP"):
    """Start an instance."""

    SUMMARY_FIELD: ClassVar[str | None] = "instance_name"

    instance_name: Annotated[str, Meta(description="Name of the instance")]
    instance_uuid: Annotated[NonEmpty | None, Meta(description="UUID of the instance; goes before the name")] = None
    force: Annotated[bool, Meta(description="Start even if the secondary node is away")] = False
    ignore_offline_nodes: Annotated[bool, Meta(description="Only mark it up if its node is offline")] = False
    hvparams: Annotated[dict[str, Any], Meta(description="Hypervisor parameters for this start only")] = {}
    beparams: Annotated[dict[str, Any], Meta(description="Backend parameters for this start only")] = {}
    no_remember: Annotated[bool, Meta(description="Do not mark the instance as up")] = False
    startup_paused: Annotated[bool, Meta(description="Start it and stop its processors at once")] = False
    shutdown_timeout: Annotated[
        NonNegative, Meta(description="Seconds a stopped but unfinished instance has to end first")
    ] = 120


class OpInstanceShutdown(OpCode, frozen=True, kw_only=True, tag="OP_INSTANCE_SHUTDOWN"):
    """Shut an instance down."""

    SUMMARY_FIELD: ClassVar[str | None] = "instance_name"

    instance_name: Annotated[str, Meta(description="Name of the instance")]
    instance_uuid: Annotated[NonEmpty | None, Meta(description="UUID of the instance; goes before the name")] = None
    force: Annotated[bool, Meta(description="Shut down even if it is marked offline")] = False
    ignore_offline_nodes: Annotated[bool, Meta(description="Only mark it down if its node is offline")] = False
    timeout: Annotated[NonNegative, Meta(description="Seconds before it is forced down")] = 120
    no_remember: Annotated[bool, Meta(description="Do not mark the instance as down")] = False
    admin_state_source: Annotated[
        AdminStateSource | None, Meta(description="Who wants it down; default: the admin")
    ] = None


class OpInstanceQueryData(OpCode, frozen=True, kw_only=True, tag="OP_INSTANCE_QUERY_DATA"):
    """All there is to know about instances, from the configuration and from their nodes."""

    RESULT: ClassVar[str] = "object: instance uuid to its data"

    use_locking: Annotated[bool, Meta(description="Wait for operations on the instances to end")] = False
    instances: Annotated[tuple[NonEmpty, ...], Meta(description="Names; none: all")] = ()
    static: Annotated[bool, Meta(description="Ask no nodes")] = False
