"""Guests that outlived the process that started them, as a new connection sees them."""

from __future__ import annotations

import time
from typing import Any

from twisted.logger import Logger

from ganeti.hypervisor.libvirt.library import import_libvirt

log = Logger()

_EVERY_S = 0.01
_TIMES = 500


def thd_await_guests(connection: Any) -> None:
    """
    Wait until libvirt knows which of its guests live, but no longer than 5 s.

    It answers while it still connects to the QEMUs that it knew, and takes those for running
    that have died meanwhile. A QEMU that hangs is not waited for any longer.
    """
    active = import_libvirt().VIR_CONNECT_LIST_DOMAINS_ACTIVE
    for _ in range(_TIMES):
        if not any(map(_is_looked_for, connection.listAllDomains(active))):
            return
        time.sleep(_EVERY_S)
    log.warn("libvirt does not know all its guests again yet")


def _is_looked_for(domain: Any) -> bool:
    """Until libvirt has reached a guest's monitor, it can do nothing with the guest."""
    libvirt = import_libvirt()
    try:
        state = domain.controlInfo()[0]
    except libvirt.libvirtError:
        return False  # it is gone by now, or this libvirt runs no QEMUs
    return state in (libvirt.VIR_DOMAIN_CONTROL_OCCUPIED, libvirt.VIR_DOMAIN_CONTROL_ERROR)
