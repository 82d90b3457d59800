"""The operations that daemons are killed in, each with the one that takes it back."""

from __future__ import annotations

from pathlib import Path

from support.killing import Operation, Pair
from support.looks import (
    Look,
    admin_up,
    cluster_has,
    in_config,
    instance_has,
    negate,
    node_has,
    tagged,
)
from support.osdirs import write_script
from support.ready import add_node_argv
from support.virtualcluster import VirtualCluster

NAME = "web1.example.com"
STILL, RUNNING, DISK, GUEST = (f"{name}.example.com" for name in ("still", "runs", "disk", "guest"))
OTHER = "other.example.com"
LAST_NODE = "node3.example.com"
COMMON = ("-B", "memory=128M", "-n", "node2.example.com", "--ignore-ipolicy")
OS = ("-o", "busybox+default")
ADD = ("gnt-instance", "add", *OS)
BARE = (*ADD, "-t", "diskless", "--no-install", "--no-start", "--no-nics", *COMMON)
GUEST_PARAMETERS = "kvm:kernel_path=,serial_console=false"


def instance(*words: str) -> tuple[str, ...]:
    return ("gnt-instance", *words)


def make_objects(cluster: VirtualCluster) -> None:
    """All that the pairs need."""
    cluster.run(*BARE, STILL).good()
    cluster.run(*BARE, RUNNING).good()
    cluster.run(*instance("startup", RUNNING)).good()
    cluster.run(*ADD, "-t", "file", "-s", "64M", "--no-start", *COMMON, DISK).good()


def remove_objects(cluster: VirtualCluster) -> None:
    """What L{make_objects} made."""
    for name in (STILL, RUNNING, DISK):
        cluster.run(*instance("remove", "-f", name)).good()


def make_guest(cluster: VirtualCluster) -> None:
    """An instance of kvm."""
    cluster.run("gnt-cluster", "modify", "--enabled-hypervisors=fake,kvm").good()
    cluster.run(*BARE, "-H", GUEST_PARAMETERS, GUEST).good()


# -- instances

EXISTS = in_config("instances", NAME)
REMOVE = instance("remove", "-f", NAME)
ADD_FILE = Pair(
    Operation("add -t file", (*ADD, "-t", "file", "-s", "1G", *COMMON, NAME), EXISTS),
    Operation("remove (file)", REMOVE, negate(EXISTS)),
)
ADD_DISKLESS = Pair(
    Operation("add -t diskless", (*ADD, "-t", "diskless", "--no-install", *COMMON, NAME), EXISTS),
    Operation("remove (diskless)", REMOVE, negate(EXISTS)),
    background=False,
)
PLACED = ("-t", "diskless", "--no-install", "-B", "memory=128M", "-I", "hail")
ADD_PLACED = Pair(
    Operation("add -I hail", (*ADD, *PLACED, NAME), EXISTS),
    Operation("remove (placed)", REMOVE, negate(EXISTS)),
    background=False,
    before=remove_objects,  # they are outside the policy, so that hail places nothing beside them
)
BATCH_FILE = Path(__file__).with_name("batch.json")
ANSWER = '{"success": true, "info": "", "result": [[["%s", ["node2.example.com"]]], []]}'


def install_allocator(cluster: VirtualCluster) -> None:
    """A program that always has the same answer."""
    directory = Path(cluster.paths(1).iallocator_search_path[0])
    directory.mkdir(parents=True, exist_ok=True)
    write_script(directory / "same", f"echo '{ANSWER % NAME}'")


