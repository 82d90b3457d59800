"""Asking a guest to shut itself down, and waiting for it."""

from __future__ import annotations

from twisted.internet.interfaces import IReactorTime

from ganeti.hypervisor.libvirt.driver import LibvirtDriver, NoAnswer
from ganeti.hypervisor.libvirt.guests import thd_find, thd_press_power_button
from ganeti.utils.aio import Condition, with_timeout

PRESS_EVERY_S = 5.0
"""A press of the power button is lost on a guest that is still booting; so it is repeated."""


class Changes:
    """
    Counts the events of guests, so that none is missed by who looks and then waits.

    @ivar number: of events so far.
    """

    def __init__(self, clock: IReactorTime) -> None:
        self.number = 0
        self._clock = clock
        self._changed = Condition()

    def add(self) -> None:
        """One more."""
        self.number += 1
        self._changed.notify_all()

    async def after(self, number: int, seconds: float) -> None:
        """Wait for another event than the first C{number}, at most so long."""
        if self.number != number:
            return
        try:
            await with_timeout(self._changed.wait(), max(0.0, seconds), self._clock, _NotYet())
        except _NotYet:
            pass


class _NotYet(Exception):
    """Nothing has changed."""


class PowerButton:
    """Shuts guests down as their owner would."""

    def __init__(self, driver: LibvirtDriver, clock: IReactorTime, changes: Changes) -> None:
        self._driver = driver
        self._clock = clock
        self._changes = changes

    async def shut_down(self, name: str, timeout_s: float) -> bool:
        """
        Press the button, again and again, until the guest has ended or the time is over.

        @return: whether it has ended.
        """
        deadline = self._clock.seconds() + timeout_s
        while (left := deadline - self._clock.seconds()) > 0:
            try:
                if not await self._driver.run_within(left, thd_press_power_button, name):
                    return True
            except NoAnswer:
                return False  # its QEMU hangs
            again = min(self._clock.seconds() + PRESS_EVERY_S, deadline)
            if await self._ended_by(name, again):
                return True
        return False

    async def _ended_by(self, name: str, until_s: float) -> bool:
        while True:
            number = self._changes.number
            found = await self._driver.run(thd_find, name)
            if found is None or not found.active:
                return True
            left = until_s - self._clock.seconds()
            if left <= 0:
                return False
            await self._changes.after(number, left)
