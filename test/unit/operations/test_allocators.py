"""What instance allocators are told: figures of nodes, and the data of the built-in one."""

from __future__ import annotations

from typing import Any

import pytest
from msgspec.structs import replace
from support.samples import (
    disk_uuid,
    instance_uuid,
    make_config,
    make_disk,
    make_instance,
    node_uuid,
    uuid_of,
)

from ganeti.errors import NodeUnreachable, OpPrereqError
from ganeti.htools.records import Disk, Instance
from ganeti.htools.requests import parse_request
from ganeti.model.allocators import HailParameters, parse_hail_parameters
from ganeti.model.config import Configuration
from ganeti.model.group import AllocPolicy, NodeGroup
from ganeti.model.hypervisors import HypervisorName
from ganeti.model.instance import AdminState
from ganeti.model.live import InstanceRuntime, NodeResources, RunState, StorageSpace
from ganeti.model.parameters import PartialNdParams
from ganeti.model.reservation import Reservation, ReservationKind
from ganeti.model.templates import DiskTemplate
from ganeti.operations.allocators.data import build_data
from ganeti.operations.allocators.document import build_document
from ganeti.operations.allocators.figures import NodeFigures, Tenant, node_figures
from ganeti.operations.allocators.requests import Allocate, DiskRequest, parse
from ganeti.operations.allocators.situation import Situation
from ganeti.operations.allocators.stock import Claims, Stock, build_situation

RESOURCES = NodeResources(
    memory_total=8192,
    memory_free=4096,
    memory_dom0=512,
    cpus=8,
    cpu_dom0=1,
    storage=(
        StorageSpace(kind="lvm-vg", name="xenvg", free_mib=5000, size_mib=9000),
        StorageSpace(kind="lvm-pv", name="xenvg", spindles_free=3, spindles_total=4),
    ),
)
REQUEST = Allocate(
    name="new.example.com",
    memory=128,
    vcpus=2,
    spindle_use=3,
    disks=(DiskRequest(size=1024, dev_type=DiskTemplate.DRBD),),
    disk_space_total=1152,
    disk_template=DiskTemplate.DRBD,
    hypervisor="fake",
    nics=({"mac": "auto", "network": uuid_of(6, 1)}, {"mac": "auto", "network": None}),
    tags=("a:b",),
    required_nodes=2,
    group_name="default",
    restrict_to_nodes=("node1.example.com", "node2.example.com"),
)

NOTHING = Claims()

# -- figures


def test_figures() -> None:
    """Each number has its source."""
    tenants = [
        Tenant(name="full", memory=1000, up=True),
        Tenant(name="ballooned", memory=1000, up=True),
        Tenant(name="dead", memory=300, up=True),
        Tenant(name="crashed", memory=70, up=True),
        Tenant(name="stopped", memory=500, up=False),
    ]
    runtimes = {
        name: InstanceRuntime(name=name, memory_mib=memory, vcpus=1)
        for name, memory in (("full", 1100), ("ballooned", 600), ("stopped", 64))
    }
    runtimes["crashed"] = InstanceRuntime(
        name="crashed", memory_mib=70, vcpus=1, state=RunState.CRASHED
    )
    found = node_figures(RESOURCES, runtimes, tenants, reserved_memory=200, reserved_disk=1000)
    assert found == NodeFigures(
        total_memory=8192,
        reserved_memory=512,
        free_memory=4096 - 400 - 300 - 70 - 200,
        total_disk=9000,
        free_disk=4000,
        total_spindles=4,
        free_spindles=3,
        total_cpus=8,
        reserved_cpus=1,
        i_pri_memory=2870,
        i_pri_up_memory=2370,
    )


def test_figures_at_their_ends() -> None:
    """Nothing is less than nothing; storage that is not reported has no room."""
    bare = NodeResources(memory_total=8192, memory_free=4096, cpus=8)
    found = node_figures(bare, {}, [], reserved_memory=5000, reserved_disk=10)
    assert found is not None
    assert (found.free_memory, found.total_disk, found.free_disk) == (0, 0, 0)
    assert (found.total_spindles, found.reserved_memory, found.reserved_cpus) == (0, 0, 0)


