"""Calls about guests."""

from __future__ import annotations

from dataclasses import dataclass

from twisted.logger import Logger

from ganeti.hypervisor.interface import IHypervisor
from ganeti.hypervisor.registry import hypervisor_of
from ganeti.model.live import InstanceRuntime, InstanceSpec, RunState
from ganeti.noded.dispatcher import Dispatcher
from ganeti.noded.services import NodeServices
from ganeti.noded.work import CallContext
from ganeti.rpc.calls import (
    GetInstance,
    ListInstances,
    RebootInstance,
    SetMemory,
    StartInstance,
    StopInstance,
)
from ganeti.storage.registry import BlockDevices, storage_of

log = Logger()


def register(dispatcher: Dispatcher, node: NodeServices) -> None:
    """Let C{dispatcher} answer the calls of this module."""
    instances = _Instances(node)
    dispatcher.register(StartInstance, instances.start)
    dispatcher.register(StopInstance, instances.stop)
    dispatcher.register(RebootInstance, instances.reboot)
    dispatcher.register(SetMemory, instances.set_memory)
    dispatcher.register(GetInstance, instances.get)
    dispatcher.register(ListInstances, instances.list)


async def activate_disks(storage: BlockDevices, spec: InstanceSpec) -> tuple[str, ...]:
    """
    The paths of an instance's disks, in the guest's order.

    @raise StorageError: one is not there.
    """
    return tuple(
        [await storage_of(storage, each.disk.dev_type).activate(each.disk) for each in spec.disks]
    )


@dataclass(frozen=True)
class _Instances:
    node: NodeServices

    def _hypervisor(self, name: str) -> IHypervisor:
        return hypervisor_of(self.node.hypervisors, name)

    async def start(self, call: StartInstance, context: CallContext) -> None:
        hypervisor = self._hypervisor(call.spec.hypervisor)
        disk_paths = await activate_disks(self.node.storage, call.spec)
        await hypervisor.start(call.spec, disk_paths, call.paused)

    async def stop(self, call: StopInstance, context: CallContext) -> None:
        """Only the very instance: another one of its name is left alone."""
        hypervisor = self._hypervisor(call.hypervisor)
        running = await hypervisor.get(call.name)
        if running is not None and running.uuid not in (None, call.uuid):
            log.warn(
                "{name} runs with uuid {other}, so {uuid} does not",
                name=call.name,
                other=running.uuid,
                uuid=call.uuid,
            )
            return
        await hypervisor.stop(call.name, call.shutdown_timeout_s, call.force)

    async def reboot(self, call: RebootInstance, context: CallContext) -> None:
        """What an interrupted run has done is not done again."""
        hypervisor = self._hypervisor(call.spec.hypervisor)
        disk_paths = await activate_disks(self.node.storage, call.spec)
        mark = context.request_id or ""
        if context.repeated:
            guest = await hypervisor.get(call.spec.instance.name)
            if guest is None or guest.state not in (RunState.RUNNING, RunState.PAUSED):
                return await hypervisor.start(call.spec, disk_paths)  # it got as far as its end
            if guest.mark == mark:
                return None
        return await hypervisor.reboot(call.spec, disk_paths, mark)

    async def set_memory(self, call: SetMemory, context: CallContext) -> None:
        """When it takes back a change, a guest that has ended meanwhile has no memory to set."""
        hypervisor = self._hypervisor(call.hypervisor)
        if context.undoes is not None and await hypervisor.get(call.name) is None:
            return
        await hypervisor.set_memory(call.name, call.memory_mib)

    async def get(self, call: GetInstance, context: CallContext) -> InstanceRuntime | None:
        return await self._hypervisor(call.hypervisor).get(call.name)

    async def list(self, call: ListInstances, context: CallContext) -> tuple[InstanceRuntime, ...]:
        return tuple(
            [
                instance
                for name in call.hypervisors
                for instance in await self._hypervisor(name).list()
            ]
        )
