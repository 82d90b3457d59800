"""Options of gnt-node."""

from __future__ import annotations

from ganeti.cli.options import cluster, common
from ganeti.cli.program import Opt

READD = Opt(
    ("--readd",), "readd", "Set up again a node that the cluster knows", "store_true", default=False
)
FORCE_JOIN = Opt(
    ("--force-join",),
    "force_join",
    "Take the node even if it belongs to another cluster",
    "store_true",
    default=False,
)
NODE_GROUP = Opt(
    ("-g", "--node-group"),
    "nodegroup",
    "Node group",
    type="string",
    metavar="<nodegroup>",
    values="group",
)
MASTER_CAPABLE = Opt(
    ("--master-capable",),
    "master_capable",
    "Whether the node may become master",
    type="bool",
    metavar="yes|no",
)
VM_CAPABLE = Opt(
    ("--vm-capable",),
    "vm_capable",
    "Whether the node may hold instances",
    type="bool",
    metavar="yes|no",
)
NO_NODE_SETUP = Opt(
    ("--no-node-setup",),
    "node_setup",
    "The node has its keys and files already: do not touch it",
    "store_false",
    default=True,
)
NO_SSH_KEY_CHECK = Opt(
    ("--no-ssh-key-check",),
    "ssh_key_check",
    "Accept the node's SSH host key unseen",
    "store_false",
    default=True,
)

ADD_OPTIONS = (
    cluster.SECONDARY_IP,
    READD,
    FORCE_JOIN,
    NODE_GROUP,
    MASTER_CAPABLE,
    VM_CAPABLE,
    cluster.NDPARAMS,
    cluster.HV_STATE,
    cluster.DISK_STATE,
    NO_NODE_SETUP,
    NO_SSH_KEY_CHECK,
    common.VERBOSE,
    common.PRIORITY,
)


def _flag(flags: tuple[str, ...], dest: str, what: str) -> Opt:
    return Opt(flags, dest, what, type="bool", metavar="yes|no")


OFFLINE = _flag(("-O", "--offline"), "offline", "Whether the node is out of service")
DRAINED = _flag(("-D", "--drained"), "drained", "Whether the node takes no new instances")
MASTER_CANDIDATE = _flag(
    ("-C", "--master-candidate"),
    "master_candidate",
    "Whether the node keeps a copy of the cluster's state",
)
AUTO_PROMOTE = Opt(
    ("--auto-promote",),
    "auto_promote",
    "Make other nodes master candidates in its place",
    "store_true",
    default=False,
)
NODE_POWERED = _flag(("--node-powered",), "node_powered", "Whether the node has power")
CONFIRM = Opt(("--yes",), "confirm", "Do it without asking", "store_true", default=False)

MODIFY_OPTIONS = (
    MASTER_CANDIDATE,
    DRAINED,
    OFFLINE,
    AUTO_PROMOTE,
    MASTER_CAPABLE,
    VM_CAPABLE,
    cluster.SECONDARY_IP,
    cluster.NDPARAMS,
    cluster.HV_STATE,
    cluster.DISK_STATE,
    NODE_POWERED,
    common.FORCE,
    common.DRY_RUN,
    common.PRIORITY,
    *common.SUBMIT_OPTIONS,
)
POWERCYCLE_OPTIONS = (
    CONFIRM,
    common.FORCE,
    common.DRY_RUN,
    common.PRIORITY,
    *common.SUBMIT_OPTIONS,
)
