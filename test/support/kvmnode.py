"""A node of a virtual cluster that runs real QEMUs in the process of the tests."""

from __future__ import annotations

import atexit
import os
import shutil
import tempfile
from pathlib import Path
from typing import Any

from twisted.internet import reactor
from twisted.internet.defer import Deferred

from ganeti.cli.guest.processes import kill_emulators
from ganeti.hypervisor.libvirt.kvm import KvmHypervisor
from ganeti.hypervisor.libvirt.node import kvm_on_libvirt
from ganeti.paths import Paths
from ganeti.utils.threads import ReactorThreads
from support.reaping import Reaper

_KNOWN = Path(__file__).parents[2] / ".cache" / "libvirt"


def make_root(folder: str) -> Paths:
    """A node's root; what quickstart has found out about this machine's QEMU saves time."""
    paths = Paths(root=f"{folder}/node1.example.com")
    if _KNOWN.is_dir():
        shutil.copytree(_KNOWN, paths.libvirt_cache_dir, ignore=shutil.ignore_patterns(".*"))
    return paths


def remove_root(paths: Paths) -> None:
    """With all QEMUs that are left."""
    kill_emulators(paths.libvirt_dir)
    shutil.rmtree(paths.cluster_dir)


_made: dict[int, Paths] = {}


def shared_root() -> Paths:
    """The one of this process, which can have one embedded driver only."""
    pid = os.getpid()
    if pid not in _made:
        _made[pid] = make_root(tempfile.mkdtemp(prefix="ganeti-kvm-"))
        atexit.register(_remove_shared, pid)
    return _made[pid]


def _remove_shared(pid: int) -> None:
    if pid == os.getpid():
        remove_root(_made.pop(pid))


class KvmNodeCase:
    """
    Mixed into a C{twisted.trial.unittest.TestCase}: no guest outlives its test, and no QEMU its
    class.

    @ivar hypervisor: of a node without guests.
    """

    timeout = 180
    paths: Paths
    reaper: Reaper

    @classmethod
    def setUpClass(cls) -> None:
        cls.paths = shared_root()
        cls.reaper = Reaper(cls.paths)
        cls.reaper.start()

    @classmethod
    def tearDownClass(cls) -> None:
        cls.reaper.stop()

    def setUp(self: Any) -> None:
        self.hypervisors: list[KvmHypervisor] = []
        self.hypervisor = self.restarted()
        self.addCleanup(self.clear)

    def restarted(self) -> KvmHypervisor:
        """Another one for the same node."""
        made = kvm_on_libvirt(self.paths, reactor, ReactorThreads(reactor))  # type: ignore[arg-type]
        self.hypervisors.append(made)
        return made

    def clear(self) -> Deferred[None]:
        return Deferred.fromCoroutine(self._clear())

    async def _clear(self) -> None:
        cleaner = self.restarted()
        for guest in await cleaner.list():
            await cleaner.stop(guest.name, force=True)
        for each in self.hypervisors:
            await each.close()
