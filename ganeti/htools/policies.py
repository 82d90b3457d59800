"""Policies of the configuration as placement takes them."""

from __future__ import annotations

from ganeti.htools.records import Policy, Range, Spec
from ganeti.model import policy as model_policy


def build_policy(found: model_policy.InstancePolicy) -> Policy:
    """A complete policy."""
    return Policy(
        standard=_spec(found.std),
        ranges=tuple(Range(least=_spec(each.min), most=_spec(each.max)) for each in found.minmax),
        templates=found.disk_templates,
        vcpu_ratio=float(found.vcpu_ratio),
        spindle_ratio=float(found.spindle_ratio),
    )


def _spec(spec: model_policy.Spec) -> Spec:
    return Spec(
        memory=spec.memory_size,
        cpus=spec.cpu_count,
        disk=spec.disk_size,
        disk_count=spec.disk_count,
        nic_count=spec.nic_count,
        spindle_use=spec.spindle_use,
    )
