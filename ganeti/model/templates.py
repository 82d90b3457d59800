"""Facts about disk templates: what the master must know about each, and its parameters."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, field
from enum import StrEnum
from typing import Any

from ganeti.errors import ParameterError
from ganeti.model.parameters import RESET, ParameterType, change_own, enforce_types


class StorageType(StrEnum):
    """Where a template's disks come from."""

    BLOCKDEV = "blockdev"
    DISKLESS = "diskless"
    EXT = "ext"
    FILE = "file"
    GLUSTER = "gluster"
    LVM_PV = "lvm-pv"
    LVM_VG = "lvm-vg"
    RADOS = "rados"
    SHAREDFILE = "sharedfile"


class DiskTemplate(StrEnum):
    """How a disk is stored."""

    BLOCKDEV = "blockdev"
    DISKLESS = "diskless"
    DRBD = "drbd"
    EXT = "ext"
    FILE = "file"
    GLUSTER = "gluster"
    PLAIN = "plain"
    RBD = "rbd"
    SHAREDFILE = "sharedfile"


@dataclass(frozen=True, slots=True, kw_only=True)
class TemplateFacts:
    """What holds for every disk of a template."""

    storage: StorageType
    block: bool = False
    """The disk is a block device on its node."""
    file_based: bool = False
    lvm: bool = False
    growable: bool = False
    mirrored_internal: bool = False
    """A second node holds a copy."""
    mirrored_external: bool = False
    """All nodes reach the same storage."""
    snapshot: bool = False
    may_adopt: bool = False
    must_adopt: bool = False
    copyable: bool = False
    convertible_from: bool = True
    convertible_to: bool = True
    reports_free_space: bool = False
    no_free_space_check: bool = False
    exclusive_storage: bool = False
    """Usable on nodes with exclusive storage."""
    instance_dependent_path: bool = False
    """The path holds the instance's name."""
    params: Mapping[str, Any] = field(default_factory=dict)
    """Disk parameters and their defaults; the type is the default's."""

    @property
    def mirrored(self) -> bool:
        """An instance can fail over."""
        return self.mirrored_internal or self.mirrored_external


DRBD_PARAMS: Mapping[str, Any] = {
    "c-delay-target": 1,
    "c-fill-target": 0,
    "c-max-rate": 61440,
    "c-min-rate": 4096,
    "c-plan-ahead": 20,
    "data-stripes": 1,
    "disk-barriers": "n",
    "disk-custom": "",
    "dynamic-resync": False,
    "meta-barriers": False,
    "meta-stripes": 1,
    "metavg": "xenvg",
    "net-custom": "",
    "protocol": "C",
    "resync-rate": 61440,
}

TEMPLATES: Mapping[DiskTemplate, TemplateFacts] = {
    DiskTemplate.BLOCKDEV: TemplateFacts(
        storage=StorageType.BLOCKDEV,
        block=True,
        mirrored_external=True,
        may_adopt=True,
        must_adopt=True,
        convertible_to=False,
    ),
    DiskTemplate.DISKLESS: TemplateFacts(
        storage=StorageType.DISKLESS,
        mirrored_external=True,
        convertible_from=False,
        convertible_to=False,
    ),
    DiskTemplate.DRBD: TemplateFacts(
        storage=StorageType.LVM_VG,
        block=True,
        lvm=True,
        growable=True,
        mirrored_internal=True,
        snapshot=True,
        reports_free_space=True,
        params=DRBD_PARAMS,
    ),
    DiskTemplate.EXT: TemplateFacts(
        storage=StorageType.EXT,
        block=True,
        growable=True,
        mirrored_external=True,
        snapshot=True,
        no_free_space_check=True,
        params={"access": "kernelspace"},
    ),
    DiskTemplate.FILE: TemplateFacts(
        storage=StorageType.FILE,
        file_based=True,
        growable=True,
        copyable=True,
        reports_free_space=True,
        no_free_space_check=True,
        instance_dependent_path=True,
    ),
    DiskTemplate.GLUSTER: TemplateFacts(
        storage=StorageType.GLUSTER,
        file_based=True,
        growable=True,
        mirrored_external=True,
        no_free_space_check=True,
        params={"access": "kernelspace", "host": "127.0.0.1", "port": 24007, "volume": "gv0"},
    ),
    DiskTemplate.PLAIN: TemplateFacts(
        storage=StorageType.LVM_VG,
        block=True,
        lvm=True,
        growable=True,
        snapshot=True,
        may_adopt=True,
        copyable=True,
        reports_free_space=True,
        exclusive_storage=True,
        params={"stripes": 1},
    ),
    DiskTemplate.RBD: TemplateFacts(
        storage=StorageType.RADOS,
        block=True,
        growable=True,
        mirrored_external=True,
        no_free_space_check=True,
        params={"access": "kernelspace", "pool": "rbd", "user-id": ""},
    ),
    DiskTemplate.SHAREDFILE: TemplateFacts(
        storage=StorageType.SHAREDFILE,
        file_based=True,
        growable=True,
        mirrored_external=True,
        no_free_space_check=True,
        instance_dependent_path=True,
    ),
}

