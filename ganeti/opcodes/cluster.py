"""Opcodes about the cluster as a whole."""

from __future__ import annotations

from enum import StrEnum
from typing import Annotated, Any, ClassVar

from ganeti.model.hypervisors import HypervisorName
from ganeti.model.secret import Secret
from ganeti.model.templates import DiskTemplate
from ganeti.opcodes.base import NonEmpty, NonNegative, OpCode, Positive, doc
from ganeti.opcodes.group import DiskParamsRequest
from ganeti.opcodes.instance import NicRequest

UidRanges = tuple[tuple[int, int], ...]
"""First and last user id of each range."""


class ListAction(StrEnum):
    """What to do with a name of a list."""

    ADD = "add"
    ATTACH = "attach"
    DETACH = "detach"
    REMOVE = "remove"


ListChanges = tuple[tuple[ListAction, NonEmpty], ...]


class OpClusterPostInit(OpCode, frozen=True, kw_only=True, tag="OP_CLUSTER_POST_INIT"):
    """Run the hooks of a cluster that has just been made."""

    RESULT: ClassVar[str] = "bool"


class OpClusterDestroy(OpCode, frozen=True, kw_only=True, tag="OP_CLUSTER_DESTROY"):
    """End an empty cluster."""

    RESULT: ClassVar[str] = "uuid of the master node"


class OpClusterRedistConf(OpCode, frozen=True, kw_only=True, tag="OP_CLUSTER_REDIST_CONF"):
    """Give all nodes the cluster's files again."""


class OpClusterSetParams(OpCode, frozen=True, kw_only=True, tag="OP_CLUSTER_SET_PARAMS"):
    """Change settings of the cluster; what is not given stays."""

    force: Annotated[bool, doc("Go on where a check would stop it")] = False
    hv_state: Annotated[dict[str, Any] | None, doc("Static state, by hypervisor")] = None
    disk_state: Annotated[dict[str, Any] | None, doc("Static state, by storage type")] = None
    vg_name: Annotated[str | None, doc("Volume group of LVM disks; empty: none")] = None
    enabled_hypervisors: Annotated[
        tuple[HypervisorName, ...] | None, doc("Hypervisors to use; the first is the default")
    ] = None
    hvparams: Annotated[
        dict[str, dict[str, Any]] | None, doc("Hypervisor parameters, by hypervisor")
    ] = None
    beparams: Annotated[dict[str, Any] | None, doc("Default backend parameters")] = None
    os_hvp: Annotated[
        dict[str, dict[str, Any]] | None,
        doc("Hypervisor parameters of instances with an OS, by OS and hypervisor"),
    ] = None
    osparams: Annotated[
        dict[str, dict[str, Any]] | None, doc("OS parameters, by OS or OS+variant")
    ] = None
    osparams_private_cluster: Annotated[
        dict[str, dict[str, Secret]] | None, doc("OS parameters that are not shown, by OS")
    ] = None
    diskparams: Annotated[DiskParamsRequest | None, doc("Disk parameters, by template")] = None
    candidate_pool_size: Annotated[Positive | None, doc("How many master candidates")] = None
    max_running_jobs: Annotated[Positive | None, doc("How many jobs run at a time")] = None
    max_tracked_jobs: Annotated[
        Positive | None, doc("How many running jobs the scheduler watches")
    ] = None
    uid_pool: Annotated[UidRanges | None, doc("User ids that instances may run under")] = None
    add_uids: Annotated[UidRanges | None, doc("User ids to add to these")] = None
    remove_uids: Annotated[UidRanges | None, doc("User ids to take from these")] = None
    maintain_node_health: Annotated[
        bool | None, doc("The watcher ends what should not run on a node")
    ] = None
    prealloc_wipe_disks: Annotated[
        bool | None, doc("Overwrite disks before instances get them")
    ] = None
    nicparams: Annotated[NicRequest | None, doc("Default NIC parameters")] = None
    ndparams: Annotated[dict[str, Any] | None, doc("Node parameters")] = None
    ipolicy: Annotated[dict[str, Any] | None, doc("Instance policy")] = None
    drbd_helper: Annotated[str | None, doc("Program that DRBD calls; empty: none")] = None
    default_iallocator: Annotated[
        str | None, doc("Program that chooses nodes when none is named; empty: none")
    ] = None
    default_iallocator_params: Annotated[
        dict[str, Any] | None, doc("Parameters of that program")
    ] = None
    mac_prefix: Annotated[NonEmpty | None, doc("First three bytes of generated MACs")] = None
    master_netdev: Annotated[
        str | None, doc("Interface that carries the cluster's address on the master")
    ] = None
    master_netmask: Annotated[NonNegative | None, doc("Prefix length of the cluster's address")] = (
        None
    )
    reserved_lvs: Annotated[
        tuple[NonEmpty, ...] | None, doc("Logical volumes that are not Ganeti's: patterns")
    ] = None
    hidden_os: Annotated[ListChanges | None, doc("OSes to hide, or to show again")] = None
    blacklisted_os: Annotated[
        ListChanges | None, doc("OSes to keep from new instances, or to allow again")
    ] = None
    use_external_mip_script: Annotated[
        bool | None, doc("A script of the admin's sets up the cluster's address")
    ] = None
    enabled_disk_templates: Annotated[
        tuple[DiskTemplate, ...] | None, doc("Disk templates to allow; the first is the default")
    ] = None
    modify_etc_hosts: Annotated[bool | None, doc("Write the nodes into /etc/hosts")] = None
    file_storage_dir: Annotated[str | None, doc("Folder of file disks; empty: none")] = None
    shared_file_storage_dir: Annotated[
        str | None, doc("Folder of file disks on shared storage; empty: none")
    ] = None
    gluster_storage_dir: Annotated[
        str | None, doc("Folder where Gluster volumes are mounted; empty: none")
    ] = None
    install_image: Annotated[
        str | None, doc("Image of the helper machine that installs systems")
    ] = None
    instance_communication_network: Annotated[
        str | None, doc("Network of the metadata service; empty: none")
    ] = None
    zeroing_image: Annotated[str | None, doc("Image of the helper machine that zeroes disks")] = (
        None
    )
    compression_tools: Annotated[
        tuple[NonEmpty, ...] | None, doc("Programs that may compress transfers")
    ] = None
    enabled_user_shutdown: Annotated[
        bool | None, doc("Accept that users shut instances down from inside")
    ] = None
    enabled_data_collectors: Annotated[
        dict[str, bool] | None, doc("Collectors of the monitoring daemon to switch on or off")
    ] = None
    data_collector_interval: Annotated[
        dict[str, int] | None, doc("How often each collects, in microseconds")
    ] = None