@pytest.mark.parametrize("missing", ["memory_total", "memory_free", "cpus"])
def test_no_figures(missing: str) -> None:
    """A hypervisor that does not say how much there is."""
    assert node_figures(replace(RESOURCES, **{missing: None}), {}, []) is None


# -- what is known


def situation(
    config: Configuration, claims: Claims = NOTHING, before: Configuration | None = None
) -> Situation:
    """All nodes say the same, and nothing runs."""
    stock = Stock(
        config=config if before is None else before,
        resources=dict.fromkeys(config.nodes, RESOURCES),
        runtimes=dict.fromkeys(config.nodes, ()),
    )
    return build_situation(config, stock, claims)


def keep(kind: ReservationKind, key: str, amount: int) -> Reservation:
    return Reservation(kind=kind, key=key, job_id=1, node_uuid=node_uuid(1), amount=amount)


def promised(name: str, **settings: Any) -> Instance:
    values = {"memory": 300, "disk": 0, "vcpus": 1, "primary": "node1.example.com"}
    return Instance(name=name, **values | settings)


def free(found: Situation) -> tuple[int, int]:
    """Memory and disk of node1."""
    figures = found.figures[node_uuid(1)]
    return figures.free_memory, figures.free_disk


def test_reservations_are_taken_off() -> None:
    """Once each: those of instances that are counted already are not counted again."""
    memory, disk = ReservationKind.NODE_MEMORY, ReservationKind.NODE_DISK
    claims = Claims(
        reservations=(
            keep(memory, "named", 100),
            keep(memory, "placed", 300),
            keep(memory, "inst1.example.com", 128),
            keep(disk, "placed", 700),
            keep(disk, "inst1.example.com", 1024),
        ),
        promised=(promised("placed"),),
    )
    found = situation(make_config(2, instances=1), claims)
    assert free(found) == (4096 - 128 - 100 - 300, 5000 - 700)
    assert found.figures[node_uuid(2)].free_memory == 4096
    assert found.promised == claims.promised


def test_stopped_instance_that_is_being_started() -> None:
    """It is in the configuration as stopped: what its job keeps is not free."""
    config = make_config(1).with_instance(make_instance(1, admin_state=AdminState.DOWN, disks=()))
    claims = Claims(
        reservations=(keep(ReservationKind.NODE_MEMORY, "inst1.example.com", 128),),
        promised=(promised("later", status="ADMIN_down"),),
    )
    assert free(situation(config)) == (4096, 5000)
    assert free(situation(config, claims)) == (4096 - 128, 5000)


def test_younger_than_the_stock() -> None:
    """What came into the configuration after nodes were asked is taken off: it was not there."""
    before = make_config(1)
    config = before.with_disk(make_disk(1, size=700, nodes=(node_uuid(1),)))
    config = config.with_instance(make_instance(1))
    claims = Claims(reservations=(keep(ReservationKind.NODE_DISK, "inst1.example.com", 700),))
    assert free(situation(config, claims, before)) == (4096 - 128, 5000 - 700)
    assert free(situation(config, claims)) == (4096 - 128, 5000)


def test_silent_nodes() -> None:
    """Nodes that do not answer, or not all, have no figures; nor have removed ones."""
    config = make_config(4)
    resources: dict[str, Any] = dict.fromkeys([*config.nodes, node_uuid(9)], RESOURCES)
    resources[node_uuid(2)] = NodeUnreachable("node2.example.com", "connection refused")
    resources[node_uuid(4)] = NodeResources()
    runtimes: dict[str, Any] = dict.fromkeys(resources, ())
    runtimes[node_uuid(3)] = NodeUnreachable("node3.example.com", "gone")
    stock = Stock(config=config, resources=resources, runtimes=runtimes)
    found = build_situation(config, stock, Claims())
    assert set(found.figures) == {node_uuid(1)}
    assert found.silent == {
        node_uuid(2): "connection refused",
        node_uuid(3): "gone",
        node_uuid(4): "its hypervisor does not say how much memory and how many processors it has",
    }


# -- the built-in allocator's data


