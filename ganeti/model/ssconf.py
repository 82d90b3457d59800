"""
The ssconf files: what scripts and nodes read of the configuration, one value a file.
"""

from __future__ import annotations

from collections.abc import Iterable

from ganeti import version
from ganeti.model.config import Configuration
from ganeti.model.hypervisors import HypervisorName, built_in
from ganeti.model.indexes import Names
from ganeti.model.node import Node
from ganeti.model.roles import candidates
from ganeti.utils.text import nice_sort_key


def build_ssconf(config: Configuration) -> dict[str, str]:
    """
    Contents of all files, by key (file C{ssconf_<key>}): a text and a newline; an empty list
    is an empty file.
    """
    return {
        **_cluster_values(config),
        **_node_values(config),
        **_hypervisor_values(config),
        "instance_list": _lines(_natural(config.instance_by_name)),
        "networks": _lines(_pairs(config.network_by_name)),
        "nodegroups": _lines(_pairs(config.group_by_name)),
    }


def _cluster_values(config: Configuration) -> dict[str, str]:
    cluster = config.cluster
    return {
        "cluster_name": _lines([cluster.cluster_name]),
        "cluster_tags": _lines(sorted(cluster.tags)),
        "enabled_user_shutdown": _lines([str(cluster.enabled_user_shutdown)]),
        "file_storage_dir": _lines([cluster.file_storage_dir]),
        "gluster_storage_dir": _lines([cluster.gluster_storage_dir]),
        "hypervisor_list": _lines(cluster.enabled_hypervisors),
        "maintain_node_health": _lines([str(cluster.maintain_node_health)]),
        "master_candidates_certs": _lines(
            f"{uuid}={digest}" for uuid, digest in sorted(cluster.candidate_certs.items())
        ),
        "master_ip": _lines([cluster.master_ip]),
        "master_netdev": _lines([cluster.master_netdev]),
        "master_netmask": _lines([str(cluster.master_netmask)]),
        "master_node": _lines([config.master.name]),
        "primary_ip_family": _lines([str(cluster.primary_ip_family)]),
        "release_version": _lines([version.RELEASE]),
        "shared_file_storage_dir": _lines([cluster.shared_file_storage_dir]),
        "uid_pool": _lines(_range(low, high) for low, high in cluster.uid_pool),
    }


def _node_values(config: Configuration) -> dict[str, str]:
    nodes = sorted(config.nodes.values(), key=lambda node: nice_sort_key(node.name))
    pool = candidates(config)
    return {
        "master_candidates": _names(pool),
        "master_candidates_ips": _lines(node.primary_ip for node in pool),
        "node_list": _names(nodes),
        "node_primary_ips": _lines(f"{node.name} {node.primary_ip}" for node in nodes),
        "node_secondary_ips": _lines(f"{node.name} {node.secondary_ip}" for node in nodes),
        "node_vm_capable": _lines(f"{node.name}={node.vm_capable}" for node in nodes),
        "offline_nodes": _names(node for node in nodes if node.offline),
        "online_nodes": _names(node for node in nodes if not node.offline),
        "ssh_ports": _lines(
            f"{node.name}={config.filled_ndparams(node).ssh_port}" for node in nodes
        ),
    }


def _hypervisor_values(config: Configuration) -> dict[str, str]:
    found = {}
    for hypervisor in HypervisorName:
        values = built_in(hypervisor) | config.cluster.hvparams.get(hypervisor, {})
        lines = _lines(f"{name}={value}" for name, value in sorted(values.items()))
        found[f"hvparams_{hypervisor}"] = lines
    return found


def _lines(lines: Iterable[str]) -> str:
    text = "\n".join(lines)
    return f"{text}\n" if text else ""


def _names(nodes: Iterable[Node]) -> str:
    return _lines(node.name for node in nodes)


def _natural(names: Iterable[str]) -> list[str]:
    return sorted(names, key=nice_sort_key)


def _pairs(uuid_by_name: Names) -> Iterable[str]:
    return (f"{uuid_by_name[name]} {name}" for name in _natural(uuid_by_name))


def _range(low: int, high: int) -> str:
    return str(low) if low == high else f"{low}-{high}"
