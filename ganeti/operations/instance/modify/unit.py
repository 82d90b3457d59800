"""Change an instance."""

from __future__ import annotations

from dataclasses import dataclass
from typing import Any

from msgspec import Raw
from msgspec.structs import replace

from ganeti.model.config import Configuration
from ganeti.model.disk import Disk
from ganeti.model.instance import Instance
from ganeti.model.locks import Level, shared
from ganeti.model.node import Node
from ganeti.model.recovery import Action, InConfig, ModifyInstance, OnNode
from ganeti.model.state import State
from ganeti.model.templates import TEMPLATES
from ganeti.opcodes.instance import OpInstanceSetParams
from ganeti.operations.asking import check_online
from ganeti.operations.describing import describe_actions, describe_disk, node_name
from ganeti.operations.instance.create_checks import check_storage
from ganeti.operations.instance.environment import instance_hooks
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
from ganeti.operations.instance.state import find_instance, instance_locks
from ganeti.operations.unit import HookPlan, LockRequest, Unit
from ganeti.rpc.calls import CreateDisk, RemoveDisk, RenameDisk, SetMemory, encode_call
from ganeti.utils.text import format_unit


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


class InstanceSetParams(Unit[OpInstanceSetParams, ModifyPlan]):
    """
    What is done on nodes and can be taken back comes first: memory, new disks, moves.

    Then the configuration gets all changes at once, and the data of removed disks goes.
    """

    OP = OpInstanceSetParams

    def locks(self, state: State) -> LockRequest:
        checks.check_request(self.op)
        instance = self._instance(state)
        node = self._new_primary(state.config, instance)
        return (*instance_locks(state.config, instance), *shared(Level.NODE, node.uuid))

    def _instance(self, state: State) -> Instance:
        return find_instance(state.config, self.op.instance_name, self.op.instance_uuid)

    def _new_primary(self, config: Configuration, instance: Instance) -> Node:
        given = self.op.pnode if self.op.pnode_uuid is None else self.op.pnode_uuid
        return config.nodes[instance.primary_node] if given is None else config.find_node(given)

    async def plan(self) -> ModifyPlan:
        state = self.job.snapshot()
        config, before = state.config, self._instance(state)
        if self.op.disk_template is not None:
            checks.check_conversion(config, before, self.op.disk_template)
        results: list[Result] = []
        instance = await self._change_place(config, before, results)
        instance = self._change_parameters(config, instance, results)
        instance = await self._change_os(config, instance, results)
        instance = self._change_nics(config, instance, results)
        changes = await self._change_disks(config, before, instance, results)
        instance = replace(instance, disks=tuple(disk.uuid for disk in changes.disks))
        instance = await self._change_state(config, instance, results)
        await self._check_sizes(config, before, instance, changes)
        return ModifyPlan(
            before=before,
            instance=instance,
            disks=tuple(changes.disks),
            made=tuple(changes.made),
            moved=tuple(changes.moved),
            removed=tuple(changes.removed),
            memory=await self._plan_memory(config, instance, results),
            results=tuple(results),
        )

    # -- planning

    async def _change_place(
        self, config: Configuration, instance: Instance, results: list[Result]
    ) -> Instance:
        node = self._new_primary(config, instance)
        if node.uuid == instance.primary_node:
            return instance
        disks = config.instance_disks(instance)
        force = self.op.force
        await checks.check_new_primary(self.job, config, instance, disks, node, force=force)
        results.append(("primary_node", node.name))
        return replace(instance, primary_node=node.uuid)

    def _change_parameters(
        self, config: Configuration, instance: Instance, results: list[Result]
    ) -> Instance:
        op = self.op
        if op.hvparams:
            instance = replace(instance, hvparams=new_hvparams(config, instance, op.hvparams))
            results += told("hv", op.hvparams)
        if op.beparams:
            instance = replace(instance, beparams=new_beparams(config, instance, op.beparams))
            results += told("be", op.beparams)
        return instance

    async def _change_os(
        self, config: Configuration, instance: Instance, results: list[Result]
    ) -> Instance:
        op = self.op
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
        await self._check_os(config, instance)
        results += [("os", op.os_name)] if op.os_name else []
        results += told("os", op.osparams) + told("os_private", private)
        return instance

    async def _check_os(self, config: Configuration, instance: Instance) -> None:
        node = config.nodes[instance.primary_node]
        if self.op.force:
            return
        if node.offline:
            self.job.warn(f"Node {node.name} is offline: the OS is not checked")
            return
        names = {*config.filled_osparams(instance), *instance.osparams_private}
        changed = self.op.os_name is not None
        await check_os(
            self.job,
            node,
            instance.os,
            names,
            force_variant=self.op.force_variant or not changed,
            required=changed,
        )

    def _change_nics(
        self, config: Configuration, instance: Instance, results: list[Result]
    ) -> Instance:
        context = NicContext(
            config=config,
            node=config.nodes[instance.primary_node],
            own_ip=None,
            conflicts_check=self.op.conflicts_check,
            identify_defaults=False,
        )
        changes = InterfaceChanges(self.job, context, instance.nics)
        changes.apply(self.op.nics)
        results += changes.results
        return replace(instance, nics=tuple(changes.nics))

    async def _change_disks(
        self,
        config: Configuration,
        before: Instance,
        instance: Instance,
        results: list[Result],
    ) -> DiskChanges:
        node = config.nodes[instance.primary_node]
        context = DiskContext(
            config=config,
            instance=before,
            node=node,
            storage_dir=self.op.file_storage_dir,
            driver=self.op.file_driver,
        )
        changes = DiskChanges(self.job, context)
        changes.apply(self.op.disks)
        hotplug = self.op.hotplug
        for verb, taken in (("remove", changes.removed), ("detach", changes.detached)):
            if taken:
                await checks.check_removable(self.job, config, before, verb, hotplug=hotplug)
        if changes.made or changes.moved:
            check_online(node)
        for folder in {str(disk.logical_id[1]).rpartition("/")[0] for disk in changes.made}:
            await check_storage(self.job, node, folder)
        if node.uuid != before.primary_node:
            changes.disks = [_moved(disk, before.primary_node, node) for disk in changes.disks]
        results += changes.results
        return changes

    async def _change_state(
        self, config: Configuration, instance: Instance, results: list[Result]
    ) -> Instance:
        if self.op.offline is None:
            return instance
        state = await checks.new_state(self.job, config, instance, offline=self.op.offline)
        results.append(("admin_state", state.value))
        return replace(instance, admin_state=state)

    async def _check_sizes(
        self, config: Configuration, before: Instance, instance: Instance, changes: DiskChanges
    ) -> None:
        ignore = self.op.ignore_ipolicy
        checks.check_sizes(self.job, config, before, instance, changes.disks, ignore=ignore)
        if self.op.beparams and not self.op.force:
            await check_room(self.job, config, before, instance)

    async def _plan_memory(
        self, config: Configuration, instance: Instance, results: list[Result]
    ) -> MemoryChange | None:
        wanted = self.op.runtime_mem
        if wanted is None:
            return None
        force = self.op.force
        change = await plan_memory(self.job, config, instance, wanted, force=force)
        results.insert(0, ("runtime_memory", wanted))
        return change

    # -- doing

    def hooks(self, plan: ModifyPlan) -> HookPlan:
        config = self.job.snapshot().config
        return self._hooks(plan, plan.before, config.instance_disks(plan.before))

    def hooks_after(self, plan: ModifyPlan) -> dict[str, str]:
        known = self.job.snapshot().config.instances.get(plan.instance.uuid, plan.instance)
        return dict(self._hooks(plan, known, list(plan.disks)).env)

    def _hooks(self, plan: ModifyPlan, instance: Instance, disks: list[Disk]) -> HookPlan:
        config = self.job.snapshot().config
        extra = {} if plan.memory is None else {"RUNTIME_MEMORY": str(plan.memory.after)}
        return instance_hooks(config, "instance-modify", instance, disks, extra)

    def describe(self, plan: ModifyPlan) -> list[str]:
        config = self.job.snapshot().config
        name, where = plan.instance.name, f"on {node_name(config, plan.instance.primary_node)}"
        lines = []
        if plan.memory is not None:
            lines.append(f"give instance {name} {format_unit(plan.memory.after)} of memory {where}")
        lines += [f"create {describe_disk(disk)} {where}" for disk in plan.made]
        lines += [
            f"move {describe_disk(disk)} to {renamed.logical_id[-1]} {where}"
            for disk, renamed in plan.moved
        ]
        change, *removals = describe_actions(config, self._actions(plan))
        told = ", ".join(f"{what} -> {value}" for what, value in plan.results)
        return [*lines, f"{change}: {told}", *removals]

    def dry_result(self, plan: ModifyPlan) -> list[Any]:
        return [list(result) for result in plan.results]

    async def execute(self, plan: ModifyPlan) -> list[Any]:
        node_uuid = plan.instance.primary_node
        if plan.memory is not None:
            set_to, set_back = (
                SetMemory(
                    name=plan.instance.name,
                    hypervisor=plan.instance.hypervisor,
                    memory_mib=memory_mib,
                )
                for memory_mib in (plan.memory.after, plan.memory.before)
            )
            await self.job.step(node_uuid, set_to, set_back)
        await self._make_disks(plan)
        for disk, renamed in plan.moved:
            move = RenameDisk(disk=disk, renamed=renamed)
            await self.job.step(node_uuid, move, RenameDisk(disk=renamed, renamed=disk))
        result = self.dry_result(plan)
        await self.job.finish(self._actions(plan), result=result)
        return result

    async def _make_disks(self, plan: ModifyPlan) -> None:
        instance = plan.instance
        for disk in plan.made:
            place = instance.disks.index(disk.uuid)
            self.job.log(f"* disk {place}, size {format_unit(disk.size)}")
            call = CreateDisk(disk=disk, instance_uuid=instance.uuid, instance_name=instance.name)
            await self.job.step(instance.primary_node, call, RemoveDisk(disk=disk))
        if plan.made and self.op.wait_for_sync:
            self.job.info(f"Waiting for instance {instance.name} to sync disks")
            self.job.info(f"Instance {instance.name}'s disks are in sync")

    def _actions(self, plan: ModifyPlan) -> tuple[Action, ...]:
        change = build_change(self.job.snapshot().config, plan)
        removals = [
            OnNode(
                node_uuid=node_uuid,
                call=Raw(encode_call(RemoveDisk(disk=disk))),
                may_fail=True,
                what=f"Could not remove disk {place} of instance {plan.instance.name}",
            )
            for place, disk in plan.removed
            for node_uuid in disk.nodes or (plan.before.primary_node,)
        ]
        return (InConfig(compensation=change), *removals)


def _moved(disk: Disk, old_uuid: str, node: Node) -> Disk:
    """C{disk}, whose data is on another node now."""
    if old_uuid not in disk.nodes or TEMPLATES[disk.dev_type].mirrored:
        return disk
    nodes = tuple(node.uuid if uuid == old_uuid else uuid for uuid in disk.nodes)
    return replace(disk, nodes=nodes)


def build_change(config: Configuration, plan: ModifyPlan) -> ModifyInstance:
    """What the configuration gets: the values that change, and no others."""
    names = (
        "primary_node",
        "os",
        "admin_state",
        "hvparams",
        "beparams",
        "osparams",
        "osparams_private",
        "nics",
        "disks",
    )
    values = {
        name: getattr(plan.instance, name)
        for name in names
        if getattr(plan.instance, name) != getattr(plan.before, name)
    }
    return ModifyInstance(
        uuid=plan.instance.uuid,
        **values,
        put_disks=tuple(disk for disk in plan.disks if config.disks.get(disk.uuid) != disk),
        removed_disks=tuple(disk.uuid for _, disk in plan.removed),
    )
