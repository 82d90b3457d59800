"""What goes wrong with real QEMUs, and what is seen of it."""

from __future__ import annotations

import os
import signal
import socket
import subprocess
import sys
import tempfile
import time
from collections.abc import Callable
from pathlib import Path
from typing import Any

import pytest
from support.kvm import kvm_spec, why_no_guests
from support.kvmnode import KvmNodeCase, make_root, remove_root
from support.reaping import Reaper
from twisted.internet import reactor
from twisted.trial.unittest import SynchronousTestCase, TestCase

from ganeti.errors import HypervisorError
from ganeti.model.live import RunState
from ganeti.utils.aio import as_deferred, gather, sleep

WHY_NOT = why_no_guests()
pytestmark = pytest.mark.skipif(bool(WHY_NOT), reason=WHY_NOT)

TESTS = Path(__file__).parents[1]
CHILD = TESTS / "support" / "kvmchild.py"
NAME, OTHER = "inst1.example.com", "inst2.example.com"
NOBODY = 65534
SCREENS = "127.13.0.1"
"""Where no connection comes from: a port that was free there stays so."""
# A boot sector: mov dx,0x604; mov ax,0x2000; out dx,ax; hlt. On QEMU's PC that is the power switch.
POWER_OFF = (
    bytes.fromhex("ba0406 b80020 ef f4 ebfd".replace(" ", "")).ljust(510, b"\0") + b"\x55\xaa"
)


class FaultTests(KvmNodeCase, TestCase):
    """Guests of the node that the contract's tests use."""

    async def states(self, hypervisor: Any = None) -> dict[str, RunState]:
        return {each.name: each.state for each in await (hypervisor or self.hypervisor).list()}

    async def until(self, expected: dict[str, RunState]) -> None:
        """Wait for these states; they come with libvirt's events."""
        for _ in range(400):
            if await self.states() == expected:
                return
            await sleep(reactor, 0.05)  # type: ignore[arg-type]
        self.assertEqual(await self.states(), expected)

    def file(self, content: bytes) -> str:
        path = self.mktemp()
        Path(path).write_bytes(content)
        return os.path.abspath(path)

    async def refused(self, words: str, disks: tuple[str, ...] = (), **hvparams: Any) -> None:
        """A start ends with QEMU's last words, and leaves nothing."""
        with self.assertRaisesRegex(HypervisorError, f"Cannot start instance {NAME}: .*{words}"):
            await self.hypervisor.start(kvm_spec(1, hvparams=hvparams), disks)
        self.assertEqual(await self.states(), {})
        self.assertEqual(self.reaper.names(), [])

    async def test_dies_at_start(self) -> None:
        """A kernel that is none, a word that QEMU does not know, a disk that is none."""
        await self.refused("invalid kernel header", kernel_path=self.file(b"no kernel" * 100))
        await self.refused("-nosuch: invalid option", kvm_extra="-nosuch")
        await self.refused(".", disks=("/proc",))
        await self.refused("Unknown CPU model nosuch", cpu_type="nosuch")
        await self.hypervisor.start(kvm_spec(1), ())
        self.assertEqual(await self.states(), {NAME: RunState.RUNNING})

    async def test_killed(self) -> None:
        """A guest whose QEMU is killed has crashed, and can be started again or removed."""
        await self.hypervisor.start(kvm_spec(1, hvparams={"user_shutdown": True}), ())
        os.kill(self.reaper.pid(NAME), signal.SIGKILL)
        await self.until({NAME: RunState.CRASHED})
        self.assertEqual(await self.states(self.restarted()), {NAME: RunState.CRASHED})
        with self.assertRaisesRegex(HypervisorError, f"{NAME} is not running"):
            await self.hypervisor.resume(NAME)
        await self.hypervisor.start(kvm_spec(1), ())
        self.assertEqual(await self.states(), {NAME: RunState.RUNNING})
        await self.hypervisor.stop(NAME, force=True)
        self.assertEqual(await self.states(), {})

    async def test_powers_itself_off(self) -> None:
        """Shut down by its user where it may be; else it counts as crashed."""
        disk = self.file(POWER_OFF)
        for number, may in ((1, True), (2, False)):
            spec = kvm_spec(number, hvparams={"user_shutdown": may, "disk_type": "ide"})
            await self.hypervisor.start(spec, (disk,) if may else (self.file(POWER_OFF),))
        await self.until({NAME: RunState.SHUTDOWN, OTHER: RunState.CRASHED})
        self.assertEqual(self.reaper.names(), [])
        await self.hypervisor.stop(NAME, timeout_s=30)
        self.assertEqual(await self.states(self.restarted()), {OTHER: RunState.CRASHED})

    async def test_hangs(self) -> None:
        """A QEMU that hangs is killed after the time for its shut down; others do not notice."""
        await self.hypervisor.start(kvm_spec(1), ())
        await self.hypervisor.start(kvm_spec(2), ())
        os.kill(self.reaper.pid(NAME), signal.SIGSTOP)
        stopping = as_deferred(self.hypervisor.stop(NAME, timeout_s=1.0))
        resuming = [as_deferred(self.hypervisor.resume(NAME)) for _ in range(4)]
        begun = time.monotonic()
        self.assertEqual(set(await self.states()), {NAME, OTHER})
        await self.hypervisor.stop(OTHER, force=True)
        self.assertLess(time.monotonic() - begun, 30)
        await gather(resuming)
        await stopping
        self.assertEqual(await self.states(), {})
        self.assertEqual(self.reaper.names(), [])

    async def test_deaf(self) -> None:
        """A guest that does not listen to its power button is killed after the time for that."""
        await self.hypervisor.start(kvm_spec(1), ())
        begun = time.monotonic()
        await self.hypervisor.stop(NAME, timeout_s=1.0)
        self.assertGreater(time.monotonic() - begun, 1.0)
        self.assertEqual(await self.states(), {})

    async def test_vnc(self) -> None:
        """The screen is on the instance's port; one that is taken keeps a guest from starting."""
        screen = {"vnc_bind_address": SCREENS, "vga": "std"}
        with socket.create_server((SCREENS, 0)) as taken:
            port = taken.getsockname()[1]
            with self.assertRaisesRegex(HypervisorError, f"Cannot start instance {OTHER}: "):
                await self.hypervisor.start(kvm_spec(2, hvparams=screen, network_port=port), ())
        self.assertEqual(await self.states(), {})
        await self.hypervisor.start(kvm_spec(1, hvparams=screen, network_port=port), ())
        with socket.create_connection((SCREENS, port), timeout=30) as viewer:
            self.assertEqual(viewer.recv(4), b"RFB ")

    async def test_two_starts_at_once(self) -> None:
        """Of one guest: it is started once. Of two: both are."""
        specs = [kvm_spec(1), kvm_spec(1), kvm_spec(2)]
        await gather([self.hypervisor.start(spec, (), paused=True) for spec in specs])
        self.assertEqual(await self.states(), {NAME: RunState.PAUSED, OTHER: RunState.PAUSED})
        self.assertEqual(self.reaper.names(), [NAME, OTHER])

    async def test_paused(self) -> None:
        """A paused guest cannot hear its button, and is not waited for."""
        await self.hypervisor.start(kvm_spec(1), (), paused=True)
        begun = time.monotonic()
        await self.hypervisor.stop(NAME, timeout_s=50)
        self.assertLess(time.monotonic() - begun, 30)
        self.assertEqual(await self.states(), {})

    async def test_start_is_given_up(self) -> None:
        """A start that nobody waits for any more ends before the next one of that guest begins."""
        first = as_deferred(self.hypervisor.start(kvm_spec(1), (), paused=True))
        first.addErrback(lambda _: None)
        cancel: Callable[[], None] = first.cancel
        reactor.callLater(0.05, cancel)  # type: ignore[attr-defined]
        await first
        await self.hypervisor.start(kvm_spec(1), (), paused=True)
        self.assertEqual(await self.states(), {NAME: RunState.PAUSED})
        self.assertEqual(self.reaper.names(), [NAME])


