"""A guest's serial port, its USB devices, its channel to the node. Pure."""

from __future__ import annotations

import re
from collections.abc import Iterator, Mapping
from typing import Any
from xml.etree.ElementTree import Element

from ganeti.errors import HypervisorError
from ganeti.hypervisor.libvirt.surroundings import Surroundings
from ganeti.hypervisor.libvirt.xml import element

AGENT_CHANNEL = "org.qemu.guest_agent.0"
_INPUTS = ("keyboard", "mouse", "tablet")
_HOST_DEVICE = re.compile(r"host:(?:(\d+)\.(\d+)|([0-9a-fA-F]{1,4}):([0-9a-fA-F]{1,4}))")


def port_elements(hvparams: Mapping[str, Any], around: Surroundings) -> Iterator[Element]:
    """All that is plugged in beside disks, network and screen."""
    if hvparams["serial_console"]:
        yield _serial_port(around)
    if hvparams["use_guest_agent"]:
        target = element("target", {"type": "virtio", "name": AGENT_CHANNEL})
        yield element("channel", {"type": "unix"}, element("source", {"mode": "bind"}), target)
    usb = list(_usb_elements(hvparams))
    # Without the bus there is less for QEMU to emulate.
    yield from usb or [element("controller", {"type": "usb", "model": "none"})]


def _serial_port(around: Surroundings) -> Element:
    """A socket that takes one console at a time; the log gets all, whether one is there or not."""
    return element(
        "serial",
        {"type": "unix"},
        element("source", {"mode": "bind", "path": around.serial_socket}),
        element("log", {"file": around.serial_log, "append": "on"}),
        element("target", {"port": 0}),
    )


def _usb_elements(hvparams: Mapping[str, Any]) -> Iterator[Element]:
    mouse = hvparams["usb_mouse"]
    if mouse:
        yield element("input", {"type": mouse, "bus": "usb"})
    for name in re.split(r"[\s,]+", hvparams["usb_devices"]):
        if name:
            yield _usb_device(name)


def _usb_device(name: str) -> Element:
    if name in _INPUTS:
        return element("input", {"type": name, "bus": "usb"})
    found = _HOST_DEVICE.fullmatch(name)
    if found is None:
        raise HypervisorError(
            f"Hypervisor parameter usb_devices: '{name}' is neither {', '.join(_INPUTS)} nor a"
            " device of the node, host:BUS.ADDRESS or host:VENDOR:PRODUCT"
        )
    bus, address, vendor, product = found.groups()
    if bus:
        which = [element("address", {"bus": bus, "device": address})]
    else:
        which = [
            element("vendor", {"id": f"0x{vendor:0>4}"}),
            element("product", {"id": f"0x{product:0>4}"}),
        ]
    attributes = {"mode": "subsystem", "type": "usb"}
    return element("hostdev", attributes, element("source", None, *which))
