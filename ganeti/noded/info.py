"""What a node has and how much of it is free."""

from __future__ import annotations

from collections.abc import Mapping, Sequence

from msgspec.structs import replace
from twisted.internet.interfaces import IReactorTime
from twisted.logger import Logger

from ganeti.errors import FileStoragePathError, StorageError
from ganeti.hypervisor.interface import IHypervisor
from ganeti.hypervisor.registry import hypervisor_of
from ganeti.model.hypervisors import HypervisorName
from ganeti.model.live import NodeResources, StorageSpace
from ganeti.model.templates import DiskTemplate, StorageType
from ganeti.storage.registry import BlockDevices
from ganeti.utils import procfs
from ganeti.utils.threads import Threads

log = Logger()

# The storage types that report their space, by the template whose driver knows.
_SPACE_OF: Mapping[str, DiskTemplate] = {
    StorageType.FILE: DiskTemplate.FILE,
    StorageType.SHAREDFILE: DiskTemplate.SHAREDFILE,
    StorageType.DISKLESS: DiskTemplate.DISKLESS,
}


async def collect_info(
    hypervisors: Mapping[HypervisorName, IHypervisor],
    storage: BlockDevices,
    clock: IReactorTime,
    threads: Threads,
    wanted: Sequence[HypervisorName],
    units: Sequence[tuple[str, str]],
) -> NodeResources:
    """
    Gather it.

    @param wanted: the first of these hypervisors is asked for memory and processors.
    @param units: (storage type, key); one that cannot tell gets no figures.
    @raise HypervisorError: the hypervisor does not answer, or is none of this node's.
    """
    found = NodeResources()
    if wanted:
        found = await hypervisor_of(hypervisors, wanted[0]).node_info()
    boot_id = found.bootid or await threads.run(procfs.boot_id)
    spaces = [await _space(storage, kind, key) for kind, key in units]
    return replace(found, bootid=boot_id, time_ns=int(clock.seconds() * 1e9), storage=tuple(spaces))


async def _space(storage: BlockDevices, kind: str, key: str) -> StorageSpace:
    driver = storage.get(_SPACE_OF[kind]) if kind in _SPACE_OF else None
    if driver is not None:
        try:
            return replace(await driver.space(key), kind=kind)
        except (StorageError, FileStoragePathError) as err:
            log.warn("No figures for {kind} storage {key}: {err}", kind=kind, key=key, err=err)
    return StorageSpace(kind=kind, name=key)