def rich_config(*hypervisors: HypervisorName) -> Configuration:
    """Groups, flags, parameters and instances of many kinds."""
    config = make_config(6, instances=12)
    rack = NodeGroup(
        uuid=uuid_of(1, 2),
        name="rack2",
        alloc_policy=AllocPolicy.LAST_RESORT,
        tags=("cold",),
        ndparams=PartialNdParams(exclusive_storage=True, spindle_count=5),
    )
    flags: dict[int, dict[str, Any]] = {
        2: {"offline": True},
        3: {"drained": True, "tags": ("old",)},
        4: {"vm_capable": False},
        6: {"group": rack.uuid},
    }
    config = config.with_group(rack)
    for number, changed in flags.items():
        config = config.with_node(replace(config.nodes[node_uuid(number)], **changed))
    one, two, three = (config.instances[instance_uuid(number)] for number in (1, 5, 7))
    mirrored = make_disk(
        7,
        dev_type=DiskTemplate.DRBD,
        nodes=(node_uuid(1), node_uuid(5)),
        logical_id=(node_uuid(1), node_uuid(5), 11000, 0, 0, "secret"),
    )
    config = config.with_disk(replace(config.disks[disk_uuid(1)], spindles=2)).with_disk(mirrored)
    for changed_instance in (
        replace(one, tags=("web", "a:b"), admin_state=AdminState.DOWN),
        replace(two, admin_state=AdminState.OFFLINE, nics=()),
        three,
    ):
        config = config.with_instance(changed_instance)
    return config.with_cluster(
        replace(config.cluster, enabled_hypervisors=hypervisors, tags=("htools:iextags:a",))
    )


@pytest.mark.parametrize("hypervisor", [HypervisorName.FAKE, HypervisorName.KVM])
def test_as_from_a_file(hypervisor: HypervisorName) -> None:
    """The built-in allocator computes on what it would read from a program's input file."""
    config = rich_config(hypervisor)
    claims = Claims(
        promised=(
            promised("inst11a.example.com", disks=(Disk(size=5),), template=DiskTemplate.FILE),
        )
    )
    full = situation(config, claims)
    partial = {u: f for u, f in full.figures.items() if u not in (node_uuid(2), node_uuid(4))}
    told = Situation(config=config, figures=partial, promised=claims.promised)
    data, request = parse_request(build_document(told, REQUEST))
    nics: dict[str, Any] = {one.name: one.nics for one in data.instances}
    expected = build_data(told)
    assert data == replace(
        expected,
        instances=tuple(replace(one, nics=nics[one.name]) for one in expected.instances),
    )
    assert request == parse(REQUEST)
    assert [one.name for one in data.instances][9:13] == [
        f"inst{number}.example.com" for number in ("10", "11", "11a", "12")
    ]


# -- parameters


def test_parameters() -> None:
    """They are named as the options of the program are."""
    given = {
        "ignore-soft-errors": True,
        "no-capacity-checks": "no",
        "restrict-allocation-to": "node1,node2",
        "static-kvm-node-memory": "0",
    }
    assert parse_hail_parameters(given) == HailParameters(
        ignore_soft_errors=True,
        restrict_allocation_to=("node1", "node2"),
        static_kvm_node_memory=0,
    )
    assert parse_hail_parameters({"ignore-soft-errors": None}) == HailParameters()


@pytest.mark.parametrize(
    ("name", "value", "text"),
    [
        ("speed", "high", "Unknown parameter 'speed' of the iallocator hail; it has ignore-"),
        ("no-capacity-checks", "maybe", "use yes or no"),
        ("restrict-allocation-to", "a,,b", "use names of nodes with commas"),
        ("restrict-allocation-to", True, "use names of nodes with commas"),
        ("static-kvm-node-memory", "-1", "use a number of MiB"),
        ("static-kvm-node-memory", True, "use a number of MiB"),
    ],
)
def test_wrong_parameters(name: str, value: Any, text: str) -> None:
    """Each is of its kind."""
    with pytest.raises(OpPrereqError) as caught:
        parse_hail_parameters({name: value})
    assert text in str(caught.value)
