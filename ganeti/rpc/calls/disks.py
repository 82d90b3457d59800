"""Disks."""

from __future__ import annotations

from typing import ClassVar

from msgspec import Struct

from ganeti.model.disk import Disk
from ganeti.model.templates import DiskTemplate
from ganeti.rpc.calls.call import MASTER, Call
from ganeti.rpc.roles import Role


class FoundDisk(Struct, frozen=True, kw_only=True):
    """Something that Ganeti keeps in one kind of storage, whether a disk claims it or not."""

    dev_type: DiskTemplate
    place: str
    """As at the end of a disk's C{logical_id}."""


class ListDisks(Call[tuple[FoundDisk, ...]], frozen=True, kw_only=True, tag="list_disks"):
    """Which disks of ours are there?"""

    roles: ClassVar[frozenset[Role]] = MASTER
    answer_limit: ClassVar[int] = 8 << 20


class CheckFileStorage(Call[str], frozen=True, kw_only=True, tag="check_file_storage"):
    """May disks be kept in this directory? Empty when they may, else why not."""

    roles: ClassVar[frozenset[Role]] = MASTER
    path: str


class CreateDisk(Call[str], frozen=True, kw_only=True, tag="create_disk"):
    """Make a disk and return its path; what it would overwrite is refused."""

    timeout_s: ClassVar[float] = 300.0
    roles: ClassVar[frozenset[Role]] = MASTER
    changes: ClassVar[bool] = True
    disk: Disk
    instance_uuid: str
    instance_name: str

    def object_key(self) -> str:
        return f"disk/{self.disk.uuid}"


class RemoveDisk(Call[None], frozen=True, kw_only=True, tag="remove_disk"):
    """Remove a disk; one that is not there is removed already."""

    timeout_s: ClassVar[float] = 300.0
    roles: ClassVar[frozenset[Role]] = MASTER
    changes: ClassVar[bool] = True
    disk: Disk
    own_only: bool = False
    """Only what is certainly this disk: for taking back a creation that may have been refused."""

    def object_key(self) -> str:
        return f"disk/{self.disk.uuid}"


class RenameDisk(Call[None], frozen=True, kw_only=True, tag="rename_disk"):
    """Move a disk to the place of C{renamed}, the same disk; one that is there is moved already."""

    timeout_s: ClassVar[float] = 300.0
    roles: ClassVar[frozenset[Role]] = MASTER
    changes: ClassVar[bool] = True
    disk: Disk
    renamed: Disk

    def object_key(self) -> str:
        return f"disk/{self.disk.uuid}"


class ActivateDisk(Call[str], frozen=True, kw_only=True, tag="activate_disk"):
    """Make a disk usable and return its path."""

    timeout_s: ClassVar[float] = 300.0
    roles: ClassVar[frozenset[Role]] = MASTER
    changes: ClassVar[bool] = True
    disk: Disk

    def object_key(self) -> str:
        return f"disk/{self.disk.uuid}"


class DeactivateDisk(Call[None], frozen=True, kw_only=True, tag="deactivate_disk"):
    """Take a disk out of use; its content stays."""

    timeout_s: ClassVar[float] = 300.0
    roles: ClassVar[frozenset[Role]] = MASTER
    changes: ClassVar[bool] = True
    disk: Disk

    def object_key(self) -> str:
        return f"disk/{self.disk.uuid}"
