"""Guests of kvm, for tests."""

from __future__ import annotations

import glob
import os
import pwd
import shutil
from importlib.util import find_spec
from typing import Any
from xml.etree import ElementTree
from xml.etree.ElementTree import Element

from msgspec.structs import replace

from ganeti.cli.guest.support import DRIVER, LIBVIRT_USER
from ganeti.hypervisor.libvirt.domain import build_domain
from ganeti.hypervisor.libvirt.surroundings import DiskSource, Surroundings
from ganeti.model.hypervisors import HypervisorName, built_in
from ganeti.model.live import InstanceSpec
from support.specs import make_spec


def kvm_spec(
    number: int, *, hvparams: dict[str, Any] | None = None, **settings: Any
) -> InstanceSpec:
    """
    An instance that boots from its disk, if it has one, and else waits for ever.

    @param hvparams: in place of the defaults.
    """
    settings.setdefault("hypervisor", HypervisorName.KVM)
    filled = {**built_in(HypervisorName.KVM), "kernel_path": "", **(hvparams or {})}
    spec = make_spec(number, **settings)
    return replace(spec, hypervisor=HypervisorName.KVM, hvparams=filled)


def describe(
    spec: InstanceSpec, disk_paths: tuple[str, ...] = (), mark: str = "", **around: Any
) -> Element:
    """The description of a guest, as libvirt's parser would see it."""
    sources = tuple(DiskSource(path, path.startswith("/dev/")) for path in disk_paths)
    given = {"serial_socket": "/serial", "serial_log": "/log", "disks": sources} | around
    return ElementTree.fromstring(build_domain(spec, Surroundings(**given), mark))


def why_no_guests() -> str:
    """What this machine lacks to run real QEMUs; empty when it lacks nothing."""
    if not find_spec("libvirt"):
        return "Python's bindings of libvirt are not installed"
    if not shutil.which("qemu-system-x86_64"):
        return "QEMU is not installed"
    if not any(
        glob.glob(f"{folder}/{DRIVER}") for folder in ("/usr/lib", "/usr/lib*", "/usr/lib/*")
    ):
        return "libvirt's QEMU driver is not installed"
    if os.geteuid() == 0 and LIBVIRT_USER not in (user.pw_name for user in pwd.getpwall()):
        return f"libvirt's QEMU driver does not work without a user {LIBVIRT_USER}"
    return ""
