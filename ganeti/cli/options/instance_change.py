"""Options of the gnt-instance commands that change instances."""

from __future__ import annotations

from ganeti.cli.options import common
from ganeti.cli.options.instance import (
    COMMUNICATION,
    DISK,
    DISK_TEMPLATE,
    FILE_DRIVER,
    FILE_STORAGE_DIR,
    FORCE_MULTIPLE,
    FORCE_VARIANT,
    HVPARAMS,
    IALLOCATOR,
    IGNORE_IPOLICY,
    IP_CHECK,
    NAME_CHECK,
    NET,
    NO_CONFLICTS_CHECK,
    NO_WAIT_FOR_SYNC,
    OS_TYPE,
    OSPARAMS,
    OSPARAMS_PRIVATE,
    OSPARAMS_SECRET,
    SELECTORS,
    SHUTDOWN_TIMEOUT,
    START_BEPARAMS,
)
from ganeti.cli.program import Opt

_JOB = (common.DRY_RUN, common.PRIORITY, *common.SUBMIT_OPTIONS)

REBOOT_TYPE = Opt(
    ("-t", "--type"),
    "reboot_type",
    "hard shuts it down and starts it, full takes its disks out of use between, soft lets its"
    " hypervisor start it anew",
    choices=("hard", "full", "soft"),
    default="hard",
    metavar="<REBOOT>",
)
IGNORE_SECONDARIES = Opt(
    ("--ignore-secondaries",),
    "ignore_secondaries",
    "Go on when its secondary node is away",
    "store_true",
    default=False,
)
SELECT_OS = Opt(
    ("--select-os",),
    "select_os",
    "Choose the operating system from a list",
    "store_true",
    default=False,
)
RUNTIME_MEMORY = Opt(
    ("-m", "--runtime-memory"),
    "runtime_mem",
    "Memory of the running guest, between minmem and maxmem",
    type="unit",
    metavar="<size>",
)
NEW_SECONDARY = Opt(
    ("-n", "--node"),
    "node",
    "Secondary node, when the disks are converted to mirrored ones",
    type="string",
    metavar="<node>",
    values="node",
)
NEW_PRIMARY = Opt(
    ("--new-primary",),
    "new_primary_node",
    "Primary node, to which the data has been moved already",
    type="string",
    metavar="<node>",
    values="node",
)
OFFLINE = Opt(
    ("--offline",),
    "offline_inst",
    "Put a stopped instance away: it is not started",
    "store_true",
    default=False,
)
ONLINE = Opt(
    ("--online",),
    "online_inst",
    "Take an instance back that was put away: it is stopped then",
    "store_true",
    default=False,
)
NO_HOTPLUG = Opt(
    ("--no-hotplug",),
    "hotplug",
    "Leave the devices of a running guest as they are until its next start",
    "store_false",
    default=True,
)
EXT_PARAMS = Opt(
    ("-e", "--ext-params"),
    "ext_params",
    "Parameters of the provider, when the disks are converted to ext",
    type="keyval",
    default={},
)

REBOOT_OPTIONS = (
    REBOOT_TYPE,
    IGNORE_SECONDARIES,
    SHUTDOWN_TIMEOUT,
    *SELECTORS,
    FORCE_MULTIPLE,
    *_JOB,
)
REINSTALL_OPTIONS = (
    common.FORCE,
    OS_TYPE._replace(help="Install this one instead, with +variant"),
    SELECT_OS,
    FORCE_VARIANT,
    OSPARAMS._replace(help="Parameters for the OS scripts, this time only"),
    OSPARAMS_PRIVATE._replace(help="The same, not shown"),
    OSPARAMS_SECRET._replace(help="The same, not even kept with the job"),
    *SELECTORS,
    FORCE_MULTIPLE,
    *_JOB,
)
RENAME_OPTIONS = (NAME_CHECK, IP_CHECK, *_JOB)
MODIFY_OPTIONS = (
    START_BEPARAMS._replace(
        help="Backend parameters of the instance; NAME=default takes the cluster's again"
    ),
    HVPARAMS._replace(
        help="Hypervisor parameters of the instance; NAME=default takes the cluster's again"
    ),
    OSPARAMS._replace(help="Parameters for the OS scripts; NAME=default takes the cluster's again"),
    OSPARAMS_PRIVATE,
    OS_TYPE._replace(help="Operating system that is said to be on the disks: nothing is installed"),
    FORCE_VARIANT,
    NET._replace(
        help="Change a network interface, add:ip=..., N:add,ip=..., N:link=..., N:remove;"
        " N is an index, a name or a uuid; may be repeated"
    ),
    DISK._replace(
        help="Change a disk, add:size=..., N:add,size=..., N:mode=ro, N:remove, N:detach,"
        " attach:uuid=...; N is an index, a name or a uuid; may be repeated"
    ),
    RUNTIME_MEMORY,
    OFFLINE,
    ONLINE,
    NEW_PRIMARY,
    NO_HOTPLUG,
    DISK_TEMPLATE._replace(help="Convert the disks to this kind"),
    NEW_SECONDARY,
    IALLOCATOR._replace(help="Program that chooses the secondary node"),
    EXT_PARAMS,
    FILE_DRIVER._replace(help="How instances open new file disks"),
    FILE_STORAGE_DIR._replace(help="Folder of new file disks, below the cluster's"),
    NO_WAIT_FOR_SYNC,
    NO_CONFLICTS_CHECK,
    IGNORE_IPOLICY,
    COMMUNICATION._replace(help="Have the interface to the metadata service"),
    common.FORCE._replace(help="Go on against checks that may be skipped"),
    *_JOB,
)
