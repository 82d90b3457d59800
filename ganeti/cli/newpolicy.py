"""The instance policy of a new cluster, from the options of C{gnt-cluster init}."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from typing import TYPE_CHECKING, Any

from msgspec.structs import replace

from ganeti.errors import ErrorCode, OpPrereqError
from ganeti.model.policy import Bounds, InstancePolicy, check_policy, std_problems
from ganeti.model.policy_request import parse_bounds, parse_specs, with_specs
from ganeti.model.templates import DiskTemplate

if TYPE_CHECKING:
    from optparse import Values

_OLD_OPTIONS = {
    "cpu-count": "ispecs_cpu_count",
    "disk-count": "ispecs_disk_count",
    "disk-size": "ispecs_disk_size",
    "memory-size": "ispecs_mem_size",
    "nic-count": "ispecs_nic_count",
}
"""The options that came before C{--ipolicy-bounds-specs}: C{min}, C{max}, C{std} of one size."""


def build_policy(options: Values, enabled: Sequence[DiskTemplate]) -> InstancePolicy:
    """
    Ganeti's default policy with what the options change.

    @param enabled: the cluster's disk templates, which the policy allows unless told.
    @raise OpPrereqError: the policy contradicts itself.
    """
    policy = InstancePolicy(disk_templates=tuple(sorted(enabled)))
    policy = _with_specs(policy, options)
    changes: dict[str, Any] = {}
    if options.ipolicy_disk_templates is not None:
        changes["disk_templates"] = _templates(options.ipolicy_disk_templates, enabled)
    for name in ("vcpu_ratio", "spindle_ratio"):
        given = getattr(options, f"ipolicy_{name}")
        if isinstance(given, float):
            changes[name] = int(given) if given.is_integer() else given
    policy = replace(policy, **changes)
    problems = [*check_policy(policy), *std_problems(policy)]
    if problems:
        raise _wrong("; ".join(problems))
    return policy


def _wrong(text: str) -> OpPrereqError:
    return OpPrereqError(text, ErrorCode.WRONG_INPUT)


def _templates(words: Sequence[str], enabled: Sequence[DiskTemplate]) -> tuple[DiskTemplate, ...]:
    for word in words:
        if word not in enabled:
            raise _wrong(f"Disk template '{word}' of the policy is not enabled in the cluster")
    return tuple(sorted(DiskTemplate(word) for word in set(words)))


def _with_specs(policy: InstancePolicy, options: Values) -> InstancePolicy:
    old = {key: getattr(options, dest) for key, dest in _OLD_OPTIONS.items()}
    new = options.ipolicy_bounds_specs is not None or options.ipolicy_std_specs is not None
    if new and any(old.values()):
        raise _wrong("Give the policy by --ipolicy-*-specs or by --specs-*, not by both")
    if any(old.values()):
        return _from_old(policy, old)
    if options.ipolicy_std_specs is not None:
        std = parse_specs("std", options.ipolicy_std_specs)
        policy = replace(policy, std=with_specs(policy.std, std))
    if options.ipolicy_bounds_specs is not None:
        policy = replace(policy, minmax=parse_bounds(options.ipolicy_bounds_specs))
    return policy


def _from_old(policy: InstancePolicy, old: Mapping[str, Mapping[str, Any]]) -> InstancePolicy:
    by_bound: dict[str, dict[str, Any]] = {"min": {}, "max": {}, "std": {}}
    for key, values in old.items():
        for bound, value in values.items():
            if bound not in by_bound:
                raise _wrong(f"Unknown bound '{bound}' of {key}: use min, max and std")
            by_bound[bound][key] = value
    specs = {bound: parse_specs(bound, values) for bound, values in by_bound.items()}
    (bounds,) = policy.minmax
    pair = Bounds(
        min=with_specs(bounds.min, specs["min"]), max=with_specs(bounds.max, specs["max"])
    )
    return replace(policy, minmax=(pair,), std=with_specs(policy.std, specs["std"]))
