"""Configurations for tests: small clusters with natural names."""

from __future__ import annotations

from typing import Any

from ganeti.model.cluster import default_cluster
from ganeti.model.config import Configuration
from ganeti.model.disk import Disk
from ganeti.model.group import NodeGroup
from ganeti.model.hypervisors import HypervisorName
from ganeti.model.instance import AdminState, Instance
from ganeti.model.nic import Nic
from ganeti.model.node import Node
from ganeti.model.templates import DiskTemplate

GROUP_UUID = "11111111-0000-4000-8000-000000000000"


def uuid_of(kind: int, number: int) -> str:
    """A uuid that tells what it is of."""
    return f"{kind:08x}-0000-4000-8000-{number:012x}"


def node_uuid(number: int) -> str:
    """Of node C{number}, from 1; the first is the master."""
    return uuid_of(2, number)


def instance_uuid(number: int) -> str:
    """Of instance C{number}, from 1."""
    return uuid_of(3, number)


def disk_uuid(number: int, place: int = 0) -> str:
    """Of a disk of instance C{number}."""
    return uuid_of(0x40 + place, number)


def make_node(number: int, **settings: Any) -> Node:
    """node1.example.com and so on."""
    values = {
        "uuid": node_uuid(number),
        "name": f"node{number}.example.com",
        "primary_ip": f"192.0.2.{number}",
        "secondary_ip": f"192.0.2.{number}",
        "group": GROUP_UUID,
        "master_candidate": True,
    }
    return Node(**values | settings)


def make_disk(number: int, place: int = 0, **settings: Any) -> Disk:
    """A file disk of 1 GiB of instance C{number}."""
    values = {
        "uuid": disk_uuid(number, place),
        "dev_type": DiskTemplate.FILE,
        "logical_id": ("loop", f"/srv/ganeti/file-storage/inst{number}/disk{place}"),
        "size": 1024,
        "iv_name": f"disk/{place}",
    }
    return Disk(**values | settings)


def make_instance(number: int, node: int = 1, **settings: Any) -> Instance:
    """inst1.example.com and so on: one file disk, one interface, up."""
    nic = Nic(uuid=uuid_of(5, number), mac=f"aa:00:00:00:{number // 256:02x}:{number % 256:02x}")
    values = {
        "uuid": instance_uuid(number),
        "name": f"inst{number}.example.com",
        "primary_node": node_uuid(node),
        "os": "busybox",
        "hypervisor": HypervisorName.FAKE,
        "admin_state": AdminState.UP,
        "disks_active": True,
        "disks": (disk_uuid(number),),
        "nics": (nic,),
    }
    return Instance(**values | settings)


def make_config(nodes: int = 3, instances: int = 0) -> Configuration:
    """A cluster; instances are spread over the nodes in turn."""
    cluster = default_cluster(
        uuid=uuid_of(0, 1),
        cluster_name="cluster.example.com",
        master_node=node_uuid(1),
        master_ip="192.0.2.254",
        enabled_hypervisors=(HypervisorName.FAKE,),
        enabled_disk_templates=(DiskTemplate.FILE, DiskTemplate.DISKLESS),
        file_storage_dir="/srv/ganeti/file-storage",
    )
    numbers = range(1, instances + 1)
    return Configuration.build(
        cluster=cluster,
        groups=[NodeGroup(uuid=GROUP_UUID, name="default")],
        nodes=[make_node(number) for number in range(1, nodes + 1)],
        instances=[make_instance(number, 1 + (number - 1) % nodes) for number in numbers],
        disks=[make_disk(number) for number in numbers],
        ctime=1000.0,
        mtime=1000.0,
    )
