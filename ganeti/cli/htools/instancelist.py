"""The list of instances that --print-instances prints."""

from __future__ import annotations

from ganeti.cli.htools.tables import format_table
from ganeti.htools.cluster import Cluster
from ganeti.htools.records import Instance

TITLES = (
    "F",
    "Name",
    "Pri_node",
    "Sec_node",
    "Auto_bal",
    "vcpu",
    "mem",
    "dsk",
    "lCpu",
    "lMem",
    "lDsk",
    "lNet",
)
_NUMERIC = (False,) * 5 + (True,) * 7
RUNNING = ("running", "ERROR_up")


def instance_lines(cluster: Cluster) -> list[str]:
    """The list with its titles; names are full, for they are put into commands."""
    rows = [TITLES, *map(_row, cluster.instances)]
    return [f" {line}" for line in format_table(rows, _NUMERIC)]


def _row(instance: Instance) -> tuple[str, ...]:
    load = instance.load
    return (
        "R" if instance.status in RUNNING else " ",
        instance.name,
        instance.primary,
        instance.secondary,
        "Y" if instance.auto_balance else "N",
        f"{instance.vcpus:4d}",
        f"{instance.memory:5d}",
        f"{instance.disk // 1024:5d}",
        *(f"{value:5.3f}" for value in (load.cpu, load.memory, load.disk, load.net)),
    )
