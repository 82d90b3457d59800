"""Roles of nodes, policies, names, tags, ssconf."""

from __future__ import annotations

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from msgspec.structs import replace
from support.samples import make_config, make_instance, make_node, node_uuid, uuid_of
from support.thorough import examples

from ganeti.errors import OpPrereqError, TagError
from ganeti.model.group import NodeGroup
from ganeti.model.names import (
    check_object_name,
    is_host_name,
    is_ip,
    is_uuid,
    normal_host_name,
    normal_mac,
    normal_mac_prefix,
)
from ganeti.model.network import Network
from ganeti.model.policy import (
    Bounds,
    InstancePolicy,
    InstanceSizes,
    Spec,
    check_policy,
    policy_violations,
)
from ganeti.model.roles import (
    NodeRole,
    candidate_pool,
    candidates,
    joins_pool,
    promotions,
    role_of,
    role_problem,
)
from ganeti.model.ssconf import build_ssconf
from ganeti.model.tags import check_tag, with_tags, without_tags
from ganeti.model.templates import DiskTemplate


@pytest.mark.parametrize(
    ("flags", "role"),
    [
        ({"uuid": node_uuid(1), "master_candidate": True}, NodeRole.MASTER),
        ({"master_candidate": True}, NodeRole.CANDIDATE),
        ({"drained": True}, NodeRole.DRAINED),
        ({"offline": True}, NodeRole.OFFLINE),
        ({}, NodeRole.REGULAR),
    ],
)
def test_roles(flags, role):
    """Master comes before candidate, drained, offline and regular."""
    node = make_node(2, **{"master_candidate": False, **flags})
    assert role_of(node, make_config().cluster) is role
    assert role_problem(node) == ""


def test_contradicting_flags():
    """At most one of candidate, drained and offline; candidates must be capable."""
    assert "invalid" in role_problem(make_node(2, offline=True))
    assert "not master capable" in role_problem(make_node(2, master_capable=False))


def pool_config(size, *flags):
    """A cluster with this pool size, and nodes with these flags beside the master."""
    config = make_config(nodes=1)
    config = config.with_cluster(replace(config.cluster, candidate_pool_size=size))
    for number, own in enumerate(flags, start=2):
        config = config.with_node(make_node(number, **{"master_candidate": False, **own}))
    return config


NODE_FLAGS = st.sampled_from(
    [
        {},
        {"offline": True},
        {"drained": True},
        {"master_candidate": True},
        {"master_capable": False},
    ]
)


@settings(max_examples=examples(60))
@given(st.integers(1, 6), st.lists(NODE_FLAGS, max_size=8))
def test_promotions_fill_the_pool(size, flags):
    """After the promotions the pool has as many candidates as it should and can have."""
    config = pool_config(size, *flags)
    before = candidate_pool(config)
    for node in promotions(config):
        config = config.with_node(replace(node, master_candidate=True))
    after = candidate_pool(config)
    assert after.now == max(before.now, before.should)
    assert promotions(config) == []


def test_promotions_are_of_the_first_names():
    """Nodes are promoted in natural order; the one that leaves is not."""
    config = pool_config(3, *[{}] * 10)
    assert [node.name.split(".")[0] for node in promotions(config)] == ["node2", "node3"]
    left_out = [node.uuid for node in promotions(config, without=node_uuid(2))]
    assert left_out == [node_uuid(3), node_uuid(4)]
    assert promotions(config, among=(node_uuid(9),)) == [config.nodes[node_uuid(9)]]


def test_new_nodes_join_the_pool():
    """A new node is a candidate while the pool has room."""
    config = pool_config(2)
    assert joins_pool(config, make_node(2, master_candidate=False))
    full = pool_config(2, {"master_candidate": True})
    assert not joins_pool(full, make_node(3, master_candidate=False))
    assert not joins_pool(config, make_node(2, master_candidate=False, drained=True))
    assert len(candidates(full)) == 2


def sizes(**changes):
    """An instance that the default policy takes."""
    values = {
        "memory": 128,
        "vcpus": 1,
        "disks": (1024,),
        "nics": 1,
        "spindle_use": 1,
        "disk_template": DiskTemplate.FILE,
    }
    return InstanceSizes(**values | changes)


@pytest.mark.parametrize(
    ("changes", "problems"),
    [
        ({}, []),
        ({"memory": 101376}, ["memory-size value 101376 is not in range [128, 32768]"]),
        ({"vcpus": 99}, ["cpu-count value 99 is not in range [1, 8]"]),
        ({"disks": ()}, ["disk-count value 0 is not in range [1, 16]"]),
        ({"disks": (), "disk_template": DiskTemplate.DISKLESS}, []),
        ({"disks": (1024, 4)}, ["disk-size/1 value 4 is not in range [1024, 1048576]"]),
    ],
)
def test_policy(changes, problems):
    """What breaks the policy is told with the range."""
    assert policy_violations(InstancePolicy(), sizes(**changes)) == problems


