"""hbal: the moves that balance a cluster."""

from __future__ import annotations

from collections.abc import Mapping
from decimal import Decimal

from ganeti.cli.htools.balancing import balance_options, print_coefficients
from ganeti.cli.htools.console import Console, abort
from ganeti.cli.htools.explaining import explain
from ganeti.cli.htools.groupchoice import choose_group
from ganeti.cli.htools.listing import print_instances, print_nodes
from ganeti.cli.htools.loading import find_source, load_cluster, tell_loaded
from ganeti.cli.htools.saving import save_cluster
from ganeti.cli.htools.script import print_commands
from ganeti.cli.htools.steps import StepWriter
from ganeti.htools.balance import apply_steps, balance_steps
from ganeti.htools.cluster import Cluster
from ganeti.htools.moves import Step
from ganeti.htools.score import optimum, score
from ganeti.htools.status import bad_instances, bad_nodes
from ganeti.htools.violations import violating_nodes


def run(console: Console, arguments: list[str], environ: Mapping[str, str]) -> int:
    """Find the moves, tell them, and make them if that is asked."""
    options = console.options
    cluster = load_cluster(console, arguments, environ)
    tell_loaded(console, cluster, sizes=True)
    if not cluster.instances:
        console.out("Cluster is empty, exiting.")
        return 0
    part = choose_group(console, cluster)
    save_cluster(console, cluster, "original", "before balancing")
    print_instances(console, "Initial", part)
    print_nodes(console, "Initial cluster", part)
    tell_state(console, part)
    if is_balanced(console, part):
        if options.explain:
            explain(console, part, ())
        return 0
    steps = find_steps(console, part)
    tell_end(console, part, steps)
    if options.explain:
        explain(console, part, steps)
    print_commands(console, part, steps)
    save_cluster(console, apply_steps(cluster, steps), "balanced", "after balancing")
    if options.execute and steps:
        return _execute(console, part, steps, environ)
    return 0


def tell_state(console: Console, cluster: Cluster) -> None:
    """How things are before anything is moved."""
    bad = bad_nodes(cluster)
    console.verbose(
        1,
        lambda: (
            f"Initial check done: {len(bad)} bad nodes, {len(bad_instances(cluster))} "
            "bad instances."
        ),
    )
    if bad:
        console.out(
            "Cluster is not N+1 happy, continuing but no guarantee that the cluster will end"
            " N+1 happy."
        )
    violating = violating_nodes(cluster)
    if violating:
        console.out(f"The cluster contains {len(violating)} policy-violating nodes.")
        console.out(
            "Continuing, ignoring soft errors."
            if console.options.ignore_soft_errors
            else "Continuing, but the set of moves might be too restricted; consider using the"
            " --ignore-soft-errors option."
        )
    print_coefficients(console, "Initial", cluster)


def is_balanced(console: Console, cluster: Cluster) -> bool:
    """Whether it is so near to the best score that nothing is to be done; tells it then."""
    now, least = score(cluster), optimum(cluster)
    if now - least >= console.options.min_score:
        return False
    console.out(
        f"Cluster is already well balanced (initial score {_small(now)},\n"
        f"optimum score due to N+1 reservations {_small(least)},\n"
        f"minimum score {_small(console.options.min_score)}).\n"
        "Nothing to do, exiting"
    )
    return True


def find_steps(console: Console, cluster: Cluster) -> tuple[Step, ...]:
    """The steps, each told as soon as it is found."""
    console.out("Trying to minimize the CV...")
    console.flush()
    writer = StepWriter(cluster)
    steps = []
    for step in balance_steps(cluster, balance_options(console.options)):
        steps.append(step)
        console.out(writer.line(step))
        console.flush()
    return tuple(steps)


def tell_end(console: Console, cluster: Cluster, steps: tuple[Step, ...]) -> None:
    """What the steps bring."""
    final = apply_steps(cluster, steps)
    if not steps:
        console.out("No solution found")
    elif console.options.verbosity > 2:
        print_coefficients(console, "Final", final)
    else:
        last = steps[-1].score
        console.out(f"Cluster score improved from {score(cluster):.8f} to {last:.8f}")
    console.verbose(1, f"Solution length={len(steps)}")
    print_instances(console, "Final", final)
    print_nodes(console, "Final cluster", final)


def _execute(
    console: Console, cluster: Cluster, steps: tuple[Step, ...], environ: Mapping[str, str]
) -> int:
    source = find_source(console.options, environ)
    if source.kind != "luxi":
        abort("hbal: Execution of commands possible only on LUXI")
    from ganeti.cli.htools.execution import execute
    from ganeti.cli.htools.jobsteps import move_sets, opcode_head

    assert isinstance(source.address, str)
    sets = move_sets(cluster, steps, opcode_head("hbal", "rebalancing via hbal", console.options))
    if console.options.first_job_group:
        sets = sets[:1]
    return execute(console, sets, source.address, environ)


def _small(value: float) -> str:
    """As C{%g} of Ganeti's tools: an exponent, where there is one, without zeros before it."""
    if value == 0 or 0.1 <= value < 10_000_000:
        return f"{Decimal(repr(value)):.6f}"
    digits, _e, exponent = f"{Decimal(repr(value)):.6e}".partition("e")
    return f"{digits}e{int(exponent)}"
