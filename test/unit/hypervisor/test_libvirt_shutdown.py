"""Asking a guest to shut itself down."""

from __future__ import annotations

from collections.abc import Callable
from typing import Any

from twisted.internet.defer import Deferred
from twisted.internet.task import Clock
from twisted.trial.unittest import SynchronousTestCase

from ganeti.errors import HypervisorError
from ganeti.hypervisor.libvirt.driver import NoAnswer
from ganeti.hypervisor.libvirt.guests import thd_find
from ganeti.hypervisor.libvirt.shutdown import PRESS_EVERY_S, Changes, PowerButton
from ganeti.hypervisor.libvirt.states import DomainFacts, DomainState
from ganeti.utils.aio import as_deferred

NAME = "inst1.example.com"


class ScriptedDriver:
    """A guest that does what it is told, or not."""

    def __init__(self, clock: Clock) -> None:
        self.presses: list[float] = []
        self.alive = True
        self.on_press: Callable[[], bool] = lambda: self.alive
        self._clock = clock

    async def run(self, function: Any, name: str) -> DomainFacts | None:
        assert (function, name) == (thd_find, NAME)
        state = DomainState.RUNNING if self.alive else DomainState.SHUTOFF
        return DomainFacts(name=NAME, uuid="u", info=(state, 0, 0, 1, 0))

    async def run_within(self, limit_s: float, _function: Any, _name: str) -> bool:
        assert limit_s > 0
        self.presses.append(self._clock.seconds())
        return self.on_press()


class ShutDownTests(SynchronousTestCase):
    def setUp(self) -> None:
        self.clock = Clock()
        self.driver = ScriptedDriver(self.clock)
        self.changes = Changes(self.clock)

    def shut_down(self, timeout_s: float = 12.0) -> Deferred[bool]:
        button = PowerButton(self.driver, self.clock, self.changes)  # type: ignore[arg-type]
        return as_deferred(button.shut_down(NAME, timeout_s))

    def test_obeys(self) -> None:
        """One that ends is seen at its event."""
        waiting = self.shut_down()
        self.clock.advance(2.0)
        self.assertNoResult(waiting)
        self.driver.alive = False
        self.changes.add()
        self.assertTrue(self.successResultOf(waiting))
        self.assertEqual(self.driver.presses, [0.0])

    def test_others_end(self) -> None:
        """The events of other guests are no reason to press again."""
        waiting = self.shut_down()
        for _ in range(5):
            self.changes.add()
        self.assertEqual(self.driver.presses, [0.0])
        self.assertNoResult(waiting)
        self.clock.pump([4.0] * 3)
        self.assertFalse(self.successResultOf(waiting))

    def test_deaf(self) -> None:
        """The button is pressed again and again, until the time is over."""
        waiting = self.shut_down()
        self.clock.pump([PRESS_EVERY_S, PRESS_EVERY_S, 1.9])
        self.assertNoResult(waiting)
        self.clock.advance(0.1)
        self.assertFalse(self.successResultOf(waiting))
        self.assertEqual(self.driver.presses, [0.0, 5.0, 10.0])

    def test_quick(self) -> None:
        """One that ends while its button is pressed, and whose event came before: no waiting."""

        def end() -> bool:
            self.driver.alive = False
            self.changes.add()
            return True

        self.driver.on_press = end
        self.assertTrue(self.successResultOf(self.shut_down()))

    def test_gone(self) -> None:
        """One that does not live has ended."""
        self.driver.alive = False
        self.assertTrue(self.successResultOf(self.shut_down()))

    def test_no_time(self) -> None:
        """Without any time it is not asked."""
        self.assertFalse(self.successResultOf(self.shut_down(0)))
        self.assertEqual(self.driver.presses, [])

    def test_hanging(self) -> None:
        """One whose QEMU hangs until the time is over has not ended."""

        def hang() -> bool:
            raise NoAnswer("libvirt does not answer")

        self.driver.on_press = hang
        self.assertFalse(self.successResultOf(self.shut_down()))

    def test_refusal(self) -> None:
        """What libvirt refuses is told."""

        def refuse() -> bool:
            raise HypervisorError("no")

        self.driver.on_press = refuse
        self.failureResultOf(self.shut_down(), HypervisorError)
