"""Cross-checks: each contradiction is found and named, and a sound configuration has none."""

from __future__ import annotations

from collections.abc import Callable

import pytest
from hypothesis import given, settings
from immutables import Map
from msgspec.structs import replace
from support.samples import (
    GROUP_UUID,
    disk_uuid,
    instance_uuid,
    make_config,
    make_disk,
    make_instance,
    make_node,
    node_uuid,
    uuid_of,
)
from support.strategies import configurations
from support.thorough import examples

from ganeti.model.config import Configuration
from ganeti.model.disk import Disk
from ganeti.model.filter import FilterAction, FilterRule
from ganeti.model.group import NodeGroup
from ganeti.model.hypervisors import HypervisorName
from ganeti.model.network import Network
from ganeti.model.nic import Nic
from ganeti.model.parameters import PartialBeParams, PartialNicParams
from ganeti.model.templates import DiskTemplate
from ganeti.store.checks import cross_check


def sound() -> Configuration:
    """Three nodes, all candidates with certificates, and three instances."""
    config = make_config(3, 3)
    certificates = {node_uuid(number): f"digest{number}" for number in (1, 2, 3)}
    changed = of_cluster(
        candidate_certs=certificates, enabled_disk_templates=(DiskTemplate.FILE, DiskTemplate.DRBD)
    )
    return changed(config)


def drbd(number: int, node_a: int, node_b: int, port: int, minor: int) -> Disk:
    """A DRBD disk of an instance."""
    logical_id = (node_uuid(node_a), node_uuid(node_b), port, minor, minor, "secret")
    data = make_disk(number, 5, dev_type=DiskTemplate.PLAIN, logical_id=("xenvg", "data"))
    meta = make_disk(number, 6, dev_type=DiskTemplate.PLAIN, logical_id=("xenvg", "meta"))
    return make_disk(
        number, dev_type=DiskTemplate.DRBD, logical_id=logical_id, children=(data, meta)
    )


def of_cluster(**changed: object) -> Callable[[Configuration], Configuration]:
    return lambda c: c.with_cluster(replace(c.cluster, **changed))


def of_node(number: int, **changed: object) -> Callable[[Configuration], Configuration]:
    return lambda c: c.with_node(replace(c.nodes[node_uuid(number)], **changed))


def of_instance(number: int, **changed: object) -> Callable[[Configuration], Configuration]:
    return lambda c: c.with_instance(replace(c.instances[instance_uuid(number)], **changed))


def of_disk(number: int, **changed: object) -> Callable[[Configuration], Configuration]:
    return lambda c: c.with_disk(replace(c.disks[disk_uuid(number)], **changed))


def without_instance(number: int) -> Callable[[Configuration], Configuration]:
    return lambda c: c.without_instance(instance_uuid(number)).without_disk(disk_uuid(number))


def both(*changes: Callable[[Configuration], Configuration]) -> Callable[..., Configuration]:
    def change(config: Configuration) -> Configuration:
        for one in changes:
            config = one(config)
        return config

    return change


def network(**settings: object) -> Callable[[Configuration], Configuration]:
    values: dict[str, object] = {
        "uuid": uuid_of(6, 1),
        "name": "net1",
        "network": "192.0.2.0/28",
    }
    return lambda c: c.with_network(Network(**values | settings))  # type: ignore[arg-type]


def nic(number: int, **settings: object) -> Nic:
    values: dict[str, object] = {
        "uuid": uuid_of(5, 100 + number),
        "mac": f"aa:00:00:00:01:{number:02x}",
    }
    return Nic(**values | settings)  # type: ignore[arg-type]


