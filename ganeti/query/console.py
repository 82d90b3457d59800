"""How to reach an instance's console."""

from __future__ import annotations

from typing import Any

from ganeti.model.hypervisors import HypervisorName
from ganeti.model.instance import Instance
from ganeti.query.fields import UNAVAILABLE


def console_of(instance: Instance) -> Any:
    """
    What a client needs to show the console; C{UNAVAILABLE} where the hypervisor has none
    that is known here.
    """
    if instance.hypervisor is HypervisorName.FAKE:
        message = "Console not available for fake hypervisor"
        return {"instance": instance.name, "kind": "msg", "message": message}
    return UNAVAILABLE
