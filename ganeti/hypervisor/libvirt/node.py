"""A node that runs kvm guests: which libvirt it uses, and what guests find on it."""

from __future__ import annotations

import os
import platform
import threading
from collections.abc import Callable
from typing import Any

from twisted.logger import Logger

from ganeti.errors import HypervisorError
from ganeti.hypervisor.libvirt import embedded
from ganeti.hypervisor.libvirt.accelerator import Accelerator
from ganeti.hypervisor.libvirt.driver import LibvirtDriver, OnLifecycle
from ganeti.hypervisor.libvirt.host import (
    Found,
    thd_find_emulator,
    thd_look,
    thd_make_room,
    thd_touched_mib,
    thd_trim,
)
from ganeti.hypervisor.libvirt.kvm import KvmHypervisor
from ganeti.hypervisor.libvirt.library import thd_import_libvirt
from ganeti.hypervisor.libvirt.surroundings import Surroundings
from ganeti.hypervisor.machine import Machine, thd_read_machine
from ganeti.model.hypervisors import HypervisorName, built_in
from ganeti.model.live import InstanceSpec
from ganeti.paths import Paths
from ganeti.utils.interfaces import IProcessRunner
from ganeti.utils.process import RealProcessRunner
from ganeti.utils.threads import Threads

log = Logger()

SYSTEM_URI = "qemu:///system"
_SYSTEM_PIDS = "/run/libvirt/qemu"


class KvmNode:
    """
    What L{KvmHypervisor} needs beside libvirt (its C{Node}).

    On a real machine guests belong to the system's libvirtd; a node of a virtual cluster runs
    libvirt's embedded driver in a folder of its own.
    """

    def __init__(self, paths: Paths, processes: IProcessRunner, threads: Threads) -> None:
        self._paths = paths
        self._threads = threads
        self._arch = platform.machine()
        self._accelerator = Accelerator(processes, threads, f"{paths.libvirt_cache_dir}/kvm.json")
        self._preparing = threading.Lock()
        self._short = ""
        self._shared = False

    def thd_uri(self) -> str:
        """Prepare what libvirt needs, and say which one it is."""
        if not self._paths.virtual:
            return SYSTEM_URI
        return embedded.embedded_uri(self._thd_root())

    def _thd_root(self) -> str:
        with self._preparing:
            if not self._short:
                paths = self._paths
                self._short = embedded.thd_prepare(paths.libvirt_dir, paths.libvirt_cache_dir)
            return self._short

    async def survey(
        self, spec: InstanceSpec, disk_paths: tuple[str, ...]
    ) -> tuple[InstanceSpec, Surroundings]:
        root = self._paths.root
        found: Found = await self._threads.run(thd_look, spec, disk_paths, root, self._arch)
        accelerated = await self._is_accelerated(found)
        socket, console_log = await self._threads.run(self._thd_console, spec)
        return found.spec, found.surroundings(accelerated, self._arch, socket, console_log)

    async def _is_accelerated(self, found: Found) -> bool:
        """C{kvm_flag} is obeyed; without one KVM is used where it works."""
        flag = found.spec.hvparams["kvm_flag"]
        if flag:
            return bool(flag == "enabled")
        kernel = found.spec.hvparams["kernel_path"]
        boot_id = (await self.machine()).boot_id
        return await self._accelerator.works(found.emulator, kernel, boot_id)

    def _thd_console(self, spec: InstanceSpec) -> tuple[str, str]:
        """Where the serial port is served, and its log; both can be made."""
        uuid, name = spec.instance.uuid, spec.instance.name
        socket = self._paths.serial_socket(uuid)
        if self._paths.virtual:
            socket = f"{self._thd_root()}/{os.path.relpath(socket, self._paths.libvirt_dir)}"
        console_log = self._paths.serial_log(name)
        thd_make_room(socket, console_log)
        return socket, console_log

    async def problems(self) -> tuple[str, ...]:
        return await self._threads.run(self._thd_problems)

    def _thd_problems(self) -> tuple[str, ...]:
        kvm_path = built_in(HypervisorName.KVM)["kvm_path"]
        problems = []
        for thd_check in (thd_import_libvirt, lambda: thd_find_emulator(kvm_path, self._arch)):
            try:
                thd_check()
            except HypervisorError as err:
                problems.append(str(err))
        return tuple(problems)

    async def machine(self) -> Machine:
        return await self._threads.run(thd_read_machine)

    async def has_guests(self) -> bool:
        if not self._paths.virtual:
            return True
        return await self._threads.run(embedded.thd_defined, self._paths.libvirt_dir)

    async def touched_mib(self, names: tuple[str, ...]) -> int:
        directory = _SYSTEM_PIDS
        if self._paths.virtual:
            directory = f"{self._paths.libvirt_dir}/run/qemu"
        return await self._threads.run(thd_touched_mib, directory, names)

    async def started(self, name: str) -> None:
        await self.trim_logs((name,))
        if self._paths.virtual and not self._shared:
            self._shared = True
            await self._threads.run(self._thd_share)

    def _thd_share(self) -> None:
        try:
            paths = self._paths
            embedded.thd_share_capabilities(paths.libvirt_dir, paths.libvirt_cache_dir)
        except OSError as err:
            log.warn("Other nodes have to look at QEMU themselves: {err}", err=err)

    async def trim_logs(self, names: tuple[str, ...]) -> None:
        await self._threads.run(self._thd_trim, names)

    def _thd_trim(self, names: tuple[str, ...]) -> None:
        for name in names:
            try:
                thd_trim(self._paths.serial_log(name))
            except OSError as err:
                log.warn("The log of {name} grows: {err}", name=name, err=err)


def kvm_on_libvirt(paths: Paths, reactor: Any, threads: Threads) -> KvmHypervisor:
    """
    The kvm of a node daemon.

    @param reactor: the whole one.
    """
    node = KvmNode(paths, RealProcessRunner(reactor), threads)

    def make_driver(thd_opened: Callable[[Any], None], heard: OnLifecycle) -> LibvirtDriver:
        return LibvirtDriver(reactor, node.thd_uri, thd_opened, heard)

    return KvmHypervisor(make_driver, node, reactor)
