"""Live data of nodes, for queries: who is asked what, in one round."""

from __future__ import annotations

from collections.abc import Awaitable, Collection, Iterable
from typing import Any, Protocol, TypeVar

from ganeti.errors import GanetiError
from ganeti.model.cluster import Cluster
from ganeti.model.config import Configuration
from ganeti.model.hypervisors import HypervisorName
from ganeti.model.live import InstanceRuntime
from ganeti.model.templates import TEMPLATES, DiskTemplate, StorageType
from ganeti.query.fields import Need
from ganeti.query.view import LiveData, Runtimes
from ganeti.rpc.calls import Call, DiagnoseOs, GetNodeInfo, ListInstances
from ganeti.utils.aio import gather

R = TypeVar("R")


class Asker(Protocol):
    """Sends calls that only read."""

    def call_all(
        self, nodes: Iterable[str], call: Call[R]
    ) -> Awaitable[dict[str, R | GanetiError]]:
        """Ask many nodes at once; failures are values."""


async def gather_live(
    config: Configuration, rpc: Asker, needs: Need, node_uuids: Collection[str]
) -> LiveData:
    """
    Ask the nodes for what C{needs} says.

    Nodes that are offline or run no instances are not asked.
    """
    asked = [
        node.uuid
        for node in config.nodes.values()
        if node.uuid in node_uuids and node.vm_capable and not node.offline
    ]
    if not asked:
        return LiveData()
    questions: dict[str, Awaitable[Any]] = {}
    if Need.INSTANCES in needs:
        questions["instances"] = _instances(config.cluster, rpc, asked)
    if Need.RESOURCES in needs:
        questions["resources"] = rpc.call_all(asked, resources_call(config.cluster))
    if Need.OS in needs:
        questions["os"] = rpc.call_all(asked, DiagnoseOs())
    answers = await gather(questions.values())
    return LiveData(**dict(zip(questions, answers, strict=True)))


async def _instances(
    cluster: Cluster, rpc: Asker, asked: list[str]
) -> dict[str, Runtimes | GanetiError]:
    answers = await rpc.call_all(asked, ListInstances(hypervisors=cluster.enabled_hypervisors))
    return {uuid: _by_name(answer) for uuid, answer in answers.items()}


def _by_name(answer: tuple[InstanceRuntime, ...] | GanetiError) -> Runtimes | GanetiError:
    if isinstance(answer, GanetiError):
        return answer
    return {runtime.name: runtime for runtime in answer}


def resources_call(cluster: Cluster) -> GetNodeInfo:
    """The question what a node has: by the default hypervisor, and where new disks would go."""
    return node_question(cluster, cluster.enabled_hypervisors[:1], cluster.enabled_disk_templates)


def node_question(
    cluster: Cluster, hypervisors: tuple[HypervisorName, ...], templates: Iterable[DiskTemplate]
) -> GetNodeInfo:
    """The question what a node has, by these hypervisors, and for disks of these templates."""
    storage = tuple(_storage_units(cluster, templates))
    return GetNodeInfo(hypervisors=hypervisors, storage=storage)


def _storage_units(
    cluster: Cluster, templates: Iterable[DiskTemplate]
) -> Iterable[tuple[str, str]]:
    """
    (storage type, key) for each template that reports its space; spindles are those of
    physical volumes.
    """
    keys = {
        StorageType.FILE: cluster.file_storage_dir,
        StorageType.LVM_VG: cluster.volume_group_name or "",
    }
    wanted = {
        TEMPLATES[template].storage: None
        for template in templates
        if TEMPLATES[template].reports_free_space
    }
    for storage in wanted:
        if keys[storage]:
            yield storage.value, keys[storage]
    if StorageType.LVM_VG in wanted and cluster.volume_group_name:
        yield StorageType.LVM_PV.value, cluster.volume_group_name
