"""What clients get to know about the cluster as a whole."""

from __future__ import annotations

from typing import Any

from ganeti import version
from ganeti.model import codec
from ganeti.model.cluster import AF_INET6, Cluster
from ganeti.model.config import Configuration

_AS_STORED = (
    "blacklisted_os",
    "candidate_pool_size",
    "compression_tools",
    "ctime",
    "default_iallocator",
    "default_iallocator_params",
    "drbd_usermode_helper",
    "enabled_disk_templates",
    "enabled_hypervisors",
    "enabled_user_shutdown",
    "file_storage_dir",
    "gluster_storage_dir",
    "hidden_os",
    "install_image",
    "instance_communication_network",
    "mac_prefix",
    "maintain_node_health",
    "master_netdev",
    "master_netmask",
    "max_running_jobs",
    "max_tracked_jobs",
    "modify_ssh_setup",
    "mtime",
    "prealloc_wipe_disks",
    "reserved_lvs",
    "shared_file_storage_dir",
    "ssh_key_bits",
    "ssh_key_type",
    "tags",
    "uid_pool",
    "use_external_mip_script",
    "uuid",
    "volume_group_name",
    "zeroing_image",
    "beparams",
    "diskparams",
    "ipolicy",
    "ndparams",
    "nicparams",
    "osparams",
)


def build_cluster_info(config: Configuration, machine: str) -> dict[str, Any]:
    """
    The answer to C{QueryClusterInfo}: plain values.

    Hypervisor parameters are those of enabled hypervisors; private OS parameters are left out.

    @param machine: processor architecture of the master, such as C{x86_64}.
    """
    cluster = config.cluster
    return {
        **{name: codec.to_builtins(getattr(cluster, name)) for name in _AS_STORED},
        **_versions(),
        "architecture": architecture(machine),
        "data_collector_interval": {
            name: one.interval for name, one in cluster.data_collectors.items()
        },
        "default_hypervisor": cluster.default_hypervisor.value,
        "enabled_data_collectors": {
            name: one.active for name, one in cluster.data_collectors.items()
        },
        "hvparams": {
            one.value: cluster.hvparams.get(one, {}) for one in cluster.enabled_hypervisors
        },
        "master": config.master.name,
        "name": cluster.cluster_name,
        "os_hvp": {name: _enabled(cluster, values) for name, values in cluster.os_hvp.items()},
        "primary_ip_version": 6 if cluster.primary_ip_family == AF_INET6 else 4,
    }


def architecture(machine: str) -> list[str]:
    """Word size and machine, as clients print them."""
    return ["64bits" if machine.endswith("64") else "32bits", machine]


def _versions() -> dict[str, Any]:
    return {
        "config_version": version.CONFIG_VERSION,
        "export_version": version.EXPORT_VERSION,
        "os_api_version": max(version.OS_API_VERSIONS),
        "protocol_version": version.PROTOCOL_VERSION,
        "software_version": version.RELEASE,
        "vcs_version": "",
    }


def _enabled(cluster: Cluster, by_hypervisor: dict[str, Any]) -> dict[str, Any]:
    return {name: own for name, own in by_hypervisor.items() if name in cluster.enabled_hypervisors}
