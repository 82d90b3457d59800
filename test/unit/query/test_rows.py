"""What lists show: fields of each kind of object, in all the states they can be in."""

from __future__ import annotations

import json

import pytest
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

from ganeti.errors import NodeUnreachable, OpPrereqError, ParameterError, RequestError
from ganeti.model import codec
from ganeti.model.config import Configuration
from ganeti.model.disk import Disk
from ganeti.model.filter import FilterAction, FilterRule
from ganeti.model.group import NodeGroup
from ganeti.model.hypervisors import HypervisorName
from ganeti.model.instance import AdminState, AdminStateSource
from ganeti.model.job import Job, JobOp, LogLine, OpStatus
from ganeti.model.live import InstanceRuntime, NodeResources, OsInfo, RunState, StorageSpace
from ganeti.model.locks import LockMode
from ganeti.model.network import Network
from ganeti.model.nic import Nic
from ganeti.model.parameters import (
    NicMode,
    PartialBeParams,
    PartialNdParams,
    PartialNicParams,
)
from ganeti.model.state import QueueState, State
from ganeti.model.templates import DiskTemplate
from ganeti.query.evaluate import build_named_query, build_query, plain_rows
from ganeti.query.fields import Need
from ganeti.query.resources import find_resource, query_fields
from ganeti.query.view import LiveData, View

BROKEN = NodeUnreachable("node2.example.com", "no answer")


def ask(config, what, fields, qfilter=None, *, live=None, jobs=(), **view_parts):
    """Rows of cells, as they travel."""
    state = State(config=config, jobs=State().jobs.update({job.id: job for job in jobs}))
    view = View(state=state, live=live or LiveData(), **view_parts)
    query = build_query(find_resource(what), fields, qfilter)
    return json.loads(codec.encode(query.data(query.objects(view), view)))


def values(*args, **kwargs):
    """The one row, with None where there is no value."""
    [row] = plain_rows(ask(*args, **kwargs))
    return row


def runtime(name="inst1.example.com", **settings):
    """A running guest."""
    return InstanceRuntime(name=name, memory_mib=256, vcpus=2, **settings)


LIVE_FIELDS = ["status", "oper_state", "oper_ram", "oper_vcpus"]


def live_row(instance=None, answer=(), elsewhere=(), user_shutdown=False, **node):
    """Live fields of an instance, when its node answers C{answer}."""
    config = make_config(nodes=2)
    config = config.with_disk(make_disk(1)).with_node(make_node(1, **node))
    config = config.with_instance(make_instance(1, **(instance or {})))
    cluster = replace(config.cluster, enabled_user_shutdown=user_shutdown)
    found = answer if isinstance(answer, Exception) else {one.name: one for one in answer}
    live = LiveData(
        instances={node_uuid(1): found, node_uuid(2): {one.name: one for one in elsewhere}}
    )
    [row] = ask(config.with_cluster(cluster), "instance", LIVE_FIELDS, live=live)
    return row


NO, YES = [0, False], [0, True]
UNAVAIL = [[3, None], [3, None]]


