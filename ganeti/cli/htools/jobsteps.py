"""The steps of a solution as jobs."""

from __future__ import annotations

import time
from collections.abc import Mapping, Sequence
from typing import Any

from ganeti.cli.htools.execution import JobSet
from ganeti.cli.htools.options import Options
from ganeti.cli.jobs import PRIORITIES
from ganeti.htools.cluster import Cluster
from ganeti.htools.moves import Step, jobs, jobsets
from ganeti.version import RELEASE


def opcode_head(program: str, action: str, options: Options) -> dict[str, Any]:
    """
    What all opcodes of a run have in common: why they are there, and how urgent they are.

    @param action: what the run does: "rebalancing via hbal".
    """
    reason = options.reason or f"{program} (ganeti) version {RELEASE} called"
    return {
        "priority": PRIORITIES[options.priority or "normal"],
        "comment": f"{action} (ganeti) version {RELEASE}",
        "reason": [[program, reason, time.time_ns()]],
    }


def move_sets(
    cluster: Cluster, steps: Sequence[Step], head: Mapping[str, Any]
) -> tuple[JobSet, ...]:
    """Each step as a job; those that touch different nodes run at the same time."""
    return tuple(
        JobSet(
            f"move {', '.join(cluster.short(step.instance) for step in jobset)}",
            tuple(tuple({**opcode, **head} for opcode in jobs(step)) for step in jobset),
        )
        for jobset in jobsets(tuple(steps))
    )
