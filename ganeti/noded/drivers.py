"""What a node daemon drives: hypervisors, storage, OS definitions; real ones or simulated ones."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, field
from typing import Any

from twisted.internet.interfaces import IReactorTime

from ganeti.hypervisor.fake import fake_in_memory
from ganeti.hypervisor.fake_behaviour import SetBehaviour
from ganeti.hypervisor.fake_store import MemoryFakeStore
from ganeti.hypervisor.interface import IHypervisor
from ganeti.hypervisor.machine import Machine, Memory, Processors
from ganeti.hypervisor.registry import HYPERVISORS
from ganeti.model.hypervisors import HypervisorName
from ganeti.model.live import OsInfo
from ganeti.model.templates import DiskTemplate
from ganeti.noded.os import FixedOsDefinitions, IOsDefinitions, OsDirectories
from ganeti.noded.os_scripts import NoOsLogs, OsLogFiles, OsLogs
from ganeti.paths import Paths
from ganeti.storage.diskless import DisklessBlockDevices
from ganeti.storage.memory import MemoryBlockDevices
from ganeti.storage.registry import BlockDevices, block_devices
from ganeti.utils.threads import Threads


@dataclass(frozen=True, kw_only=True)
class Drivers:
    """All of one node."""

    hypervisors: Mapping[HypervisorName, IHypervisor]
    storage: BlockDevices
    os_definitions: IOsDefinitions
    os_logs: OsLogs


def real_drivers(paths: Paths, reactor: Any, threads: Threads) -> Drivers:
    """
    Those of a node daemon: on this machine, below the node's root.

    @param reactor: the whole one.
    """
    return Drivers(
        hypervisors={name: make(paths, reactor, threads) for name, make in HYPERVISORS.items()},
        storage=block_devices(paths, threads),
        os_definitions=OsDirectories(paths.os_search_path, threads),
        os_logs=OsLogFiles(paths.os_log_dir, threads),
    )


@dataclass
class SimulatedMachine:
    """
    A machine in memory, which outlives the node daemons that run on it.

    @ivar behaviour: how its hypervisor misbehaves.
    """

    machine: Machine = field(
        default_factory=lambda: Machine(Memory(16384, 16384), Processors(4), "simulated")
    )
    oses: tuple[OsInfo, ...] = ()
    behaviour: SetBehaviour = field(default_factory=SetBehaviour)
    guests: MemoryFakeStore = field(default_factory=MemoryFakeStore)
    disks: MemoryBlockDevices = field(
        default_factory=lambda: MemoryBlockDevices(DiskTemplate.FILE, 1 << 20)
    )
    shared_disks: MemoryBlockDevices = field(
        default_factory=lambda: MemoryBlockDevices(DiskTemplate.SHAREDFILE, 1 << 20)
    )

    def drivers(self, clock: IReactorTime) -> Drivers:
        """For one life of its node daemon."""
        fake = fake_in_memory(self.guests, clock, self.machine, self.behaviour)
        return Drivers(
            hypervisors={HypervisorName.FAKE: fake},
            storage={
                DiskTemplate.DISKLESS: DisklessBlockDevices(),
                DiskTemplate.FILE: self.disks,
                DiskTemplate.SHAREDFILE: self.shared_disks,
            },
            os_definitions=FixedOsDefinitions(*self.oses),
            os_logs=NoOsLogs(),
        )
