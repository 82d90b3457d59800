"""gnt-cluster modify, redist-conf."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

from ganeti.cli import jobs, node_settings, requests
from ganeti.cli.failures import FAILURE
from ganeti.cli.newcluster import parse_uid_pool
from ganeti.cli.settings import words, wrong
from ganeti.cli.types import split_list
from ganeti.opcodes.cluster import OpClusterRedistConf, OpClusterSetParams

if TYPE_CHECKING:
    from optparse import Values

    from ganeti.cli.session import Session

_SAME = (
    "candidate_pool_size",
    "default_iallocator",
    "default_iallocator_params",
    "drbd_helper",
    "enabled_user_shutdown",
    "file_storage_dir",
    "install_image",
    "instance_communication_network",
    "mac_prefix",
    "maintain_node_health",
    "master_netdev",
    "max_running_jobs",
    "max_tracked_jobs",
    "modify_etc_hosts",
    "prealloc_wipe_disks",
    "shared_file_storage_dir",
    "use_external_mip_script",
    "vg_name",
    "zeroing_image",
)
"""Options that are taken as they are."""


def modify(session: Session, options: Values, _words: list[str]) -> int:
    """Change the cluster's settings."""
    settings = build_settings(options)
    if not settings:
        session.err("Please give at least one of the parameters.")
        return FAILURE
    common = jobs.common_fields(session, options)
    jobs.run(session, OpClusterSetParams(force=options.force, **settings, **common), options)
    return 0


def build_settings(options: Values) -> dict[str, Any]:
    """
    Fields of the opcode that options set.

    @raise OpPrereqError, TypeEnforcementError: an option has an impossible value.
    """
    found = {name: getattr(options, name) for name in _SAME}
    found |= {
        "enabled_hypervisors": _names(options.enabled_hypervisors),
        "enabled_disk_templates": _names(options.enabled_disk_templates),
        "compression_tools": _names(options.compression_tools),
        "hvparams": requests.hvparams(options.hvparams),
        "beparams": requests.beparams(options.beparams),
        "nicparams": requests.nicparams(options.nicparams),
        "ndparams": requests.ndparams(options.ndparams),
        "diskparams": requests.diskparams(options.diskparams),
        "ipolicy": requests.policy(options),
        "hv_state": node_settings.hv_state(options.hv_state),
        "disk_state": node_settings.disk_state(options.disk_state),
        "master_netmask": _netmask(options.master_netmask),
        "reserved_lvs": _reserved(options.reserved_lvs),
        "enabled_data_collectors": requests.collector_switches(options.enabled_data_collectors),
        "data_collector_interval": requests.collector_intervals(options.data_collector_interval),
    }
    for name in ("uid_pool", "add_uids", "remove_uids"):
        text = getattr(options, name)
        found[name] = None if text is None else parse_uid_pool(text)
    return {name: value for name, value in found.items() if value is not None}


def _names(text: str | None) -> tuple[str, ...] | None:
    return None if text is None else tuple(words(text))


def _netmask(text: str | None) -> int | None:
    if text is None:
        return None
    if not (text.isascii() and text.isdecimal()):
        raise wrong(f"Invalid netmask ({text}): use the length of the prefix")
    return int(text)


def _reserved(text: str | None) -> tuple[str, ...] | None:
    """Patterns, in which a comma needs a backslash; empty text is none."""
    if text is None:
        return None
    return tuple(part for part in split_list(text) if part)


def redistribute(session: Session, options: Values, _words: list[str]) -> int:
    """Give all nodes the cluster's files again."""
    op = OpClusterRedistConf(**jobs.common_fields(session, options))
    jobs.run(session, op, options)
    return 0
