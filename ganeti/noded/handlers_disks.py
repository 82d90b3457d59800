"""Calls about disks."""

from __future__ import annotations

from dataclasses import dataclass

from ganeti.noded.dispatcher import Dispatcher
from ganeti.noded.services import NodeServices
from ganeti.noded.work import CallContext
from ganeti.rpc.calls import (
    ActivateDisk,
    CheckFileStorage,
    CreateDisk,
    DeactivateDisk,
    FoundDisk,
    ListDisks,
    RemoveDisk,
    RenameDisk,
)
from ganeti.storage.file import thd_check_directory
from ganeti.storage.registry import storage_of


def register(dispatcher: Dispatcher, node: NodeServices) -> None:
    """Let C{dispatcher} answer the calls of this module."""
    disks = _Disks(node)
    dispatcher.register(CreateDisk, disks.create)
    dispatcher.register(RemoveDisk, disks.remove)
    dispatcher.register(RenameDisk, disks.rename)
    dispatcher.register(ActivateDisk, disks.activate)
    dispatcher.register(DeactivateDisk, disks.deactivate)
    dispatcher.register(ListDisks, disks.list)
    dispatcher.register(CheckFileStorage, disks.check_file_storage)


@dataclass(frozen=True)
class _Disks:
    node: NodeServices

    async def create(self, call: CreateDisk, context: CallContext) -> str:
        storage = storage_of(self.node.storage, call.disk.dev_type)
        await storage.create(call.disk)
        return await storage.activate(call.disk)

    async def remove(self, call: RemoveDisk, context: CallContext) -> None:
        """When it takes back a creation that may have been refused, only what is certainly ours."""
        storage = storage_of(self.node.storage, call.disk.dev_type)
        await storage.deactivate(call.disk)
        await storage.remove(call.disk, own_only=context.undoes is not None)

    async def rename(self, call: RenameDisk, context: CallContext) -> None:
        storage = storage_of(self.node.storage, call.disk.dev_type)
        await storage.deactivate(call.disk)
        await storage.rename(call.disk, call.renamed)

    async def activate(self, call: ActivateDisk, context: CallContext) -> str:
        return await storage_of(self.node.storage, call.disk.dev_type).activate(call.disk)

    async def deactivate(self, call: DeactivateDisk, context: CallContext) -> None:
        await storage_of(self.node.storage, call.disk.dev_type).deactivate(call.disk)

    async def list(self, call: ListDisks, context: CallContext) -> tuple[FoundDisk, ...]:
        return tuple(
            [
                FoundDisk(dev_type=template, place=place)
                for template, storage in self.node.storage.items()
                for place in await storage.list()
            ]
        )

    async def check_file_storage(self, call: CheckFileStorage, context: CallContext) -> str:
        return await self.node.threads.run(thd_check_directory, self.node.paths, call.path)
