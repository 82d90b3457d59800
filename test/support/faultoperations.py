"""The operations that everything happens to in the tests of node faults."""

from __future__ import annotations

from msgspec.structs import replace

from ganeti.model.config import Configuration
from ganeti.model.group import NodeGroup
from ganeti.model.instance import AdminState
from ganeti.model.tags import TagKind
from ganeti.model.templates import DiskTemplate
from ganeti.opcodes.allocator import AllocatorDirection, AllocatorMode, OpTestAllocator
from ganeti.opcodes.cluster import OpClusterRedistConf, OpClusterSetParams
from ganeti.opcodes.group import (
    OpGroupAdd,
    OpGroupAssignNodes,
    OpGroupRemove,
    OpGroupRename,
    OpGroupSetParams,
)
from ganeti.opcodes.instance import (
    CreateMode,
    OpInstanceCreate,
    OpInstanceMultiAlloc,
    OpInstanceReboot,
    OpInstanceReinstall,
    OpInstanceRemove,
    OpInstanceRename,
    OpInstanceSetParams,
    OpInstanceShutdown,
    OpInstanceStartup,
    RebootType,
)
from ganeti.opcodes.modifications import LAST, Modification, ModificationAction
from ganeti.opcodes.node import OpNodeAdd, OpNodePowercycle, OpNodeRemove, OpNodeSetParams
from ganeti.opcodes.tags import OpTagsDel, OpTagsSet
from ganeti.opcodes.test import OpTestDelay
from ganeti.opcodes.verify import OpClusterVerifyConfig, OpClusterVerifyGroup
from support.nodefaults import Operation
from support.samples import disk_uuid, instance_uuid, make_disk, node_uuid, uuid_of

INSTANCE = "inst1.example.com"
NEW = "web1.example.com"
NODE, LAST_NODE = "node2.example.com", "node3.example.com"
UP, DOWN, OFFLINE = AdminState.UP, AdminState.DOWN, AdminState.OFFLINE
TAGS = ("owner:alice", "web")


def create(template: DiskTemplate) -> OpInstanceCreate:
    return OpInstanceCreate(
        instance_name=NEW,
        mode=CreateMode.CREATE,
        pnode=NODE,
        os_type="noop",
        disk_template=template,
        disks=({"size": 1024}, {"size": 512}) if template is DiskTemplate.FILE else (),
        nics=({},),
        start=True,
        ignore_ipolicy=True,
    )


def placed_create() -> OpInstanceCreate:
    """The master looks for a place itself."""
    values = {"pnode": None, "iallocator": "hail", "disks": ({"size": 1024},)}
    return replace(create(DiskTemplate.FILE), **values)


def with_one_place(config: Configuration) -> Configuration:
    """hail has no choice: what it chooses does not depend on who answers."""
    parameters = {"restrict-allocation-to": NODE, "no-capacity-checks": True}
    cluster = replace(
        config.cluster, default_iallocator="hail", default_iallocator_params=parameters
    )
    return config.with_cluster(cluster)


TRIED = OpTestAllocator(
    direction=AllocatorDirection.OUT,
    mode=AllocatorMode.ALLOCATE,
    name=NEW,
    iallocator="hail",
    memory=128,
    vcpus=1,
    disks=(),
    disk_template=DiskTemplate.DISKLESS,
    os="noop",
    nics=(),
)
BATCH = OpInstanceMultiAlloc(
    iallocator="hail",
    instances=(
        {
            "mode": "create",
            "instance_name": NEW,
            "os_type": "noop",
            "disk_template": "diskless",
            "disks": [],
            "nics": [{}],
        },
    ),
    dry_run=True,
)
"""The jobs that it would make are additions, which have their own rows."""

ADD = OpNodeAdd(node_name=LAST_NODE)
DELAY = OpTestDelay(duration=2.0, on_master=False, on_nodes=(NODE, LAST_NODE))
REMOVE_ANYWAY = OpInstanceRemove(instance_name=INSTANCE, ignore_failures=True)
FIRST = (
    Operation("add -t diskless", create(DiskTemplate.DISKLESS)),
    Operation("add -t file", create(DiskTemplate.FILE), machines=3, common=True),
    Operation("add, placed by hail", placed_create(), change=with_one_place),
    Operation("batch create, dry run", BATCH, change=with_one_place),
    Operation("allocator tried out", TRIED, change=with_one_place),
    Operation("startup", OpInstanceStartup(instance_name=INSTANCE), admin_state=DOWN, common=True),
    Operation("shutdown", OpInstanceShutdown(instance_name=INSTANCE), admin_state=UP, common=True),
    Operation("remove", OpInstanceRemove(instance_name=INSTANCE), admin_state=UP, common=True),
    Operation("remove, ignore failures", REMOVE_ANYWAY, admin_state=UP),
    Operation("delay", DELAY, machines=3),
    Operation("node add", ADD, machines=3, joins=True, common=True),
    Operation("node add (candidate)", ADD, machines=3, joins=True, pool=3, common=True),
    Operation("node remove", OpNodeRemove(node_name=LAST_NODE), machines=3, common=True),
    Operation("node remove (candidate)", OpNodeRemove(node_name=NODE), machines=3, common=True),
)
"""Nodes and instances come and go."""


# -- instances


def reboot(name: str, kind: RebootType, state: AdminState = UP) -> Operation:
    op = OpInstanceReboot(instance_name=INSTANCE, reboot_type=kind)
    return Operation(name, op, admin_state=state, starts=state is UP)


def modify(name: str, state: AdminState = DOWN, **wanted: object) -> Operation:
    op = OpInstanceSetParams(instance_name=INSTANCE, **wanted)  # type: ignore[arg-type]
    return Operation(f"modify, {name}", op, admin_state=state)


