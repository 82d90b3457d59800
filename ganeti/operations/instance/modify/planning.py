"""What a request makes of an instance: each kind of change is checked and worked out in turn."""

from __future__ import annotations

from dataclasses import dataclass

from msgspec.structs import replace

from ganeti.model.config import Configuration
from ganeti.model.disk import Disk
from ganeti.model.hypervisors import check_cpu_mask
from ganeti.model.instance import Instance
from ganeti.model.node import Node
from ganeti.model.templates import TEMPLATES
from ganeti.opcodes.instance import OpInstanceSetParams
from ganeti.operations.asking import check_online
from ganeti.operations.instance.create_checks import check_storage
from ganeti.operations.instance.hypervisor_check import check_parameter_files
from ganeti.operations.instance.modify import checks
from ganeti.operations.instance.modify.disks import DiskChanges, DiskContext
from ganeti.operations.instance.modify.interfaces import InterfaceChanges
from ganeti.operations.instance.modify.memory import MemoryChange, check_room, plan_memory
from ganeti.operations.instance.modify.parameters import (
    new_beparams,
    new_hvparams,
    new_osparams,
    new_private_osparams,
    told,
)
from ganeti.operations.instance.modify.places import Result
from ganeti.operations.instance.nics import NicContext
from ganeti.operations.instance.os_check import check_os
from ganeti.operations.instance.osparams import check_osparams_apart
from ganeti.operations.unit import JobContext

MEMORY = "runtime_memory"
"""How the memory of the running guest is reported; the configuration does not have it."""


@dataclass(frozen=True, kw_only=True)
class ModifyPlan:
    """
    The instance before and after, and what to do for it.

    @ivar disks: as they will be; C{made}, C{moved} and C{removed} as in L{DiskChanges}.
    @ivar results: what is reported.
    """

    before: Instance
    instance: Instance
    disks: tuple[Disk, ...]
    made: tuple[Disk, ...] = ()
    moved: tuple[tuple[Disk, Disk], ...] = ()
    removed: tuple[tuple[int, Disk], ...] = ()
    memory: MemoryChange | None = None
    results: tuple[Result, ...] = ()


