"""The instance policy of a new cluster, from the options of C{gnt-cluster init}."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from typing import TYPE_CHECKING, Any

from msgspec.structs import replace

from ganeti.errors import ErrorCode, OpPrereqError
from ganeti.model.parameters import ParameterType, enforce_types
from ganeti.model.policy import Bounds, InstancePolicy, Spec, check_policy
from ganeti.model.templates import DiskTemplate

if TYPE_CHECKING:
    from optparse import Values

_TYPES = {
    "cpu-count": ParameterType.INT,
    "disk-count": ParameterType.INT,
    "disk-size": ParameterType.SIZE,
    "memory-size": ParameterType.SIZE,
    "nic-count": ParameterType.INT,
    "spindle-use": ParameterType.INT,
}
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
    problems = check_policy(policy)
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
        policy = replace(policy, std=_spec(policy.std, options.ipolicy_std_specs))
    if options.ipolicy_bounds_specs is not None:
        pairs = tuple(_bounds(pair) for pair in options.ipolicy_bounds_specs)
        policy = replace(policy, minmax=pairs)
    return policy


def _from_old(policy: InstancePolicy, old: Mapping[str, Mapping[str, Any]]) -> InstancePolicy:
    by_bound: dict[str, dict[str, Any]] = {"min": {}, "max": {}, "std": {}}
    for key, values in old.items():
        for bound, value in values.items():
            if bound not in by_bound:
                raise _wrong(f"Unknown bound '{bound}' of {key}: use min, max and std")
            by_bound[bound][key] = value
    (bounds,) = policy.minmax
    pair = Bounds(min=_spec(bounds.min, by_bound["min"]), max=_spec(bounds.max, by_bound["max"]))
    return replace(policy, minmax=(pair,), std=_spec(policy.std, by_bound["std"]))


def _bounds(pair: Mapping[str, Mapping[str, Any]]) -> Bounds:
    if set(pair) != {"min", "max"}:
        raise _wrong("Each pair of bounds needs min and max")
    for bound, values in pair.items():
        missing = sorted(_TYPES.keys() - values.keys())
        if missing:
            raise _wrong(f"Missing in the {bound} bound of the policy: {', '.join(missing)}")
    return Bounds(min=_spec(Spec(), pair["min"]), max=_spec(Spec(), pair["max"]))


def _spec(base: Spec, given: Mapping[str, Any]) -> Spec:
    checked = enforce_types(given, _TYPES)
    return replace(base, **{key.replace("-", "_"): value for key, value in checked.items()})
