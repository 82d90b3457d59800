"""Compare the OS definitions of all nodes."""

from __future__ import annotations

from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass
from typing import Any

from ganeti.errors import ErrorCode, GanetiError, OpPrereqError
from ganeti.model.cluster import Cluster
from ganeti.model.live import OsInfo
from ganeti.opcodes.os import OpOsDiagnose
from ganeti.operations.asking import online, reason
from ganeti.operations.unit import Unit
from ganeti.rpc.calls import DiagnoseOs
from ganeti.utils.text import nice_sort_key


@dataclass(frozen=True, kw_only=True)
class OsOnNodes:
    """
    One OS definition, as all nodes have it.

    @ivar found: what each node found, by its uuid, the one that counts first.
    """

    name: str
    found: Mapping[str, tuple[OsInfo, ...]]

    @property
    def valid(self) -> bool:
        """Every node has it, and finds it valid."""
        return all(infos and infos[0].valid for infos in self.found.values())

    @property
    def effective(self) -> list[OsInfo]:
        """The one that each node would use, if it has any."""
        return [infos[0] for infos in self.found.values() if infos]

    def common(self, of: Callable[[OsInfo], Sequence[Any]]) -> list[Any]:
        """What all nodes that have it agree on, in the first one's order."""
        lists = [of(info) for info in self.effective if info.valid]
        if not lists:
            return []
        return [item for item in lists[0] if all(item in other for other in lists[1:])]


class OsDiagnose(Unit[OpOsDiagnose, None]):
    """Ask all nodes, merge by name, and pick the fields."""

    OP = OpOsDiagnose

    async def plan(self) -> None:
        unknown = [field for field in self.op.output_fields if field not in FIELDS]
        if unknown:
            raise OpPrereqError(
                f"Unknown output fields selected: {', '.join(unknown)}", ErrorCode.WRONG_INPUT
            )

    async def execute(self, plan: None) -> list[list[Any]]:
        config = self.job.snapshot().config
        nodes = online(node for node in config.nodes.values() if node.vm_capable)
        answers = await self.job.rpc.call_all(nodes, DiagnoseOs())
        for uuid, answer in answers.items():
            if isinstance(answer, GanetiError):
                name = config.nodes[uuid].name
                self.job.warn(f"Node {name} left out, it did not answer: {reason(answer)}")
        found = {u: a for u, a in answers.items() if not isinstance(a, GanetiError)}
        rows = [each for each in merge(found) if self._wanted(each, config.cluster)]
        return [[FIELDS[f](each, config.cluster) for f in self.op.output_fields] for each in rows]

    def _wanted(self, each: OsOnNodes, cluster: Cluster) -> bool:
        """As ever: what is hidden, blacklisted or broken shows only if its field is asked for."""
        if self.op.names and each.name not in self.op.names:
            return False
        asked = self.op.output_fields
        return (
            ("hidden" in asked or not _hidden(each, cluster))
            and ("blacklisted" in asked or not _blacklisted(each, cluster))
            and ("valid" in asked or each.valid)
        )


def merge(found: Mapping[str, Sequence[OsInfo]]) -> list[OsOnNodes]:
    """All OS definitions in natural order of their names. @param found: by node uuid."""
    names = {info.name for infos in found.values() for info in infos}
    return [
        OsOnNodes(
            name=name,
            found={
                uuid: tuple(info for info in infos if info.name == name)
                for uuid, infos in found.items()
            },
        )
        for name in sorted(names, key=nice_sort_key)
    ]


def _hidden(each: OsOnNodes, cluster: Cluster) -> bool:
    return each.name in cluster.hidden_os


def _blacklisted(each: OsOnNodes, cluster: Cluster) -> bool:
    return each.name in cluster.blacklisted_os


def _variants(each: OsOnNodes, cluster: Cluster) -> list[str]:
    return sorted(each.common(lambda info: info.variants), key=nice_sort_key)


def _parameters(each: OsOnNodes, cluster: Cluster) -> list[list[str]]:
    return [list(pair) for pair in each.common(lambda info: info.parameters)]


def _api_versions(each: OsOnNodes, cluster: Cluster) -> list[int]:
    return sorted(each.common(lambda info: info.api_versions))


def _node_status(each: OsOnNodes, cluster: Cluster) -> dict[str, list[list[Any]]]:
    return {uuid: [_status(info) for info in infos] for uuid, infos in each.found.items()}


def _status(info: OsInfo) -> list[Any]:
    return [
        info.path,
        info.valid,
        info.reason,
        list(info.variants),
        [list(pair) for pair in info.parameters],
        sorted(info.api_versions),
        info.trusted,
    ]


def _trusted(each: OsOnNodes, cluster: Cluster) -> bool:
    return all(info.trusted for info in each.effective)


FIELDS: dict[str, Callable[[OsOnNodes, Cluster], Any]] = {
    "name": lambda each, cluster: each.name,
    "valid": lambda each, cluster: each.valid,
    "node_status": _node_status,
    "variants": _variants,
    "parameters": _parameters,
    "api_versions": _api_versions,
    "hidden": _hidden,
    "blacklisted": _blacklisted,
    "os_hvp": lambda each, cluster: cluster.os_hvp.get(each.name, {}),
    "osparams": lambda each, cluster: cluster.osparams.get(each.name, {}),
    "trusted": _trusted,
}
"""diagnose_fields of os_interface.json."""