class DaemonTests(SynchronousTestCase):
    """Guests outlive the process that started them."""

    def setUp(self) -> None:
        folder = tempfile.mkdtemp(prefix="ganeti-kvm-")
        os.chmod(folder, 0o755)
        self.paths = make_root(folder)
        self.reaper = Reaper(self.paths)
        self.reaper.start()
        self.addCleanup(remove_root, self.paths)
        self.addCleanup(self.reaper.stop)

    def child(self, *words: str, uid: int = os.geteuid()) -> list[str]:
        argv = [sys.executable, str(CHILD), self.paths.root, str(uid), *words]
        environ = os.environ | {"HOME": self.paths.cluster_dir, "PYTHONPATH": str(TESTS)}
        environ.pop("XDG_RUNTIME_DIR", None)
        done = subprocess.run(argv, capture_output=True, text=True, timeout=60, env=environ)
        self.assertIn(done.returncode, (0, -signal.SIGKILL), done.stderr)
        return done.stdout.splitlines()

    def test_daemon_is_killed(self) -> None:
        """A guest that runs on is found again; one that died meanwhile, too."""
        self.child("start", "die")
        pid = self.reaper.pid(NAME)
        self.assertEqual(self.child("list", "start", "list"), [f"{NAME} running"] * 2)
        self.assertEqual(self.reaper.pid(NAME), pid)
        os.kill(pid, signal.SIGKILL)
        while self.reaper.names():
            time.sleep(0.01)
        self.assertEqual(self.child("list"), [f"{NAME} crashed"])
        self.assertEqual(self.child("start", "list", "stop", "list"), [f"{NAME} running"])

    def test_without_privileges(self) -> None:
        """Any user can run guests: as that user, below its own root."""
        if os.geteuid() != 0:
            self.skipTest(
                "only root can become another user; the other tests ran without privileges"
            )
        for folder, _, names in os.walk(self.paths.cluster_dir):
            for each in (folder, *(os.path.join(folder, name) for name in names)):
                os.chown(each, NOBODY, NOBODY)
        self.assertEqual(self.child("start", "list", "die", uid=NOBODY), [f"{NAME} running"])
        owner = os.stat(f"/proc/{self.reaper.pid(NAME)}").st_uid
        self.assertEqual(owner, NOBODY)
        self.assertEqual(self.child("list", "stop", "list", uid=NOBODY), [f"{NAME} running"])
