"""Do an instance's sizes follow the policy of its group?"""

from __future__ import annotations

import re

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
    before: InstanceSizes | None = None,
) -> None:
    """
    @param ignore: the log tells of violations, and that is all.
    @param before: the sizes that it has in the group; what is violated already may stay so.
    @raise OpPrereqError: the policy does not allow these sizes.
    """
    policy = config.group_policy(group)
    known = set() if before is None else set(map(_kind, policy_violations(policy, before)))
    violations = [v for v in policy_violations(policy, sizes) if _kind(v) not in known]
    if not violations:
        return
    text = (
        f"Instance allocation to group {group.uuid} ({group.name}) violates policy:"
        f" {', '.join(violations)}{_origin(group)}"
    )
    if not ignore:
        raise OpPrereqError(text, ErrorCode.WRONG_INPUT)
    job.warn(text)


def _kind(violation: str) -> str:
    """What is wrong, whichever disk has it: disks may have got other numbers."""
    return re.sub(r"^disk-size/\d+", "disk-size", violation)


def _origin(group: NodeGroup) -> str:
    """Nothing for the usual case, that the limits are the cluster's."""
    if group.ipolicy.minmax is UNSET and group.ipolicy.disk_templates is UNSET:
        return ""
    levels = {Origin.GROUP.value: {"ipolicy": group.ipolicy}}
    return f" (limits {origin_text('ipolicy', levels)})"
