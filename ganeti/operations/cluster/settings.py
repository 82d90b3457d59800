"""The cluster's record after a request. Pure."""

from __future__ import annotations

from msgspec.structs import replace

from ganeti.model.cluster import Cluster
from ganeti.model.config import Configuration
from ganeti.opcodes.cluster import OpClusterSetParams
from ganeti.operations.cluster.parameter_settings import parameter_settings, wrong
from ganeti.operations.cluster.plain_settings import enabled_hypervisors, plain_settings
from ganeti.operations.cluster.storage_settings import enabled_templates, storage_settings


def changed_cluster(config: Configuration, op: OpClusterSetParams) -> Cluster:
    """
    The cluster's record with what the request names; the rest stays.

    @raise OpPrereqError, TypeEnforcementError: a value is impossible.
    """
    cluster = config.cluster
    templates = enabled_templates(cluster, op)
    changes = parameter_settings(cluster, op, enabled_hypervisors(cluster, op), templates)
    changes |= storage_settings(config, op, templates)
    changes |= plain_settings(config, op)
    changed = replace(cluster, **changes)
    _check_policy_templates(cluster, changed, op)
    return changed


def _check_policy_templates(before: Cluster, after: Cluster, op: OpClusterSetParams) -> None:
    """The policy allows no template that the request disables, or adds though it is disabled."""
    allowed = set(after.ipolicy.disk_templates) - set(after.enabled_disk_templates)
    if op.ipolicy is None or "disk-templates" not in op.ipolicy:
        allowed &= set(before.enabled_disk_templates)
    if allowed:
        raise wrong(
            "The instance policy allows disk templates that are not enabled:"
            f" {', '.join(sorted(allowed))}; change it in the same command"
        )