@pytest.mark.parametrize(
    ("situation", "row"),
    [
        ({"answer": [runtime()]}, [[0, "running"], YES, [0, 256], [0, 2]]),
        ({"answer": [runtime(state=RunState.PAUSED)]}, [[0, "running"], YES, [0, 256], [0, 2]]),
        ({}, [[0, "ERROR_down"], NO, *UNAVAIL]),
        (
            {"instance": {"admin_state": AdminState.DOWN}},
            [[0, "ADMIN_down"], NO, *UNAVAIL],
        ),
        (
            {"instance": {"admin_state": AdminState.OFFLINE}},
            [[0, "ADMIN_offline"], NO, *UNAVAIL],
        ),
        (
            {"instance": {"admin_state": AdminState.DOWN}, "answer": [runtime()]},
            [[0, "ERROR_up"], YES, [0, 256], [0, 2]],
        ),
        (
            {"instance": {"admin_state": AdminState.OFFLINE}, "answer": [runtime()]},
            [[0, "ERROR_up"], YES, [0, 256], [0, 2]],
        ),
        ({"elsewhere": [runtime()]}, [[0, "ERROR_wrongnode"], YES, [0, 256], [0, 2]]),
        ({"answer": BROKEN}, [[0, "ERROR_nodedown"], [2, None], [2, None], [2, None]]),
        (
            {"offline": True, "master_candidate": False},
            [[0, "ERROR_nodeoffline"], [2, None], [4, None], [4, None]],
        ),
        ({"answer": [runtime(state=RunState.CRASHED)]}, [[0, "ERROR_down"], NO, *UNAVAIL]),
        ({"answer": [runtime(state=RunState.SHUTDOWN)]}, [[0, "ERROR_down"], NO, *UNAVAIL]),
        (
            {"answer": [runtime(state=RunState.SHUTDOWN)], "user_shutdown": True},
            [[0, "USER_down"], NO, *UNAVAIL],
        ),
        (
            {
                "instance": {
                    "admin_state": AdminState.DOWN,
                    "admin_state_source": AdminStateSource.USER,
                },
                "user_shutdown": True,
            },
            [[0, "USER_down"], NO, *UNAVAIL],
        ),
    ],
)
def test_instance_status(situation, row):
    """Each situation has the original's word; values that are not there have their mark."""
    assert live_row(**situation) == row


def test_node_not_asked():
    """A node that was not asked is like one that did not answer."""
    [row] = ask(make_config(1, 1), "instance", LIVE_FIELDS)
    assert row[0] == [0, "ERROR_nodedown"]


def rich_config():
    """An instance with two disks and two interfaces, mirrored to a second node."""
    config = make_config(nodes=2)
    drbd = Disk(
        uuid=disk_uuid(1, 1),
        dev_type=DiskTemplate.DRBD,
        logical_id=(node_uuid(1), node_uuid(2), 11000, 0, 0, "s"),
        size=2048,
        spindles=3,
    )
    nics = (
        Nic(uuid=uuid_of(5, 1), mac="aa:00:00:00:00:01"),
        Nic(
            uuid=uuid_of(5, 2),
            mac="aa:00:00:00:00:02",
            ip="192.0.2.9",
            name="n1",
            network="net-uuid",
            nicparams=PartialNicParams(mode=NicMode.ROUTED, link="main", vlan="7"),
        ),
    )
    instance = make_instance(
        1,
        disks=(disk_uuid(1), disk_uuid(1, 1)),
        nics=nics,
        beparams=PartialBeParams(minmem=256, maxmem=512),
        hypervisor=HypervisorName.KVM,
        hvparams={"acpi": False},
        osparams={"size": "small"},
        tags=("t1", "t2"),
        network_port=11001,
    )
    config = config.with_network(Network(uuid="net-uuid", name="net1", network="192.0.2.0/28"))
    return config.with_disk(make_disk(1, name="root")).with_disk(drbd).with_instance(instance)


