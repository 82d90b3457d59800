"""How the steps of a solution are shown."""

from __future__ import annotations

from ganeti.cli.htools.script import shorten
from ganeti.cli.htools.tables import decimal
from ganeti.htools.cluster import Cluster
from ganeti.htools.moves import Step


class StepWriter:
    """Lines up the steps of one cluster."""

    def __init__(self, cluster: Cluster) -> None:
        short = cluster.short
        self._cluster = cluster
        self._name = max((len(short(each.name)) for each in cluster.instances), default=0)
        longest = max((len(short(each.name)) for each in cluster.nodes), default=0)
        self._place = 2 * longest + 1

    def line(self, step: Step) -> str:
        """Which instance goes where, the score after it, and how it is done."""
        short = shorten(self._cluster, step)
        before = _place(short.old_primary, short.old_secondary)
        after = _place(short.new_primary, short.new_secondary)
        return (
            f"  {step.number:3d}. {short.instance:<{self._name}} {before:<{self._place}} => "
            f"{after:<{self._place}} {decimal(step.score, 8, 12)} a={' '.join(short.actions)}"
        )


def _place(primary: str, secondary: str) -> str:
    return f"{primary}:{secondary}" if secondary else primary
