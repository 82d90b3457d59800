"""Options of gnt-cluster verify, command and copyfile."""

from __future__ import annotations

from ganeti.cli.options import common
from ganeti.cli.program import Opt

# By name: the opcodes themselves are loaded only when the command runs; a test compares.
CODES = (
    "ECLUSTERCERT",
    "ECLUSTERCFG",
    "ECLUSTERCLIENTCERT",
    "ECLUSTERDANGLINGINST",
    "ECLUSTERDANGLINGNODES",
    "ECLUSTERFILECHECK",
    "EEXTAGS",
    "EGROUPDIFFERENTPVSIZE",
    "EINSTANCEBADNODE",
    "EINSTANCEDOWN",
    "EINSTANCEFAULTYDISK",
    "EINSTANCELAYOUT",
    "EINSTANCEMISSINGCFGPARAMETER",
    "EINSTANCEMISSINGDISK",
    "EINSTANCEPOLICY",
    "EINSTANCESPLITGROUPS",
    "EINSTANCEUNSUITABLENODE",
    "EINSTANCEWRONGNODE",
    "ENODEDRBD",
    "ENODEDRBDHELPER",
    "ENODEDRBDVERSION",
    "ENODEFILECHECK",
    "ENODEFILESTORAGEPATHS",
    "ENODEFILESTORAGEPATHUNUSABLE",
    "ENODEGLUSTERSTORAGEPATHUNUSABLE",
    "ENODEHOOKS",
    "ENODEHV",
    "ENODELVM",
    "ENODEN1",
    "ENODENET",
    "ENODEOOBPATH",
    "ENODEORPHANINSTANCE",
    "ENODEORPHANLV",
    "ENODEOS",
    "ENODERPC",
    "ENODESETUP",
    "ENODESHAREDFILESTORAGEPATHUNUSABLE",
    "ENODESSH",
    "ENODETIME",
    "ENODEUSERSCRIPTS",
    "ENODEVERSION",
)

NODE_GROUP = Opt(
    ("-g", "--node-group"),
    "nodegroup",
    "Only this node group",
    type="string",
    metavar="<nodegroup>",
    values="group",
)
NODES = Opt(
    ("-n", "--node"),
    "nodes",
    "Only this node; may be repeated",
    "append",
    "string",
    default=[],
    metavar="<node>",
    values="node",
)


def _flag(flag: str, dest: str, what: str) -> Opt:
    return Opt((flag,), dest, what, "store_true", default=False)


VERIFY_OPTIONS = (
    common.VERBOSE,
    _flag("--error-codes", "error_codes", "Show the code of each problem, for programs"),
    _flag("--debug-simulate-errors", "simulate_errors", "Let every check report, for tests"),
    _flag(
        "--no-nplus1-mem",
        "skip_nplusone_mem",
        "Do not check whether nodes can take over the instances of others",
    ),
    _flag(
        "--no-hv-param-assessment",
        "skip_hvparam_assessment",
        "Do not look on the nodes for what hypervisor parameters name",
    ),
    NODE_GROUP,
    common.PRIORITY,
    common.DRY_RUN,
    Opt(
        ("-I", "--ignore-errors"),
        "ignore_errors",
        "Treat problems of this code as warnings; may be repeated",
        "append",
        choices=CODES,
        default=[],
    ),
    _flag("--verify-ssh-clutter", "verify_clutter", "Look for SSH keys that nobody knows"),
)

COMMAND_OPTIONS = (
    NODES,
    NODE_GROUP,
    Opt(
        ("-M", "--show-machine-names"),
        "show_machine_names",
        "Begin each line of the output with the node's name",
        "store_true",
        default=False,
    ),
    _flag("--failure-only", "failure_only", "Show only the nodes on which the command fails"),
)

COPYFILE_OPTIONS = (
    NODES,
    NODE_GROUP,
    _flag(
        "--use-replication-network",
        "use_replication_network",
        "Send the file to the nodes' secondary addresses",
    ),
)