BATCH = Pair(
    Operation("batch-create", instance("batch-create", "-I", "same", str(BATCH_FILE)), EXISTS),
    Operation("remove (batch)", REMOVE, negate(EXISTS)),
    background=False,
    before=install_allocator,
)
STARTUP = Pair(
    Operation("startup", instance("startup", STILL), admin_up(STILL)),
    Operation("shutdown", instance("shutdown", STILL), negate(admin_up(STILL))),
)
REBOOT = Pair(
    Operation("reboot", instance("reboot", "--type=hard", RUNNING), admin_up(RUNNING)),
    None,
    background=False,
)
REBOOT_SOFT = Pair(
    Operation("reboot (soft)", instance("reboot", "--type=soft", RUNNING), admin_up(RUNNING)),
    None,
    background=False,
)
RENAMED = in_config("instances", OTHER)
RENAME = Pair(
    Operation("rename", instance("rename", DISK, OTHER), RENAMED),
    Operation("rename back", instance("rename", OTHER, DISK), negate(RENAMED)),
    background=False,
)
LARGER = instance_has(DISK, lambda instance: len(instance.disks) == 2 and len(instance.nics) == 2)
MODIFY_DISK = instance("modify", "--ignore-ipolicy")
MODIFY = Pair(
    Operation(
        "instance modify",
        (*MODIFY_DISK, "--disk=add:size=128M", "--net=add", "-B", "memory=64M", DISK),
        LARGER,
    ),
    Operation(
        "instance modify back",
        (*MODIFY_DISK, "--disk=remove", "--net=remove", "-B", "memory=128M", DISK),
        negate(LARGER),
    ),
    background=False,
)
REINSTALL = Pair(
    Operation(
        "reinstall",
        instance("reinstall", "-f", *OS, DISK),
        instance_has(DISK, lambda instance: instance.os == OS[1]),
    ),
    None,
    background=False,
)
GUEST_STARTUP = Pair(
    Operation("startup (kvm)", instance("startup", GUEST), admin_up(GUEST)),
    Operation(
        "shutdown (kvm)", instance("shutdown", "--timeout=0", GUEST), negate(admin_up(GUEST))
    ),
    background=False,
    before=make_guest,
)

# -- nodes, groups, tags, the cluster

NODE_REMOVE = ("gnt-node", "remove", LAST_NODE)
NODE = in_config("nodes", LAST_NODE)
NODE_ADD = Pair(
    Operation("node add", add_node_argv(3), NODE, tells_job=False),
    Operation("node remove", NODE_REMOVE, negate(NODE), tells_job=False),
    before=lambda cluster: cluster.run(*NODE_REMOVE).good(),
    after=lambda cluster: cluster.run(*add_node_argv(3)).good(),
)


def node_modify(what: str) -> tuple[str, ...]:
    return ("gnt-node", "modify", "--force", what, LAST_NODE)


OFFLINE = node_has(LAST_NODE, lambda config, node: node.offline)
NODE_OFFLINE = Pair(
    Operation("node offline", node_modify("--offline=yes"), OFFLINE),
    Operation("node back", node_modify("--offline=no"), negate(OFFLINE)),
)
GROUP = in_config("groups", "rack2")
GROUP_ADD = Pair(
    Operation(
        "group add", ("gnt-group", "add", "--node-parameters=spindle_count=2", "rack2"), GROUP
    ),
    Operation("group remove", ("gnt-group", "remove", "rack2"), negate(GROUP)),
    background=False,
)


def assign(group: str) -> tuple[str, ...]:
    return ("gnt-group", "assign-nodes", group, LAST_NODE)


def in_group(name: str) -> Look:
    return node_has(LAST_NODE, lambda config, node: config.groups[node.group].name == name)


ASSIGN = Pair(
    Operation("assign-nodes", assign("rack3"), in_group("rack3")),
    Operation("assign-nodes back", assign("default"), in_group("default")),
    background=False,
    before=lambda cluster: cluster.run("gnt-group", "add", "rack3").good(),
    after=lambda cluster: cluster.run("gnt-group", "remove", "rack3").good(),
)
TAGGED = tagged(STILL, "owner:alice")
TAGS = Pair(
    Operation("add-tags", instance("add-tags", STILL, "owner:alice"), TAGGED),
    Operation("remove-tags", instance("remove-tags", STILL, "owner:alice"), negate(TAGGED)),
    background=False,
)
SEVEN = cluster_has("max_running_jobs", 7)
CLUSTER_MODIFY = Pair(
    Operation("cluster modify", ("gnt-cluster", "modify", "--max-running-jobs=7"), SEVEN),
    Operation(
        "cluster modify back", ("gnt-cluster", "modify", "--max-running-jobs=20"), negate(SEVEN)
    ),
    background=False,
)
