"""Opcodes about instances."""

from __future__ import annotations

from enum import StrEnum
from typing import Annotated, Any, ClassVar

from ganeti.model.hypervisors import HypervisorName
from ganeti.model.instance import AdminStateSource
from ganeti.model.secret import Secret
from ganeti.model.templates import DiskTemplate
from ganeti.opcodes.base import NonEmpty, NonNegative, OpCode, Positive, doc
from ganeti.opcodes.modifications import Modification

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


class FileDriver(StrEnum):
    """How a file becomes a disk of the guest."""

    BLKTAP = "blktap"
    BLKTAP2 = "blktap2"
    LOOP = "loop"


class CreateMode(StrEnum):
    """Where a new instance's disks get their content."""

    CREATE = "create"
    IMPORT = "import"
    REMOTE_IMPORT = "remote-import"


class OpInstanceCreate(OpCode, frozen=True, kw_only=True, tag="OP_INSTANCE_CREATE"):
    """Make a new instance: disks, operating system, start."""

    SUMMARY_FIELD: ClassVar[str | None] = "instance_name"
    RESULT: ClassVar[str] = "names of the instance's nodes"

    instance_name: Annotated[str, doc("Name of the new instance")]
    force_variant: Annotated[bool, doc("Accept unlisted OS variants")] = False
    wait_for_sync: Annotated[bool, doc("Wait until mirrored disks are in sync")] = True
    name_check: Annotated[bool, doc("The name must resolve")] = False
    ignore_ipolicy: Annotated[bool, doc("Go on against the instance policy")] = False
    opportunistic_locking: Annotated[bool, doc("Consider only nodes free of locks")] = False
    beparams: Annotated[dict[str, Any], doc("Backend parameters of its own")] = {}
    disks: Annotated[tuple[DiskRequest, ...], doc("The disks, in order")]
    disk_template: Annotated[DiskTemplate | None, doc("Default: the cluster's first")] = None
    group_name: Annotated[NonEmpty | None, doc("Node group to allocate in")] = None
    file_driver: Annotated[FileDriver | None, doc("For file-based disks; default: loop")] = None
    file_storage_dir: Annotated[
        NonEmpty | None, doc("Folder for file-based disks, below the cluster's folder")
    ] = None
    hvparams: Annotated[dict[str, Any], doc("Hypervisor parameters of its own")] = {}
    hypervisor: Annotated[HypervisorName | None, doc("Default: the cluster's first")] = None
    iallocator: Annotated[NonEmpty | None, doc("Program that chooses the nodes")] = None
    identify_defaults: Annotated[bool, doc("Do not store values equal to the defaults")] = False
    ip_check: Annotated[bool, doc("Nothing may answer at the instance's address")] = False
    conflicts_check: Annotated[bool, doc("Refuse addresses of networks that are not named")] = True
    mode: Annotated[CreateMode, doc("Where the content of the disks comes from")]
    nics: Annotated[tuple[NicRequest, ...], doc("The network interfaces, in order")]
    no_install: Annotated[bool | None, doc("Do not run the OS create scripts")] = None
    osparams: Annotated[dict[str, Any], doc("OS parameters")] = {}
    osparams_private: Annotated[
        dict[str, Secret] | None, doc("OS parameters that are not shown")
    ] = None
    osparams_secret: Annotated[
        dict[str, Secret] | None, doc("OS parameters that are neither shown nor kept")
    ] = None
    os_type: Annotated[NonEmpty | None, doc("OS definition, with +variant")] = None
    pnode: Annotated[NonEmpty | None, doc("Primary node")] = None
    pnode_uuid: Annotated[NonEmpty | None, doc("Its UUID; goes before the name")] = None
    snode: Annotated[NonEmpty | None, doc("Secondary node")] = None
    snode_uuid: Annotated[NonEmpty | None, doc("Its UUID; goes before the name")] = None
    source_handshake: Annotated[list[Any] | None, doc("Greeting of the exporting cluster")] = None
    source_instance_name: Annotated[NonEmpty | None, doc("Name on the exporting cluster")] = None
    source_shutdown_timeout: Annotated[
        NonNegative, doc("Seconds the source instance has to shut down")
    ] = 120
    source_x509_ca: Annotated[NonEmpty | None, doc("CA of the exporting cluster, PEM")] = None
    src_node: Annotated[NonEmpty | None, doc("Node with the export")] = None
    src_node_uuid: Annotated[NonEmpty | None, doc("UUID of the node with the export")] = None
    src_path: Annotated[NonEmpty | None, doc("Folder of the export")] = None
    compress: Annotated[str, doc("Compression of the transfer")] = "none"
    start: Annotated[bool, doc("Start the instance at the end")] = True
    forthcoming: Annotated[bool, doc("Only reserve room for it")] = False
    commit: Annotated[bool, doc("Make a reserved instance real")] = False
    tags: Annotated[tuple[NonEmpty, ...], doc("Tags of the new instance")] = ()
    instance_communication: Annotated[bool, doc("Add the NIC of the metadata service")] = False
    helper_startup_timeout: Annotated[int | None, doc("Seconds a helper VM has to start")] = None
    helper_shutdown_timeout: Annotated[int | None, doc("Seconds a helper VM has to end")] = None


