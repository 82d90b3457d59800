"""What hbal tells with --explain, on standard error: why these steps, and why no more."""

from __future__ import annotations

from ganeti.cli.htools.balancing import balance_options
from ganeti.cli.htools.console import Console
from ganeti.htools.balance import apply_steps
from ganeti.htools.cluster import Cluster
from ganeti.htools.moves import Step


def explain(console: Console, cluster: Cluster, steps: tuple[Step, ...]) -> None:
    """Each step's terms of the score, and what ends them; with -v the next best moves, too."""
    from ganeti.htools.endreasons import end_lines
    from ganeti.htools.stepreasons import step_lines

    options, verbose = balance_options(console.options), console.options.verbosity > 1
    for line in step_lines(cluster, steps, options, runner_up=verbose):
        console.note(line)
    final = apply_steps(cluster, steps)
    for line in end_lines(final, len(steps), options, verbose=verbose):
        console.note(line)
