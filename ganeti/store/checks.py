"""
Does a configuration contradict itself? The rules of Ganeti's configuration check.

Pure. Used after a load, by verify and by audits; each text names the object it is about.
"""

from __future__ import annotations

import ipaddress
from collections.abc import Iterable, Iterator, Mapping
from itertools import chain

from ganeti.model.cluster import LAST_PORT, Cluster
from ganeti.model.config import Configuration
from ganeti.model.disk import Disk, disk_nodes
from ganeti.model.instance import Instance
from ganeti.model.names import is_ip
from ganeti.model.network import Network
from ganeti.model.node import Node
from ganeti.model.roles import candidate_pool, role_problem
from ganeti.model.templates import DiskTemplate


def cross_check(config: Configuration) -> list[str]:
    """All contradictions of C{config}; none when there is no cluster yet."""
    if config.cluster_record is None:
        return []
    return [
        *_check_cluster(config, config.cluster_record),
        *_check_pool(config, config.cluster_record),
        *_check_groups(config),
        *chain.from_iterable(_check_node(config, node) for node in config.nodes.values()),
        *_check_node_addresses(config, config.cluster_record),
        *chain.from_iterable(_check_instance(config, inst) for inst in config.instances.values()),
        *chain.from_iterable(_check_disk(config, disk) for disk in config.disks.values()),
        *chain.from_iterable(_check_network(network) for network in config.networks.values()),
        *_check_shared(config),
        *_check_ports(config, config.cluster_record),
        *_check_uuids(config),
    ]


def _check_cluster(config: Configuration, cluster: Cluster) -> Iterator[str]:
    master = config.nodes.get(cluster.master_node)
    if master is None:
        yield f"Cluster: the master is unknown node {cluster.master_node}"
    elif not master.master_candidate:
        yield f"Cluster: the master {master.name} is not a master candidate"
    if not cluster.enabled_hypervisors:
        yield "Cluster: no hypervisor is enabled"
    if not cluster.enabled_disk_templates:
        yield "Cluster: no disk template is enabled"
    if not is_ip(cluster.master_ip):
        yield f"Cluster: the master address '{cluster.master_ip}' is no IP address"
    yield from _check_enabled(config, cluster)


def _check_enabled(config: Configuration, cluster: Cluster) -> Iterator[str]:
    """What is in use must be enabled."""
    hypervisors = {instance.hypervisor for instance in config.instances.values()}
    for hypervisor in sorted(hypervisors - set(cluster.enabled_hypervisors)):
        yield f"Cluster: hypervisor {hypervisor} is used and not enabled"
    templates = {disk.dev_type for disk in config.disks.values()} - {DiskTemplate.DISKLESS}
    for template in sorted(templates - set(cluster.enabled_disk_templates)):
        yield f"Cluster: disk template {template} is used and not enabled"


def _check_pool(config: Configuration, cluster: Cluster) -> Iterator[str]:
    pool = candidate_pool(config)
    if pool.now < pool.should:
        yield f"Cluster: not enough master candidates: {pool.now}, should be {pool.should}"
    for uuid in sorted(cluster.candidate_certs.keys() - set(config.nodes)):
        yield f"Cluster: there is a candidate's certificate of unknown node {uuid}"
    for node in config.nodes.values():
        if node.master_candidate and node.uuid not in cluster.candidate_certs:
            yield f"Cluster: the certificate of master candidate {node.name} is missing"


def _check_groups(config: Configuration) -> Iterator[str]:
    if not config.groups:
        yield "Cluster: there is no node group"
    for group in config.groups.values():
        for uuid in sorted(group.networks.keys() - set(config.networks)):
            yield f"Group {group.name}: is connected to unknown network {uuid}"


def _check_node(config: Configuration, node: Node) -> Iterator[str]:
    if node.group not in config.groups:
        yield f"Node {node.name}: is in unknown group {node.group}"
    problem = role_problem(node)
    if problem:
        yield problem
    for label, ip in (("primary", node.primary_ip), ("secondary", node.secondary_ip)):
        if not is_ip(ip):
            yield f"Node {node.name}: the {label} address '{ip}' is no IP address"


def _check_node_addresses(config: Configuration, cluster: Cluster) -> Iterator[str]:
    for uuid in config.indexes.node_ips.get(cluster.master_ip, ()):
        yield f"Node {config.nodes[uuid].name}: has the cluster's own address {cluster.master_ip}"
    for ip, members in config.indexes.node_ips.items():
        if len(members) > 1:
            yield f"IP address {ip} is used by {_names(config.nodes, members)}"


def _check_instance(config: Configuration, instance: Instance) -> Iterator[str]:
    where = f"Instance {instance.name}"
    if instance.forthcoming:
        return
    primary = config.nodes.get(instance.primary_node)
    if primary is None:
        yield f"{where}: has unknown primary node {instance.primary_node}"
    elif not primary.vm_capable:
        yield f"{where}: its primary node {primary.name} is not VM capable"
    yield from _check_attached(config, instance, where)
    for index, nic in enumerate(instance.nics):
        if nic.network is not None and nic.network not in config.networks:
            yield f"{where}: NIC {index} is connected to unknown network {nic.network}"
    beparams = config.filled_beparams(instance)
    if beparams.minmem > beparams.maxmem:
        yield f"{where}: minimum memory {beparams.minmem} is above maximum {beparams.maxmem}"


