"""Disks of instances, independent of how they are stored."""

from __future__ import annotations

from enum import StrEnum
from typing import Annotated, Any

from msgspec import Meta, Struct
from msgspec.structs import replace

from ganeti.model.fields import always
from ganeti.model.templates import DiskTemplate


class DiskMode(StrEnum):
    """Whether the guest may write."""

    READ_ONLY = "ro"
    READ_WRITE = "rw"


class Disk(Struct, frozen=True, kw_only=True, omit_defaults=True):
    """
    A disk; instances name theirs by uuid.

    C{logical_id} locates it, by template: file, sharedfile, gluster (driver,
    path); plain (vg, lv); drbd (node a, node b, port, minor a, minor b, secret);
    rbd (pool, image); ext (provider, name); blockdev ("manual", path).
    Children (drbd: data, meta) are nested and not in the configuration's table.
    """

    uuid: str
    dev_type: DiskTemplate
    logical_id: tuple[str | int, ...]
    size: Annotated[int, Meta(ge=0)]
    """MiB."""
    mode: DiskMode = always(DiskMode.READ_WRITE)
    iv_name: str = always("")
    """C{disk/N} as of the last change of the instance's disks."""
    children: tuple[Disk, ...] = always(())
    nodes: tuple[str, ...] = always(())
    """Uuids of the nodes that hold it; empty for external storage."""
    name: str | None = None
    params: dict[str, Any] | None = None
    spindles: int | None = None
    serial_no: int = always(1)
    ctime: float = always(0.0)
    mtime: float = always(0.0)
    forthcoming: bool = False

    def __repr__(self) -> str:
        shown = self._hidden() if self.dev_type is DiskTemplate.DRBD else self
        return Struct.__repr__(shown)

    def _hidden(self) -> Disk:
        return replace(self, logical_id=(*self.logical_id[:5], "***"))


def disk_nodes(disk: Disk) -> tuple[str, ...]:
    """Uuids of the nodes that hold data of C{disk}."""
    if disk.nodes:
        return disk.nodes
    if disk.dev_type is DiskTemplate.DRBD:
        return tuple(str(node_uuid) for node_uuid in disk.logical_id[:2])
    return ()


def drbd_port(disk: Disk) -> int | None:
    """TCP port of a DRBD disk."""
    if disk.dev_type is not DiskTemplate.DRBD or len(disk.logical_id) < 3:
        return None
    port = disk.logical_id[2]
    return port if isinstance(port, int) else None


def drbd_minors(disk: Disk) -> tuple[tuple[str, int], ...]:
    """The (node uuid, minor) pairs a DRBD disk uses."""
    if disk.dev_type is not DiskTemplate.DRBD or len(disk.logical_id) < 5:
        return ()
    node_a, node_b, _port, *minors = disk.logical_id[:5]
    pairs = zip((node_a, node_b), minors, strict=True)
    return tuple((str(node), minor) for node, minor in pairs if isinstance(minor, int))
