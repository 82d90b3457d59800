"""From wished to real disks."""

from __future__ import annotations

import posixpath
from collections.abc import Mapping, Sequence
from dataclasses import dataclass

from msgspec.structs import replace

from ganeti.errors import ErrorCode, OpPrereqError, UnitParseError
from ganeti.model.config import Configuration
from ganeti.model.disk import Disk, DiskMode
from ganeti.model.names import check_object_name
from ganeti.model.templates import TEMPLATES, DiskTemplate
from ganeti.utils.text import parse_unit

MAX_DISKS = 16
MAX_SIZE_MIB = (1 << 43) - 1
"""No kernel knows a larger file or device: 8 EiB."""
AVAILABLE = (DiskTemplate.DISKLESS, DiskTemplate.FILE, DiskTemplate.SHAREDFILE)
"""Templates that nodes have drivers for."""

NO_SPINDLES = "Spindles in instance disks cannot be specified when exclusive storage is not active"

_KNOWN = frozenset(
    ("access", "adopt", "dev_type", "metavg", "mode", "name", "provider", "size", "spindles", "vg")
)


@dataclass(frozen=True, kw_only=True)
class WishedDisk:
    """One disk, checked. MiB."""

    size: int
    mode: DiskMode
    name: str | None


def choose_template(config: Configuration, wished: DiskTemplate | None) -> DiskTemplate:
    """
    The disk template of a new instance.

    @raise OpPrereqError: it is not enabled, or there is no driver for it yet.
    """
    enabled = config.cluster.enabled_disk_templates
    template = wished if wished is not None else enabled[0]
    if template not in enabled:
        raise OpPrereqError(
            f"Disk template '{template}' is not enabled in cluster."
            f" Enabled disk templates are: {','.join(enabled)}",
            ErrorCode.WRONG_INPUT,
        )
    if template not in AVAILABLE:
        raise OpPrereqError(
            f"Disk template '{template}' is not available yet; there are {', '.join(AVAILABLE)}",
            ErrorCode.WRONG_INPUT,
        )
    return template


def read_disks(
    wishes: Sequence[Mapping[str, str | int]], template: DiskTemplate
) -> list[WishedDisk]:
    """
    Check wished disks.

    @raise OpPrereqError: one is impossible.
    """
    if template is DiskTemplate.DISKLESS and wishes:
        raise OpPrereqError("Diskless instance but disk information passed", ErrorCode.WRONG_INPUT)
    if template is not DiskTemplate.DISKLESS and not wishes:
        raise OpPrereqError("No disk information specified", ErrorCode.WRONG_INPUT)
    if len(wishes) > MAX_DISKS:
        raise OpPrereqError(
            f"An instance can have at most {MAX_DISKS} disks, not {len(wishes)}",
            ErrorCode.WRONG_INPUT,
        )
    return [read_disk(place, wish, template) for place, wish in enumerate(wishes)]


def read_disk(place: int, wish: Mapping[str, str | int], template: DiskTemplate) -> WishedDisk:
    """
    Check one wished disk, which becomes the one with index C{place}.

    @raise OpPrereqError: it is impossible.
    """
    if "adopt" in wish:
        raise OpPrereqError(
            f"Disk adoption is not supported for the '{template}' disk template",
            ErrorCode.WRONG_INPUT,
        )
    if "size" not in wish:
        raise OpPrereqError(
            f"Missing size or adoption source for disk {place}", ErrorCode.WRONG_INPUT
        )
    _check_keys(place, wish)
    return WishedDisk(
        size=_read_size(place, wish["size"]),
        mode=read_mode(place, wish.get("mode", DiskMode.READ_WRITE)),
        name=read_name(wish.get("name")),
    )


def _check_keys(place: int, wish: Mapping[str, str | int]) -> None:
    unknown = sorted(set(wish) - _KNOWN)
    if unknown:
        raise OpPrereqError(
            f"Unknown parameter '{unknown[0]}' of disk {place}", ErrorCode.WRONG_INPUT
        )
    if "spindles" in wish:
        raise OpPrereqError(NO_SPINDLES, ErrorCode.WRONG_INPUT)