class OpInstanceMultiAlloc(OpCode, frozen=True, kw_only=True, tag="OP_INSTANCE_MULTI_ALLOC"):
    """Find places for several new instances, and make a job for each that has one."""

    RESULT: ClassVar[str] = "object: jobs (list of (true, id)), allocatable, failed (names)"

    opportunistic_locking: Annotated[bool, doc("Consider only nodes free of locks")] = False
    iallocator: Annotated[NonEmpty | None, doc("Program; default: the cluster's")] = None
    instances: Annotated[
        tuple[Any, ...], doc("OP_INSTANCE_CREATE for each, all with nodes or all without")
    ] = ()


class OpInstanceRemove(OpCode, frozen=True, kw_only=True, tag="OP_INSTANCE_REMOVE"):
    """Shut an instance down and remove it with its disks."""

    SUMMARY_FIELD: ClassVar[str | None] = "instance_name"

    instance_name: Annotated[str, doc("Name of the instance")]
    instance_uuid: Annotated[NonEmpty | None, doc("Its UUID; goes before the name")] = None
    shutdown_timeout: Annotated[NonNegative, doc("Seconds before it is forced down")] = 120
    ignore_failures: Annotated[bool, doc("Forget it even if cleaning up fails")] = False


class OpInstanceStartup(OpCode, frozen=True, kw_only=True, tag="OP_INSTANCE_STARTUP"):
    """Start an instance."""

    SUMMARY_FIELD: ClassVar[str | None] = "instance_name"

    instance_name: Annotated[str, doc("Name of the instance")]
    instance_uuid: Annotated[NonEmpty | None, doc("Its UUID; goes before the name")] = None
    force: Annotated[bool, doc("Start even if the secondary node is away")] = False
    ignore_offline_nodes: Annotated[bool, doc("Only mark it up if its node is offline")] = False
    hvparams: Annotated[dict[str, Any], doc("Hypervisor parameters for this start only")] = {}
    beparams: Annotated[dict[str, Any], doc("Backend parameters for this start only")] = {}
    no_remember: Annotated[bool, doc("Do not mark the instance as up")] = False
    startup_paused: Annotated[bool, doc("Start it and stop its processors at once")] = False
    shutdown_timeout: Annotated[
        NonNegative, doc("Seconds a stopped but unfinished instance has to end first")
    ] = 120


class OpInstanceShutdown(OpCode, frozen=True, kw_only=True, tag="OP_INSTANCE_SHUTDOWN"):
    """Shut an instance down."""

    SUMMARY_FIELD: ClassVar[str | None] = "instance_name"

    instance_name: Annotated[str, doc("Name of the instance")]
    instance_uuid: Annotated[NonEmpty | None, doc("Its UUID; goes before the name")] = None
    force: Annotated[bool, doc("Shut down even if it is marked offline")] = False
    ignore_offline_nodes: Annotated[bool, doc("Only mark it down if its node is offline")] = False
    timeout: Annotated[NonNegative, doc("Seconds before it is forced down")] = 120
    no_remember: Annotated[bool, doc("Do not mark the instance as down")] = False
    admin_state_source: Annotated[
        AdminStateSource | None, doc("Who wants it down; default: the admin")
    ] = None


class RebootType(StrEnum):
    """How thoroughly an instance is restarted."""

    FULL = "full"
    """Shut down, with its disks taken out of use, and started."""
    HARD = "hard"
    """Shut down and started."""
    SOFT = "soft"
    """Started anew by the hypervisor, without being asked."""


class OpInstanceReboot(OpCode, frozen=True, kw_only=True, tag="OP_INSTANCE_REBOOT"):
    """Restart an instance; one that is stopped is started."""

    SUMMARY_FIELD: ClassVar[str | None] = "instance_name"

    instance_name: Annotated[str, doc("Name of the instance")]
    instance_uuid: Annotated[NonEmpty | None, doc("Its UUID; goes before the name")] = None
    shutdown_timeout: Annotated[NonNegative, doc("Seconds before it is forced down")] = 120
    ignore_secondaries: Annotated[bool, doc("Go on without the secondary node")] = False
    reboot_type: Annotated[RebootType, doc("How thoroughly it is restarted")]


