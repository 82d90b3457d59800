"""The configuration value: its indexes, lookups and filled parameters."""

from __future__ import annotations

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from msgspec.structs import replace
from support.samples import (
    GROUP_UUID,
    instance_uuid,
    make_config,
    make_disk,
    make_instance,
    node_uuid,
)
from support.strategies import DISKS, FILTERS, GROUPS, INSTANCES, NETWORKS, NODES, configurations
from support.thorough import examples

from ganeti.errors import ConfigurationError, ErrorCode, OpPrereqError
from ganeti.model.config import Configuration
from ganeti.model.hypervisors import HypervisorName
from ganeti.model.indexes import build_indexes
from ganeti.model.nic import Nic
from ganeti.model.parameters import NicMode, PartialBeParams, PartialNdParams, PartialNicParams
from ganeti.model.templates import DiskTemplate

PUT = {
    "group": GROUPS,
    "node": NODES,
    "instance": INSTANCES,
    "disk": DISKS,
    "network": NETWORKS,
    "filter": FILTERS,
}
CHANGES = st.one_of(
    *(st.tuples(st.just(f"with_{kind}"), objects) for kind, objects in PUT.items()),
    *(
        st.tuples(st.just(f"without_{kind}"), objects.map(lambda obj: obj.uuid))
        for kind, objects in PUT.items()
    ),
)


@settings(max_examples=examples(25), deadline=None)
@given(configurations(), st.lists(CHANGES, max_size=12))
def test_indexes_follow_changes(config, changes):
    """Indexes kept change by change equal indexes made from the objects at the end."""
    for method, argument in changes:
        try:
            config = getattr(config, method)(argument)
        except ConfigurationError:
            continue
    rebuilt = build_indexes(
        config.groups.values(),
        config.nodes.values(),
        config.instances.values(),
        config.disks.values(),
        config.networks.values(),
    )
    assert config.indexes == rebuilt


def test_a_change_leaves_the_old_value():
    """The configuration before a change is still what it was."""
    before = make_config(instances=2)
    after = before.without_instance(instance_uuid(1))
    assert instance_uuid(1) in before.instances
    assert before.find_instance("inst1").uuid == instance_uuid(1)
    assert "inst1.example.com" not in after.instance_by_name


def test_names_are_unique():
    """A second object of a name is refused."""
    config = make_config(instances=1)
    with pytest.raises(ConfigurationError, match="inst1"):
        config.with_instance(make_instance(2, name="inst1.example.com", disks=()))


def test_a_disk_has_one_owner():
    """A disk that another instance has cannot be attached."""
    config = make_config(instances=1)
    with pytest.raises(ConfigurationError, match="attached twice"):
        config.with_instance(make_instance(2, disks=make_instance(1).disks))


@pytest.mark.parametrize("given_name", ["inst1.example.com", "inst1", "INST1", instance_uuid(1)])
def test_find_instance(given_name):
    """Instances are found by full name, short name and uuid."""
    assert make_config(instances=12).find_instance(given_name).name == "inst1.example.com"


@pytest.mark.parametrize(
    ("method", "text"),
    [
        ("find_instance", "Instance 'nosuch' not known"),
        ("find_node", "Node 'nosuch' not known"),
        ("find_group", "Node group 'nosuch' not found"),
        ("find_network", "Network 'nosuch' not found"),
    ],
)
def test_unknown_names(method, text):
    """An unknown name is refused in the original's words."""
    with pytest.raises(OpPrereqError) as caught:
        getattr(make_config(), method)("nosuch")
    assert str(caught.value) == text
    assert caught.value.code is ErrorCode.NOT_FOUND


def test_no_cluster():
    """Asking an empty configuration for its cluster says that there is none."""
    with pytest.raises(ConfigurationError, match="not initialised"):
        Configuration().cluster  # noqa: B018


def test_instances_of_nodes():
    """Instances are found by primary node, and by the nodes that hold their disks."""
    config = make_config(nodes=2, instances=3)
    shared = replace(config.disks[make_instance(2).disks[0]], nodes=(node_uuid(2), node_uuid(1)))
    config = config.with_disk(shared)
    assert config.primary_instances(node_uuid(1)) == {instance_uuid(1), instance_uuid(3)}
    assert config.secondary_instances(node_uuid(1)) == {instance_uuid(2)}
    assert config.instances_on(node_uuid(1)) == {instance_uuid(n) for n in (1, 2, 3)}
    assert [one.name for one in config.node_instances(node_uuid(1))] == [
        "inst1.example.com",
        "inst3.example.com",
    ]
    assert config.instance_nodes(config.instances[instance_uuid(2)]) == [node_uuid(2), node_uuid(1)]


def test_filled_parameters():
    """A value comes from the most special level that sets it."""
    config = make_config(instances=1)
    cluster = replace(config.cluster, os_hvp={"busybox": {"fake": {"migration_mode": "non-live"}}})
    group = replace(config.groups[GROUP_UUID], ndparams=PartialNdParams(ssh_port=23))
    config = config.with_cluster(cluster).with_group(group)
    instance = replace(config.find_instance("inst1"), beparams=PartialBeParams(maxmem=512))
    assert config.filled_beparams(instance).maxmem == 512
    assert config.filled_beparams(instance).minmem == 128
    assert config.filled_hvparams(instance) == {"migration_mode": "non-live"}
    nic = Nic(uuid="u", mac="m", nicparams=PartialNicParams(mode=NicMode.ROUTED))
    assert config.filled_nicparams(nic).mode is NicMode.ROUTED
    assert config.filled_ndparams(config.find_node("node1")).ssh_port == 23


def test_hypervisor_parameters_of_variants():
    """What is set for a variant of an OS goes before what is set for the OS."""
    config = make_config(instances=1)
    kvm = HypervisorName.KVM
    of_os, of_variant = {"acpi": False, "cpu_cores": 2}, {"cpu_cores": 3}
    os_hvp = {"busybox": {"kvm": of_os}, "busybox+small": {"kvm": of_variant}}
    config = config.with_cluster(replace(config.cluster, os_hvp=os_hvp))
    base = replace(config.find_instance("inst1"), hypervisor=kvm, os="busybox")
    variant, other = replace(base, os="busybox+small"), replace(base, os="busybox+large")
    found = [config.filled_hvparams(instance) for instance in (base, variant, other)]
    assert [(each["acpi"], each["cpu_cores"]) for each in found] == [
        (False, 2),
        (False, 3),
        (False, 2),
    ]


def test_exclusive_storage_is_of_groups():
    """A node cannot set exclusive_storage for itself."""
    config = make_config()
    node = replace(
        config.find_node("node1"), ndparams=PartialNdParams(exclusive_storage=True, ssh_port=24)
    )
    assert not config.filled_ndparams(node).exclusive_storage
    assert config.filled_ndparams(node).ssh_port == 24


def test_drbd_secrets_stay_out_of_logs():
    """The secret of a DRBD disk is not in its repr."""
    place = (node_uuid(1), node_uuid(2), 11000, 0, 1, "hunter2")
    disk = make_disk(1, dev_type=DiskTemplate.DRBD, logical_id=place)
    assert "hunter2" not in repr(disk)
    assert "hunter2" not in repr(make_config().with_disk(disk))
    assert "inst1/disk0" in repr(make_disk(1))