@pytest.mark.parametrize(
    ("fields", "row"),
    [
        ("name,os,hypervisor,pnode", ["inst1.example.com", "busybox", "kvm", "node1.example.com"]),
        ("snodes,snodes.group", [["node2.example.com"], ["default"]]),
        ("pnode.group,pnode.group.uuid", ["default", GROUP_UUID]),
        ("snodes.group.uuid,disk_template", [[GROUP_UUID], "mixed"]),
        ("disk.count,disk.sizes,disk_usage", [2, [1024, 2048], 1024 + 2048 + 128]),
        ("disk.names,disk.spindles", [["root", None], [None, 3]]),
        ("disk.size/1,sdb_size,disk.size/2", [2048, 2048, None]),
        ("disk.name/0,disk.name/1,disk.spindles/1", ["root", None, 3]),
        ("disk.uuid/0,disk.uuids", [disk_uuid(1), [disk_uuid(1), disk_uuid(1, 1)]]),
        ("nic.count,nic.ips,nic.names", [2, [None, "192.0.2.9"], [None, "n1"]]),
        ("nic.modes,nic.links,nic.vlans", [["bridged", "routed"], ["xen-br0", "main"], ["", "7"]]),
        ("nic.bridges,bridge,nic.bridge/1", [["xen-br0", None], "xen-br0", None]),
        ("nic.networks,nic.networks.names", [[None, "net-uuid"], [None, "net1"]]),
        ("nic.network/1,nic.network.name/1,nic_network", ["net-uuid", "net1", None]),
        ("nic.ip/1,ip,nic.vlan/0,nic.vlan/1", ["192.0.2.9", None, None, "7"]),
        ("nic.mac/1,mac,nic.mac/2", ["aa:00:00:00:00:02", "aa:00:00:00:00:01", None]),
        ("be/maxmem,be/memory,be/minmem,be/vcpus,vcpus", [512, 512, 256, 1, 1]),
        ("custom_beparams", [{"minmem": 256, "maxmem": 512}]),
        ("hv/acpi,hv/kernel_args,hv/blockdev_prefix", [False, "ro", None]),
        ("custom_hvparams", [{"acpi": False}]),
        ("custom_nicparams", [[{}, {"link": "main", "mode": "routed", "vlan": "7"}]]),
        ("osparams,custom_osparams,tags", [{"size": "small"}, {"size": "small"}, ["t1", "t2"]]),
        ("admin_state,admin_up,admin_state_source", ["up", True, "admin"]),
        ("disks_active,forthcoming,network_port", [True, False, 11001]),
        ("uuid,serial_no,ctime,mtime", [instance_uuid(1), 1, 0.0, 0.0]),
        ("console", [None]),
    ],
)  # fmt: skip
def test_instance_fields(fields, row):
    """Fields that are made from the configuration."""
    assert values(rich_config(), "instance", fields.split(",")) == row


def test_parameter_order():
    """Parameters stand in the order in which they are printed."""
    [beparams, hvparams] = values(make_config(1, 1), "instance", ["beparams", "hvparams"])
    order = ["minmem", "maxmem", "vcpus", "auto_balance", "always_failover", "spindle_use"]
    assert list(beparams) == order
    assert hvparams == {}
    [ndparams] = values(make_config(1), "node", ["ndparams"])
    assert list(ndparams)[:2] == ["oob_program", "spindle_count"]
    assert ndparams["cpu_speed"] == 1


def test_console():
    """The fake hypervisor says that it has no console; a silent node says nothing."""
    config = make_config(1, 1)
    live = LiveData(instances={node_uuid(1): {}})
    [console] = values(config, "instance", ["console"], live=live)
    assert console["kind"] == "msg"
    assert console["message"] == "Console not available for fake hypervisor"
    silent = LiveData(instances={node_uuid(1): BROKEN})
    assert ask(config, "instance", ["console"], live=silent) == [[[2, None]]]


def node_answer():
    """What a node says about itself."""
    return NodeResources(
        memory_total=4096, memory_free=1024, memory_dom0=512, cpus=4, cpu_nodes=1, cpu_sockets=2,
        cpu_dom0=1, bootid="boot", storage=(
            StorageSpace(kind="lvm-pv", name="vg", spindles_free=3, spindles_total=4),
            StorageSpace(kind="file", name="/srv", free_mib=100, size_mib=200),
        ),
    )  # fmt: skip


NODE_LIVE = "dtotal,dfree,mtotal,mnode,mfree,ctotal,cnodes,csockets,cnos,bootid,spfree,sptotal"