def test_policy_templates():
    """A template the policy does not allow is named with those it does."""
    policy = InstancePolicy(disk_templates=(DiskTemplate.PLAIN, DiskTemplate.DRBD))
    assert policy_violations(policy, sizes()) == [
        "Disk template file is not allowed (allowed templates: drbd, plain)"
    ]


def test_several_bounds():
    """One pair of bounds that fits is enough; else the nearest one's problems are told."""
    large = Bounds(min=Spec(memory_size=1024), max=Spec(memory_size=999999, cpu_count=64))
    policy = InstancePolicy(minmax=(Bounds(), large))
    assert policy_violations(policy, sizes(memory=50000, vcpus=60)) == []
    assert len(policy_violations(policy, sizes(memory=512, vcpus=60))) == 1


def test_policy_itself():
    """A policy whose bounds cross, or that allows nothing, is refused."""
    assert check_policy(InstancePolicy()) == []
    crossed = Bounds(min=Spec(cpu_count=9), max=Spec(cpu_count=8))
    assert "cpu-count/0: 9/8" in check_policy(InstancePolicy(minmax=(crossed,)))[0]
    broken = InstancePolicy(minmax=(), disk_templates=(), vcpu_ratio=0)
    assert len(check_policy(broken)) == 3


@pytest.mark.parametrize("name", ["web1", "web1.example.com", "a_b", "1.2.3.4", "x" * 63])
def test_host_names(name):
    """Letters, digits, dashes and underscores make host names."""
    assert is_host_name(name)
    assert normal_host_name(name.upper() + ".") == name


@pytest.mark.parametrize("name", ["", "bad name", "a..b", "-a", "a-", "x" * 64, "ä", "a/b", "a\n"])
def test_no_host_names(name):
    """Anything else is refused in the original's words."""
    with pytest.raises(OpPrereqError) as caught:
        normal_host_name(name)
    assert str(caught.value) == f"Invalid hostname '{name}'"
    assert not is_host_name(name)


def test_other_names():
    """Names of groups and networks, MACs, uuids and addresses."""
    check_object_name("group", "bad name")
    for wrong in ("", uuid_of(1, 1), "a\nb", "x" * 256):
        with pytest.raises(OpPrereqError):
            check_object_name("group", wrong)
    assert normal_mac("AA:00:00:11:22:33") == "aa:00:00:11:22:33"
    with pytest.raises(OpPrereqError, match="Invalid MAC address prefix 'zz'"):
        normal_mac_prefix("zz")
    with pytest.raises(OpPrereqError):
        normal_mac_prefix("01:00:00")
    with pytest.raises(OpPrereqError):
        normal_mac("aa:00")
    assert normal_mac_prefix("AA:00:00") == "aa:00:00"
    assert is_uuid(uuid_of(1, 2))
    assert is_ip("192.0.2.1", 4)
    assert not is_ip("192.0.2.1", 6)
    assert not is_ip("x")


def test_tags():
    """Tags are added and removed by name, and stay sorted."""
    assert with_tags(("b",), ["a:c", "b"]) == ("a:c", "b")
    assert without_tags(("a", "b"), ["a"]) == ("b",)
    with pytest.raises(TagError, match="not found"):
        without_tags(("a",), ["x"])
    for wrong in ("", "x" * 129, "a b", "a\n"):
        with pytest.raises(TagError):
            check_tag(wrong)
    with pytest.raises(TagError, match="Too many"):
        with_tags(map(str, range(4096)), ["x"])


def test_ssconf():
    """Each file holds a line per value, in natural order, and nothing for an empty list."""
    config = make_config(nodes=10, instances=10).with_node(make_node(2, offline=True))
    cluster = replace(
        config.cluster,
        uid_pool=((5, 5), (7, 9)),
        candidate_certs={node_uuid(1): "aa"},
        tags=("b", "a"),
    )
    config = config.with_cluster(cluster).with_group(NodeGroup(uuid="u2", name="other"))
    config = config.with_network(Network(uuid="n1", name="net", network="192.0.2.0/24"))
    config = config.with_instance(make_instance(11, disks=()))
    values = build_ssconf(config)
    assert values["cluster_name"] == "cluster.example.com\n"
    assert values["node_list"].split()[:3] == [f"node{n}.example.com" for n in (1, 2, 3)]
    assert values["instance_list"].split()[-1] == "inst11.example.com"
    assert values["offline_nodes"] == "node2.example.com\n"
    assert values["online_nodes"].count("\n") == 9
    assert values["uid_pool"] == "5\n7-9\n"
    assert values["master_candidates_certs"] == f"{node_uuid(1)}=aa\n"
    assert values["cluster_tags"] == "a\nb\n"
    assert values["nodegroups"].endswith("u2 other\n")
    assert values["networks"] == "n1 net\n"
    assert values["hvparams_fake"] == "migration_mode=live\n"
    assert values["node_primary_ips"].startswith("node1.example.com 192.0.2.1\n")
    assert values["node_vm_capable"].startswith("node1.example.com=True\n")
    assert values["ssh_ports"].startswith("node1.example.com=22\n")
    assert build_ssconf(make_config())["cluster_tags"] == ""