def _check_attached(config: Configuration, instance: Instance, where: str) -> Iterator[str]:
    if len(set(instance.disks)) < len(instance.disks):
        yield f"{where}: a disk is attached twice"
    for index, uuid in enumerate(instance.disks):
        disk = config.disks.get(uuid)
        if disk is None:
            yield f"{where}: disk/{index} is unknown disk {uuid}"
        elif config.disk_owner(uuid) != instance.uuid:
            yield f"{where}: disk/{index} ({uuid}) belongs to another instance too"
        elif disk_nodes(disk) and instance.primary_node not in disk_nodes(disk):
            yield f"{where}: disk/{index} is not on the primary node"


def _check_disk(config: Configuration, disk: Disk) -> Iterator[str]:
    if disk.forthcoming:
        return
    where = f"Disk {disk.uuid}"
    owner = config.instances.get(config.disk_owner(disk.uuid) or "")
    if owner is not None:
        where = f"{where} of instance {owner.name}"
    for uuid in disk_nodes(disk):
        if uuid not in config.nodes:
            yield f"{where}: is on unknown node {uuid}"
    if disk.dev_type is DiskTemplate.DISKLESS:
        yield f"{where}: is of template diskless"
    wanted = 6 if disk.dev_type is DiskTemplate.DRBD else 2
    if len(disk.logical_id) != wanted:
        yield f"{where}: its logical id has {len(disk.logical_id)} parts instead of {wanted}"
    if disk.dev_type is DiskTemplate.DRBD and len(disk.children) != 2:
        yield f"{where}: has {len(disk.children)} children instead of data and meta device"


def _check_network(network: Network) -> Iterator[str]:
    where = f"Network {network.name}"
    try:
        addresses = ipaddress.IPv4Network(network.network)
    except ValueError:
        yield f"{where}: '{network.network}' is no IPv4 network"
        return
    if network.gateway and (
        not is_ip(network.gateway, 4) or ipaddress.IPv4Address(network.gateway) not in addresses
    ):
        yield f"{where}: gateway {network.gateway} is not in {network.network}"
    for label, bits in (("", network.reservations), ("external ", network.ext_reservations)):
        if bits is not None and (len(bits) != addresses.num_addresses or set(bits) - {"0", "1"}):
            yield f"{where}: {label}reservations do not fit {addresses.num_addresses} addresses"


def _check_shared(config: Configuration) -> Iterator[str]:
    """What two objects use that one only may."""
    for mac, members in config.indexes.macs.items():
        if len(members) > 1:
            yield f"MAC address {mac} is used by {_names(config.instances, members)}"
    yield from _repeated_macs(config)
    for (node_uuid, minor), members in config.indexes.minors.items():
        if len(members) > 1:
            node = config.nodes.get(node_uuid)
            where = node.name if node else node_uuid
            yield f"DRBD minor {minor} on node {where} is used by disks {_sorted(members)}"
    for place, names in _addresses(config).items():
        if len(names) > 1:
            yield f"IP address {place[1]} in {place[0]} is used by {', '.join(sorted(names))}"


def _repeated_macs(config: Configuration) -> Iterator[str]:
    for instance in config.instances.values():
        macs = [nic.mac.lower() for nic in instance.nics]
        for mac in sorted({mac for mac in macs if macs.count(mac) > 1}):
            yield f"MAC address {mac} is used twice by {instance.name}"


def _addresses(config: Configuration) -> dict[tuple[str, str], list[str]]:
    """Who uses each address of NICs, by network, or by link where there is none."""
    found: dict[tuple[str, str], list[str]] = {}
    for instance in config.instances.values():
        for nic in instance.nics:
            if nic.ip is None:
                continue
            if nic.network is not None:
                network = config.networks.get(nic.network)
                place = f"network {network.name if network else nic.network}"
            else:
                place = f"link {config.filled_nicparams(nic).link}"
            found.setdefault((place, nic.ip), []).append(instance.name)
    return found


def _check_ports(config: Configuration, cluster: Cluster) -> Iterator[str]:
    for port, members in config.indexes.ports.items():
        users = _users(config, members)
        if len(members) > 1:
            yield f"TCP port {port} is used by {users}"
        if port in cluster.tcpudp_port_pool:
            yield f"TCP port {port} is free in the cluster's pool and used by {users}"
        if port > cluster.highest_used_port:
            yield f"TCP port {port} of {users} is above the highest used port of the cluster"
    if cluster.highest_used_port > LAST_PORT:
        yield f"Cluster: the highest used port {cluster.highest_used_port} is above {LAST_PORT}"


def _check_uuids(config: Configuration) -> Iterator[str]:
    seen: dict[str, str] = {}
    for kind, uuid in _all_uuids(config):
        if uuid in seen:
            yield f"Uuid {uuid} names two objects: {seen[uuid]} and {kind}"
        seen[uuid] = kind


def _all_uuids(config: Configuration) -> Iterator[tuple[str, str]]:
    if config.cluster_record is not None:
        yield "cluster", config.cluster_record.uuid
    tables: dict[str, Iterable[str]] = {
        "group": config.groups,
        "node": config.nodes,
        "instance": config.instances,
        "disk": config.disks,
        "network": config.networks,
        "filter": config.filters,
    }
    for kind, uuids in tables.items():
        for uuid in uuids:
            yield kind, uuid
    for instance in config.instances.values():
        for nic in instance.nics:
            yield "NIC", nic.uuid


def _names(objects: Mapping[str, Node] | Mapping[str, Instance], uuids: Iterable[str]) -> str:
    return ", ".join(sorted(objects[uuid].name for uuid in uuids))


def _users(config: Configuration, uuids: Iterable[str]) -> str:
    found = []
    for uuid in uuids:
        instance = config.instances.get(uuid)
        found.append(f"instance {instance.name}" if instance else f"disk {uuid}")
    return ", ".join(sorted(found))


def _sorted(uuids: Iterable[str]) -> str:
    return ", ".join(sorted(uuids))
