"""What the programs that balance have in common."""

from __future__ import annotations

from ganeti.cli.htools.console import Console
from ganeti.cli.htools.options import Options
from ganeti.cli.htools.tables import decimal, format_table
from ganeti.htools.balance import BalanceOptions
from ganeti.htools.cluster import Cluster
from ganeti.htools.score import metrics, score


def balance_options(options: Options) -> BalanceOptions:
    """What the command line changes in the search."""
    return BalanceOptions(
        max_steps=options.max_length,
        min_score=options.min_score,
        min_gain=options.min_gain,
        min_gain_limit=options.min_gain_limit,
        disk_moves=not options.no_disk_moves,
        instance_moves=not options.no_instance_moves,
        evacuate=options.evac_mode,
        restricted_migration=options.restricted_migration,
        ignore_soft_errors=options.ignore_soft_errors,
    )


def print_coefficients(console: Console, when: str, cluster: Cluster) -> None:
    """The score; what it is made of, too, with -v -v."""
    value = decimal(score(cluster), 8)
    if console.options.verbosity < 3:
        console.out(f"{when} score: {value}")
        return
    console.out(f"{f'{when} coefficients:':<22}overall {value}")
    for line in metric_lines(cluster):
        console.out(f"   {line}")


def metric_lines(cluster: Cluster) -> list[str]:
    """Each metric with its value and its weight, with titles."""
    rows = [("Field", "Value", "Weight")]
    rows += [
        (each.name, decimal(each.value, 8), f"x{each.weight:.2f}") for each in metrics(cluster)
    ]
    return format_table(rows, (False, True, True))
