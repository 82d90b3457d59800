"""The jobs of a verification."""

from __future__ import annotations

from dataclasses import dataclass
from typing import Any

from ganeti.opcodes.base import OpCode
from ganeti.opcodes.verify import OpClusterVerify, OpClusterVerifyConfig, OpClusterVerifyGroup
from ganeti.operations.unit import ResultWithJobs, Unit
from ganeti.utils.text import nice_sort_key


@dataclass(frozen=True, kw_only=True)
class VerifyPlan:
    """The jobs, in order."""

    jobs: tuple[tuple[OpCode, ...], ...]


class ClusterVerify(Unit[OpClusterVerify, VerifyPlan]):
    """The configuration first, then each group; or one group alone."""

    OP = OpClusterVerify

    async def plan(self) -> VerifyPlan:
        op = self.op
        if op.group_name is not None:
            return VerifyPlan(jobs=((self._group_job(op.group_name, None),),))
        groups = self.job.snapshot().config.groups.values()
        names = sorted(groups, key=lambda group: nice_sort_key(group.name))
        config = OpClusterVerifyConfig(
            debug_simulate_errors=op.debug_simulate_errors,
            error_codes=op.error_codes,
            ignore_errors=op.ignore_errors,
            verbose=op.verbose,
            priority=op.priority,
            reason=op.reason,
        )
        jobs = [(self._group_job(group.uuid, -n),) for n, group in enumerate(names, start=1)]
        return VerifyPlan(jobs=((config,), *jobs))

    def _group_job(self, group: str, config_job: int | None) -> OpCode:
        """@param config_job: the job that has to end first, by its distance."""
        op = self.op
        return OpClusterVerifyGroup(
            group_name=group,
            debug_simulate_errors=op.debug_simulate_errors,
            error_codes=op.error_codes,
            skip_checks=op.skip_checks,
            ignore_errors=op.ignore_errors,
            verbose=op.verbose,
            verify_clutter=op.verify_clutter,
            priority=op.priority,
            reason=op.reason,
            depends=None if config_job is None else ((config_job, ()),),
        )

    def describe(self, plan: VerifyPlan) -> tuple[str, ...]:
        config = self.job.snapshot().config
        found = []
        for (op,) in plan.jobs:
            if isinstance(op, OpClusterVerifyGroup):
                group = config.lookup_group(op.group_name)
                found.append(f"verify group {group.name if group else op.group_name}")
            else:
                found.append("verify the configuration")
        return tuple(found)

    def dry_result(self, plan: VerifyPlan) -> dict[str, Any]:
        return {"jobs": []}

    async def execute(self, plan: VerifyPlan) -> ResultWithJobs:
        return ResultWithJobs(jobs=plan.jobs)
