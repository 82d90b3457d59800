"""Clusters for trying placement: as records, as text files and as requests to an allocator."""

from __future__ import annotations

import json
import random
from bisect import bisect_left
from typing import Any

from msgspec.structs import replace

from ganeti.htools.defaults import POLICY
from ganeti.htools.records import ClusterData, Disk, Group, Instance, Node, Policy, Spec
from ganeti.model.templates import DiskTemplate

GROUP_UUID = "11111111-0000-4000-8000-{:012d}"
ADMIN_STATES = {
    "running": "up",
    "ERROR_down": "up",
    "ADMIN_down": "down",
    "ADMIN_offline": "offline",
}


def make_cluster(
    nodes: int,
    *,
    per_node: int = 10,
    template: DiskTemplate = DiskTemplate.DRBD,
    groups: int = 1,
    seed: int = 1,
    crowded: float = 0.6,
    memory: int = 65536,
    disk: int = 1 << 20,
    alike: bool = True,
) -> ClusterData:
    """
    An unbalanced cluster: most instances are on the first nodes of their group.

    @param crowded: which part of the nodes these are.
    @param alike: instances have a few sizes; else all have different ones.
    """
    source = random.Random(seed)
    group_records = tuple(
        Group(name=f"group{number}", uuid=GROUP_UUID.format(number), policy=POLICY)
        for number in range(groups)
    )
    empty = [
        Node(
            name=f"node{number:04}",
            group=group_records[number % groups].uuid,
            total_memory=memory,
            node_memory=1024,
            free_memory=memory - 1024,
            total_disk=disk,
            free_disk=disk,
            cpus=16,
            master=number == 0,
        )
        for number in range(nodes)
    ]
    filling = _Filling(empty, source, template, crowded, alike)
    instances = tuple(filling.instance(number) for number in range(nodes * per_node))
    return ClusterData(
        groups=group_records, nodes=tuple(filling.nodes), instances=instances, policy=POLICY
    )


class _Filling:
    """Puts instances on nodes, and counts what these have left."""

    def __init__(
        self,
        nodes: list[Node],
        source: random.Random,
        template: DiskTemplate,
        crowded: float,
        alike: bool,
    ) -> None:
        self.nodes = nodes
        self._source = source
        self._template = template
        self._crowded, self._alike = crowded, alike
        self._members: dict[str, list[int]] = {}
        for place, node in enumerate(nodes):
            self._members.setdefault(node.group, []).append(place)

    def instance(self, number: int) -> Instance:
        memory, disk = self._sizes()
        while True:
            primary, secondary = self._places()
            if all(self._has_room(place, memory, disk) for place in (primary, secondary)):
                break
        mirrored = self._template is DiskTemplate.DRBD
        self._take(primary, memory, disk)
        if mirrored:
            self._take(secondary, 0, disk)
        return Instance(
            name=f"inst{number:05}",
            memory=memory,
            disk=disk,
            vcpus=self._source.choice((1, 2, 4) if self._alike else range(1, 9)),
            primary=self.nodes[primary].name,
            secondary=self.nodes[secondary].name if mirrored else "",
            template=self._template,
            disks=(Disk(size=disk),),
        )

    def _sizes(self) -> tuple[int, int]:
        """Memory and disk."""
        memories = (512, 1024, 2048, 4096) if self._alike else range(256, 4097)
        disks = (10240, 20480, 40960) if self._alike else range(5000, 50001)
        return self._source.choice(memories), self._source.choice(disks)

    def _places(self) -> tuple[int, int]:
        all_nodes = len(self.nodes)
        wanted = all_nodes
        if self._source.random() < 0.7:
            wanted = max(2, int(all_nodes * self._crowded))
        group = self.nodes[self._source.randrange(all_nodes)].group
        everybody = self._members[group]
        members = everybody[: bisect_left(everybody, wanted)]
        if len(members) < 2:
            members = everybody
        first, second = self._source.sample(members, 2)
        return first, second

    def _has_room(self, place: int, memory: int, disk: int) -> bool:
        node = self.nodes[place]
        return (
            node.free_memory - memory > node.total_memory // 10
            and node.free_disk - disk > node.total_disk // 10
        )

    def _take(self, place: int, memory: int, disk: int) -> None:
        node = self.nodes[place]
        self.nodes[place] = replace(
            node, free_memory=node.free_memory - memory, free_disk=node.free_disk - disk
        )