class ModifyPlanning:
    """
    Works out the changes one after another; nothing is changed yet.

    Each step takes the instance as the steps before it make it, and notes what it
    changes. Errors are those of the functions that do the work.
    """

    def __init__(
        self,
        op: OpInstanceSetParams,
        job: JobContext,
        config: Configuration,
        before: Instance,
        node: Node,
    ) -> None:
        """@param node: the primary one, as it will be."""
        self._op = op
        self._job = job
        self._config = config
        self._before = before
        self._node = node
        self._results: list[Result] = []

    async def plan(self) -> ModifyPlan:
        """@raise OpPrereqError, OpExecError, TypeEnforcementError: a change is impossible."""
        before = self._before
        if self._op.disk_template is not None:
            checks.check_conversion(self._config, before, self._op.disk_template)
        instance = await self._change_place(before)
        instance = self._change_parameters(instance)
        await self._check_files(instance)
        instance = await self._change_os(instance)
        instance = self._change_nics(instance)
        changes = await self._change_disks()
        instance = replace(instance, disks=tuple(disk.uuid for disk in changes.disks))
        instance = await self._change_state(instance)
        await self._check_sizes(instance, changes)
        memory = await self._plan_memory(instance)
        return ModifyPlan(
            before=before,
            instance=instance,
            disks=tuple(changes.disks),
            made=tuple(changes.made),
            moved=tuple(changes.moved),
            removed=tuple(changes.removed),
            memory=memory,
            results=tuple(self._results),
        )

    async def _change_place(self, instance: Instance) -> Instance:
        if self._node.uuid == instance.primary_node:
            return instance
        await checks.check_new_primary(
            self._job,
            self._config,
            instance,
            self._config.instance_disks(instance),
            self._node,
            force=self._op.force,
        )
        self._results.append(("primary_node", self._node.name))
        return replace(instance, primary_node=self._node.uuid)

    def _change_parameters(self, instance: Instance) -> Instance:
        op, config = self._op, self._config
        if op.hvparams:
            instance = replace(instance, hvparams=new_hvparams(config, instance, op.hvparams))
            self._results += told("hv", op.hvparams)
        if op.beparams:
            instance = replace(instance, beparams=new_beparams(config, instance, op.beparams))
            self._results += told("be", op.beparams)
        if op.hvparams or op.beparams:
            vcpus = config.filled_beparams(instance).vcpus
            check_cpu_mask(config.filled_hvparams(instance), vcpus)
        return instance

    async def _check_files(self, instance: Instance) -> None:
        """Those that the request names; where the node is offline, its start will tell."""
        if self._node.offline:
            return
        filled = self._config.filled_hvparams(instance)
        asked = {name: filled[name] for name in self._op.hvparams}
        await check_parameter_files(self._job, self._node, instance.hypervisor, asked)

    async def _change_os(self, instance: Instance) -> Instance:
        op = self._op
        private = op.osparams_private or {}
        if not (op.os_name or op.osparams or private):
            return instance
        instance = replace(
            instance,
            os=op.os_name or instance.os,
            osparams=new_osparams(instance, op.osparams),
            osparams_private=new_private_osparams(instance, private),
        )
        check_osparams_apart(instance.osparams, instance.osparams_private)
        if not op.force:
            await self._check_os(instance)
        self._results += [("os", op.os_name)] if op.os_name else []
        self._results += told("os", op.osparams) + told("os_private", private)
        return instance

    async def _check_os(self, instance: Instance) -> None:
        if self._node.offline:
            self._job.warn(f"Node {self._node.name} is offline: the OS is not checked")
            return
        changed = self._op.os_name is not None
        await check_os(
            self._job,
            self._node,
            instance.os,
            {*self._config.filled_osparams(instance), *instance.osparams_private},
            force_variant=self._op.force_variant or not changed,
            required=changed,
        )

    def _change_nics(self, instance: Instance) -> Instance:
        context = NicContext(
            config=self._config,
            node=self._node,
            own_ip=None,
            conflicts_check=self._op.conflicts_check,
            identify_defaults=False,
        )
        changes = InterfaceChanges(self._job, context, instance.nics)
        changes.apply(self._op.nics)
        self._results += changes.results
        return replace(instance, nics=tuple(changes.nics))

    async def _change_disks(self) -> DiskChanges:
        before, node, config = self._before, self._node, self._config
        context = DiskContext(
            config=config,
            instance=before,
            node=node,
            storage_dir=self._op.file_storage_dir,
            driver=self._op.file_driver,
        )
        changes = DiskChanges(self._job, context)
        changes.apply(self._op.disks)
        hotplug = self._op.hotplug
        for verb, taken in (("remove", changes.removed), ("detach", changes.detached)):
            if taken:
                await checks.check_removable(self._job, config, before, verb, hotplug=hotplug)
        if changes.made or changes.moved:
            check_online(node)
        for folder in {str(disk.logical_id[1]).rpartition("/")[0] for disk in changes.made}:
            await check_storage(self._job, node, folder)
        if node.uuid != before.primary_node:
            changes.disks = [_moved(disk, before.primary_node, node) for disk in changes.disks]
        self._results += changes.results
        return changes

    async def _change_state(self, instance: Instance) -> Instance:
        if self._op.offline is None:
            return instance
        offline = self._op.offline
        state = await checks.new_state(self._job, self._config, instance, offline=offline)
        self._results.append(("admin_state", state.value))
        return replace(instance, admin_state=state)

    async def _check_sizes(self, instance: Instance, changes: DiskChanges) -> None:
        checks.check_sizes(
            self._job,
            self._config,
            self._before,
            instance,
            changes.disks,
            ignore=self._op.ignore_ipolicy,
        )
        if self._op.beparams and not self._op.force:
            await check_room(self._job, self._config, self._before, instance)

    async def _plan_memory(self, instance: Instance) -> MemoryChange | None:
        wanted = self._op.runtime_mem
        if wanted is None:
            return None
        force = self._op.force
        change = await plan_memory(self._job, self._config, instance, wanted, force=force)
        self._results.insert(0, (MEMORY, wanted))
        return change


def _moved(disk: Disk, old_uuid: str, node: Node) -> Disk:
    """C{disk}, whose data is on another node now."""
    if old_uuid not in disk.nodes or TEMPLATES[disk.dev_type].mirrored:
        return disk
    nodes = tuple(node.uuid if uuid == old_uuid else uuid for uuid in disk.nodes)
    return replace(disk, nodes=nodes)
