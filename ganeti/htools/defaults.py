"""What holds when nothing else is told (params.json: instance policy)."""

from __future__ import annotations

from ganeti.htools.records import Policy, Range, Spec
from ganeti.model.templates import DiskTemplate

POLICY = Policy(
    standard=Spec(memory=128, cpus=1, disk=1024),
    ranges=(
        Range(
            least=Spec(memory=128, cpus=1, disk=1024),
            most=Spec(
                memory=32768, cpus=8, disk=1048576, disk_count=16, nic_count=8, spindle_use=12
            ),
        ),
    ),
    templates=tuple(DiskTemplate),
    vcpu_ratio=4.0,
    spindle_ratio=32.0,
)

STATIC_KVM_NODE_MEMORY = 4096
MIN_SCORE = 1e-9
MIN_GAIN = 0.01
MIN_GAIN_LIMIT = 0.1
JOB_DELAY_S = 10.0
