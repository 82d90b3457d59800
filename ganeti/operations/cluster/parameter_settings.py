"""Parameters of the cluster, which groups, nodes, instances and disks inherit, after a request."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

from ganeti.errors import ErrorCode, HypervisorError, OpPrereqError, ParameterError
from ganeti.model.cluster import Cluster
from ganeti.model.hypervisors import (
    CLUSTER_ONLY,
    HypervisorName,
    built_in,
    check_hvparams,
    parse_hvparams,
)
from ganeti.model.levels import base_os
from ganeti.model.origins import Levels, Origin
from ganeti.model.parameters import (
    BEPARAM_REQUEST_TYPES,
    BEPARAM_TYPES,
    DEFAULT,
    NDPARAM_TYPES,
    NICPARAM_TYPES,
    RESET,
    BeParams,
    NdParams,
    NicMode,
    NicParams,
    change_complete,
    change_own,
    enforce_types,
    expand_memory,
    own_values,
)
from ganeti.model.policy import InstancePolicy
from ganeti.model.policy_request import change_policy
from ganeti.model.secret import Secret
from ganeti.model.templates import (
    TEMPLATES,
    DiskTemplate,
    check_diskparams,
    parse_diskparams,
)
from ganeti.opcodes.cluster import OpClusterSetParams
from ganeti.operations.instance.memory import check_memory_bounds
from ganeti.operations.instance.osparams import check_osparams_apart, read_osparams
from ganeti.operations.node.static_state import (
    check_disk_state,
    check_hv_state,
    merged_state,
)


def wrong(text: str) -> OpPrereqError:
    """A setting that is impossible."""
    return OpPrereqError(text, ErrorCode.WRONG_INPUT)


def parameter_settings(
    cluster: Cluster,
    op: OpClusterSetParams,
    hypervisors: tuple[HypervisorName, ...],
    templates: tuple[DiskTemplate, ...],
) -> dict[str, Any]:
    """
    Fields of the cluster's record that the request changes.

    @param hypervisors: enabled ones, after the request; likewise C{templates}.
    @raise OpPrereqError, TypeEnforcementError: a value is impossible.
    """
    changes: dict[str, Any] = {}
    if op.beparams is not None:
        changes["beparams"] = {**cluster.beparams, "default": _beparams(cluster, op.beparams)}
    if op.nicparams is not None:
        changes["nicparams"] = {**cluster.nicparams, "default": _nicparams(cluster, op.nicparams)}
    if op.ndparams is not None:
        changes["ndparams"] = change_complete(
            cluster.ndparams, op.ndparams, NDPARAM_TYPES, NdParams()
        )
    if op.diskparams is not None:
        changes["diskparams"] = _diskparams(cluster, op.diskparams)
    if op.ipolicy is not None:
        default = InstancePolicy(disk_templates=tuple(sorted(templates)))
        changes["ipolicy"] = change_policy(cluster.ipolicy, op.ipolicy, default)
    if op.hv_state is not None:
        changes["hv_state_static"] = merged_state(
            cluster.hv_state_static, check_hv_state(op.hv_state)
        )
    if op.disk_state is not None:
        changes["disk_state_static"] = merged_state(
            cluster.disk_state_static, check_disk_state(op.disk_state)
        )
    return changes | _hypervisor_settings(cluster, op, hypervisors) | _os_settings(cluster, op)


def _beparams(cluster: Cluster, request: Mapping[str, Any]) -> BeParams:
    typed = expand_memory(enforce_types(request, BEPARAM_REQUEST_TYPES, RESET))
    changed = change_complete(cluster.beparams["default"], typed, BEPARAM_TYPES, BeParams())
    check_memory_bounds(changed, {"cluster": own_values(changed)})
    return changed


def _nicparams(cluster: Cluster, request: Mapping[Any, str | None]) -> NicParams:
    given = {str(name): value for name, value in request.items()}
    mode = given.get("mode")
    if mode not in (*NicMode, DEFAULT, None):
        raise wrong(f"Invalid NIC mode '{mode}': it is one of {', '.join(NicMode)}")
    changed = change_complete(cluster.nicparams["default"], given, NICPARAM_TYPES, NicParams())
    if changed.mode is not NicMode.ROUTED and not changed.link:
        raise wrong(f"NICs of mode {changed.mode} need a link")
    return changed


def _diskparams(
    cluster: Cluster, request: Mapping[DiskTemplate, Mapping[str, Any]]
) -> dict[DiskTemplate, dict[str, Any]]:
    changed = dict(cluster.diskparams)
    for template, values in request.items():
        default = TEMPLATES[template].params
        typed = parse_diskparams(template, values, RESET)
        own = change_own({**default, **changed.get(template, {})}, typed)
        changed[template] = {**default, **own}
        try:
            check_diskparams(template, changed[template])
        except ParameterError as err:
            raise wrong(str(err)) from err
    return changed


# -- Hypervisors


def _hypervisor_settings(
    cluster: Cluster, op: OpClusterSetParams, enabled: tuple[HypervisorName, ...]
) -> dict[str, Any]:
    changes: dict[str, Any] = {}
    hvparams = {name: dict(values) for name, values in cluster.hvparams.items()}
    for word, values in (op.hvparams or {}).items():
        name = _hypervisor(word)
        own = change_own({**built_in(name), **hvparams.get(name, {})}, _typed(name, values))
        hvparams[name] = {**built_in(name), **own}
    for name in enabled:
        hvparams.setdefault(name, built_in(name))
        levels: Levels = {Origin.CLUSTER: hvparams[name]}
        _check_changed(name, cluster.hvparams.get(name, {}), hvparams[name], levels)
    if hvparams != cluster.hvparams:
        changes["hvparams"] = hvparams
    if op.os_hvp is not None:
        changes["os_hvp"] = _os_hvp(cluster, op.os_hvp, hvparams)
    return changes


def _hypervisor(word: str) -> HypervisorName:
    if word not in frozenset(HypervisorName):
        raise wrong(f"Unknown hypervisor '{word}': there are {', '.join(HypervisorName)}")
    return HypervisorName(word)


def _typed(name: HypervisorName, values: Any) -> dict[str, Any]:
    if not isinstance(values, Mapping):
        raise wrong(f"Parameters of hypervisor {name} are no object: {values!r}")
    return parse_hvparams(name, values, RESET)


def _check_changed(
    name: HypervisorName, before: Mapping[str, Any], after: Mapping[str, Any], levels: Levels
) -> None:
    """Only what the request changes: on the rest the nodes have the last word."""
    if before == after or after == built_in(name):
        return
    changed = [key for key, value in after.items() if before.get(key) != value]
    try:
        check_hvparams(name, after, levels, changed)
    except HypervisorError as err:
        raise wrong(f"{name}: {err}") from err


def _os_hvp(
    cluster: Cluster,
    request: Mapping[str, Mapping[str, Any]],
    hvparams: Mapping[HypervisorName, Mapping[str, Any]],
) -> dict[str, dict[str, dict[str, Any]]]:
    changed = {os_name: dict(of_os) for os_name, of_os in cluster.os_hvp.items()}
    for os_name, of_os in request.items():
        for word, values in of_os.items():
            name = _hypervisor(word)
            before = changed.get(os_name, {}).get(name, {})
            own = change_own(before, _typed(name, values))
            _check_not_global(os_name, own)
            of_base = changed.get(base_os(os_name), {}).get(name, {}) if "+" in os_name else {}
            of_cluster = {**built_in(name), **hvparams.get(name, {})}
            levels: Levels = {Origin.CLUSTER: of_cluster, Origin.OS: {**of_base, **own}}
            above = {**of_cluster, **of_base}
            _check_changed(name, {**above, **before}, {**above, **own}, levels)
            changed.setdefault(os_name, {})[name.value] = own
    return _without_empty({name: _without_empty(of_os) for name, of_os in changed.items()})


def _check_not_global(os_name: str, own: Mapping[str, Any]) -> None:
    only = sorted(set(own) & set(CLUSTER_ONLY))
    if only:
        raise wrong(
            "The following parameters can be set for the whole cluster only, not for OS"
            f" {os_name}: {', '.join(only)}"
        )


def _without_empty(values: Mapping[str, Any]) -> dict[str, Any]:
    return {name: value for name, value in values.items() if value}


# -- Operating systems


def _os_settings(cluster: Cluster, op: OpClusterSetParams) -> dict[str, Any]:
    changes: dict[str, Any] = {}
    public, private = cluster.osparams, cluster.osparams_private_cluster
    if op.osparams is not None:
        public = _osparams(public, op.osparams)
        changes["osparams"] = public
    if op.osparams_private_cluster is not None:
        private = _private_osparams(private, op.osparams_private_cluster)
        changes["osparams_private_cluster"] = private
    for name in changes and public.keys() & private.keys():
        check_osparams_apart(public[name], private[name])
    return changes


def _osparams(
    own: Mapping[str, Mapping[str, str]], request: Mapping[str, Mapping[str, Any]]
) -> dict[str, dict[str, str]]:
    changed = {name: dict(values) for name, values in own.items()}
    for name, values in request.items():
        merged = change_own(changed.get(name, {}), values)
        changed[name] = read_osparams(merged)
    return _without_empty(changed)


def _private_osparams(
    own: Mapping[str, Mapping[str, Secret]], request: Mapping[str, Mapping[str, Secret]]
) -> dict[str, dict[str, Secret]]:
    changed = {name: dict(values) for name, values in own.items()}
    for name, values in request.items():
        merged = {**changed.get(name, {}), **values}
        changed[name] = {k: v for k, v in merged.items() if v.reveal() != DEFAULT}
    return _without_empty(changed)
