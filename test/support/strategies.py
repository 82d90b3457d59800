"""Hypothesis strategies for configurations and their changes."""

from __future__ import annotations

from typing import Any

from hypothesis import strategies as st

from ganeti.model.config import Configuration
from ganeti.model.disk import Disk
from ganeti.model.filter import FilterAction, FilterRule
from ganeti.model.group import AllocPolicy, NodeGroup
from ganeti.model.hypervisors import HypervisorName
from ganeti.model.instance import AdminState, Instance
from ganeti.model.network import Network
from ganeti.model.nic import Nic
from ganeti.model.node import Node
from ganeti.model.parameters import (
    NicMode,
    PartialBeParams,
    PartialNdParams,
    PartialNicParams,
)
from ganeti.model.policy import PartialPolicy
from ganeti.model.secret import Secret
from ganeti.model.templates import DiskTemplate
from support.samples import GROUP_UUID, disk_uuid, instance_uuid, make_config, node_uuid, uuid_of

FEW = st.integers(1, 4)
TEXTS = st.text('abcd é"\\\n', max_size=6)
TAGS = st.lists(st.sampled_from(["web:prod", "a", "b"]), unique=True).map(tuple)
TIMES = st.sampled_from([0.0, 1.5, 1234567.25])
VALUES: st.SearchStrategy[Any] = st.one_of(
    st.none(), st.booleans(), st.integers(-5, 5), TEXTS, st.lists(st.integers(0, 3), max_size=2)
)


def maybe(strategy: st.SearchStrategy[Any]) -> st.SearchStrategy[Any]:
    """C{strategy} or None."""
    return st.none() | strategy


