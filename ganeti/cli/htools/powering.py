"""Jobs that power nodes off and on, and tag those that are off."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from typing import Any

from ganeti.cli.htools.execution import JobSet
from ganeti.cli.htools.jobsteps import move_sets
from ganeti.htools.squeezing import STANDBY_TAG, Action, SqueezePlan


def squeeze_sets(plan: SqueezePlan, head: Mapping[str, Any]) -> tuple[JobSet, ...]:
    """
    The job sets of a plan, one after another.

    Instances leave nodes before these are powered off, and come when others have been powered on.
    """
    moves = move_sets(plan.cluster, plan.steps, head)
    if plan.action is Action.ONLINE:
        return (_power(plan.nodes, head, on=True), *moves)
    tags = tuple(_tag(name, head) for name in plan.nodes)
    return (*moves, *tags, _power(plan.nodes, head, on=False))


def _tag(node: str, head: Mapping[str, Any]) -> JobSet:
    opcode = {"OP_ID": "OP_TAGS_SET", "kind": "node", "tags": [STANDBY_TAG], "name": node, **head}
    return JobSet(f"tag {node}", ((opcode,),))


def _power(nodes: Sequence[str], head: Mapping[str, Any], *, on: bool) -> JobSet:
    """One job: the nodes are marked and powered, or neither."""
    marks = [
        {
            "OP_ID": "OP_NODE_SET_PARAMS",
            "node_name": name,
            "force": False,
            "offline": not on,
            "auto_promote": False,
            **head,
        }
        for name in nodes
    ]
    power = {
        "OP_ID": "OP_OOB_COMMAND",
        "node_names": list(nodes),
        "command": "power-on" if on else "power-off",
        "timeout": 60,
        "ignore_status": False,
        "power_delay": 2.0,
        **head,
    }
    return JobSet(f"power {'on' if on else 'off'} {', '.join(nodes)}", ((*marks, power),))
