"""A cluster of one node with one real guest on its own disk."""

from __future__ import annotations

import re
import shutil
import tempfile
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass
from pathlib import Path

import pytest

from ganeti.cli.guest.kernel import provide
from ganeti.cli.guest.processes import find_emulators, find_guests, kill_emulators
from ganeti.cli.guest.real import HVPARAMS, RealGuest
from ganeti.cli.guest.support import why_not
from ganeti.cli.guest.tree import KernelError
from ganeti.cli.quickstart.definition import install_os
from ganeti.cli.vcluster import KVM_INIT_OPTIONS
from ganeti.cli.vcluster_layout import CLUSTER_NAME
from support.virtualcluster import ROOT, Ran, VirtualCluster, wait_for

CACHE = str(ROOT / ".cache")
"""Where quickstart keeps the kernel, too."""
NAME = "instance1.example.com"
LIMIT_S = 120.0
"""For a boot, on a machine that emulates the processor and has much else to do."""

_GREETING = re.compile(rf"^Hello from {re.escape(NAME)} \(boot (\d+),", re.M)
_COUNTER = re.compile(rf"^{re.escape(NAME)} counter (\d+)\r?$", re.M)


@dataclass(frozen=True)
class Guest:
    """The guest, as an admin and its node see it."""

    cluster: VirtualCluster

    # -- as an admin sees it

    def gnt(self, command: str, *words: str) -> Ran:
        """Run a sub-command of gnt-instance on it."""
        return self.cluster.run("gnt-instance", command, *words, NAME)

    def fields(self, *names: str) -> list[str]:
        """What C{gnt-instance list} shows of it."""
        options = ("--no-headers", "--separator=|", "-o", ",".join(names))
        return self.gnt("list", *options).good().stdout.strip().split("|")

    def status(self) -> str:
        return self.fields("status")[0]

    # -- its console

    @property
    def log(self) -> Path:
        return Path(self.cluster.paths(1).serial_log(NAME))

    def said(self) -> str:
        """All that it ever printed."""
        return self.log.read_text(errors="replace") if self.log.exists() else ""

    def boots(self) -> list[int]:
        """The numbers that it gave itself as it came up."""
        return [int(number) for number in _GREETING.findall(self.said())]

    def counter(self) -> int:
        """How far it has counted since it came up; 0: not at all."""
        steps = _COUNTER.findall(self.said().rpartition("Hello from")[2])
        return int(steps[-1]) if steps else 0

    def wait_for_boot(self, before: list[int]) -> int:
        """Wait until it has greeted once more; the number of that boot."""
        assert wait_for(lambda: len(self.boots()) > len(before), LIMIT_S), self.said()[-2000:]
        return self.boots()[-1]

    def wait_until_counting(self) -> None:
        """Wait until it counts further."""
        before = self.counter()
        assert wait_for(lambda: self.counter() > before, LIMIT_S), self.said()[-2000:]

    # -- on its node

    def pid(self) -> int:
        """Of its QEMU; 0: there is none."""
        found = find_guests(self.cluster.paths(1).libvirt_dir)
        return found[0].pid if found else 0

    def wait_until_gone(self) -> None:
        """Wait until it has no QEMU."""
        assert wait_for(lambda: not self.pid(), LIMIT_S)

    def is_known(self) -> bool:
        """Whether libvirt knows it, or a QEMU of it runs."""
        folder = self.cluster.paths(1).libvirt_dir
        return bool(find_emulators(folder)) or (Path(folder) / f"etc/qemu/{NAME}.xml").exists()

    def started(self) -> Guest:
        """Itself, started if it did not run."""
        if self.status() != "running":
            self.gnt("startup").good()
        return self

    def running(self) -> Guest:
        """Itself, having come up."""
        before = self.boots()
        if self.status() != "running":
            self.gnt("startup").good()
            self.wait_for_boot(before)
        return self


def need_guests() -> None:
    """Skip the test where there can be no real guest, saying what is missing."""
    missing = why_not()
    try:
        if not missing:
            provide(CACHE)
    except KernelError as err:
        missing = f"no kernel can be had: {err}"
    if missing:
        pytest.skip(f"no real virtual machines here: {missing}")


@contextmanager
def real_guest() -> Iterator[Guest]:
    """
    Make the cluster and the guest, which comes up meanwhile; remove all in the end.

    @raise AssertionError: there can be no guest here, though all it needs is installed.
    """
    real = RealGuest(CACHE)
    top = Path(tempfile.mkdtemp(prefix="real-guest-", dir="/tmp"))
    cluster = VirtualCluster(top / "cluster", nodes=1)
    real.begin([cluster.paths(1)])
    try:
        cluster.setup()
        install_os(cluster.paths(1))
        cluster.run("gnt-cluster", "init", *KVM_INIT_OPTIONS, CLUSTER_NAME).good()
        real.finish([cluster.paths(1)])
        assert real.problem == ""
        guest = Guest(cluster)
        add = ("-t", "file", "-s", "1G", "-o", "busybox+default", "-n", "node1.example.com")
        guest.gnt("add", *add, "-B", "memory=128M", "-H", HVPARAMS).good()
        yield guest
    finally:
        cluster.end()
        kill_emulators(cluster.paths(1).libvirt_dir)
        shutil.rmtree(top)
