"""Random clusters of every kind, for properties that hold on all of them."""

from __future__ import annotations

import random

from ganeti.htools.cluster import Cluster, prepare
from ganeti.htools.records import ClusterData, Disk, Group, Instance, Load, Node
from ganeti.model.templates import DiskTemplate

TAGS = (
    "htools:iextags:service",
    "htools:nlocation:power",
    "htools:desiredlocation:power",
    "htools:migration:hv",
    "htools:allowmigration:hv:a::hv:b",
)
TEMPLATES = [DiskTemplate.DRBD] * 4 + [DiskTemplate.PLAIN, DiskTemplate.EXT]
STATUSES = ["running"] * 4 + ["ADMIN_down", "ADMIN_offline", "ERROR_down"]


def random_cluster(seed: int, *, tags: bool = True, offline: bool = True) -> Cluster:
    """A small cluster in any state, good or bad; the same for the same seed."""
    chance = random.Random(seed)
    count = chance.randint(2, 7)
    exclusive = chance.random() < 0.2
    instances = [
        random_instance(chance, number, count, tags) for number in range(chance.randint(1, 24))
    ]
    nodes = [
        random_node(
            chance,
            number,
            instances,
            exclusive or (seed % 4 == 1 and number % 2 == 0),
            offline and chance.random() < 0.15,
        )
        for number in range(count)
    ]
    group = Group(name="default", uuid="uuid-1")
    data = ClusterData(
        groups=(group,),
        nodes=tuple(nodes),
        instances=tuple(instances),
        tags=TAGS if tags else (),
    )
    return prepare(data)


def random_instance(chance: random.Random, number: int, nodes: int, tags: bool) -> Instance:
    """An instance somewhere."""
    template = chance.choice(TEMPLATES)
    primary, secondary = chance.sample(range(nodes), 2)
    size = chance.choice([1024, 5000, 20480])
    return Instance(
        name=f"inst{number}",
        memory=chance.choice([256, 512, 1000, 2048]),
        disk=size,
        vcpus=chance.choice([1, 2, 4]),
        status=chance.choice(STATUSES),
        auto_balance=chance.random() < 0.9,
        primary=f"node{primary}",
        secondary=f"node{secondary}" if template is DiskTemplate.DRBD else "",
        template=template,
        disks=(Disk(size=size, spindles=chance.randint(1, 2)),),
        tags=random_tags(chance) if tags else (),
        spindle_use=chance.randint(0, 3),
        forthcoming=chance.random() < 0.1,
        load=Load(cpu=chance.random(), disk=chance.choice([1.0, 0.3])),
    )


def random_tags(chance: random.Random) -> tuple[str, ...]:
    """Tags that mean something, and others."""
    found = [f"service:{chance.choice('abc')}", f"power:{chance.choice('xyz')}", "other"]
    return tuple(tag for tag in found if chance.random() < 0.5)


def random_node(
    chance: random.Random, number: int, instances: list[Instance], exclusive: bool, offline: bool
) -> Node:
    """A node with room for its instances, mostly."""
    name = f"node{number}"
    memory = sum(one.memory for one in instances if one.primary == name)
    disk = sum(one.disk for one in instances if name in (one.primary, one.secondary))
    total = chance.choice([8192, 16384])
    return Node(
        name=name,
        group="uuid-1",
        total_memory=total,
        node_memory=512,
        free_memory=max(0, total - 512 - memory + chance.choice([0, 100, -100])),
        total_disk=500000,
        free_disk=max(0, 500000 - disk),
        cpus=chance.choice([4, 8]),
        offline=offline,
        spindles=chance.choice([2, 12]),
        free_spindles=chance.randint(0, 6),
        exclusive_storage=exclusive,
        tags=tuple(
            tag
            for tag in (f"power:{chance.choice('xyz')}", f"hv:{chance.choice('ab')}")
            if chance.random() < 0.6
        ),
        cpu_speed=chance.choice([1.0, 1.5]),
    )
