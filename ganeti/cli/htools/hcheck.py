"""hcheck: whether a cluster is healthy, and whether balancing would help."""

from __future__ import annotations

from collections.abc import Mapping

from ganeti.cli.htools.balancing import balance_options
from ganeti.cli.htools.console import Console
from ganeti.cli.htools.keyvalues import quote
from ganeti.cli.htools.loading import load_cluster, tell_warnings
from ganeti.cli.htools.tables import decimal
from ganeti.htools.balance import balance
from ganeti.htools.cluster import Cluster
from ganeti.htools.health import GroupHealth, Health, check_group, total

TEXTS = (
    ("N1_FAIL", "Nodes not N+1 happy"),
    ("CONFLICT_TAGS", "Nodes with conflicting instances"),
    ("OFFLINE_PRI", "Instances having the primary node offline"),
    ("OFFLINE_SEC", "Instances having a secondary node offline"),
    ("GN1_FAIL", "Nodes not directly evacuateable"),
)


class Report:
    """Prints what was found, for people or for programs."""

    def __init__(self, console: Console, *, need: bool) -> None:
        self._console = console
        self._machine = console.options.machine_readable
        self._need = need

    def print(self, phase: str, when: str, groups: Mapping[int, GroupHealth], all_: Health) -> None:
        """All groups, then the whole; C{phase} is for programs and C{when} for people."""
        for number, group in groups.items():
            self._counts(f"{phase}_GROUP_{number}", f"group {group.name} {when}", group.health)
            score = decimal(group.score, 8)
            self._line(f"{phase}_GROUP_{number}_SCORE", "Group score", score)
        self._counts(f"{phase}_CLUSTER", when, all_)
        key = f"{phase}_CLUSTER_NEED_REBALANCE"
        need = str(int(self._need)) if self._machine else str(self._need)
        self._line(key, "Cluster is not healthy", need)

    def _counts(self, key: str, title: str, health: Health) -> None:
        if not self._machine:
            whole = not title.startswith("group ")
            self._console.out()
            self._console.out(f"{'Cluster statistics' if whole else 'Statistics for'} {title}")
        for (name, text), count in zip(TEXTS, health, strict=True):
            if count is not None:
                self._line(f"{key}_{name}", text, str(count))

    def _line(self, key: str, text: str, value: str) -> None:
        self._console.out(f"HCHECK_{key}={value}" if self._machine else f"    {text}: {value}")


def run(console: Console, arguments: list[str], environ: Mapping[str, str]) -> int:
    """Check, balance in thought, check again. Status 1: something is wrong that may be mended."""
    options = console.options
    cluster = load_cluster(console, arguments, environ)
    tell_warnings(console, cluster)
    parts = _parts(cluster)
    before = _check(console, parts)
    whole = total(before.values(), capacity_checks=options.capacity_checks)
    simulate = not whole.healthy and not options.no_simulation
    if options.machine_readable:
        for number, group in enumerate(cluster.groups):
            console.out(f"HCHECK_GROUP_UUID_{number}={quote(group.uuid)}")
    else:
        console.out(_verdict(console, whole))
    report = Report(console, need=not whole.healthy)
    report.print("INIT", "initially", before, whole)
    after = before
    if simulate:
        balanced = {number: _balanced(console, part) for number, part in parts.items()}
        after = _check(console, balanced)
    if simulate or options.machine_readable:
        final = total(after.values(), capacity_checks=options.capacity_checks)
        report.print("FINAL", "after rebalancing", after, final)
    if options.machine_readable:
        console.out("HCHECK_OK=1")
    return int(simulate)


def _parts(cluster: Cluster) -> dict[int, Cluster]:
    """The groups that have nodes, by their place in the cluster."""
    parts = {number: cluster.select(group) for number, group in enumerate(cluster.groups)}
    return {number: part for number, part in parts.items() if part.nodes}


def _check(console: Console, parts: Mapping[int, Cluster]) -> dict[int, GroupHealth]:
    checks = console.options.capacity_checks
    return {number: check_group(part, capacity_checks=checks) for number, part in parts.items()}


def _verdict(console: Console, health: Health) -> str:
    if console.options.no_simulation:
        return "Running in no-simulation mode."
    if health.healthy:
        return "No need to rebalance cluster, no problems found."
    return "Cluster needs rebalancing."


def _balanced(console: Console, part: Cluster) -> Cluster:
    return balance(part, balance_options(console.options)).cluster
