"""Guests of kvm, for tests."""

from __future__ import annotations

import shutil
from importlib.util import find_spec
from typing import Any

from msgspec.structs import replace

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


def why_no_guests() -> str:
    """What this machine lacks to run real guests; empty when it lacks nothing."""
    if not find_spec("libvirt"):
        return "Python's bindings of libvirt are not installed"
    if not shutil.which("qemu-system-x86_64"):
        return "QEMU is not installed"
    return ""
