"""
Find out beforehand what a node's first start of a guest would have to.

C{python -m ganeti.hypervisor.libvirt.prepare CACHE SCRATCH KERNEL} fills the folder
that the nodes of a virtual cluster share (C{Paths.libvirt_cache_dir}): whether KVM
boots a kernel, and what libvirt wants to know of QEMU. It takes seconds, and its
result outlives the cluster. SCRATCH is a folder for libvirt, removed at the end; who
kills this program clears it, and nobody else uses it meanwhile.
"""

from __future__ import annotations

import os
import platform
import shutil
import sys
from typing import Any

from twisted.internet.defer import Deferred
from twisted.internet.task import react

from ganeti.errors import GanetiError
from ganeti.hypervisor.libvirt import embedded
from ganeti.hypervisor.libvirt.accelerator import Accelerator
from ganeti.hypervisor.libvirt.host import thd_find_emulator
from ganeti.hypervisor.libvirt.library import Library, thd_import_libvirt
from ganeti.hypervisor.machine import thd_read_machine
from ganeti.model.hypervisors import HypervisorName, built_in
from ganeti.utils.aio import gather
from ganeti.utils.process import RealProcessRunner
from ganeti.utils.threads import ReactorThreads


async def prepare(reactor: Any, cache: str, scratch: str, kernel: str) -> None:
    """
    Fill C{cache}; what is there and still holds is not found out again.

    @raise GanetiError: there is no libvirt or no QEMU, or they do not work.
    """
    threads = ReactorThreads(reactor)
    arch = platform.machine()
    kvm_path = built_in(HypervisorName.KVM)["kvm_path"]
    emulator = await threads.run(thd_find_emulator, kvm_path, arch)
    boot_id = (await threads.run(thd_read_machine)).boot_id
    accelerator = Accelerator(RealProcessRunner(reactor), threads, f"{cache}/kvm.json")
    await gather(
        [
            accelerator.works(emulator, kernel, boot_id),
            threads.run(thd_look_at_emulator, cache, scratch, emulator, arch),
        ]
    )


def thd_look_at_emulator(cache: str, scratch: str, emulator: str, arch: str) -> bool:
    """
    Let libvirt ask QEMU what it can do, in the folder C{scratch}.

    @raise GanetiError: libvirt does not work.
    """
    libvirt = thd_import_libvirt()
    root = ""
    try:
        root = embedded.thd_prepare(scratch, cache)
        connection = Library.thd_open(libvirt, embedded.embedded_uri(root), _ignore)
        connection.getDomainCapabilities(emulator, arch, None, "qemu")
        embedded.thd_share_capabilities(scratch, cache)
    except libvirt.libvirtError as err:
        raise GanetiError(f"libvirt's embedded driver does not work: {err}") from err
    finally:
        if root not in ("", scratch):
            os.unlink(root)
        shutil.rmtree(scratch, ignore_errors=True)
    return True


def _ignore(*_event: object) -> None:
    """There are no guests."""


def main(reactor: Any, cache: str, scratch: str, kernel: str) -> Deferred[None]:
    """The program."""
    folders = os.path.abspath(cache), os.path.abspath(scratch)
    return Deferred.fromCoroutine(_main(reactor, *folders, kernel))


async def _main(reactor: Any, cache: str, scratch: str, kernel: str) -> None:
    try:
        await prepare(reactor, cache, scratch, kernel)
    except GanetiError as err:
        sys.stderr.write(f"{err}\n")
        raise SystemExit(1) from err


if __name__ == "__main__":
    react(main, sys.argv[1:])
