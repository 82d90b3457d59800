"""Changes of an instance's disks."""

from __future__ import annotations

import posixpath
from collections.abc import Iterable
from dataclasses import dataclass

from msgspec.structs import replace

from ganeti.errors import ErrorCode, OpPrereqError, ReservationError
from ganeti.model.config import Configuration
from ganeti.model.disk import Disk, disk_nodes
from ganeti.model.instance import Instance
from ganeti.model.node import Node
from ganeti.model.reservation import Reservation, ReservationKind
from ganeti.model.templates import TEMPLATES, DiskTemplate
from ganeti.opcodes.instance import DiskRequest, FileDriver
from ganeti.opcodes.modifications import Modification, ModificationAction
from ganeti.operations.instance.disks import (
    AVAILABLE,
    MAX_DISKS,
    NO_SPINDLES,
    choose_template,
    disk_of,
    make_disk,
    read_disk,
    read_mode,
    read_name,
    storage_folder,
)
from ganeti.operations.instance.modify.places import Result, find_place, new_place
from ganeti.operations.unit import JobContext

KIND = "disk"
_CHANGEABLE = ("mode", "name", "spindles")


@dataclass(frozen=True, kw_only=True)
class DiskContext:
    """
    What modifications are read against.

    @ivar node: where new disks are made: the instance's primary node, as it will be.
    @ivar storage_dir: below the cluster's folder, for file-based disks; C{driver} too.
    """

    config: Configuration
    instance: Instance
    node: Node
    storage_dir: str | None
    driver: FileDriver | None


