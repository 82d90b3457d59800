"""The machine itself."""

from __future__ import annotations

from typing import ClassVar

from ganeti.rpc.calls.call import MASTER, Call
from ganeti.rpc.roles import Role

POWERCYCLE_DELAY_S = 5.0
"""Between a node's answer and its restart, so that the answer is heard."""


class PowercycleNode(Call[None], frozen=True, kw_only=True, tag="powercycle_node"):
    """
    Restart the machine at once, soon after the answer.

    On a node of a virtual cluster: its daemons, and nothing else.
    """

    roles: ClassVar[frozenset[Role]] = MASTER
    changes: ClassVar[bool] = True

    def object_key(self) -> str:
        return "power"
