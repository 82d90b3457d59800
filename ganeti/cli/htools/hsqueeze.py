"""hsqueeze: which nodes to power off, or on."""

from __future__ import annotations

from collections.abc import Mapping

from ganeti.cli.htools.console import Console, abort
from ganeti.cli.htools.loading import find_source, load_cluster, tell_warnings
from ganeti.cli.htools.saving import save_cluster
from ganeti.cli.htools.script import print_script, step_lines
from ganeti.htools.squeezing import (
    STANDBY_TAG,
    Action,
    SqueezePlan,
    offline_candidates,
    online_candidates,
    plan_squeeze,
)


def run(console: Console, arguments: list[str], environ: Mapping[str, str]) -> int:
    """Find the nodes, tell them, and power them off or on if that is asked."""
    options = console.options
    cluster = load_cluster(console, arguments, environ)
    tell_warnings(console, cluster)
    save_cluster(console, cluster, "original", "before hsqueeze run")
    off, on = offline_candidates(cluster), online_candidates(cluster)
    console.verbose(2, f"Offline candidates: {','.join(map(cluster.short, off))}")
    console.verbose(2, f"Online candidates: {','.join(map(cluster.short, on))}")
    plan = plan_squeeze(cluster, minimal=options.minimal_resources, target=options.target_resources)
    print_plan(console, plan)
    if options.print_commands is not None:
        print_script(
            console, options.print_commands, _script(console, plan), title="Commands to run:"
        )
    save_cluster(console, plan.cluster, "squeezed", "after hsqueeze run")
    return _execute(console, plan, environ) if options.execute else 0


def print_plan(console: Console, plan: SqueezePlan) -> None:
    """The nodes, one a line."""
    if console.options.headers:
        console.out(f"'{plan.action.value}'")
    for name in plan.nodes:
        console.out(plan.cluster.short(name))
    if not plan.enough:
        console.verbose(2, "Onlining all nodes will not yield enough capacity")


def _script(console: Console, plan: SqueezePlan) -> list[str]:
    """Shell commands: instances leave a node before it is powered off, and come after it is on."""
    check = bool(console.options.print_commands)
    moves = step_lines(plan.cluster, plan.steps, check=check)
    names = [plan.cluster.short(name) for name in plan.nodes]
    if plan.action is Action.NOTHING:
        return ["echo Nothing to do"]
    if plan.action is Action.ONLINE:
        return [
            "echo Power Commands",
            *(f"  gnt-node power -f on {name}" for name in names),
            *moves,
        ]
    return [
        *moves,
        "",
        "echo Tagging Commands",
        *(f"  gnt-node add-tags {name} {STANDBY_TAG}" for name in names),
        "",
        "echo Power Commands",
        *(f"  gnt-node power -f off {name}" for name in names),
    ]


def _execute(console: Console, plan: SqueezePlan, environ: Mapping[str, str]) -> int:
    source = find_source(console.options, environ)
    if source.kind != "luxi":
        abort("hsqueeze: Execution of commands possible only on LUXI")
    if plan.action is Action.NOTHING:
        return 0
    from ganeti.cli.htools.execution import execute
    from ganeti.cli.htools.jobsteps import opcode_head
    from ganeti.cli.htools.powering import squeeze_sets

    assert isinstance(source.address, str)
    verb = "expanding" if plan.action is Action.ONLINE else "condensing"
    head = opcode_head("hsqueeze", f"{verb} by {len(plan.nodes)} nodes", console.options)
    return execute(console, squeeze_sets(plan, head), source.address, environ)
