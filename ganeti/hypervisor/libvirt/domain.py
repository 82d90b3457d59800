"""
A guest as libvirt wants it described. Pure.

From libvirt's manual, "Domain XML format". Each parameter of kvm shows up here,
or is in L{ganeti.hypervisor.libvirt.parameters} with the reason why it does not.
"""

from __future__ import annotations

import shlex
from collections.abc import Iterator, Mapping
from typing import Any
from xml.etree.ElementTree import Element

from ganeti.errors import HypervisorError
from ganeti.hypervisor.libvirt.cpu import cpu_element, pinning, vcpu_element
from ganeti.hypervisor.libvirt.disks import disk_elements
from ganeti.hypervisor.libvirt.displays import display_elements
from ganeti.hypervisor.libvirt.nics import loose_nic_words, nic_elements
from ganeti.hypervisor.libvirt.parameters import check_supported
from ganeti.hypervisor.libvirt.ports import port_elements
from ganeti.hypervisor.libvirt.surroundings import Surroundings
from ganeti.hypervisor.libvirt.xml import element, to_text, yes
from ganeti.model.live import InstanceSpec

INSTANCE_NAMESPACE = "urn:ganeti:instance"
"""Our part of a domain's metadata; a domain without it is none of ours."""

_QEMU_NAMESPACE = "http://libvirt.org/schemas/domain/qemu/1.0"
_BOOT_DEVICES = {"cdrom": "cdrom", "disk": "hd", "floppy": "fd", "network": "network"}
_SOUND_MODELS = {
    "ac97": "ac97",
    "es1370": "es1370",
    "hda": "ich6",
    "ich9-intel-hda": "ich9",
    "intel-hda": "ich6",
    "pcspk": "pcspk",
    "sb16": "sb16",
}


def build_domain(spec: InstanceSpec, around: Surroundings, mark: str = "") -> str:
    """
    The description of a guest.

    @param mark: as in L{ganeti.hypervisor.interface.IHypervisor}.
    @raise HypervisorError: a parameter that libvirt cannot obey.
    """
    hvparams = spec.hvparams
    check_supported(hvparams)
    attributes = {"type": around.domain_type}
    extra = [*loose_nic_words(spec, around.loose_links), *_extra_words(hvparams["kvm_extra"])]
    if extra:
        attributes["xmlns:qemu"] = _QEMU_NAMESPACE
    return to_text(
        element(
            "domain",
            attributes,
            *_identity(spec, mark),
            *_resources(spec, around),
            *_behaviour(hvparams),
            _devices(spec, around),
            _security(around.security_label),
            _command_line(extra),
        )
    )


def _identity(spec: InstanceSpec, mark: str) -> Iterator[Element]:
    yield element("name", text=spec.instance.name)
    yield element("uuid", text=spec.instance.uuid)
    yield _metadata(spec, mark)


def _resources(spec: InstanceSpec, around: Surroundings) -> Iterator[Element | None]:
    """Memory, processors, and what is booted on them."""
    hvparams, vcpus = spec.hvparams, spec.beparams.vcpus
    yield element("memory", {"unit": "MiB"}, text=str(spec.beparams.maxmem))
    yield element("currentMemory", {"unit": "MiB"}, text=str(spec.start_memory_mib))
    yield _memory_backing(hvparams)
    yield vcpu_element(hvparams["cpu_mask"], vcpus)
    yield pinning(hvparams["cpu_mask"], vcpus)
    yield _operating_system(hvparams, around.arch)
    yield cpu_element(hvparams, vcpus)


def _behaviour(hvparams: Mapping[str, Any]) -> Iterator[Element | None]:
    """Its power button, its clock, and what happens when it ends."""
    yield element("features", None, element("acpi")) if hvparams["acpi"] else None
    yield element("clock", {"offset": "localtime" if hvparams["use_localtime"] else "utc"})
    yield element("on_poweroff", text="destroy")
    yield element("on_reboot", text=_ON_REBOOT[hvparams["reboot_behavior"]])
    yield element("on_crash", text="destroy")


def _extra_words(kvm_extra: str) -> list[str]:
    try:
        return shlex.split(kvm_extra)
    except ValueError as err:
        raise HypervisorError(f"Hypervisor parameter kvm_extra={kvm_extra}: {err}") from err


_ON_REBOOT = {"reboot": "restart", "exit": "destroy"}


def _metadata(spec: InstanceSpec, mark: str) -> Element:
    ours = element(
        "ganeti:instance",
        {
            "xmlns:ganeti": INSTANCE_NAMESPACE,
            "user_shutdown": yes(spec.hvparams["user_shutdown"]),
            "mark": mark or None,
        },
    )
    return element("metadata", None, ours)


def _memory_backing(hvparams: Mapping[str, Any]) -> Element | None:
    """libvirt knows by itself where huge pages are mounted."""
    return element("memoryBacking", None, element("hugepages")) if hvparams["mem_path"] else None


def _operating_system(hvparams: Mapping[str, Any], arch: str) -> Element:
    machine = hvparams["machine_version"] or None
    kind = element("type", {"arch": arch, "machine": machine}, text="hvm")
    if not hvparams["kernel_path"]:
        return element("os", None, kind, element("boot", {"dev": _boot_device(hvparams)}))
    initrd = hvparams["initrd_path"]
    return element(
        "os",
        None,
        kind,
        element("kernel", text=hvparams["kernel_path"]),
        element("initrd", text=initrd) if initrd else None,
        element("cmdline", text=kernel_command_line(hvparams)),
    )


def _boot_device(hvparams: Mapping[str, Any]) -> str:
    order = hvparams["boot_order"]
    if order not in _BOOT_DEVICES:
        raise HypervisorError(f"Hypervisor parameter boot_order={order} is not known")
    return _BOOT_DEVICES[order]


def kernel_command_line(hvparams: Mapping[str, Any]) -> str:
    """What the guest's kernel is told: its root, the arguments, the serial console."""
    root = hvparams["root_path"]
    serial = f"console=ttyS0,{hvparams['serial_speed']}"
    words = (
        f"root={root}" if root else "",
        hvparams["kernel_args"],
        serial if hvparams["serial_console"] else "",
    )
    return " ".join(filter(None, words))


def _devices(spec: InstanceSpec, around: Surroundings) -> Element:
    return element(
        "devices",
        None,
        element("emulator", text=around.emulator) if around.emulator else None,
        *disk_elements(spec, around.disks),
        *nic_elements(spec, around.loose_links),
        *port_elements(spec.hvparams, around),
        *display_elements(spec, around),
        *_sound_cards(spec.hvparams["soundhw"]),
        element("memballoon", {"model": "virtio"}),
    )


def _sound_cards(soundhw: str) -> Iterator[Element]:
    for name in filter(None, soundhw.split(",")):
        if name not in _SOUND_MODELS:
            raise HypervisorError(
                f"Hypervisor parameter soundhw={soundhw}: libvirt has no sound card '{name}',"
                f" only {', '.join(_SOUND_MODELS)}"
            )
        yield element("sound", {"model": _SOUND_MODELS[name]})


def _security(user: str) -> Element | None:
    """The user that QEMU runs as."""
    if not user:
        return None
    label = element("label", text=user)
    return element("seclabel", {"type": "static", "model": "dac", "relabel": "yes"}, label)


def _command_line(extra: list[str]) -> Element | None:
    """What is handed to QEMU itself, word by word."""
    if not extra:
        return None
    return element("qemu:commandline", None, *(element("qemu:arg", {"value": w}) for w in extra))