def test_node_live_fields():
    """Live fields of a node that answers, of one that does not, and of one that is offline."""
    config = make_config(nodes=3).with_node(make_node(3, offline=True, master_candidate=False))
    live = LiveData(resources={node_uuid(1): node_answer(), node_uuid(2): BROKEN})
    first, second, third = ask(config, "node", NODE_LIVE.split(","), live=live)
    assert [cell[1] for cell in first] == [200, 100, 4096, 512, 1024, 4, 1, 2, 1, "boot", 3, 4]
    assert all(cell == [2, None] for cell in second)
    assert all(cell == [4, None] for cell in third)


def test_node_that_runs_nothing():
    """A node that is not for instances has no such values; those it leaves out are missing."""
    config = make_config(nodes=2).with_node(make_node(1, vm_capable=False))
    live = LiveData(resources={node_uuid(2): NodeResources()})
    assert ask(config, "node", ["mfree", "dfree"], live=live) == [UNAVAIL, [[2, None], [2, None]]]


@pytest.mark.parametrize(
    ("fields", "row"),
    [
        ("name,pip,sip,role,master", ["node1.example.com", "192.0.2.1", "192.0.2.1", "M", True]),
        ("group,group.uuid,vm_capable", ["default", GROUP_UUID, True]),
        ("pinst_cnt,pinst_list,sinst_cnt,sinst_list", [1, ["inst1.example.com"], 0, []]),
        ("offline,drained,master_candidate,master_capable", [False, False, True, True]),
        ("powered,hv_state,disk_state", [None, None, None]),
        ("custom_ndparams,ndp/ssh_port,tags", [{"ssh_port": 23}, 23, []]),
    ],
)
def test_node_fields(fields, row):
    """Fields of a node that are made from the configuration."""
    config = rich_config().with_node(make_node(1, ndparams=PartialNdParams(ssh_port=23)))
    wanted = ["=", "name", "node1"]
    assert values(config, "node", fields.split(","), wanted) == row


def test_powered():
    """Whether a node is switched on is known with an out-of-band program only."""
    node = make_node(1, ndparams=PartialNdParams(oob_program="/bin/oob"))
    assert values(make_config(1).with_node(node), "node", ["powered"]) == [True]


def test_secondary_instances():
    """A node lists the instances that have copies on it."""
    fields = ["sinst_cnt", "sinst_list"]
    wanted = ["=", "name", "node2"]
    assert values(rich_config(), "node", fields, wanted) == [1, ["inst1.example.com"]]


def test_group_fields():
    """A group with its nodes, instances and parameters."""
    group = NodeGroup(
        uuid=GROUP_UUID,
        name="default",
        ndparams=PartialNdParams(spindle_count=2),
        diskparams={DiskTemplate.PLAIN: {"stripes": 2}},
    )
    config = make_config(nodes=2, instances=2).with_group(group)
    fields = "name,node_cnt,node_list,pinst_cnt,pinst_list,alloc_policy,tags,custom_ndparams"
    assert values(config, "group", fields.split(",")) == [
        "default",
        2,
        ["node1.example.com", "node2.example.com"],
        2,
        ["inst1.example.com", "inst2.example.com"],
        "preferred",
        [],
        {"spindle_count": 2},
    ]
    fields = ["custom_diskparams", "diskparams", "custom_ipolicy", "ipolicy", "ndp/spindle_count"]
    custom, filled, own, policy, spindles = values(config, "group", fields)
    assert custom == {"plain": {"stripes": 2}}
    assert filled["plain"] == {"stripes": 2}
    assert filled["drbd"]["protocol"] == "C"
    assert own == {}
    assert policy["std"]["disk-size"] == 1024
    assert policy["vcpu-ratio"] == 4
    assert spindles == 2


