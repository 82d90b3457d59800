"""Options of gnt-instance."""

from __future__ import annotations

from ganeti.cli.options import cluster, common, node
from ganeti.cli.program import Opt

DISK_TEMPLATE = Opt(
    ("-t", "--disk-template"),
    "disk_template",
    "Kind of the disks",
    choices=(
        "diskless",
        "file",
        "sharedfile",
        "plain",
        "drbd",
        "blockdev",
        "rbd",
        "ext",
        "gluster",
    ),
    metavar="TEMPL",
)
NODE = Opt(
    ("-n", "--node"),
    "node",
    "Node to run on, with the secondary node of a mirrored disk",
    type="string",
    metavar="<pnode>[:<snode>]",
    values="nodes",
)
IALLOCATOR = Opt(
    ("-I", "--iallocator"),
    "iallocator",
    "Instance allocator that chooses the nodes",
    type="string",
    metavar="<NAME>",
    values="iallocator",
)
OS_TYPE = Opt(
    ("-o", "--os-type"),
    "os",
    "Operating system to install, with +variant",
    type="string",
    metavar="<os>",
    values="os",
)
OS_SIZE = Opt(
    ("-s", "--os-size"),
    "sd_size",
    "Size of the only disk, short for --disk 0:size=...",
    type="unit",
    metavar="<size>",
)
DISK = Opt(
    ("--disk",),
    "disks",
    "A disk, N:size=SIZE,mode=ro,name=...; may be repeated",
    "append",
    "identkeyval",
    default=[],
)
NET = Opt(
    ("--net",),
    "nics",
    "A network interface, N:ip=...,mac=...,mode=...,link=...; may be repeated",
    "append",
    "identkeyval",
    default=[],
)
NO_NICS = Opt(("--no-nics",), "no_nics", "Make no network interface", "store_true", default=False)
BEPARAMS = cluster.BEPARAMS._replace(
    help="Backend parameters of the instance, as in memory=512,vcpus=2"
)
HYPERVISOR = Opt(
    ("-H", "--hypervisor-parameters"),
    "hypervisor",
    "Hypervisor and its parameters, HYPERVISOR:NAME=VALUE,...",
    type="identkeyval",
)
HVPARAMS = Opt(
    ("-H", "--hypervisor-parameters"),
    "hvparams",
    "Hypervisor parameters for this start only",
    type="keyval",
    default={},
)
START_BEPARAMS = cluster.BEPARAMS._replace(help="Backend parameters for this start only")
OSPARAMS = Opt(
    ("-O", "--os-parameters"),
    "osparams",
    "Parameters for the OS scripts",
    type="keyval",
    default={},
)
OSPARAMS_PRIVATE = Opt(
    ("--os-parameters-private",),
    "osparams_private",
    "The same, not shown afterwards",
    type="keyprivateval",
    default={},
)
OSPARAMS_SECRET = Opt(
    ("--os-parameters-secret",),
    "osparams_secret",
    "The same, neither shown nor kept",
    type="keyprivateval",
    default={},
)
FORCE_VARIANT = Opt(
    ("--force-variant",),
    "force_variant",
    "Accept a variant that the OS does not list",
    "store_true",
    default=False,
)
NO_INSTALL = Opt(
    ("--no-install",), "no_install", "Do not run the OS scripts", "store_true", default=False
)
NO_START = Opt(
    ("--no-start",), "start", "Do not start the new instance", "store_false", default=True
)
NO_WAIT_FOR_SYNC = Opt(
    ("--no-wait-for-sync",),
    "wait_for_sync",
    "Do not wait until mirrored disks are in sync",
    "store_false",
    default=True,
)
NAME_CHECK = Opt(
    ("--name-check",),
    "name_check",
    "Refuse a name that does not resolve",
    "store_true",
    default=False,
)
IP_CHECK = Opt(
    ("--ip-check",),
    "ip_check",
    "Refuse a name whose address something answers at; needs --name-check",
    "store_true",
    default=False,
)
NO_NAME_CHECK = Opt(
    ("--no-name-check",),
    "name_check",
    "Accept a name that does not resolve; this is the default",
    "store_false",
    default=False,
)
NO_IP_CHECK = Opt(
    ("--no-ip-check",),
    "ip_check",
    "Do not look for a machine at the address; this is the default",
    "store_false",
    default=False,
)
NO_CONFLICTS_CHECK = Opt(
    ("--no-conflicts-check",),
    "conflicts_check",
    "Accept addresses that lie in a network of the cluster",
    "store_false",
    default=True,
)
IGNORE_IPOLICY = Opt(
    ("--ignore-ipolicy",),
    "ignore_ipolicy",
    "Go on when the instance policy is violated",
    "store_true",
    default=False,
)
FILE_DRIVER = Opt(
    ("--file-driver",),
    "file_driver",
    "How instances open file disks",
    choices=("loop", "blktap", "blktap2"),
    metavar="<DRIVER>",
)
FILE_STORAGE_DIR = Opt(
    ("--file-storage-dir",),
    "file_storage_dir",
    "Folder of the file disks, below the cluster's",
    type="string",
    metavar="<DIR>",
)
TAGS = Opt(("--tags",), "tags", "Tags of the new instance, separated by commas", type="string")
COMMUNICATION = Opt(
    ("-c", "--communication"),
    "instance_communication",
    "Add the interface to the metadata service",
    type="bool",
)
OPPORTUNISTIC = Opt(
    ("--opportunistic-locking",),
    "opportunistic_locking",
    "Choose among nodes that no other job holds now",
    "store_true",
    default=False,
)
FORTHCOMING = Opt(
    ("--forthcoming",), "forthcoming", "Only reserve name and room", "store_true", default=False
)
COMMIT = Opt(("--commit",), "commit", "Make a reserved instance real", "store_true", default=False)
HELPER_STARTUP = Opt(
    ("--helper-startup-timeout",),
    "helper_startup_timeout",
    "Seconds a helper machine has to start",
    type="int",
)
HELPER_SHUTDOWN = Opt(
    ("--helper-shutdown-timeout",),
    "helper_shutdown_timeout",
    "Seconds a helper machine has to finish",
    type="int",
)
SHUTDOWN_TIMEOUT = Opt(
    ("--shutdown-timeout",),
    "shutdown_timeout",
    "Seconds until it is ended by force",
    type="int",
    default=120,
)
TIMEOUT = Opt(
    ("--timeout",), "timeout", "Seconds until it is ended by force", type="int", default=120
)
IGNORE_FAILURES = Opt(
    ("--ignore-failures",),
    "ignore_failures",
    "Forget the instance even if not all of it could be removed",
    "store_true",
    default=False,
)
IGNORE_OFFLINE = Opt(
    ("--ignore-offline",),
    "ignore_offline",
    "When the node is offline, change only what is on record",
    "store_true",
    default=False,
)
NO_REMEMBER = Opt(
    ("--no-remember",),
    "no_remember",
    "Do not change the state that the instance should have",
    "store_true",
    default=False,
)
PAUSED = Opt(
    ("--paused",),
    "startup_paused",
    "Start it with its processors halted",
    "store_true",
    default=False,
)
STATIC = Opt(
    ("-s", "--static"), "static", "Only what is on record: ask no node", "store_true", default=False
)
SHOW_ALL = Opt(
    ("--all",),
    "show_all",
    "Show all instances; slow on a large cluster",
    "store_true",
    default=False,
)