NIC_PARAMS = st.builds(
    lambda own: PartialNicParams(**own),
    st.fixed_dictionaries(
        {}, optional={"link": TEXTS, "mode": st.sampled_from(NicMode), "vlan": TEXTS}
    ),
)
BE_PARAMS = st.builds(
    lambda own: PartialBeParams(**own),
    st.fixed_dictionaries(
        {}, optional={"maxmem": FEW, "auto_balance": st.booleans(), "vcpus": FEW}
    ),
)
ND_PARAMS = st.builds(
    lambda own: PartialNdParams(**own),
    st.fixed_dictionaries({}, optional={"ssh_port": FEW, "cpu_speed": st.sampled_from([1, 2.5])}),
)
IPS = st.sampled_from(["192.0.2.77", "192.0.2.78"])
NICS = st.builds(
    Nic,
    uuid=FEW.map(lambda number: uuid_of(5, number)),
    mac=FEW.map(lambda number: f"AA:00:00:00:00:{number:02x}"),
    ip=maybe(IPS),
    name=maybe(TEXTS),
    network=maybe(FEW.map(lambda number: uuid_of(6, number))),
    nicparams=NIC_PARAMS,
)
GROUPS = st.builds(
    NodeGroup,
    uuid=st.sampled_from([GROUP_UUID, uuid_of(1, 2)]),
    name=st.sampled_from(["default", "other"]),
    alloc_policy=st.sampled_from(AllocPolicy),
    ndparams=ND_PARAMS,
    ipolicy=st.builds(PartialPolicy, vcpu_ratio=st.sampled_from([1, 2.5])),
    networks=st.dictionaries(FEW.map(lambda number: uuid_of(6, number)), NIC_PARAMS, max_size=1),
    tags=TAGS,
    ctime=TIMES,
)
NODES = st.builds(
    Node,
    uuid=FEW.map(node_uuid),
    name=FEW.map(lambda number: f"node{number}"),
    primary_ip=IPS,
    secondary_ip=IPS,
    group=st.sampled_from([GROUP_UUID, uuid_of(1, 2)]),
    offline=st.booleans(),
    ndparams=ND_PARAMS,
    hv_state_static=st.dictionaries(TEXTS, VALUES, max_size=1),
    tags=TAGS,
    serial_no=FEW,
    mtime=TIMES,
)
FILE_DISKS = st.builds(
    Disk,
    uuid=FEW.map(disk_uuid),
    dev_type=st.sampled_from([DiskTemplate.FILE, DiskTemplate.PLAIN]),
    logical_id=st.tuples(TEXTS, TEXTS),
    size=st.integers(0, 4096),
    nodes=st.lists(FEW.map(node_uuid), max_size=2, unique=True).map(tuple),
    params=maybe(st.dictionaries(TEXTS, VALUES, max_size=1)),
    spindles=maybe(FEW),
    name=maybe(TEXTS),
)
DRBD_DISKS = st.builds(
    Disk,
    uuid=FEW.map(disk_uuid),
    dev_type=st.just(DiskTemplate.DRBD),
    logical_id=st.tuples(
        FEW.map(node_uuid),
        FEW.map(node_uuid),
        st.integers(11000, 11003),
        FEW,
        FEW,
        st.just("secret"),
    ),
    size=st.integers(0, 4096),
    children=st.lists(FILE_DISKS, max_size=2).map(tuple),
)
DISKS = FILE_DISKS | DRBD_DISKS
INSTANCES = st.builds(
    Instance,
    uuid=FEW.map(instance_uuid),
    name=FEW.map(lambda number: f"inst{number}"),
    primary_node=FEW.map(node_uuid),
    os=st.sampled_from(["noop", "busybox+small"]),
    hypervisor=st.sampled_from(HypervisorName),
    admin_state=st.sampled_from(AdminState),
    hvparams=st.dictionaries(TEXTS, VALUES, max_size=2),
    beparams=BE_PARAMS,
    osparams=st.dictionaries(TEXTS, TEXTS, max_size=1),
    osparams_private=st.dictionaries(TEXTS, TEXTS.map(Secret), max_size=1),
    nics=st.lists(NICS, max_size=3, unique_by=lambda nic: nic.uuid).map(tuple),
    disks=st.lists(FEW.map(disk_uuid), max_size=2, unique=True).map(tuple),
    network_port=maybe(st.integers(11000, 11003)),
    tags=TAGS,
    forthcoming=st.booleans(),
)
NETWORKS = st.builds(
    Network,
    uuid=FEW.map(lambda number: uuid_of(6, number)),
    name=FEW.map(lambda number: f"net{number}"),
    network=st.just("192.0.2.0/28"),
    gateway=maybe(IPS),
    reservations=maybe(st.text("01", min_size=16, max_size=16)),
    tags=TAGS,
)
FILTERS = st.builds(
    FilterRule,
    uuid=FEW.map(lambda number: uuid_of(7, number)),
    watermark=FEW,
    priority=FEW,
    predicates=st.lists(st.tuples(st.just("jobid"), st.just([">", "id", 3])), max_size=1).map(
        tuple
    ),
    action=st.sampled_from(FilterAction) | st.tuples(st.just("RATE_LIMIT"), FEW),
    reason_trail=st.lists(st.tuples(TEXTS, TEXTS, FEW), max_size=1).map(tuple),
)


def _unique(objects: st.SearchStrategy[Any], *keys: Any) -> st.SearchStrategy[Any]:
    return st.lists(objects, max_size=4, unique_by=keys)


def _uuid(obj: Any) -> Any:
    return obj.uuid


def _name(obj: Any) -> Any:
    return obj.name


@st.composite
def configurations(draw: st.DrawFn) -> Configuration:
    """Well-formed configurations, whose references may dangle."""
    instances, taken = [], set()
    for instance in draw(_unique(INSTANCES, _uuid, _name)):
        if not taken & set(instance.disks):
            taken |= set(instance.disks)
            instances.append(instance)
    return Configuration.build(
        cluster=make_config().cluster,
        groups=draw(_unique(GROUPS, _uuid, _name)),
        nodes=draw(_unique(NODES, _uuid, _name)),
        instances=instances,
        disks=draw(_unique(DISKS, _uuid)),
        networks=draw(_unique(NETWORKS, _uuid, _name)),
        filters=draw(_unique(FILTERS, _uuid)),
        serial_no=draw(FEW),
        ctime=draw(TIMES),
        mtime=draw(TIMES),
    )