ACCESS_STYLES = ("kernelspace", "userspace")
DRBD_BARRIERS = ("n", "b", "d", "f", "bd", "bf", "df", "bdf")
DRBD_PROTOCOLS = ("A", "B", "C")
DRBD_META_SIZE_MIB = 128
_HIGHEST = 2**31 - 1


def facts(template: DiskTemplate) -> TemplateFacts:
    """What holds for every disk of C{template}."""
    return TEMPLATES[template]


def disk_room(template: DiskTemplate, size_mib: int) -> int:
    """What a disk takes on each of its nodes, in MiB."""
    match template:
        case DiskTemplate.DRBD:
            return size_mib + DRBD_META_SIZE_MIB
        case DiskTemplate.DISKLESS | DiskTemplate.BLOCKDEV:
            return 0
        case _:
            return size_mib


_TYPE_OF: Mapping[type, ParameterType] = {
    bool: ParameterType.BOOL,
    int: ParameterType.INT,
    str: ParameterType.STRING,
}

ALL_DISKPARAM_TYPES: Mapping[str, ParameterType] = {
    name: _TYPE_OF[type(default)]
    for one in TEMPLATES.values()
    for name, default in one.params.items()
}
"""Of all templates together."""


def parse_diskparams(
    template: DiskTemplate, values: Mapping[str, Any], allowed: tuple[Any, ...] = ()
) -> dict[str, Any]:
    """
    Disk parameters of a request, converted to their types.

    @param allowed: values let through for each parameter, such as C{"default"}.
    @raise TypeEnforcementError: unknown parameter, or a value of the wrong type.
    """
    types = {name: ALL_DISKPARAM_TYPES[name] for name in TEMPLATES[template].params}
    return enforce_types(values, types, allowed)


def default_diskparams() -> dict[DiskTemplate, dict[str, Any]]:
    """Complete disk parameters of a new cluster."""
    return {template: dict(TEMPLATES[template].params) for template in DiskTemplate}


def change_diskparams(
    own: Mapping[DiskTemplate, Mapping[str, Any]],
    request: Mapping[DiskTemplate, Mapping[str, Any]],
) -> dict[DiskTemplate, dict[str, Any]]:
    """
    Disk parameters that a level sets itself after a request.

    @param request: typed or as typed by people; values in C{RESET} are taken back.
    @raise TypeEnforcementError: unknown parameter, or a value of the wrong type.
    @raise ParameterError: a value out of its range.
    """
    changed = {template: dict(values) for template, values in own.items()}
    for template, values in request.items():
        typed = parse_diskparams(template, values, RESET)
        changed[template] = change_own(changed.get(template, {}), typed)
        check_diskparams(template, changed[template])
    return {template: values for template, values in changed.items() if values}


def check_diskparams(template: DiskTemplate, values: Mapping[str, Any]) -> None:
    """
    @raise ParameterError: C{template} has no such parameter, or a value of another type.
    """
    known = TEMPLATES[template].params
    for name, value in values.items():
        if name not in known:
            raise ParameterError(f"Disk template '{template}' has no parameter '{name}'")
        if type(value) is not type(known[name]):
            raise ParameterError(
                f"Disk parameter '{template}:{name}': wrong type of value '{value}'"
            )
        if not _in_range(name, value):
            raise ParameterError(
                f"Disk parameter '{template}:{name}': value '{value}' is out of range"
            )
    if values.get("access", "kernelspace") not in ACCESS_STYLES:
        raise ParameterError(
            f"Disk parameter '{template}:access' is one of {', '.join(ACCESS_STYLES)}"
        )
    if values.get("disk-barriers", "n") not in DRBD_BARRIERS:
        raise ParameterError(
            f"Disk parameter 'drbd:disk-barriers' is one of {', '.join(DRBD_BARRIERS)}"
        )
    if values.get("protocol", "C") not in DRBD_PROTOCOLS:
        raise ParameterError(
            f"Disk parameter 'drbd:protocol' is one of {', '.join(DRBD_PROTOCOLS)}"
        )


def _in_range(name: str, value: Any) -> bool:
    if isinstance(value, bool) or not isinstance(value, int):
        return True
    low = 1 if name in ("data-stripes", "meta-stripes", "port", "stripes") else 0
    return low <= value <= (65535 if name == "port" else _HIGHEST)