FORCE_MULTIPLE = Opt(
    ("--force-multiple",),
    "force_multi",
    "Do not ask when several instances are meant",
    "store_true",
    default=False,
)


def _mode(flag: str, mode: str, what: str) -> Opt:
    return Opt((flag,), "multi_mode", what, "store_const", const=mode)


SELECTORS = (
    _mode("--all", "cluster", "All instances of the cluster"),
    _mode("--instance", "instances", "The arguments are instances; this is the default"),
    _mode("--node", "nodes", "The arguments are nodes: instances with a disk or memory there"),
    _mode("--primary", "nodes-pri", "The arguments are nodes: instances that run there"),
    _mode("--secondary", "nodes-sec", "The arguments are nodes: instances with their mirror there"),
    _mode("--tags", "instances-by-tags", "The arguments are tags: instances with one of them"),
    _mode("--node-tags", "nodes-by-tags", "The arguments are tags of nodes: instances there"),
    _mode(
        "--pri-node-tags",
        "nodes-pri-by-tags",
        "The arguments are tags of nodes: instances that run there",
    ),
    _mode(
        "--sec-node-tags",
        "nodes-sec-by-tags",
        "The arguments are tags of nodes: instances with their mirror there",
    ),
)

ADD_OPTIONS = (
    DISK_TEMPLATE,
    NODE,
    IALLOCATOR,
    node.NODE_GROUP,
    OS_TYPE,
    OS_SIZE,
    DISK,
    NET,
    NO_NICS,
    BEPARAMS,
    HYPERVISOR,
    OSPARAMS,
    OSPARAMS_PRIVATE,
    OSPARAMS_SECRET,
    FORCE_VARIANT,
    NO_INSTALL,
    NO_START,
    NO_WAIT_FOR_SYNC,
    NAME_CHECK,
    NO_NAME_CHECK,
    IP_CHECK,
    NO_IP_CHECK,
    NO_CONFLICTS_CHECK,
    IGNORE_IPOLICY,
    FILE_DRIVER,
    FILE_STORAGE_DIR,
    TAGS,
    COMMUNICATION,
    OPPORTUNISTIC,
    FORTHCOMING,
    COMMIT,
    HELPER_STARTUP,
    HELPER_SHUTDOWN,
    common.DRY_RUN,
    common.PRIORITY,
    *common.SUBMIT_OPTIONS,
)
BATCH_CREATE_OPTIONS = (IALLOCATOR, common.DRY_RUN, common.PRIORITY, *common.SUBMIT_OPTIONS)
REMOVE_OPTIONS = (
    common.FORCE,
    SHUTDOWN_TIMEOUT,
    IGNORE_FAILURES,
    common.DRY_RUN,
    common.PRIORITY,
    *common.SUBMIT_OPTIONS,
)
_MULTIPLE = (
    *SELECTORS,
    FORCE_MULTIPLE,
    IGNORE_OFFLINE,
    NO_REMEMBER,
    common.DRY_RUN,
    common.PRIORITY,
    *common.SUBMIT_OPTIONS,
)
STARTUP_OPTIONS = (
    common.FORCE._replace(help="Start it even if its secondary node is away"),
    HVPARAMS,
    START_BEPARAMS,
    PAUSED,
    *_MULTIPLE,
)
SHUTDOWN_OPTIONS = (
    common.FORCE._replace(help="Shut it down even if it is marked offline"),
    TIMEOUT,
    *_MULTIPLE,
)
INFO_OPTIONS = (STATIC, SHOW_ALL, common.ROMAN, common.PRIORITY)
SHOW_COMMAND = Opt(
    ("--show-cmd",),
    "show_command",
    "Print the command that shows the console, and do not run it",
    "store_true",
    default=False,
)
CONSOLE_OPTIONS = (SHOW_COMMAND, common.PRIORITY)