def _read_size(place: int, given: str | int) -> int:
    try:
        size = parse_unit(given) if isinstance(given, str) else given
    except UnitParseError as err:
        raise OpPrereqError(f"Invalid size of disk {place}: {err}", ErrorCode.WRONG_INPUT) from err
    if size <= 0:
        raise OpPrereqError(
            f"Invalid size of disk {place}: {given} is not positive", ErrorCode.WRONG_INPUT
        )
    if size > MAX_SIZE_MIB:
        raise OpPrereqError(
            f"Invalid size of disk {place}: {given} MiB is more than there can be",
            ErrorCode.WRONG_INPUT,
        )
    return size


def read_mode(place: int, given: str | int) -> DiskMode:
    """@raise OpPrereqError: it is none."""
    try:
        return DiskMode(str(given))
    except ValueError as err:
        raise OpPrereqError(
            f"Invalid disk access mode '{given}' of disk {place}: it is rw or ro",
            ErrorCode.WRONG_INPUT,
        ) from err


def read_name(given: str | int | None) -> str | None:
    """@raise OpPrereqError: a disk cannot have this name."""
    if given is None or str(given).lower() == "none":
        return None
    check_object_name("disk", str(given))
    return str(given)


def storage_folder(
    config: Configuration, template: DiskTemplate, below: str | None, instance_name: str
) -> str:
    """
    The folder of an instance's file-based disks; empty for other templates.

    @param below: a folder below the cluster's, as wished.
    @raise OpPrereqError: C{below} leads out of the cluster's folder, or there is none.
    """
    if template is DiskTemplate.FILE:
        base = config.cluster.file_storage_dir
    elif template is DiskTemplate.SHAREDFILE:
        base = config.cluster.shared_file_storage_dir
    else:
        return ""
    if not base:
        raise OpPrereqError(
            f"Cluster file storage dir for '{template}' storage type not defined",
            ErrorCode.WRONG_STATE,
        )
    if below is not None and posixpath.isabs(below):
        raise OpPrereqError(
            f"File storage directory '{below}' must be relative to {base}", ErrorCode.WRONG_INPUT
        )
    folder = posixpath.normpath(posixpath.join(base, below or "", instance_name))
    if posixpath.dirname(folder) != base and not folder.startswith(base.rstrip("/") + "/"):
        raise OpPrereqError(
            f"File storage directory '{below}' leads out of {base}", ErrorCode.WRONG_INPUT
        )
    return folder


def make_disk(
    place: int,
    wished: WishedDisk,
    *,
    template: DiskTemplate,
    uuid: str,
    folder: str,
    driver: str,
    node_uuid: str,
) -> Disk:
    """The record of a new file-based disk; the file's name says which disk it is."""
    path = f"{folder}/{uuid}.{template}.disk{place}"
    return Disk(
        uuid=uuid,
        dev_type=template,
        logical_id=(driver, path),
        size=wished.size,
        mode=wished.mode,
        iv_name=f"disk/{place}",
        name=wished.name,
        nodes=(node_uuid,) if template is DiskTemplate.FILE else (),
    )


def disk_of(disk: Disk, instance_name: str) -> Disk:
    """
    C{disk} as a disk of an instance of that name.

    @raise OpPrereqError: its place has the instance's name in it, and cannot be told.
    """
    if not TEMPLATES[disk.dev_type].instance_dependent_path:
        return disk
    driver, path = disk.logical_id
    folder, file_name = posixpath.split(str(path))
    base = posixpath.dirname(folder)
    if base in ("", "/"):
        raise OpPrereqError(f"Disk {disk.uuid} has no place of its own: {path}", ErrorCode.INTERNAL)
    return replace(disk, logical_id=(driver, f"{base}/{instance_name}/{file_name}"))
