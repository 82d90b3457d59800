"""gnt-cluster info."""

from __future__ import annotations

from collections.abc import Callable, Mapping
from typing import TYPE_CHECKING, Any

from ganeti.cli import roman, tree
from ganeti.cli.table import format_time
from ganeti.paths import Paths

if TYPE_CHECKING:
    from optparse import Values

    from ganeti.cli.session import Session

Info = Mapping[str, Any]

_SEARCH_PATH = Paths().os_search_path
"""As on a real machine, like all paths that are shown: without the root of a virtual node."""


def info(session: Session, options: Values, _words: list[str]) -> int:
    """The cluster's settings."""
    answer = session.call("QueryClusterInfo")
    number = roman.writer(options.roman_integers)
    session.out(*tree.format_tree(build(answer, number)))
    return 0


def build(info: Info, number: Callable[[Any], Any]) -> tree.Section:
    """All that is shown; C{number} writes the positive numbers."""
    bits, machine = info["architecture"]
    hypervisors = info["enabled_hypervisors"]
    return [
        ("Cluster name", info["name"]),
        ("Cluster UUID", info["uuid"]),
        ("Creation time", format_time(info["ctime"])),
        ("Modification time", format_time(info["mtime"])),
        ("Master node", info["master"]),
        ("Architecture (this node)", f"{bits} ({machine})"),
        ("Tags", _comma(sorted(info["tags"])) or "(none)"),
        ("Default hypervisor", info["default_hypervisor"]),
        ("Enabled hypervisors", _comma(hypervisors)),
        ("Hypervisor parameters", {name: info["hvparams"].get(name, {}) for name in hypervisors}),
        ("OS-specific hypervisor parameters", info["os_hvp"]),
        ("OS parameters", info["osparams"]),
        ("Hidden OSes", _comma(info["hidden_os"])),
        ("Blacklisted OSes", _comma(info["blacklisted_os"])),
        ("Cluster parameters", _parameters(info, number)),
        ("Default node parameters", info["ndparams"]),
        ("Default instance parameters", info["beparams"]),
        ("Default nic parameters", info["nicparams"]),
        ("Default disk parameters", info["diskparams"]),
        ("Instance policy - limits for instances", _policy(info["ipolicy"], number)),
        ("Data collectors", _collectors(info)),
    ]


def _parameters(info: Info, number: Callable[[Any], Any]) -> tree.Section:
    return [
        ("candidate pool size", number(info["candidate_pool_size"])),
        ("maximal number of jobs running simultaneously", number(info["max_running_jobs"])),
        (
            "maximal number of jobs simultaneously tracked by the scheduler",
            number(info["max_tracked_jobs"]),
        ),
        ("mac prefix", info["mac_prefix"]),
        ("master netdev", info["master_netdev"]),
        ("master netmask", number(info["master_netmask"])),
        ("use external master IP address setup script", info["use_external_mip_script"]),
        ("lvm volume group", info["volume_group_name"]),
        ("lvm reserved volumes", _comma(info["reserved_lvs"]) or "(none)"),
        ("drbd usermode helper", info["drbd_usermode_helper"]),
        ("file storage path", info["file_storage_dir"]),
        ("shared file storage path", info["shared_file_storage_dir"]),
        ("gluster storage path", info["gluster_storage_dir"]),
        ("maintenance of node health", info["maintain_node_health"]),
        ("uid pool", _uid_pool(info["uid_pool"])),
        ("default instance allocator", info["default_iallocator"]),
        ("default instance allocator parameters", info["default_iallocator_params"] or {}),
        ("primary ip version", info["primary_ip_version"]),
        ("preallocation wipe disks", info["prealloc_wipe_disks"]),
        ("OS search path", _comma(_SEARCH_PATH)),
        ("ExtStorage Providers search path", _comma(_extstorage_search_path())),
        ("enabled disk templates", _comma(info["enabled_disk_templates"])),
        ("install image", info["install_image"] or ""),
        ("instance communication network", info["instance_communication_network"] or ""),
        ("zeroing image", info["zeroing_image"] or ""),
        ("compression tools", list(info["compression_tools"])),
        ("enabled user shutdown", info["enabled_user_shutdown"]),
        ("modify ssh setup", info["modify_ssh_setup"]),
        ("ssh_key_type", info["ssh_key_type"]),
        ("ssh_key_bits", info["ssh_key_bits"]),
    ]


def _extstorage_search_path() -> list[str]:
    return [f"{path.removesuffix('/os')}/extstorage" for path in _SEARCH_PATH]


def _policy(policy: Info, number: Callable[[Any], Any]) -> tree.Section:
    bounds = [
        [
            (f"max/{i}", _numbers(pair["max"], number)),
            (f"min/{i}", _numbers(pair["min"], number)),
        ]
        for i, pair in enumerate(policy["minmax"])
    ]
    return [
        ("bounds specs", bounds),
        ("std", _numbers(policy["std"], number)),
        ("allowed disk templates", _comma(sorted(policy["disk-templates"]))),
        ("spindle-ratio", number(policy["spindle-ratio"])),
        ("vcpu-ratio", number(policy["vcpu-ratio"])),
    ]


def _numbers(values: Info, number: Callable[[Any], Any]) -> dict[str, Any]:
    return {name: number(value) for name, value in values.items()}


def _collectors(info: Info) -> dict[str, tree.Section]:
    intervals = info["data_collector_interval"]
    return {
        name: [("active", active), ("interval", f"{intervals[name] / 1e6:.3f}s")]
        for name, active in info["enabled_data_collectors"].items()
    }


def _uid_pool(ranges: list[list[int]]) -> str:
    return _comma(str(low) if low == high else f"{low}-{high}" for low, high in ranges)


def _comma(items: Any) -> str:
    return ", ".join(map(str, items))