def test_network_fields():
    """A network tells which of its addresses are taken, and who uses it."""
    config = rich_config()
    network = replace(
        config.networks["net-uuid"],
        gateway="192.0.2.1",
        reservations="0000000001000000",
        ext_reservations="1100000000000001",
    )
    params = PartialNicParams(mode=NicMode.ROUTED, link="main")
    group = replace(config.groups[GROUP_UUID], networks={"net-uuid": params})
    config = config.with_network(network).with_group(group)
    fields = "name,network,gateway,gateway6,mac_prefix,map,free_count,reserved_count"
    assert values(config, "network", fields.split(",")) == [
        "net1", "192.0.2.0/28", "192.0.2.1", None, None, "XX.......X.....X", 12, 4,
    ]  # fmt: skip
    fields = "external_reservations,group_cnt,group_list,inst_cnt,inst_list"
    assert values(config, "network", fields.split(",")) == [
        "192.0.2.0, 192.0.2.1, 192.0.2.15",
        1,
        [["default", "routed", "main", "-"]],
        1,
        ["inst1.example.com"],
    ]


def make_job(job_id=7, **settings):
    """A job of one opcode that runs."""
    op = JobOp(
        input={"OP_ID": "OP_TEST_DELAY", "duration": 0.2, "osparams_secret": {"pw": "sealed:x"}},
        op_id="OP_TEST_DELAY",
        status=OpStatus.RUNNING,
        priority=-10,
        started=1_500_000_001_000,
    )
    return Job(id=job_id, ops=(op,), received=10**18 + 5000, **settings)


def test_job_fields():
    """A job that runs; times are pairs, secrets are hidden."""
    fields = "id,status,priority,received_ts,start_ts,opstatus,opstart,opend,oppriority,opresult"
    assert values(make_config(), "job", fields.split(","), jobs=[make_job()]) == [
        7, "running", -10, [10**9, 5], None, ["running"], [[1500, 1]], [None], [-10], [None],
    ]  # fmt: skip
    [ops, archived] = values(make_config(), "job", ["ops", "archived"], jobs=[make_job()])
    assert ops[0]["osparams_secret"] == {"pw": "<redacted>"}
    assert archived is False


def test_job_summary():
    """A line for each opcode; its bare name when this release does not know it."""
    ops = (
        JobOp(input={"OP_ID": "OP_TEST_DELAY", "duration": 0.2}, op_id="OP_TEST_DELAY"),
        JobOp(input={"OP_ID": "OP_FLY"}, op_id="OP_FLY"),
    )
    assert values(make_config(), "job", ["summary"], jobs=[Job(id=1, ops=ops)]) == [
        ["TEST_DELAY(200000000 ns)", "FLY"]
    ]


def test_job_log():
    """Log lines go with the opcode that wrote them."""
    lines = [LogLine(serial=1, time_ns=2 * 10**9 + 1000, type="message", message="hello")]
    assert values(make_config(), "job", ["oplog"], jobs=[make_job()], logs={7: lines}) == [
        [[[1, [2, 1], "message", "hello"]]]
    ]


def test_jobs_and_archive():
    """Jobs come by id; one that is not there has a row with its id only."""
    archived = [make_job(2, archived=True)]
    fields = ["id", "archived"]
    jobs = [make_job(10), make_job(9)]
    assert plain_rows(ask(make_config(), "job", fields, jobs=jobs, archived=archived)) == [
        [2, True],
        [9, False],
        [10, False],
    ]
    wanted = ["|", ["=", "id", 10], ["=", "id", 2], ["=", "id", 99]]
    assert ask(make_config(), "job", ["id", "status"], wanted, jobs=jobs, archived=archived) == [
        [[0, 10], [0, "running"]],
        [[0, 2], [0, "running"]],
        [[0, 99], [3, None]],
    ]
    with pytest.raises(ParameterError, match="'id' cannot be compared with 'x'"):
        ask(make_config(), "job", ["id"], ["=", "id", "x"])


class Lock:
    """A row of the lock table."""

    def __init__(self, name, mode=None, owners=(), pending=()):
        self.name, self.mode, self.owners, self.pending = name, mode, owners, pending