NODE9 = node_uuid(9)
RULES: list[tuple[str, Callable[[Configuration], Configuration], str]] = [
    ("master", of_cluster(master_node=NODE9), f"Cluster: the master is unknown node {NODE9}"),
    (
        "master's role",
        both(of_node(1, master_candidate=False), of_cluster(candidate_pool_size=2)),
        "Cluster: the master node1.example.com is not a master candidate",
    ),
    (
        "hypervisors",
        both(of_cluster(enabled_hypervisors=()), *(without_instance(n) for n in (1, 2, 3))),
        "Cluster: no hypervisor is enabled",
    ),
    (
        "used hypervisor",
        of_cluster(enabled_hypervisors=(HypervisorName.KVM,)),
        "Cluster: hypervisor fake is used and not enabled",
    ),
    (
        "used template",
        of_cluster(enabled_disk_templates=(DiskTemplate.DRBD,)),
        "Cluster: disk template file is used and not enabled",
    ),
    (
        "templates",
        both(of_cluster(enabled_disk_templates=()), *(without_instance(n) for n in (1, 2, 3))),
        "Cluster: no disk template is enabled",
    ),
    (
        "master address",
        of_cluster(master_ip="cluster"),
        "Cluster: the master address 'cluster' is no IP address",
    ),
    (
        "cluster's address",
        of_node(2, secondary_ip="192.0.2.254"),
        "Node node2.example.com: has the cluster's own address 192.0.2.254",
    ),
    (
        "pool",
        of_node(2, master_candidate=False),
        "Cluster: not enough master candidates: 2, should be 3",
    ),
    (
        "stray certificate",
        of_cluster(candidate_certs={node_uuid(n): "d" for n in (1, 2, 3, 9)}),
        f"Cluster: there is a candidate's certificate of unknown node {NODE9}",
    ),
    (
        "missing certificate",
        of_cluster(candidate_certs={node_uuid(n): "d" for n in (1, 2)}),
        "Cluster: the certificate of master candidate node3.example.com is missing",
    ),
    (
        "group's network",
        lambda c: c.with_group(
            replace(c.groups[GROUP_UUID], networks={"net9": PartialNicParams()})
        ),
        "Group default: is connected to unknown network net9",
    ),
    (
        "node's group",
        of_node(2, group="nowhere"),
        "Node node2.example.com: is in unknown group nowhere",
    ),
    (
        "exclusive roles",
        of_node(2, drained=True),
        "Node node2.example.com state is invalid: master_candidate=True, drained=True,"
        " offline=False",
    ),
    (
        "capability",
        both(of_node(2, master_capable=False), of_cluster(candidate_pool_size=2)),
        "Node node2.example.com is a master candidate and not master capable",
    ),
    (
        "node's address",
        of_node(2, secondary_ip="abc"),
        "Node node2.example.com: the secondary address 'abc' is no IP address",
    ),
    (
        "shared address",
        of_node(2, primary_ip="192.0.2.1"),
        "IP address 192.0.2.1 is used by node1.example.com, node2.example.com",
    ),
    (
        "primary node",
        of_instance(1, primary_node=NODE9),
        f"Instance inst1.example.com: has unknown primary node {NODE9}",
    ),
    (
        "capable primary",
        of_node(1, vm_capable=False),
        "Instance inst1.example.com: its primary node node1.example.com is not VM capable",
    ),
    (
        "unknown disk",
        of_instance(1, disks=("d9",)),
        "Instance inst1.example.com: disk/0 is unknown disk d9",
    ),
    (
        "NIC's network",
        of_instance(1, nics=(nic(1, network="net9"),)),
        "Instance inst1.example.com: NIC 0 is connected to unknown network net9",
    ),
    (
        "memory",
        of_instance(1, beparams=PartialBeParams(minmem=512, maxmem=256)),
        "Instance inst1.example.com: minimum memory 512 is above maximum 256",
    ),
    (
        "disk elsewhere",
        of_disk(1, nodes=(node_uuid(2),)),
        "Instance inst1.example.com: disk/0 is not on the primary node",
    ),
    (
        "disk's node",
        of_disk(1, nodes=(node_uuid(1), NODE9)),
        f"Disk {disk_uuid(1)} of instance inst1.example.com: is on unknown node {NODE9}",
    ),
    (
        "logical id",
        of_disk(1, logical_id=("loop",)),
        f"Disk {disk_uuid(1)} of instance inst1.example.com: its logical id has 1 parts instead"
        " of 2",
    ),
    (
        "template diskless",
        of_disk(1, dev_type=DiskTemplate.DISKLESS),
        f"Disk {disk_uuid(1)} of instance inst1.example.com: is of template diskless",
    ),
    (
        "DRBD children",
        lambda c: c.with_disk(replace(drbd(1, 1, 2, 11000, 0), children=())).with_cluster(
            replace(c.cluster, highest_used_port=11000)
        ),
        f"Disk {disk_uuid(1)} of instance inst1.example.com: has 0 children instead of data and"
        " meta device",
    ),
    (
        "minors",
        lambda c: (
            c.with_disk(drbd(1, 1, 2, 11000, 0))
            .with_disk(drbd(2, 2, 3, 11001, 0))
            .with_cluster(replace(c.cluster, highest_used_port=11001))
        ),
        f"DRBD minor 0 on node node2.example.com is used by disks {disk_uuid(1)}, {disk_uuid(2)}",
    ),
    (
        "MAC of two",
        both(
            of_instance(1, nics=(nic(1),)), of_instance(2, nics=(nic(2, mac=nic(1).mac.upper()),))
        ),
        "MAC address aa:00:00:00:01:01 is used by inst1.example.com, inst2.example.com",
    ),
    (
        "MAC twice",
        of_instance(1, nics=(nic(1), nic(2, mac=nic(1).mac))),
        "MAC address aa:00:00:00:01:01 is used twice by inst1.example.com",
    ),
    (
        "address in a network",
        both(
            network(),
            of_instance(1, nics=(nic(1, ip="192.0.2.5", network=uuid_of(6, 1)),)),
            of_instance(2, nics=(nic(2, ip="192.0.2.5", network=uuid_of(6, 1)),)),
        ),
        "IP address 192.0.2.5 in network net1 is used by inst1.example.com, inst2.example.com",
    ),
    (
        "address on a link",
        both(
            of_instance(1, nics=(nic(1, ip="192.0.2.5"),)),
            of_instance(2, nics=(nic(2, ip="192.0.2.5"),)),
        ),
        "IP address 192.0.2.5 in link xen-br0 is used by inst1.example.com, inst2.example.com",
    ),
    (
        "port of two",
        both(
            of_cluster(highest_used_port=11000),
            of_instance(1, network_port=11000),
            of_instance(2, network_port=11000),
        ),
        "TCP port 11000 is used by instance inst1.example.com, instance inst2.example.com",
    ),
    (
        "free port in use",
        both(
            of_cluster(highest_used_port=11000, tcpudp_port_pool=(11000,)),
            of_instance(1, network_port=11000),
        ),
        "TCP port 11000 is free in the cluster's pool and used by instance inst1.example.com",
    ),
    (
        "high port",
        of_instance(1, network_port=11000),
        "TCP port 11000 of instance inst1.example.com is above the highest used port of the"
        " cluster",
    ),
    (
        "too many ports",
        of_cluster(highest_used_port=15000),
        "Cluster: the highest used port 15000 is above 14999",
    ),
    ("network", network(network="nonsense"), "Network net1: 'nonsense' is no IPv4 network"),
    (
        "gateway",
        network(gateway="192.0.2.99"),
        "Network net1: gateway 192.0.2.99 is not in 192.0.2.0/28",
    ),
    (
        "reservations",
        network(reservations="01"),
        "Network net1: reservations do not fit 16 addresses",
    ),
    (
        "external reservations",
        network(ext_reservations="2" * 16),
        "Network net1: external reservations do not fit 16 addresses",
    ),
    (
        "uuids",
        network(uuid=instance_uuid(1)),
        f"Uuid {instance_uuid(1)} names two objects: instance and network",
    ),
]