def item(action: ModificationAction, **values: object) -> tuple[Modification[object], ...]:
    return (Modification(what=action, where=LAST, given=values),)


def starts(number: int) -> OpInstanceStartup:
    return OpInstanceStartup(instance_name=f"inst{number}.example.com")


def with_free_disk(config: Configuration) -> Configuration:
    """There is a disk on node2 that no instance has."""
    return config.with_disk(make_disk(9, nodes=(node_uuid(2),)))


ADDING, REMOVING = ModificationAction.ADD, ModificationAction.REMOVE
ATTACHING, DETACHING = ModificationAction.ATTACH, ModificationAction.DETACH
FREE_DISK = disk_uuid(9)
OF_INSTANCES = (
    reboot("reboot -t soft", RebootType.SOFT),
    reboot("reboot -t hard", RebootType.HARD),
    reboot("reboot -t full", RebootType.FULL),
    reboot("reboot, stopped", RebootType.HARD, DOWN),
    Operation(
        "reinstall, other OS",
        OpInstanceReinstall(instance_name=INSTANCE, os_type="noop"),
        admin_state=DOWN,
    ),
    Operation("rename", OpInstanceRename(instance_name=INSTANCE, new_name=NEW), admin_state=DOWN),
    modify("memory", beparams={"maxmem": 256, "minmem": 256}),
    modify("OS", os_name="noop"),
    modify("nic added", nics=item(ADDING)),
    modify("nic removed", nics=item(REMOVING), ignore_ipolicy=True),
    modify("disk added", disks=item(ADDING, size=512), ignore_ipolicy=True),
    modify("disk removed", disks=item(REMOVING), ignore_ipolicy=True),
    modify("disk detached", disks=item(DETACHING), ignore_ipolicy=True),
    Operation(
        "modify, disk attached",
        OpInstanceSetParams(
            instance_name=INSTANCE,
            disks=item(ATTACHING, uuid=FREE_DISK),
            ignore_ipolicy=True,
        ),
        admin_state=DOWN,
        change=with_free_disk,
    ),
    modify("offline", offline=True),
    modify("online", OFFLINE, offline=False),
    modify("memory, running", UP, runtime_mem=120, force=True),
    Operation("three startups at once", starts(1), also=(starts(2), starts(3)), admin_state=DOWN),
)


# -- nodes


def flags(name: str, node: str = NODE, machines: int = 3, **wanted: bool) -> Operation:
    op = OpNodeSetParams(node_name=node, **wanted)
    return Operation(f"node {name}", op, machines=machines, common=True)


def is_out(config: Configuration) -> Configuration:
    """node3 is offline."""
    return config.with_node(replace(config.nodes[node_uuid(3)], offline=True))


def is_drained(config: Configuration) -> Configuration:
    """node3 is drained."""
    return config.with_node(replace(config.nodes[node_uuid(3)], drained=True))


OF_NODES = (
    flags("offline, candidate", offline=True, auto_promote=True),
    flags("drained, candidate", drained=True, auto_promote=True),
    flags("made candidate", LAST_NODE, master_candidate=True),
    flags("not master capable", master_capable=False, auto_promote=True),
    Operation(
        "node back from offline",
        OpNodeSetParams(node_name=LAST_NODE, offline=False),
        machines=3,
        pool=3,
        change=is_out,
        common=True,
    ),
    Operation(
        "node back from drained",
        OpNodeSetParams(node_name=LAST_NODE, drained=False),
        machines=3,
        pool=3,
        change=is_drained,
    ),
    Operation("powercycle", OpNodePowercycle(node_name=NODE)),
)


# -- groups, tags, the cluster


def with_rack(config: Configuration) -> Configuration:
    return config.with_group(NodeGroup(uuid=uuid_of(1, 2), name="rack2"))


def with_tags(config: Configuration) -> Configuration:
    instance = config.instances[instance_uuid(1)]
    return config.with_instance(replace(instance, tags=TAGS))


OF_THE_REST = (
    Operation("group add", OpGroupAdd(group_name="rack2", ndparams={"spindle_count": 2})),
    Operation(
        "group modify",
        OpGroupSetParams(group_name="rack2", ndparams={"spindle_count": 3}),
        change=with_rack,
    ),
    Operation(
        "group rename", OpGroupRename(group_name="rack2", new_name="rack3"), change=with_rack
    ),
    Operation("group remove", OpGroupRemove(group_name="rack2"), change=with_rack),
    Operation(
        "assign-nodes",
        OpGroupAssignNodes(group_name="rack2", nodes=(NODE,)),
        change=with_rack,
    ),
    Operation(
        "add-tags",
        OpTagsSet(kind=TagKind.INSTANCE, name=INSTANCE, tags=TAGS),
        admin_state=DOWN,
    ),
    Operation(
        "remove-tags",
        OpTagsDel(kind=TagKind.INSTANCE, name=INSTANCE, tags=TAGS),
        admin_state=DOWN,
        change=with_tags,
    ),
    Operation("cluster modify", OpClusterSetParams(max_running_jobs=7)),
    Operation(
        "cluster modify, larger pool",
        OpClusterSetParams(candidate_pool_size=3),
        machines=3,
    ),
    Operation(
        "os modify",
        OpClusterSetParams(os_hvp={"noop": {"fake": {}}}, osparams={"noop": {"size": "small"}}),
    ),
    Operation("redist-conf", OpClusterRedistConf(), machines=3),
    Operation("verify configuration", OpClusterVerifyConfig(), admin_state=UP),
    Operation(
        "verify group", OpClusterVerifyGroup(group_name="default"), machines=3, admin_state=UP
    ),
)
OPERATIONS = (*FIRST, *OF_INSTANCES, *OF_NODES, *OF_THE_REST)
