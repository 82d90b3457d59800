"""A guest's screen: its video card, and the servers that show it. Pure."""

from __future__ import annotations

from collections.abc import Iterator, Mapping
from typing import Any
from xml.etree.ElementTree import Element

from ganeti.errors import HypervisorError
from ganeti.hypervisor.libvirt.surroundings import Surroundings
from ganeti.hypervisor.libvirt.xml import element, on
from ganeti.model.live import InstanceSpec

_VIDEO_MODELS = {
    "cirrus": "cirrus",
    "none": "none",
    "qxl": "qxl",
    "std": "vga",
    "virtio": "virtio",
    "vmware": "vmvga",
}


def display_elements(spec: InstanceSpec, around: Surroundings) -> Iterator[Element]:
    """
    VNC or SPICE where they are asked for, and the video card.

    @raise HypervisorError: there is no port, or an unknown card.
    """
    hvparams = spec.hvparams
    if hvparams["vnc_bind_address"]:
        yield _vnc(spec, around)
    if hvparams["spice_bind"]:
        yield _spice(spec, around)
        if hvparams["spice_use_vdagent"]:
            target = element("target", {"type": "virtio", "name": "com.redhat.spice.0"})
            yield element("channel", {"type": "spicevmc"}, target)
    yield from _video(hvparams)


def _vnc(spec: InstanceSpec, around: Surroundings) -> Element:
    """On an address, or, for a folder, on a socket in it."""
    bind = spec.hvparams["vnc_bind_address"]
    common = {
        "type": "vnc",
        "keymap": spec.hvparams["keymap"] or None,
        "passwd": around.vnc_password.reveal() if around.vnc_password else None,
    }
    if bind.startswith("/"):
        socket = f"{bind}/{spec.instance.name}.vnc"
        return element("graphics", common, element("listen", {"type": "socket", "socket": socket}))
    listen = element("listen", {"type": "address", "address": bind})
    return element("graphics", common | {"port": _port(spec), "autoport": "no"}, listen)


def _spice(spec: InstanceSpec, around: Surroundings) -> Element:
    hvparams = spec.hvparams
    attributes = {
        "type": "spice",
        "port": _port(spec),
        "autoport": "no",
        "keymap": hvparams["keymap"] or None,
        "passwd": around.spice_password.reveal() if around.spice_password else None,
    }
    return element(
        "graphics",
        attributes,
        element("listen", {"type": "address", "address": hvparams["spice_bind"]}),
        _compression("image", hvparams["spice_image_compression"]),
        _compression("jpeg", hvparams["spice_jpeg_wan_compression"]),
        _compression("zlib", hvparams["spice_zlib_glz_wan_compression"]),
        element("playback", {"compression": on(hvparams["spice_playback_compression"])}),
        _streaming(hvparams["spice_streaming_video"]),
    )


def _compression(tag: str, value: str) -> Element | None:
    return element(tag, {"compression": value}) if value else None


def _streaming(value: str) -> Element | None:
    return element("streaming", {"mode": value}) if value else None


def _port(spec: InstanceSpec) -> int:
    port = spec.instance.network_port
    if port is None:
        raise HypervisorError(
            f"Instance {spec.instance.name} has no network port for its graphical console"
        )
    return port


def _video(hvparams: Mapping[str, Any]) -> Iterator[Element]:
    """The card that is asked for; libvirt's own choice with a display; none without."""
    name = hvparams["vga"]
    if name:
        if name not in _VIDEO_MODELS:
            raise HypervisorError(
                f"Hypervisor parameter vga={name}: libvirt has no such card,"
                f" only {', '.join(_VIDEO_MODELS)}"
            )
        yield element("video", None, element("model", {"type": _VIDEO_MODELS[name]}))
    elif not (hvparams["vnc_bind_address"] or hvparams["spice_bind"]):
        yield element("video", None, element("model", {"type": "none"}))
