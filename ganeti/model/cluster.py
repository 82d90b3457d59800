"""The cluster's own record: its identity, defaults and limits."""

from __future__ import annotations

from enum import StrEnum
from typing import Annotated, Any

from msgspec import Meta, Struct

from ganeti.model.fields import always
from ganeti.model.hypervisors import HypervisorName, default_hvparams
from ganeti.model.parameters import BeParams, NdParams, NicParams, Number
from ganeti.model.policy import InstancePolicy
from ganeti.model.secret import Secret
from ganeti.model.templates import DiskTemplate, default_diskparams

DATA_COLLECTORS = ("cpu-avg-load", "diskstats", "drbd", "inst-status-xen", "lv", "xen-cpu-avg-load")
FIRST_PORT, LAST_PORT = 11000, 14999
"""TCP ports given to instances and disks."""

AF_INET, AF_INET6 = 2, 10


class SshKeyType(StrEnum):
    """Kind of the nodes' SSH keys."""

    DSA = "dsa"
    ECDSA = "ecdsa"
    RSA = "rsa"


class DataCollector(Struct, frozen=True, kw_only=True):
    """Setting of one of the monitoring daemon's collectors."""

    active: bool = True
    interval: Number = 5_000_000
    """Microseconds."""


class Cluster(Struct, frozen=True, kw_only=True, omit_defaults=True):
    """What holds for the whole cluster."""

    uuid: str
    cluster_name: str
    master_node: str
    """Uuid."""
    master_ip: str
    master_netdev: str = always("")
    master_netmask: int = always(32)
    use_external_mip_script: bool = always(False)
    primary_ip_family: int = always(AF_INET)
    volume_group_name: str | None = None
    drbd_usermode_helper: str | None = None
    reserved_lvs: tuple[str, ...] = always(())
    rsahostkeypub: str = always("")
    dsahostkeypub: str | None = None
    modify_etc_hosts: bool = always(False)
    modify_ssh_setup: bool = always(False)
    ssh_key_type: SshKeyType = always(SshKeyType.RSA)
    ssh_key_bits: int = always(2048)
    mac_prefix: str = always("aa:00:00")
    highest_used_port: int = always(FIRST_PORT - 1)
    tcpudp_port_pool: tuple[int, ...] = always(())
    """Ports below the highest used one that were given back."""
    enabled_hypervisors: tuple[HypervisorName, ...] = always(())
    """The first is the default."""
    hvparams: dict[HypervisorName, dict[str, Any]] = always({})
    os_hvp: dict[str, dict[str, dict[str, Any]]] = always({})
    beparams: dict[str, BeParams] = always({"default": BeParams()})
    nicparams: dict[str, NicParams] = always({"default": NicParams()})
    ndparams: NdParams = always(NdParams())
    diskparams: dict[DiskTemplate, dict[str, Any]] = always({})
    ipolicy: InstancePolicy = always(InstancePolicy())
    osparams: dict[str, dict[str, str]] = always({})
    osparams_private_cluster: dict[str, dict[str, Secret]] = always({})
    enabled_disk_templates: tuple[DiskTemplate, ...] = always(())
    file_storage_dir: str = always("")
    shared_file_storage_dir: str = always("")
    gluster_storage_dir: str = always("")
    candidate_pool_size: Annotated[int, Meta(ge=1)] = always(10)
    candidate_certs: dict[str, str] = always({})
    """Certificate digest of each master candidate, by node uuid."""
    max_running_jobs: Annotated[int, Meta(ge=1)] = always(20)
    max_tracked_jobs: Annotated[int, Meta(ge=1)] = always(25)
    maintain_node_health: bool = always(False)
    prealloc_wipe_disks: bool = always(False)
    enabled_user_shutdown: bool = always(False)
    default_iallocator: str = always("")
    default_iallocator_params: dict[str, Any] = always({})
    hidden_os: tuple[str, ...] = always(())
    blacklisted_os: tuple[str, ...] = always(())
    uid_pool: tuple[tuple[int, int], ...] = always(())
    install_image: str = always("")
    zeroing_image: str = always("")
    instance_communication_network: str = always("")
    compression_tools: tuple[str, ...] = always(("gzip", "gzip-fast", "gzip-slow"))
    data_collectors: dict[str, DataCollector] = always({})
    hv_state_static: dict[str, Any] = always({})
    disk_state_static: dict[str, Any] = always({})
    tags: tuple[str, ...] = always(())
    serial_no: int = always(1)
    ctime: float = always(0.0)
    mtime: float = always(0.0)

    @property
    def default_hypervisor(self) -> HypervisorName:
        """For instances that name none."""
        return self.enabled_hypervisors[0]


def default_cluster(
    *, uuid: str, cluster_name: str, master_node: str, master_ip: str, **settings: Any
) -> Cluster:
    """
    A new cluster with Ganeti's defaults.

    @param settings: any other field of L{Cluster}.
    """
    values: dict[str, Any] = {
        "enabled_hypervisors": (HypervisorName.XEN_PVM,),
        "enabled_disk_templates": (DiskTemplate.DRBD, DiskTemplate.PLAIN),
        "hvparams": default_hvparams(),
        "diskparams": default_diskparams(),
        "data_collectors": {name: DataCollector() for name in DATA_COLLECTORS},
    }
    return Cluster(
        uuid=uuid,
        cluster_name=cluster_name,
        master_node=master_node,
        master_ip=master_ip,
        **values | settings,
    )
