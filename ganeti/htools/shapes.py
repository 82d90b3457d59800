"""What each kind of move does with the nodes of an instance."""

from __future__ import annotations

from typing import NamedTuple

from ganeti.htools.moves import Kind


class Shape(NamedTuple):
    """What a kind of move does, as roles: p and s are the nodes an instance is on, t the target."""

    primary: str
    """Who is primary afterwards."""
    secondary: str
    """Who is secondary afterwards; empty: none."""
    by_way_of_secondary: bool = False
    """The old secondary runs it on the way."""

    @property
    def other(self) -> str:
        """The node it is on that the target has to get along with."""
        if self.secondary == "t":
            return self.primary
        return "s" if self.by_way_of_secondary else "p"


SHAPES: dict[Kind, Shape] = {
    Kind.FAILOVER: Shape("s", "p"),
    Kind.REPLACE_SECONDARY: Shape("p", "t"),
    Kind.REPLACE_AND_FAILOVER: Shape("t", "p"),
    Kind.REPLACE_PRIMARY: Shape("t", "s", by_way_of_secondary=True),
    Kind.FAILOVER_AND_REPLACE: Shape("s", "t"),
    Kind.FAILOVER_TO: Shape("t", ""),
}