def test_lock_fields():
    """Locks show who holds and who waits."""
    locks = [
        Lock("node/n1", LockMode.EXCLUSIVE, (23,), ((LockMode.SHARED, 24),)),
        Lock("cluster/BGL", LockMode.SHARED, (25, 23)),
        Lock("cluster/[lockset]"),
    ]
    fields = ["name", "mode", "owner", "pending"]
    assert plain_rows(ask(make_config(), "lock", fields, locks=locks)) == [
        ["cluster/BGL", "shared", [23, 25], None],
        ["cluster/[lockset]", None, None, None],
        ["node/n1", "exclusive", [23], [["shared", [24]]]],
    ]


def test_filter_rules():
    """Filter rules are listed by uuid; an unknown uuid selects nothing."""
    rule = FilterRule(
        uuid="u", watermark=97, priority=1, predicates=(("jobid", ["=", "id", 1]),),
        action=("RATE_LIMIT", 3), reason_trail=(("gnt:user", "why", 5),),
    )  # fmt: skip
    plain = replace(rule, uuid="a", action=FilterAction.PAUSE)
    config = make_config().with_filter(rule).with_filter(plain)
    fields = ["uuid", "watermark", "priority", "predicates", "action", "reason_trail"]
    assert plain_rows(ask(config, "filter", fields)) == [
        ["a", 97, 1, [["jobid", ["=", "id", 1]]], "PAUSE", [["gnt:user", "why", 5]]],
        ["u", 97, 1, [["jobid", ["=", "id", 1]]], ["RATE_LIMIT", 3], [["gnt:user", "why", 5]]],
    ]
    assert ask(config, "filter", fields, ["=", "uuid", "nosuch"]) == []


def test_cluster_fields():
    """The cluster is one row."""
    fields = "name,cluster_name,master_node,volume_group_name,watcher_pause,drain_flag,architecture"
    state = State(config=make_config(), queue=QueueState(drained=True))
    view = View(state=state, machine="x86_64")
    query = build_query(find_resource("cluster"), fields.split(","), None)
    assert plain_rows(query.data(query.objects(view), view)) == [
        [
            "cluster.example.com", "cluster.example.com", "node1.example.com", None, None, True,
            ["64bits", "x86_64"],
        ]
    ]  # fmt: skip


def test_exports():
    """An export per row; a node that does not say has a row with a mark."""
    config = make_config(nodes=3).with_node(make_node(3, offline=True, master_candidate=False))
    live = LiveData(exports={node_uuid(1): ("a", "b"), node_uuid(2): BROKEN, node_uuid(3): BROKEN})
    assert ask(config, "export", ["node", "export"], live=live) == [
        [[0, "node1.example.com"], [0, "a"]],
        [[0, "node1.example.com"], [0, "b"]],
        [[0, "node2.example.com"], [2, None]],
        [[0, "node3.example.com"], [4, None]],
    ]
    assert len(ask(config, "export", ["node"], ["=", "node", "node1"], live=live)) == 2


def make_os(**settings):
    """An OS definition on a node."""
    values = {
        "name": "noop",
        "path": "/srv/ganeti/os/noop",
        "valid": True,
        "api_versions": (10, 20),
    }
    return OsInfo(**values | settings)


def test_os_fields():
    """What all nodes have counts; nodes that did not answer do not."""
    live = LiveData(
        os={
            node_uuid(1): [make_os(variants=("a", "b"), parameters=(("p", "doc"),))],
            node_uuid(2): [make_os(api_versions=(20,), variants=("b",)), make_os(name="x10")],
            node_uuid(3): BROKEN,
        }
    )
    fields = ["name", "valid", "variants", "api_versions", "parameters", "hidden"]
    assert plain_rows(ask(make_config(), "os", fields, live=live)) == [
        ["noop", True, ["b"], [20], [], False],
        ["x10", False, [], [10, 20], [], False],
    ]
    [status] = values(make_config(), "os", ["node_status"], ["=", "name", "x10"], live=live)
    assert status["node1.example.com"] == []
    assert status["node2.example.com"][0][:3] == ["/srv/ganeti/os/noop", True, ""]


