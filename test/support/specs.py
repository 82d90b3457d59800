"""What nodes are handed about instances, for tests."""

from __future__ import annotations

from typing import Any

from ganeti.model.disk import Disk
from ganeti.model.hypervisors import HypervisorName
from ganeti.model.live import DiskSpec, InstanceSpec, NicSpec
from ganeti.model.parameters import BeParams, NicParams
from ganeti.model.templates import DiskTemplate
from support.samples import make_disk, make_instance

FILE_STORAGE = "/srv/ganeti/file-storage"
SHARED_FILE_STORAGE = "/srv/ganeti/shared-file-storage"


def file_disk(number: int, place: int = 0, **settings: Any) -> Disk:
    """A file disk of 4 MiB, named as Ganeti names them."""
    shared = settings.get("dev_type") is DiskTemplate.SHAREDFILE
    base = SHARED_FILE_STORAGE if shared else FILE_STORAGE
    template = "sharedfile" if shared else "file"
    uuid = make_disk(number, place).uuid
    path = f"{base}/inst{number}.example.com/{uuid}.{template}.disk{place}"
    return make_disk(number, place, **{"size": 4, "logical_id": ("loop", path)} | settings)


def make_spec(
    number: int, *, memory_mib: int = 256, disks: tuple[Disk, ...] = (), **settings: Any
) -> InstanceSpec:
    """An instance to run, with one interface."""
    instance = make_instance(number, **settings)
    return InstanceSpec(
        instance=instance,
        hypervisor=HypervisorName.FAKE,
        hvparams={"migration_mode": "live"},
        beparams=BeParams(maxmem=memory_mib, minmem=memory_mib, vcpus=2),
        nics=tuple(NicSpec(nic=nic, params=NicParams()) for nic in instance.nics),
        disks=tuple(DiskSpec(disk=disk) for disk in disks),
        primary_node_name="node1.example.com",
        cluster_name="cluster.example.com",
    )
