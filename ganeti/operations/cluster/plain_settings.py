"""Settings of the cluster that are single values or lists, after a request."""

from __future__ import annotations

import posixpath
import re
from collections.abc import Mapping
from typing import Any

from msgspec.structs import replace

from ganeti.model.cluster import AF_INET6, DATA_COLLECTORS, Cluster, DataCollector
from ganeti.model.config import Configuration
from ganeti.model.hypervisors import HypervisorName
from ganeti.model.names import normal_mac_prefix
from ganeti.model.uid_pool import add_uids, check_pool, remove_uids
from ganeti.opcodes.cluster import ListAction, ListChanges, OpClusterSetParams
from ganeti.operations.cluster.parameter_settings import wrong
from ganeti.utils.patterns import compile_pattern

_SAME = (
    "candidate_pool_size",
    "default_iallocator",
    "default_iallocator_params",
    "enabled_user_shutdown",
    "maintain_node_health",
    "master_netdev",
    "max_running_jobs",
    "max_tracked_jobs",
    "modify_etc_hosts",
    "prealloc_wipe_disks",
    "use_external_mip_script",
)
"""Fields that are taken as they are; names and types are checked by the opcode."""

_TOOL = re.compile(r"[A-Za-z0-9_.+-]+")
_URL = re.compile(r"[a-z][a-z0-9+.-]*://\S+")
_NO_COMPRESSION = "none"


def enabled_hypervisors(cluster: Cluster, op: OpClusterSetParams) -> tuple[HypervisorName, ...]:
    """
    The hypervisors that are enabled after the request; the first is the default.

    @raise OpPrereqError: there would be none.
    """
    if op.enabled_hypervisors is None:
        return cluster.enabled_hypervisors
    if not op.enabled_hypervisors:
        raise wrong("At least one hypervisor must be enabled")
    return tuple(dict.fromkeys(op.enabled_hypervisors))


def plain_settings(config: Configuration, op: OpClusterSetParams) -> dict[str, Any]:
    """
    Fields of the cluster's record that the request changes.

    @raise OpPrereqError: a value is impossible.
    """
    cluster = config.cluster
    changes = {name: value for name in _SAME if (value := getattr(op, name)) is not None}
    if op.enabled_hypervisors is not None:
        changes["enabled_hypervisors"] = enabled_hypervisors(cluster, op)
    if op.mac_prefix is not None:
        changes["mac_prefix"] = normal_mac_prefix(op.mac_prefix)
    if op.master_netmask is not None:
        changes["master_netmask"] = _netmask(cluster, op.master_netmask)
    if op.reserved_lvs is not None:
        changes["reserved_lvs"] = tuple(map(_pattern, op.reserved_lvs))
    for name in ("install_image", "zeroing_image"):
        image = getattr(op, name)
        if image is not None:
            changes[name] = _image(name, image)
    if op.compression_tools is not None:
        changes["compression_tools"] = _tools(op.compression_tools)
    if op.instance_communication_network is not None:
        changes["instance_communication_network"] = _network(
            config, op.instance_communication_network
        )
    return changes | _lists(cluster, op) | _uid_pool(cluster, op) | _collectors(cluster, op)


def _netmask(cluster: Cluster, given: int) -> int:
    longest = 128 if cluster.primary_ip_family == AF_INET6 else 32
    if not 0 < given <= longest:
        raise wrong(f"Invalid netmask ({given}): use 1 to {longest}")
    return given


def _pattern(given: str) -> str:
    try:
        compile_pattern(given)
    except ValueError as err:
        raise wrong(f"Invalid pattern of reserved volumes '{given}': {err}") from err
    return given


def _image(name: str, given: str) -> str:
    is_path = posixpath.isabs(given) and posixpath.normpath(given) == given
    if given and not is_path and not _URL.fullmatch(given):
        what = name.replace("_", " ").capitalize()
        raise wrong(f"{what} '{given}' must be an absolute normalized path or a URL")
    return given


def _tools(given: tuple[str, ...]) -> tuple[str, ...]:
    for tool in given:
        if not _TOOL.fullmatch(tool) or tool == _NO_COMPRESSION:
            raise wrong(f"Invalid compression tool '{tool}': use names of programs")
    if not given:
        raise wrong("At least one compression tool is needed")
    return tuple(dict.fromkeys(given))


def _network(config: Configuration, given: str) -> str:
    return config.find_network(given).name if given else ""


# -- Lists


def _lists(cluster: Cluster, op: OpClusterSetParams) -> dict[str, Any]:
    changes = {}
    for name in ("hidden_os", "blacklisted_os"):
        wanted = getattr(op, name)
        if wanted is not None:
            changes[name] = _changed_list(getattr(cluster, name), wanted)
    return changes


def _changed_list(names: tuple[str, ...], changes: ListChanges) -> tuple[str, ...]:
    found = dict.fromkeys(names)
    for action, name in changes:
        if action is ListAction.ADD:
            found[name] = None
        elif action is ListAction.REMOVE:
            found.pop(name, None)
        else:
            raise wrong(f"An OS can be added or removed, not {action}ed: {name}")
    return tuple(found)


def list_notes(cluster: Cluster, op: OpClusterSetParams) -> list[str]:
    """What of the request is so already."""
    found = []
    for field, what in (("hidden_os", "hidden"), ("blacklisted_os", "blacklisted")):
        for action, name in getattr(op, field) or ():
            listed = name in getattr(cluster, field)
            if listed and action is ListAction.ADD:
                found.append(f"OS {name} is {what} already")
            elif not listed and action is ListAction.REMOVE:
                found.append(f"OS {name} is not {what}")
    return found


def _uid_pool(cluster: Cluster, op: OpClusterSetParams) -> dict[str, Any]:
    if op.uid_pool is None and op.add_uids is None and op.remove_uids is None:
        return {}
    pool = cluster.uid_pool if op.uid_pool is None else check_pool(op.uid_pool)
    pool = add_uids(pool, op.add_uids or ())
    return {"uid_pool": remove_uids(pool, op.remove_uids or ())}


def _collectors(cluster: Cluster, op: OpClusterSetParams) -> dict[str, Any]:
    active, intervals = op.enabled_data_collectors or {}, op.data_collector_interval or {}
    if not active and not intervals:
        return {}
    for name in (*active, *intervals):
        if name not in DATA_COLLECTORS:
            raise wrong(f"Unknown data collector '{name}': there are {', '.join(DATA_COLLECTORS)}")
    for name, interval in intervals.items():
        if interval <= 0:
            raise wrong(f"The interval of data collector {name} must be positive")
    changed = {name: DataCollector() for name in DATA_COLLECTORS} | dict(cluster.data_collectors)
    changed |= {name: replace(changed[name], active=on) for name, on in active.items()}
    changed |= _with_intervals(changed, intervals)
    return {"data_collectors": changed}


def _with_intervals(
    collectors: Mapping[str, DataCollector], intervals: Mapping[str, int]
) -> dict[str, DataCollector]:
    return {n: replace(collectors[n], interval=interval) for n, interval in intervals.items()}
