"""Options of gnt-debug iallocator."""

from __future__ import annotations

from ganeti.cli.options import common, instance
from ganeti.cli.program import Opt

DIRECTION = Opt(
    ("--dir",),
    "direction",
    "Show what the allocator is told (in), or what it answers (out)",
    choices=("in", "out"),
    default="in",
)
MODE = Opt(
    ("-m", "--mode"),
    "mode",
    "What the allocator is asked",
    choices=(
        "relocate",
        "change-group",
        "node-evacuate",
        "allocate-secondary",
        "allocate",
        "multi-allocate",
    ),
    default="relocate",
)
MEMORY = Opt(("--memory",), "memory", "Memory of a new instance", type="unit", default=128)
DISKS = Opt(
    ("--disks",),
    "disks",
    "Sizes of a new instance's disks, separated by commas",
    type="string",
    default="4096,4096",
)
NICS = Opt(
    ("--nics",),
    "nics",
    "Interfaces of a new instance, MAC/IP/BRIDGE each, separated by commas",
    type="string",
    default="00:11:22:33:44:55",
)
VCPUS = Opt(
    ("-p", "--vcpus"), "vcpus", "Virtual processors of a new instance", type="int", default=1
)
SPINDLE_USE = Opt(
    ("--spindle-use",), "spindle_use", "Spindles of a new instance", type="int", default=1
)
TAGS = Opt(("--tags",), "tags", "Tags of a new instance, separated by commas", type="string")
COUNT = Opt(("--count",), "count", "How many new instances (multi-allocate)", type="int", default=2)
EVAC_MODE = Opt(
    ("--evac-mode",),
    "evac_mode",
    "Which of their nodes the instances leave (node-evacuate)",
    choices=("all", "primary-only", "secondary-only"),
    default="all",
)
TARGET_GROUPS = Opt(
    ("--target-groups",),
    "target_groups",
    "Where the instances may go (change-group); may be repeated",
    "append",
    "string",
    default=[],
)
EXPLAIN = Opt(
    ("--explain",),
    "explain",
    "Say which candidates do, why others do not, and what would help",
    "store_true",
    default=False,
)
VERBOSE = Opt(
    ("-v", "--verbose"),
    "verbose",
    "With --explain, tell of all candidates one by one",
    "store_true",
    default=False,
)

ALLOCATOR_OPTIONS = (
    instance.IALLOCATOR,
    DIRECTION,
    MODE,
    MEMORY,
    DISKS,
    instance.DISK_TEMPLATE,
    NICS,
    instance.OS_TYPE,
    VCPUS,
    SPINDLE_USE,
    TAGS,
    COUNT,
    EVAC_MODE,
    TARGET_GROUPS,
    EXPLAIN,
    VERBOSE,
    common.DRY_RUN,
    common.PRIORITY,
)
