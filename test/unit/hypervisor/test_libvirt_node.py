"""A node that runs kvm guests."""

from __future__ import annotations

import os
import shutil
import tempfile
from pathlib import Path
from typing import Any

from support.kvm import kvm_spec
from twisted.internet.defer import Deferred
from twisted.trial.unittest import SynchronousTestCase

from ganeti.errors import HypervisorError
from ganeti.hypervisor.libvirt.embedded import thd_short_path
from ganeti.hypervisor.libvirt.node import SYSTEM_URI, KvmNode
from ganeti.hypervisor.libvirt.surroundings import KVM, TCG, Surroundings
from ganeti.paths import Paths
from ganeti.utils.scripted import ScriptedProcessRunner
from ganeti.utils.threads import NoThreads


class NodeTests(SynchronousTestCase):
    """One of a virtual cluster."""

    def setUp(self) -> None:
        folder = tempfile.mkdtemp(prefix="ganeti-node-")
        self.addCleanup(shutil.rmtree, folder)
        self.paths = Paths(root=f"{folder}/node1.example.com")
        self.addCleanup(self.remove_link)
        self.emulator = Path(folder, "qemu")
        self.emulator.touch(0o755)
        self.node = self.make(self.paths)

    def remove_link(self) -> None:
        short = thd_short_path(self.paths.libvirt_dir)
        if short != self.paths.libvirt_dir:
            os.unlink(short)

    def make(self, paths: Paths) -> KvmNode:
        return KvmNode(paths, ScriptedProcessRunner(), NoThreads())  # type: ignore[arg-type]

    def wait(self, coroutine: Any) -> Any:
        return self.successResultOf(Deferred.fromCoroutine(coroutine))

    def survey(self, **hvparams: Any) -> Surroundings:
        hvparams.setdefault("kvm_path", str(self.emulator))
        _, around = self.wait(self.node.survey(kvm_spec(1, hvparams=hvparams), ()))
        assert isinstance(around, Surroundings)
        return around

    def test_uri(self) -> None:
        """libvirt's embedded driver in its own folder; on a real node the system's libvirtd."""
        uri = self.node.thd_uri()
        root = uri.removeprefix("qemu:///embed?root=")
        self.assertEqual(os.path.realpath(root), os.path.realpath(self.paths.libvirt_dir))
        self.assertTrue(os.path.exists(f"{root}/etc/qemu.conf"))
        self.assertEqual(self.make(Paths()).thd_uri(), SYSTEM_URI)

    def test_has_guests(self) -> None:
        """Seen without libvirt; a real node's libvirt is always asked."""
        self.assertFalse(self.wait(self.node.has_guests()))
        etc = Path(self.paths.libvirt_dir, "etc", "qemu")
        etc.mkdir(parents=True)
        (etc / "inst1.example.com.xml").touch()
        self.assertTrue(self.wait(self.node.has_guests()))
        self.assertTrue(self.wait(self.make(Paths()).has_guests()))

    def test_kvm_flag(self) -> None:
        """What the parameter says is obeyed without a trial."""
        self.assertEqual(self.survey(kvm_flag="enabled").domain_type, KVM)
        self.assertEqual(self.survey(kvm_flag="disabled").domain_type, TCG)

    def test_console(self) -> None:
        """The serial port's socket has a short path, and its log a folder."""
        around = self.survey(kvm_flag="disabled")
        self.assertLess(len(around.serial_socket), 107)
        self.assertTrue(os.path.isdir(os.path.dirname(around.serial_socket)))
        self.assertEqual(around.serial_log, self.paths.serial_log("inst1.example.com"))
        self.assertTrue(os.path.isdir(os.path.dirname(around.serial_log)))

    def test_missing_qemu(self) -> None:
        """A guest cannot be started, and the error says what to install."""
        surveying = self.node.survey(kvm_spec(1, hvparams={"kvm_path": "/no/such"}), ())
        error = self.failureResultOf(Deferred.fromCoroutine(surveying), HypervisorError).value
        self.assertIn("inst1.example.com: QEMU is not installed on this node", str(error))
        self.assertIn("install qemu-system-x86", str(error))

    def test_started(self) -> None:
        """What libvirt found out is shared after the first start; that it fails does no harm."""
        cache = Path(self.paths.libvirt_dir, "cache", "qemu", "capabilities")
        cache.mkdir(parents=True)
        (cache / "abc.xml").touch()
        self.wait(self.node.started("inst1.example.com"))
        self.assertEqual(os.listdir(self.paths.libvirt_cache_dir), ["abc.xml"])
        other = self.make(self.paths)
        shutil.rmtree(self.paths.libvirt_cache_dir)
        Path(self.paths.libvirt_cache_dir).touch()
        self.wait(other.started("inst1.example.com"))

    def test_long_log(self) -> None:
        """A log that has grown is cut."""
        log = Path(self.paths.serial_log("inst1.example.com"))
        log.parent.mkdir(parents=True)
        with open(log, "wb") as stream:
            stream.truncate(5 << 20)
        self.wait(self.node.trim_logs(("inst1.example.com", "inst2.example.com")))
        self.assertEqual(log.stat().st_size, 0)
        self.assertEqual(Path(f"{log}.1").stat().st_size, 1 << 20)