class DiskChanges:
    """
    Applies modifications one after another; nothing is changed yet.

    @ivar disks: the instance's, as they will be.
    @ivar made: those that must be made; C{moved}: those that get another place, each before and
        after; C{removed}: those whose data is to go, with their index; C{detached}: those that
        nobody has any more.
    @ivar results: what is to be reported.
    """

    def __init__(self, job: JobContext, context: DiskContext) -> None:
        self._job = job
        self._context = context
        self.before = context.config.instance_disks(context.instance)
        self.disks = list(self.before)
        self.made: list[Disk] = []
        self.moved: list[tuple[Disk, Disk]] = []
        self.removed: list[tuple[int, Disk]] = []
        self.detached: list[Disk] = []
        self.results: list[Result] = []

    def apply(self, modifications: Iterable[Modification[DiskRequest]]) -> None:
        """@raise OpPrereqError, OpExecError: one is impossible."""
        for modification in modifications:
            item, values = modification.item, modification.values
            match modification.action:
                case ModificationAction.ADD:
                    self._add(item, values)
                case ModificationAction.ATTACH:
                    self._attach(item, values)
                case ModificationAction.MODIFY:
                    self._modify(item, values)
                case ModificationAction.REMOVE:
                    place, disk = self._take(item)
                    self.removed.append((place, disk))
                    self.results.append((f"{KIND}/{place}", "remove"))
                case ModificationAction.DETACH:
                    place, disk = self._take(item)
                    self.detached.append(disk)
                    self.results.append((f"{KIND}/{place}", "detach"))
        self.disks = [_placed(disk, place) for place, disk in enumerate(self.disks)]
        self._check_made()

    def _take(self, item: int | str) -> tuple[int, Disk]:
        place = find_place(KIND, item, self.disks)
        return place, self.disks.pop(place)

    def _check_made(self) -> None:
        gone = {disk.uuid for _, disk in self.removed} | {disk.uuid for disk in self.detached}
        new = {disk.uuid for disk in self.made} | {disk.uuid for _, disk in self.moved}
        if gone & new:
            raise OpPrereqError(
                "A disk cannot be added and removed in one operation", ErrorCode.WRONG_INPUT
            )

    # -- new ones

    def _add(self, item: int | str, wish: DiskRequest) -> None:
        place = new_place(KIND, item, self.disks, MAX_DISKS)
        template = self._template(wish)
        wished = read_disk(place, wish, template)
        folder, driver = self._home(template)
        uuid = self._job.random.uuid()
        disk = make_disk(
            place,
            wished,
            template=template,
            uuid=uuid,
            folder=folder,
            driver=driver,
            node_uuid=self._context.node.uuid,
        )
        self._reserve(uuid)
        self.disks.insert(place, disk)
        self.made.append(disk)
        text = f"add:size={disk.size},mode={disk.mode}"
        self.results.append((f"{KIND}/{place}", text))

    def _template(self, wish: DiskRequest) -> DiskTemplate:
        given = wish.get("dev_type")
        if given is None and not self.disks:
            raise OpPrereqError(
                "Must specify disk type on diskless instance", ErrorCode.WRONG_INPUT
            )
        known = self.disks[0].dev_type if given is None else given
        if known not in frozenset(DiskTemplate) - {DiskTemplate.DISKLESS}:
            raise OpPrereqError(
                f"Invalid disk type '{known}': it is one of {', '.join(AVAILABLE[1:])}",
                ErrorCode.WRONG_INPUT,
            )
        return choose_template(self._context.config, DiskTemplate(known))

    def _home(self, template: DiskTemplate) -> tuple[str, str]:
        """Folder and driver: those of the disks there are, unless others are wished."""
        context = self._context
        alike = [disk for disk in self.disks if disk.dev_type is template]
        if alike and context.storage_dir is None:
            folder = posixpath.dirname(str(alike[0].logical_id[1]))
        else:
            name = context.instance.name
            folder = storage_folder(context.config, template, context.storage_dir, name)
        if context.driver is not None:
            return folder, context.driver.value
        return folder, str(alike[0].logical_id[0]) if alike else FileDriver.LOOP.value

    def _attach(self, item: int | str, wish: DiskRequest) -> None:
        place = new_place(KIND, item, self.disks, MAX_DISKS)
        disk = self._free_disk(wish)
        self._check_near(disk)
        self._reserve(disk.uuid)
        renamed = disk_of(disk, self._context.instance.name)
        if renamed != disk:
            self.moved.append((disk, renamed))
        self.disks.insert(place, renamed)
        text = f"attach:size={disk.size},mode={disk.mode}"
        self.results.append((f"{KIND}/{place}", text))

    def _free_disk(self, wish: DiskRequest) -> Disk:
        """The disk without an instance that a request names."""
        if len(wish) != 1 or not wish.keys() <= {"uuid", "name"}:
            raise OpPrereqError(
                "To attach a disk, give its name or its uuid and nothing else",
                ErrorCode.WRONG_INPUT,
            )
        ((key, given),) = wish.items()
        config = self._context.config
        found = [disk for disk in config.disks.values() if getattr(disk, key) == given]
        if not found:
            raise OpPrereqError(f"Disk with {key} '{given}' not known", ErrorCode.NOT_FOUND)
        free = [disk for disk in found if config.disk_owner(disk.uuid) is None]
        if len(free) == 1:
            return free[0]
        if free:
            raise OpPrereqError(
                f"Several disks are called '{given}': give the uuid", ErrorCode.NOT_UNIQUE
            )
        owner = config.instances[str(config.disk_owner(found[0].uuid))]
        raise OpPrereqError(
            f"Disk '{given}' is attached to instance '{owner.name}'", ErrorCode.WRONG_STATE
        )

    def _check_near(self, disk: Disk) -> None:
        nodes = disk_nodes(disk)
        node = self._context.node
        if nodes and node.uuid not in nodes:
            names = [self._context.config.nodes[uuid].name for uuid in nodes]
            raise OpPrereqError(
                f"Disk {disk.uuid} is on {', '.join(names)}, not on the instance's primary node"
                f" {node.name}",
                ErrorCode.WRONG_STATE,
            )

    def _reserve(self, uuid: str) -> None:
        try:
            self._job.reserve(Reservation(kind=ReservationKind.DISK, key=uuid, job_id=self._job.id))
        except ReservationError as err:
            raise OpPrereqError(
                f"Disk {uuid} is used by another job", ErrorCode.NOT_UNIQUE
            ) from err

    # -- those there are

    def _modify(self, item: int | str, wish: DiskRequest) -> None:
        place = find_place(KIND, item, self.disks)
        if "size" in wish:
            raise OpPrereqError(
                "Disk size change not possible, use grow-disk", ErrorCode.WRONG_INPUT
            )
        unknown = sorted(set(wish) - set(_CHANGEABLE))
        if unknown:
            raise OpPrereqError(
                f"Parameter '{unknown[0]}' of a disk cannot be changed;"
                f" these can: {', '.join(_CHANGEABLE)}",
                ErrorCode.WRONG_INPUT,
            )
        disk = self.disks[place]
        if "mode" in wish:
            disk = replace(disk, mode=read_mode(place, wish["mode"]))
        if "name" in wish:
            disk = replace(disk, name=read_name(wish["name"]))
        if "spindles" in wish:
            disk = replace(disk, spindles=self._spindles(disk, wish["spindles"]))
        self.disks[place] = disk
        told = {"mode": disk.mode.value, "name": disk.name, "spindles": disk.spindles}
        self.results += [(f"{KIND}.{key}/{place}", told[key]) for key in told if key in wish]

    def _spindles(self, disk: Disk, given: str | int) -> int:
        config, node = self._context.config, self._context.node
        usable = TEMPLATES[disk.dev_type].exclusive_storage
        if not (usable and config.filled_ndparams(node).exclusive_storage):
            raise OpPrereqError(NO_SPINDLES, ErrorCode.WRONG_INPUT)
        if not isinstance(given, int) or given < 1:
            raise OpPrereqError(
                f"Invalid number of spindles '{given}': at least 1", ErrorCode.WRONG_INPUT
            )
        return given


def _placed(disk: Disk, place: int) -> Disk:
    return replace(disk, iv_name=f"disk/{place}")