def test_order_of_rows():
    """Rows come in natural order; or as the names were given, each once."""
    config = make_config(nodes=1, instances=12)
    rows = ask(config, "instance", ["name"])
    assert [row[0][1].split(".")[0] for row in rows] == [f"inst{n}" for n in range(1, 13)]
    wanted = ["|", ["=", "name", "inst3"], ["=", "name", instance_uuid(2)], ["=", "name", "inst3"]]
    rows = ask(config, "instance", ["name"], wanted)
    assert [row[0][1].split(".")[0] for row in rows] == ["inst3", "inst2"]


@pytest.mark.parametrize(
    ("what", "label"),
    [("instance", "Instance"), ("node", "Node"), ("group", "NodeGroup"), ("network", "Network")],
)
def test_unknown_names(what, label):
    """A name that there is not fails the query in the original's words."""
    with pytest.raises(OpPrereqError) as caught:
        ask(make_config(), what, ["name"], ["=", "name", "nosuch"])
    assert str(caught.value) == f"{label} name nosuch not found"


def test_unknown_fields():
    """An unknown column is there, and says so; one in a filter is refused."""
    query = build_query(find_resource("node"), ["name", "nosuch"], None)
    assert query.definitions()[1] == {
        "name": "nosuch",
        "title": "nosuch",
        "kind": "unknown",
        "doc": "Unknown field 'nosuch'",
    }
    assert ask(make_config(1), "node", ["nosuch"]) == [[[1, None]]]
    with pytest.raises(ParameterError, match="Can't find field named 'nosuch'"):
        ask(make_config(1), "node", ["name"], ["?", "nosuch"])


def test_unknown_resource():
    """Asking for a kind of object that there is not gives the plain text of a bad request."""
    with pytest.raises(RequestError, match="Failed to parse request: Resource 'cow' not known"):
        find_resource("cow")


def test_classic_queries():
    """Queries of the old kind leave unknown names out and refuse unknown fields."""
    config = make_config(nodes=3)
    view = View(state=State(config=config))
    query = build_named_query(find_resource("node"), ["name", "mfree"], ["node2", "nosuch"])
    rows = plain_rows(query.data(query.objects(view), view))
    assert rows == [["node2.example.com", None]]
    with pytest.raises(OpPrereqError, match="nosuch"):
        build_named_query(find_resource("node"), ["name", "nosuch"], [])


def test_live_filters_wait():
    """A filter on live fields is applied when the nodes were asked; others before."""
    config = make_config(nodes=2, instances=2)
    query = build_query(find_resource("instance"), ["name"], ["?", "oper_state"])
    assert not query.early
    view = View(state=State(config=config))
    objects = query.objects(view)
    assert len(objects) == 2
    assert query.needs is Need.INSTANCES
    assert query.nodes(objects, view) == {node_uuid(1), node_uuid(2)}
    answer = {"inst1.example.com": runtime()}
    live = LiveData(instances={node_uuid(1): answer, node_uuid(2): {}})
    rows = query.data(objects, View(state=view.state, live=live))
    assert rows == [[[0, "inst1.example.com"]]]
    early = build_query(find_resource("instance"), ["status"], ["=", "pnode", "node1"])
    assert early.early
    assert [one.name for one in early.objects(view)] == ["inst1.example.com"]


def test_query_fields():
    """Definitions come in natural order of names, or as asked."""
    names = [one["name"] for one in query_fields("instance", None)["fields"]]
    assert names.index("disk.name/2") < names.index("disk.name/10")
    assert [one["name"] for one in query_fields("node", ["role", "nosuch"])["fields"]] == [
        "role",
        "nosuch",
    ]


def test_empty_cluster():
    """A cluster without instances has no rows."""
    assert ask(make_config(), "instance", ["name", "status"]) == []
    assert isinstance(make_config(), Configuration)
