"""What the local protocol tells about the cluster as a whole."""

from __future__ import annotations

import platform
from collections.abc import Callable, Sequence
from typing import Any

from ganeti import version
from ganeti.errors import ErrorCode, OpPrereqError
from ganeti.model import codec
from ganeti.model.cluster import AF_INET6, Cluster
from ganeti.model.config import Configuration
from ganeti.model.state import State
from ganeti.model.tagged import find_tagged
from ganeti.model.tags import TagKind

_SAME = (
    "beparams",
    "blacklisted_os",
    "candidate_pool_size",
    "compression_tools",
    "ctime",
    "default_iallocator",
    "default_iallocator_params",
    "diskparams",
    "drbd_usermode_helper",
    "enabled_disk_templates",
    "enabled_hypervisors",
    "enabled_user_shutdown",
    "file_storage_dir",
    "gluster_storage_dir",
    "hidden_os",
    "install_image",
    "instance_communication_network",
    "ipolicy",
    "mac_prefix",
    "maintain_node_health",
    "master_netdev",
    "master_netmask",
    "max_running_jobs",
    "max_tracked_jobs",
    "modify_ssh_setup",
    "mtime",
    "ndparams",
    "nicparams",
    "os_hvp",
    "osparams",
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
)
"""Keys that are fields of the cluster's record."""


def cluster_info(config: Configuration) -> dict[str, Any]:
    """The answer to C{QueryClusterInfo}."""
    cluster = config.cluster
    info = {name: codec.to_builtins(getattr(cluster, name)) for name in _SAME}
    collectors = cluster.data_collectors
    return info | {
        "architecture": [platform.architecture()[0].replace("bit", "bits"), platform.machine()],
        "config_version": version.CONFIG_VERSION,
        "data_collector_interval": {name: one.interval for name, one in collectors.items()},
        "default_hypervisor": next(iter(cluster.enabled_hypervisors), None),
        "enabled_data_collectors": {name: one.active for name, one in collectors.items()},
        "export_version": version.EXPORT_VERSION,
        "hvparams": _enabled_hvparams(cluster),
        "master": config.master.name,
        "name": cluster.cluster_name,
        "os_api_version": max(version.OS_API_VERSIONS),
        "primary_ip_version": 6 if cluster.primary_ip_family == AF_INET6 else 4,
        "protocol_version": version.PROTOCOL_VERSION,
        "software_version": version.RELEASE,
        "vcs_version": f"(ganeti) version v{version.RELEASE}",
    }


def _enabled_hvparams(cluster: Cluster) -> dict[str, Any]:
    known = {str(name): values for name, values in cluster.hvparams.items()}
    return {name: known.get(name, {}) for name in map(str, cluster.enabled_hypervisors)}


_VALUES: dict[str, Callable[[State], Any]] = {
    "cluster_name": lambda state: state.config.cluster.cluster_name,
    "drain_flag": lambda state: state.queue.drained,
    "master_node": lambda state: state.config.master.name,
    "modify_ssh_setup": lambda state: state.config.cluster.modify_ssh_setup,
    "ssh_key_bits": lambda state: state.config.cluster.ssh_key_bits,
    "ssh_key_type": lambda state: state.config.cluster.ssh_key_type,
    "watcher_pause": lambda state: state.queue.watcher_pause,
}


def config_values(state: State, names: Sequence[str]) -> list[Any]:
    """The answer to C{QueryConfigValues}: None for names that there are not."""
    return [_VALUES[name](state) if name in _VALUES else None for name in names]


def tags_of(config: Configuration, kind: str, name: str | None) -> list[str]:
    """
    The tags of an object, sorted.

    @raise OpPrereqError: there is no such object, or kind of object.
    """
    if kind not in frozenset(TagKind):
        raise OpPrereqError(f"There are no tags of kind '{kind}'", ErrorCode.WRONG_INPUT)
    wanted = TagKind(kind)
    try:
        return sorted(find_tagged(config, wanted, name or "").tags)
    except OpPrereqError as err:
        raise OpPrereqError(
            f"{_LABELS[wanted]} name {name} not found", ErrorCode.NOT_FOUND
        ) from err


_LABELS = {
    TagKind.INSTANCE: "Instance",
    TagKind.NETWORK: "Network",
    TagKind.NODE: "Node",
    TagKind.NODEGROUP: "NodeGroup",
}