def allocation(name: str = "new", *, template: DiskTemplate = DiskTemplate.DRBD) -> dict[str, Any]:
    """A request for a new instance (iallocator.json)."""
    return {
        "type": "allocate",
        "name": name,
        "memory": 1024,
        "vcpus": 1,
        "disks": [{"size": 10240, "mode": "rw", "spindles": 1}],
        "disk_space_total": 10240,
        "disk_template": template.value,
        "required_nodes": 2 if template is DiskTemplate.DRBD else 1,
        "tags": [],
        "nics": [],
        "os": "busybox",
        "hypervisor": "fake",
        "spindle_use": 1,
    }


def request_text(data: ClusterData, request: dict[str, Any]) -> str:
    """The input of an instance allocator."""
    message = {
        "version": 2,
        "cluster_name": "cluster.example.com",
        "cluster_tags": list(data.tags),
        "enabled_hypervisors": ["fake"],
        "ipolicy": _policy(data.policy or POLICY),
        "nodegroups": {group.uuid: _group(group) for group in data.groups},
        "nodes": {node.name: _node(node) for node in data.nodes},
        "instances": {each.name: _instance(each) for each in data.instances},
        "request": request,
    }
    return json.dumps(message)


def _group(group: Group) -> dict[str, Any]:
    return {
        "name": group.name,
        "alloc_policy": group.alloc_policy.value,
        "networks": list(group.networks),
        "tags": list(group.tags),
        "ipolicy": _policy(group.policy or POLICY),
    }


def _policy(policy: Policy) -> dict[str, Any]:
    return {
        "minmax": [{"min": _spec(each.least), "max": _spec(each.most)} for each in policy.ranges],
        "std": _spec(policy.standard),
        "disk-templates": [template.value for template in policy.templates],
        "vcpu-ratio": policy.vcpu_ratio,
        "spindle-ratio": policy.spindle_ratio,
    }


def _spec(spec: Spec) -> dict[str, int]:
    return {
        "memory-size": spec.memory,
        "cpu-count": spec.cpus,
        "disk-size": spec.disk,
        "disk-count": spec.disk_count,
        "nic-count": spec.nic_count,
        "spindle-use": spec.spindle_use,
    }


def _node(node: Node) -> dict[str, Any]:
    return {
        "group": node.group,
        "tags": list(node.tags),
        "offline": node.offline,
        "drained": False,
        "master_candidate": True,
        "master_capable": True,
        "vm_capable": True,
        "primary_ip": "192.0.2.1",
        "secondary_ip": "192.0.2.1",
        "ndparams": {
            "spindle_count": node.spindles,
            "exclusive_storage": node.exclusive_storage,
            "cpu_speed": node.cpu_speed,
            "oob_program": "",
            "ovs": False,
            "ssh_port": 22,
        },
        "total_memory": node.total_memory,
        "reserved_memory": node.node_memory,
        "free_memory": node.free_memory,
        "total_disk": node.total_disk,
        "free_disk": node.free_disk,
        "total_spindles": node.spindles,
        "free_spindles": node.free_spindles,
        "total_cpus": node.cpus,
        "reserved_cpus": node.node_cpus,
        "i_pri_memory": 0,
        "i_pri_up_memory": 0,
    }


def _instance(instance: Instance) -> dict[str, Any]:
    return {
        "tags": list(instance.tags),
        "admin_state": ADMIN_STATES[instance.status],
        "vcpus": instance.vcpus,
        "memory": instance.memory,
        "spindle_use": instance.spindle_use,
        "os": "busybox",
        "nodes": [name for name in (instance.primary, instance.secondary) if name],
        "nics": [],
        "disks": [
            {"size": disk.size, "mode": "rw", "dev_type": instance.template, "spindles": 1}
            for disk in instance.disks
        ],
        "disk_space_total": instance.disk,
        "disk_template": instance.template.value,
        "disks_active": True,
        "hypervisor": "fake",
    }
