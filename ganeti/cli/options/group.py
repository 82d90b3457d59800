"""Options of gnt-group."""

from __future__ import annotations

from ganeti.cli.options import cluster, common, policy
from ganeti.cli.program import Opt

ALLOC_POLICY = Opt(
    ("--alloc-policy",),
    "alloc_policy",
    "Whether instances are placed in the group: preferred, last_resort or unallocable",
    type="string",
    metavar="POLICY",
    suggestions=("preferred", "last_resort", "unallocable"),
)
NDPARAMS = cluster.NDPARAMS._replace(
    help="Parameters of the group's nodes, as in spindle_count=2; -NAME or default inherits again"
)
DISKPARAMS = cluster.DISKPARAMS._replace(
    help="Disk parameters in the group, TEMPLATE:NAME=VALUE,...; may be repeated"
)
INCLUDE_DEFAULTS = Opt(
    ("--include-defaults",),
    "include_defaults",
    "Show what a group inherits from the cluster, too",
    action="store_true",
    default=False,
)

SETTINGS = (
    ALLOC_POLICY,
    NDPARAMS,
    DISKPARAMS,
    cluster.HV_STATE,
    cluster.DISK_STATE,
    *policy.GROUP_OPTIONS,
)
SUBMIT_OPTIONS = (common.DRY_RUN, common.PRIORITY, *common.SUBMIT_OPTIONS)
CHANGE_OPTIONS = (*SETTINGS, *SUBMIT_OPTIONS)
LIST_OPTIONS = (
    common.NO_HEADERS,
    common.SEPARATOR,
    common.OUTPUT,
    common.MARKS,
    common.FILTER,
)
ASSIGN_FORCE = common.FORCE._replace(help="Move nodes even if instances are split by it")
ASSIGN_OPTIONS = (ASSIGN_FORCE, *SUBMIT_OPTIONS)
