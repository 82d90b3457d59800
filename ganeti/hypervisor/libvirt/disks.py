"""A guest's disks and drives. Pure."""

from __future__ import annotations

from collections.abc import Iterator, Mapping, Sequence
from typing import Any, NamedTuple
from urllib.parse import urlsplit
from xml.etree.ElementTree import Element

from ganeti.errors import HypervisorError
from ganeti.hypervisor.libvirt.surroundings import DiskSource
from ganeti.hypervisor.libvirt.xml import Attributes, element
from ganeti.model.disk import DiskMode
from ganeti.model.live import InstanceSpec


class _Kind(NamedTuple):
    """How a disk type is attached: bus, prefix of the name, libvirt's device."""

    bus: str
    prefix: str
    device: str = "disk"


_KINDS = {
    "ide": _Kind("ide", "hd"),
    "paravirtual": _Kind("virtio", "vd"),
    "scsi": _Kind("scsi", "sd"),
    "scsi-block": _Kind("scsi", "sd", "lun"),
    "scsi-cd": _Kind("scsi", "sd", "cdrom"),
    "scsi-generic": _Kind("scsi", "sd", "lun"),
    "scsi-hd": _Kind("scsi", "sd"),
    "sd": _Kind("sd", "sd"),
}
_SCSI_CONTROLLERS = {
    "dc390": "dc390",
    "lsi": "lsilogic",
    "megasas": "lsisas1078",
    "virtio-scsi-pci": "virtio-scsi",
}
_PORTS = {"http": 80, "https": 443, "ftp": 21, "ftps": 990, "tftp": 69}
_SERIAL_LENGTH = 20  # what virtio has room for


def disk_elements(spec: InstanceSpec, sources: Sequence[DiskSource]) -> Iterator[Element]:
    """
    The instance's disks, its CD drives and its floppy drive.

    @param sources: where its disks are, in their order.
    """
    hvparams = spec.hvparams
    kind = _KINDS[hvparams["disk_type"]]
    names = _Names()
    uuids = [each.disk.uuid.replace("-", "")[:_SERIAL_LENGTH] for each in spec.disks]
    read_only = [each.disk.mode is DiskMode.READ_ONLY for each in spec.disks]
    for place, source in enumerate(sources):
        yield element(
            "disk",
            {"type": "block" if source.block else "file", "device": kind.device},
            _driver(hvparams),
            element("source", {"dev" if source.block else "file": source.path}),
            element("target", {"dev": names.next(kind.prefix), "bus": kind.bus}),
            element("serial", text=uuids[place]) if place < len(uuids) else None,
            element("readonly") if place < len(uuids) and read_only[place] else None,
        )
    yield from _drives(hvparams, names)
    if _uses_scsi(hvparams):
        model = _SCSI_CONTROLLERS[hvparams["scsi_controller_type"]]
        yield element("controller", {"type": "scsi", "index": 0, "model": model})


class _Names:
    """Names of disks, one after another: vda, vdb, …"""

    def __init__(self) -> None:
        self._used: dict[str, int] = {}

    def next(self, prefix: str) -> str:
        number = self._used.get(prefix, 0)
        self._used[prefix] = number + 1
        return prefix + _letters(number)


def _letters(number: int) -> str:
    """a, b, …, z, aa, ab, …"""
    letters = ""
    number += 1
    while number:
        number, rest = divmod(number - 1, 26)
        letters = chr(ord("a") + rest) + letters
    return letters


def _driver(hvparams: Mapping[str, Any]) -> Element:
    cache = hvparams["disk_cache"]
    return element(
        "driver",
        {
            "name": "qemu",
            "type": "raw",
            "cache": None if cache == "default" else cache,
            "io": hvparams["disk_aio"] or None,
            "discard": hvparams["disk_discard"] or None,
        },
    )


def _drives(hvparams: Mapping[str, Any], names: _Names) -> Iterator[Element]:
    kind = _cdrom_kind(hvparams)
    for name in ("cdrom_image_path", "cdrom2_image_path"):
        if image := hvparams[name]:
            yield _drive("cdrom", image, names.next(kind.prefix), kind.bus)
    if image := hvparams["floppy_image_path"]:
        yield _drive("floppy", image, names.next("fd"), "fdc")


def _cdrom_kind(hvparams: Mapping[str, Any]) -> _Kind:
    given = hvparams["cdrom_disk_type"]
    if not given or given == "paravirtual":  # virtio has no CD drives
        return _Kind("sata", "sd") if "q35" in hvparams["machine_version"] else _Kind("ide", "hd")
    return _KINDS[given]


def _drive(device: str, image: str, target: str, bus: str) -> Element:
    return element(
        "disk",
        {"type": "network" if "://" in image else "file", "device": device},
        element("driver", {"name": "qemu", "type": "raw"}),
        _remote(image) if "://" in image else element("source", {"file": image}),
        element("target", {"dev": target, "bus": bus}),
        element("readonly"),
    )


def _remote(url: str) -> Element:
    """An image that QEMU reads over the network."""
    parts = urlsplit(url)
    if parts.scheme not in _PORTS or not parts.hostname:
        raise HypervisorError(
            f"Image {url} cannot be used: libvirt reads {', '.join(_PORTS)} addresses only"
        )
    where: Attributes = {"name": parts.hostname, "port": parts.port or _PORTS[parts.scheme]}
    attributes: Attributes = {
        "protocol": parts.scheme,
        "name": parts.path.lstrip("/"),
        "query": parts.query or None,
    }
    return element("source", attributes, element("host", where))


def _uses_scsi(hvparams: Mapping[str, Any]) -> bool:
    kinds = {_KINDS[hvparams["disk_type"]], _cdrom_kind(hvparams)}
    return any(kind.bus == "scsi" for kind in kinds)