def test_sound() -> None:
    """A configuration as our commands make it has no contradictions."""
    assert cross_check(sound()) == []
    assert cross_check(Configuration()) == []
    rich = both(
        network(gateway="192.0.2.1", reservations="1" * 16),
        of_cluster(highest_used_port=11001),
        lambda c: c.with_disk(drbd(1, 1, 2, 11000, 0)).with_disk(drbd(2, 2, 3, 11001, 1)),
        of_instance(1, nics=(nic(1, ip="192.0.2.5", network=uuid_of(6, 1)),)),
        of_instance(3, disks=()),
        of_instance(2, nics=(nic(2, ip="192.0.2.5"),), disks=(disk_uuid(2), disk_uuid(3))),
    )
    config = rich(sound())
    rule = FilterRule(
        uuid=uuid_of(7, 1), watermark=1, priority=0, predicates=(), action=FilterAction.PAUSE
    )
    assert cross_check(config.with_filter(rule)) == []


@pytest.mark.parametrize(
    ("change", "text"), [rule[1:] for rule in RULES], ids=[r[0] for r in RULES]
)
def test_contradiction(change: Callable[[Configuration], Configuration], text: str) -> None:
    """The one thing that is wrong is told, and nothing else."""
    assert cross_check(change(sound())) == [text]


def test_no_groups() -> None:
    """A cluster has a group at least."""
    config = sound()
    bare = Configuration.build(cluster=config.cluster, nodes=[make_node(1)])
    assert "Cluster: there is no node group" in cross_check(bare)


def test_disk_of_two_instances() -> None:
    """A disk that two instances name, as only a defect of the indexes could make it."""
    config = sound()
    second = make_instance(2, 2, disks=(disk_uuid(1),))
    broken = Configuration(
        cluster_record=config.cluster,
        groups=Map({GROUP_UUID: NodeGroup(uuid=GROUP_UUID, name="default")}),
        nodes=config.nodes,
        instances=config.instances.set(second.uuid, second),
        disks=config.disks,
        indexes=config.indexes,
    )
    assert cross_check(broken) == [
        f"Instance inst2.example.com: disk/0 ({disk_uuid(1)}) belongs to another instance too"
    ]


@settings(max_examples=examples(40), deadline=None)
@given(configurations())
def test_never_fails(config: Configuration) -> None:
    """Whatever a file says, the check answers with texts."""
    assert all(isinstance(text, str) and text for text in cross_check(config))
