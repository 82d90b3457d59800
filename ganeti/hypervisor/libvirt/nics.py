"""A guest's network interfaces. Pure."""

from __future__ import annotations

import re
from collections.abc import Collection, Iterator, Mapping
from typing import Any
from xml.etree.ElementTree import Element

from ganeti.errors import HypervisorError
from ganeti.hypervisor.libvirt.xml import element
from ganeti.model.live import InstanceSpec, NicSpec
from ganeti.model.parameters import NicMode

PARAVIRTUAL = "paravirtual"
# libvirt fills PCI slots from the first one on, and has fixed devices in the last ones.
_LAST_SLOT = 0x18
_VLANS = re.compile(r"(?:\.(?P<own>\d+))?(?P<trunk>(?::\d+)*)")


def nic_elements(spec: InstanceSpec, loose_links: Collection[str]) -> Iterator[Element]:
    """
    The instance's interfaces that are connected, in order.

    @param loose_links: links that the node does not have.
    @raise HypervisorError: a mode that libvirt cannot give.
    """
    for place, nic in enumerate(spec.nics):
        if nic.params.link not in loose_links:
            yield _plugged(place, nic, spec.hvparams)


def loose_nic_words(spec: InstanceSpec, loose_links: Collection[str]) -> Iterator[str]:
    """
    QEMU's words for the interfaces that are not connected to anything.

    libvirt has a type of its own for them, C{null}, but its version 9.0 crashes on it.
    """
    kind = spec.hvparams["nic_type"]
    model = "virtio-net-pci" if kind == PARAVIRTUAL else kind
    loose = (nic for nic in spec.nics if nic.params.link in loose_links)
    for slot, nic in zip(range(_LAST_SLOT, 0, -1), loose, strict=False):
        address = "" if kind.endswith("_isa") else f",addr={slot:#x}"
        yield "-device"
        mac = nic.nic.mac.replace(",", ",,")  # as QEMU wants it
        yield f"{model},mac={mac}{address}"


def _plugged(place: int, nic: NicSpec, hvparams: Mapping[str, Any]) -> Element:
    params = nic.params
    if params.mode not in (NicMode.BRIDGED, NicMode.OPENVSWITCH):
        raise HypervisorError(
            f"NIC {place} has mode {params.mode}, which is not possible with libvirt;"
            " bridged and openvswitch are"
        )
    switch = params.mode is NicMode.OPENVSWITCH
    return element(
        "interface",
        {"type": "bridge"},
        element("source", {"bridge": params.link}),
        element("virtualport", {"type": "openvswitch"}) if switch else None,
        _vlan(place, params.vlan),
        *_common(nic, hvparams),
    )


def _common(nic: NicSpec, hvparams: Mapping[str, Any]) -> Iterator[Element]:
    virtio = hvparams["nic_type"] == PARAVIRTUAL
    yield element("mac", {"address": nic.nic.mac})
    yield element("model", {"type": "virtio" if virtio else hvparams["nic_type"]})
    if virtio:
        queues = hvparams["virtio_net_queues"]
        yield element(
            "driver",
            {
                "name": "vhost" if hvparams["vhost_net"] else "qemu",
                "queues": queues if queues > 1 else None,
            },
        )


def _vlan(place: int, text: str) -> Element | None:
    """C{.5} is in VLAN 5; C{:5:6} carries 5 and 6; C{.5:6} carries 6, and 5 untagged."""
    if not text:
        return None
    parsed = _VLANS.fullmatch(text)
    if parsed is None:
        raise HypervisorError(f"NIC {place}: '{text}' is no VLAN such as .5 or :5:6")
    own, trunk = parsed["own"], [each for each in parsed["trunk"].split(":") if each]
    if not trunk:
        return element("vlan", None, element("tag", {"id": own}))
    tags = [element("tag", {"id": each}) for each in trunk]
    if own:
        tags.insert(0, element("tag", {"id": own, "nativeMode": "untagged"}))
    return element("vlan", {"trunk": "yes"}, *tags)
