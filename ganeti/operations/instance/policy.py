"""Do an instance's sizes follow the policy of its group?"""

from __future__ import annotations

from msgspec import UNSET

from ganeti.errors import ErrorCode, OpPrereqError
from ganeti.model.config import Configuration
from ganeti.model.group import NodeGroup
from ganeti.model.origins import Origin, origin_text
from ganeti.model.policy import InstanceSizes, policy_violations
from ganeti.operations.unit import JobContext


def enforce_policy(
    job: JobContext,
    config: Configuration,
    group: NodeGroup,
    sizes: InstanceSizes,
    *,
    ignore: bool,
) -> None:
    """
    @param ignore: the log tells of violations, and that is all.
    @raise OpPrereqError: the policy does not allow these sizes.
    """
    violations = policy_violations(config.group_policy(group), sizes)
    if not violations:
        return
    text = (
        f"Instance allocation to group {group.uuid} ({group.name}) violates policy:"
        f" {', '.join(violations)}{_origin(group)}"
    )
    if not ignore:
        raise OpPrereqError(text, ErrorCode.WRONG_INPUT)
    job.warn(text)


def _origin(group: NodeGroup) -> str:
    """Nothing for the usual case, that the limits are the cluster's."""
    if group.ipolicy.minmax is UNSET and group.ipolicy.disk_templates is UNSET:
        return ""
    levels = {Origin.GROUP.value: {"ipolicy": group.ipolicy}}
    return f" (limits {origin_text('ipolicy', levels)})"
