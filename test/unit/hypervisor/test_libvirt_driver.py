"""A node's connection to libvirt, with libvirt's test driver."""

from __future__ import annotations

import sys
import threading
from typing import Any

import pytest

pytest.importorskip("libvirt", reason="Python's bindings of libvirt are not installed")

import libvirt
from twisted.internet import reactor
from twisted.internet.defer import Deferred
from twisted.trial.unittest import TestCase

from ganeti.errors import HypervisorError
from ganeti.hypervisor.libvirt.driver import LibvirtDriver, NoAnswer
from ganeti.hypervisor.libvirt.library import MISSING, hint, thd_import_libvirt
from ganeti.utils.aio import sleep

URI = "test:///default"
DOMAIN = """<domain type="test"><name>driver-test</name><memory>65536</memory>
<os><type>hvm</type></os></domain>"""


def thd_host(connection: Any) -> str:
    return str(connection.getHostname())


def thd_break(connection: Any) -> None:
    connection.close()


def thd_unknown(connection: Any) -> None:
    connection.lookupByName("nosuch")


def thd_defect(_connection: Any) -> None:
    raise KeyError("a defect")


class DriverTests(TestCase):
    def setUp(self) -> None:
        self.uri = URI
        self.opened: list[Any] = []
        self.events: list[tuple[str, int, int]] = []
        self.driver = LibvirtDriver(
            reactor, lambda: self.uri, self.opened.append, lambda *event: self.events.append(event)
        )
        self.addCleanup(lambda: Deferred.fromCoroutine(self.driver.close()))

    async def test_opened_when_needed(self) -> None:
        """Once, at the first call."""
        self.assertFalse(self.driver.used)
        for _ in range(3):
            self.assertTrue(await self.driver.run(thd_host))
        self.assertTrue(self.driver.used)
        self.assertEqual(len(self.opened), 1)

    async def test_errors(self) -> None:
        """libvirt's errors are ours, in one line; defects stay what they are."""
        with self.assertRaisesRegex(HypervisorError, "^Domain not found$") as caught:
            await self.driver.run(thd_unknown)
        self.assertIsInstance(caught.exception.__cause__, libvirt.libvirtError)
        with self.assertRaises(KeyError):
            await self.driver.run(thd_defect)

    async def test_cannot_connect(self) -> None:
        """The error names the address, and what to do; the next call tries anew."""
        self.uri = "nosuch:///default"
        words = "Cannot connect to nosuch:///default: .*is libvirtd installed"
        with self.assertRaisesRegex(HypervisorError, words):
            await self.driver.run(thd_host)
        self.assertFalse(self.driver.used)
        self.uri = URI
        self.assertTrue(await self.driver.run(thd_host))

    async def test_broken_connection(self) -> None:
        """Another one is opened."""
        await self.driver.run(thd_break)
        self.assertTrue(await self.driver.run(thd_host))
        self.assertEqual(len(self.opened), 2)

    async def test_no_answer(self) -> None:
        """What takes too long is given up, and keeps nobody else waiting."""
        let_go = threading.Event()

        def thd_hang(_connection: Any) -> None:
            let_go.wait(30)

        try:
            with self.assertRaisesRegex(NoAnswer, r"libvirt does not answer within 0\.05 s"):
                await self.driver.run_within(0.05, thd_hang)
            self.assertTrue(await self.driver.run(thd_host))
        finally:
            let_go.set()

    async def test_events(self) -> None:
        """Events arrive in the reactor, with uuid, kind and detail."""

        def thd_stop(connection: Any) -> str:
            domain = connection.createXML(DOMAIN)
            domain.destroy()
            return str(domain.UUIDString())

        uuid = await self.driver.run(thd_stop)
        stopped = (uuid, libvirt.VIR_DOMAIN_EVENT_STOPPED)
        destroyed = (*stopped, libvirt.VIR_DOMAIN_EVENT_STOPPED_DESTROYED)
        for _ in range(500):
            if destroyed in self.events:
                break
            await sleep(reactor, 0.01)  # type: ignore[arg-type]
        self.assertIn(destroyed, self.events)

    async def test_closed(self) -> None:
        """After its end it is not used any more; that it ends may be said twice."""
        await self.driver.run(thd_host)
        await self.driver.close()
        await self.driver.close()
        with self.assertRaisesRegex(HypervisorError, "stopping"):
            await self.driver.run(thd_host)

    async def test_closed_unused(self) -> None:
        """One that was never used opens nothing to close it."""
        await self.driver.close()
        self.assertEqual(self.opened, [])


class NoDriver:
    """libvirt's error when the driver's file is not there."""

    def get_error_code(self) -> int:
        return int(libvirt.VIR_ERR_NO_CONNECT)


def test_missing_driver() -> None:
    """Without libvirt's driver the error says what to install."""
    text = hint(libvirt, "qemu:///embed?root=/x", NoDriver())
    assert "libvirt-daemon-driver-qemu" in text


def test_missing_bindings(monkeypatch: pytest.MonkeyPatch) -> None:
    """Without Python's bindings the error says what to install."""
    monkeypatch.setitem(sys.modules, "libvirt", None)
    with pytest.raises(HypervisorError) as caught:
        thd_import_libvirt()
    assert str(caught.value).startswith(MISSING)
    assert "libvirt-dev" in MISSING