class OpInstanceReinstall(OpCode, frozen=True, kw_only=True, tag="OP_INSTANCE_REINSTALL"):
    """Install the operating system anew; all data is lost."""

    SUMMARY_FIELD: ClassVar[str | None] = "instance_name"

    instance_name: Annotated[str, doc("Name of the instance")]
    instance_uuid: Annotated[NonEmpty | None, doc("Its UUID; goes before the name")] = None
    force_variant: Annotated[bool, doc("Accept unlisted OS variants")] = False
    os_type: Annotated[NonEmpty | None, doc("Another OS definition, with +variant")] = None
    osparams: Annotated[dict[str, Any] | None, doc("OS parameters for this time only")] = None
    osparams_private: Annotated[
        dict[str, Secret] | None, doc("OS parameters for this time only, not shown")
    ] = None
    osparams_secret: Annotated[
        dict[str, Secret] | None, doc("OS parameters for this time only, never kept")
    ] = None


class OpInstanceRename(OpCode, frozen=True, kw_only=True, tag="OP_INSTANCE_RENAME"):
    """Give an instance another name."""

    RESULT: ClassVar[str] = "the new name"

    instance_name: Annotated[str, doc("Name of the instance")]
    instance_uuid: Annotated[NonEmpty | None, doc("Its UUID; goes before the name")] = None
    new_name: Annotated[NonEmpty, doc("The name that it gets")]
    name_check: Annotated[bool, doc("The new name must resolve")] = False
    ip_check: Annotated[bool, doc("Nothing may answer at the new name's address")] = False


class OpInstanceSetParams(OpCode, frozen=True, kw_only=True, tag="OP_INSTANCE_SET_PARAMS"):
    """Change an instance: its parameters, disks, interfaces, memory, OS, place."""

    SUMMARY_FIELD: ClassVar[str | None] = "instance_name"
    RESULT: ClassVar[str] = "list of (what, its new value)"

    instance_name: Annotated[str, doc("Name of the instance")]
    instance_uuid: Annotated[NonEmpty | None, doc("Its UUID; goes before the name")] = None
    force: Annotated[bool, doc("Go on against checks that may be skipped")] = False
    force_variant: Annotated[bool, doc("Accept unlisted OS variants")] = False
    ignore_ipolicy: Annotated[bool, doc("Go on against the instance policy")] = False
    nics: Annotated[
        tuple[Modification[NicRequest], ...], doc("Changes of the network interfaces, in order")
    ] = ()
    disks: Annotated[
        tuple[Modification[DiskRequest], ...], doc("Changes of the disks, in order")
    ] = ()
    beparams: Annotated[
        dict[str, Any], doc("Backend parameters; 'default' inherits the cluster's again")
    ] = {}
    runtime_mem: Annotated[Positive | None, doc("Memory of the running guest in MiB")] = None
    hvparams: Annotated[
        dict[str, Any], doc("Hypervisor parameters; 'default' inherits the cluster's again")
    ] = {}
    disk_template: Annotated[DiskTemplate | None, doc("Convert the disks to this kind")] = None
    ext_params: Annotated[dict[str, Any], doc("Parameters of the provider of ext disks")] = {}
    file_driver: Annotated[FileDriver | None, doc("For new file-based disks")] = None
    file_storage_dir: Annotated[NonEmpty | None, doc("Folder for new file-based disks")] = None
    pnode: Annotated[NonEmpty | None, doc("New primary node; the data is there already")] = None
    pnode_uuid: Annotated[NonEmpty | None, doc("Its UUID; goes before the name")] = None
    remote_node: Annotated[NonEmpty | None, doc("Secondary node for mirrored disks")] = None
    remote_node_uuid: Annotated[NonEmpty | None, doc("Its UUID; goes before the name")] = None
    iallocator: Annotated[NonEmpty | None, doc("Program that chooses the secondary node")] = None
    os_name: Annotated[NonEmpty | None, doc("OS definition, which is not installed")] = None
    osparams: Annotated[
        dict[str, Any], doc("OS parameters; 'default' inherits the cluster's again")
    ] = {}
    osparams_private: Annotated[
        dict[str, Secret] | None, doc("OS parameters that are not shown")
    ] = None
    wait_for_sync: Annotated[bool, doc("Wait until mirrored disks are in sync")] = True
    offline: Annotated[bool | None, doc("Put it away, or take it back")] = None
    conflicts_check: Annotated[bool, doc("Refuse addresses of networks that are not named")] = True
    hotplug: Annotated[bool, doc("Change the devices of a running guest at once")] = True
    instance_communication: Annotated[bool | None, doc("Have the NIC of the metadata service")] = (
        None
    )


class OpInstanceQueryData(OpCode, frozen=True, kw_only=True, tag="OP_INSTANCE_QUERY_DATA"):
    """All there is to know about instances, from the configuration and from their nodes."""

    RESULT: ClassVar[str] = "object: instance uuid to its data"

    use_locking: Annotated[bool, doc("Wait for operations on the instances to end")] = False
    instances: Annotated[tuple[NonEmpty, ...], doc("Names; none: all")] = ()
    static: Annotated[bool, doc("Ask no nodes")] = False
