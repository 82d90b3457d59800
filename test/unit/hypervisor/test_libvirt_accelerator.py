"""Whether KVM works: tried once for each QEMU of each boot of the machine."""

from __future__ import annotations

import os
from pathlib import Path

from twisted.internet.defer import Deferred
from twisted.trial.unittest import SynchronousTestCase

from ganeti.errors import CommandTimeout
from ganeti.hypervisor.libvirt.accelerator import Accelerator, parse_trial
from ganeti.utils.interfaces import Output
from ganeti.utils.scripted import Command, ScriptedProcessRunner
from ganeti.utils.threads import NoThreads

BOOTED = b"Linux version 6.1\nKernel panic - not syncing: VFS: Unable to mount root fs\n"


class AcceleratorTests(SynchronousTestCase):
    """Two QEMUs, of which the second hangs."""

    def setUp(self) -> None:
        folder = Path(self.mktemp())
        folder.mkdir()
        self.good, self.bad = str(folder / "good-qemu"), str(folder / "bad-qemu")
        for path in (self.good, self.bad):
            Path(path).touch()
        self.file = str(folder / "cache" / "kvm.json")
        self.tried: list[str] = []

    def answer(self, command: Command) -> Output:
        self.assertEqual(command.argv[:3], ("timeout", "-s", "KILL"))
        self.tried.append(command.argv[4])
        if command.argv[4] == self.bad:
            raise CommandTimeout(command.argv, command.timeout_s)
        return Output(stdout=BOOTED)

    def works(self, emulator: str, boot_id: str = "one", device: str = os.devnull) -> bool:
        """As a new node daemon finds out."""
        threads, runner = NoThreads(), ScriptedProcessRunner(self.answer)
        accelerator = Accelerator(runner, threads, self.file, device)  # type: ignore[arg-type]
        asked = Deferred.fromCoroutine(accelerator.works(emulator, "/vmlinuz", boot_id))
        return self.successResultOf(asked)

    def test_each_is_tried_once(self) -> None:
        """Verdicts are kept beside each other, until the machine boots anew."""
        for _ in range(2):
            self.assertTrue(self.works(self.good))
            self.assertFalse(self.works(self.bad))
        self.assertEqual(self.tried, [self.good, self.bad])
        self.assertTrue(self.works(self.good, boot_id="two"))
        self.assertEqual(self.tried, [self.good, self.bad, self.good])

    def test_no_device(self) -> None:
        """Without the device there is nothing to try."""
        self.assertFalse(self.works(self.good, device="/nowhere"))
        self.assertEqual(self.tried, [])

    def test_spoiled_file(self) -> None:
        """What was found out is found out again when its file makes no sense."""
        self.assertTrue(self.works(self.good))
        Path(self.file).write_bytes(b"{")
        self.assertTrue(self.works(self.good))
        self.assertEqual(self.tried, [self.good, self.good])

    def test_replaced_emulator(self) -> None:
        """Another QEMU in the place of one that was tried is tried."""
        self.assertTrue(self.works(self.good))
        os.utime(self.good, (1, 1))
        self.assertTrue(self.works(self.good))
        self.assertEqual(len(self.tried), 2)

    def test_parse_trial(self) -> None:
        """A kernel has to come as far as missing its root."""
        self.assertTrue(parse_trial(BOOTED))
        self.assertFalse(parse_trial(b"Linux version 6.1\n"))
