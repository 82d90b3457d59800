"""The beginning of a guest in libvirt, and its end by us."""

from __future__ import annotations

import threading
from collections.abc import Callable
from dataclasses import dataclass
from typing import Any

from ganeti.errors import HypervisorError
from ganeti.hypervisor.libvirt.guests import thd_facts, thd_find, thd_lookup
from ganeti.hypervisor.libvirt.library import import_libvirt, text_of
from ganeti.utils.failpoints import reach

Start = Callable[[Any, bool], None]
"""Starts a defined domain, paused or not."""


@dataclass(frozen=True, kw_only=True)
class Boot:
    """
    A guest that is to be started.

    @ivar description: for libvirt.
    @ivar anew: also when it lives; else one that lives is left as it is.
    """

    name: str
    uuid: str
    description: str
    paused: bool = False
    anew: bool = False


def thd_start_domain(domain: Any, paused: bool) -> None:
    """As QEMU's driver starts domains."""
    domain.createWithFlags(import_libvirt().VIR_DOMAIN_START_PAUSED if paused else 0)


class Lives:
    """
    Starts guests and removes them.

    For one guest that is done one after another, also where nobody waits for the first any
    more: a call to libvirt cannot be taken back.
    """

    def __init__(self, start: Start = thd_start_domain) -> None:
        self._start = start
        self._locks: dict[str, threading.Lock] = {}

    def thd_start(self, connection: Any, boot: Boot) -> None:
        """
        Start a guest.

        @raise HypervisorError: another domain has its name, or it did not start; nothing is left.
        """
        with self._lock(boot.name):
            if not boot.anew and _lives(connection, boot):
                return
            _thd_remove(connection, boot.name)
            if thd_lookup(connection, boot.name) is not None:
                raise _cannot_start(boot.name, "another one of that name exists")
            reach("hypervisor.start.before", boot.name)
            self._thd_create(connection, boot)
            reach("hypervisor.start.after", boot.name)

    def _thd_create(self, connection: Any, boot: Boot) -> None:
        libvirt = import_libvirt()
        try:
            domain = connection.defineXML(boot.description)
        except libvirt.libvirtError as err:
            raise _cannot_start(boot.name, text_of(err)) from err
        try:
            self._start(domain, boot.paused)
        except libvirt.libvirtError as err:
            _thd_remove(connection, boot.name)
            raise _cannot_start(boot.name, text_of(err)) from err

    def thd_remove(self, connection: Any, name: str) -> None:
        """Kill a guest of ours if it lives, and forget it; an unknown one is fine."""
        with self._lock(name):
            _thd_remove(connection, name)

    def _lock(self, name: str) -> threading.Lock:
        return self._locks.setdefault(name, threading.Lock())


def _lives(connection: Any, boot: Boot) -> bool:
    """@raise HypervisorError: another guest of that name does."""
    found = thd_find(connection, boot.name)
    if found is None or not found.active:
        return False
    if found.uuid != boot.uuid:
        raise _cannot_start(boot.name, f"another one of that name runs (uuid {found.uuid})")
    return True


def _thd_remove(connection: Any, name: str) -> None:
    domain = thd_lookup(connection, name)
    if domain is None or thd_facts(domain) is None:
        return
    libvirt = import_libvirt()
    for do in (domain.destroy, domain.undefine):
        try:
            do()
        except libvirt.libvirtError as err:
            gone = (libvirt.VIR_ERR_NO_DOMAIN, libvirt.VIR_ERR_OPERATION_INVALID)
            if err.get_error_code() not in gone:
                raise HypervisorError(f"Cannot stop instance {name}: {text_of(err)}") from err


def _cannot_start(name: str, why: str) -> HypervisorError:
    return HypervisorError(f"Cannot start instance {name}: {why}")
