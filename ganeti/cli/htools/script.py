"""The commands that lead to a solution, to read and as a shell script (--print-commands)."""

from __future__ import annotations

from collections.abc import Sequence

from ganeti.cli.htools.console import Console
from ganeti.cli.htools.instancelist import RUNNING
from ganeti.cli.htools.saving import write_file
from ganeti.htools.cluster import Cluster
from ganeti.htools.moves import Step, commands, jobsets

_HEAD = """#!/bin/sh

# Auto-generated script for executing cluster rebalancing

# To stop, touch the file /tmp/stop-htools

set -e

check() {
  if [ -f /tmp/stop-htools ]; then
    echo 'Stop requested, exiting'
    exit 0
  fi
}

"""


def print_commands(console: Console, cluster: Cluster, steps: Sequence[Step]) -> None:
    """Print the commands of these steps, or write them to a file, as --print-commands asks."""
    path = console.options.print_commands
    if path is not None:
        lines = step_lines(cluster, steps, check=bool(path))
        print_script(console, path, lines, title="Commands to run to reach the above solution:")


def print_script(console: Console, path: str, lines: Sequence[str], *, title: str) -> None:
    """Print commands, or write them to a file; an empty C{path} is none."""
    if path:
        write_file(path, _HEAD + "".join(f"{line}\n" for line in lines))
        console.out(f"The commands have been written to file '{path}'")
        return
    console.out()
    console.out(title)
    for line in lines:
        console.out(f"  {line}")


def step_lines(cluster: Cluster, steps: Sequence[Step], *, check: bool) -> list[str]:
    """
    The commands of the steps, set by set.

    @param check: whether the script looks before each job whether it is to stop.
    """
    lines: list[str] = []
    for number, jobset in enumerate(jobsets(tuple(steps)), 1):
        lines += ["", f"echo jobset {number}, {len(jobset)} jobs"]
        for place, step in enumerate(jobset, 1):
            lines.append(f"  echo job {number}/{place}")
            if check:
                lines.append("  check")
            instance = cluster.instances[cluster.instance_index[step.instance]]
            runs = instance.status in RUNNING
            lines += [f"  {line}" for line in commands(shorten(cluster, step), runs=runs)]
    return lines


def shorten(cluster: Cluster, step: Step) -> Step:
    """A step with short names."""
    short = cluster.short
    return step._replace(
        instance=short(step.instance),
        old_primary=short(step.old_primary),
        old_secondary=short(step.old_secondary),
        new_primary=short(step.new_primary),
        new_secondary=short(step.new_secondary),
        actions=tuple(short(action) for action in step.actions),
    )
