"""Options that set an instance policy, of the cluster or of a group."""

from __future__ import annotations

from ganeti.cli.program import Opt

IPOLICY_BOUNDS = Opt(
    ("--ipolicy-bounds-specs",),
    "ipolicy_bounds_specs",
    "Pairs of bounds that instances must lie between, min:NAME=VALUE,.../max:...//min:...",
    type="multilistidentkeyval",
)
IPOLICY_STD = Opt(
    ("--ipolicy-std-specs",), "ipolicy_std_specs", "What a usual instance has", type="keyval"
)
IPOLICY_TEMPLATES = Opt(
    ("--ipolicy-disk-templates",),
    "ipolicy_disk_templates",
    "Disk templates that the policy allows",
    type="list",
)
IPOLICY_VCPU_RATIO = Opt(
    ("--ipolicy-vcpu-ratio",),
    "ipolicy_vcpu_ratio",
    "Virtual processors to each real one at most",
    type="maybefloat",
)
IPOLICY_SPINDLE_RATIO = Opt(
    ("--ipolicy-spindle-ratio",),
    "ipolicy_spindle_ratio",
    "Instances to each disk spindle at most",
    type="maybefloat",
)


def _spec(flag: str, dest: str, what: str) -> Opt:
    return Opt((flag,), dest, f"Bounds of {what}, min=N,max=N,std=N", type="keyval", default={})


SPECS_CPU_COUNT = _spec("--specs-cpu-count", "ispecs_cpu_count", "the number of processors")
SPECS_DISK_COUNT = _spec("--specs-disk-count", "ispecs_disk_count", "the number of disks")
SPECS_DISK_SIZE = _spec("--specs-disk-size", "ispecs_disk_size", "the size of a disk")
SPECS_MEM_SIZE = _spec("--specs-mem-size", "ispecs_mem_size", "the memory")
SPECS_NIC_COUNT = _spec("--specs-nic-count", "ispecs_nic_count", "the number of network interfaces")

GROUP_OPTIONS = (IPOLICY_BOUNDS, IPOLICY_TEMPLATES, IPOLICY_VCPU_RATIO, IPOLICY_SPINDLE_RATIO)
CLUSTER_OPTIONS = (
    IPOLICY_BOUNDS,
    IPOLICY_STD,
    IPOLICY_TEMPLATES,
    IPOLICY_VCPU_RATIO,
    IPOLICY_SPINDLE_RATIO,
)
SPECS_OPTIONS = (
    SPECS_CPU_COUNT,
    SPECS_DISK_COUNT,
    SPECS_DISK_SIZE,
    SPECS_MEM_SIZE,
    SPECS_NIC_COUNT,
)
"""Of gnt-cluster init: single bounds, instead of those of C{IPOLICY_BOUNDS}."""
