"""Fields of OS definitions: what the nodes have, put together."""

from __future__ import annotations

from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass
from typing import Any

from ganeti.errors import GanetiError
from ganeti.model.live import OsInfo
from ganeti.query.fields import Field, Kind, Need, Resource, table
from ganeti.query.once import once
from ganeti.query.view import View
from ganeti.utils.text import nice_sort_key


@dataclass(frozen=True)
class OsSummary:
    """An OS definition on all nodes that answered."""

    name: str
    on_nodes: Mapping[str, Sequence[OsInfo]]
    """Definitions found, by node uuid, first of the search path first; of each node that
    answered."""

    @once
    def _used(self) -> list[OsInfo]:
        """The definition each node would use."""
        return [found[0] for found in self.on_nodes.values() if found]

    @property
    def valid(self) -> bool:
        """Usable on all nodes, in the same version."""
        everywhere = len(self._used) == len(self.on_nodes)
        common = self._used and set.intersection(*(set(one.api_versions) for one in self._used))
        return everywhere and bool(common) and all(one.valid for one in self._used)

    @property
    def variants(self) -> list[str]:
        """Variants that all nodes have."""
        return self._common([one.variants for one in self._used])

    @property
    def api_versions(self) -> list[int]:
        """Versions of the OS interface that it has on all nodes."""
        return sorted(self._common([one.api_versions for one in self._used]))

    @property
    def parameters(self) -> list[list[str]]:
        """Parameters that it has on all nodes, with their documentation."""
        return [list(one) for one in self._common([one.parameters for one in self._used])]

    @property
    def trusted(self) -> bool:
        """Whether all nodes let it run without isolation."""
        return all(one.trusted for one in self._used)

    def _common(self, lists: Sequence[Sequence[Any]]) -> list[Any]:
        if not lists:
            return []
        return [one for one in lists[0] if all(one in other for other in lists[1:])]


def combine_os(answers: Mapping[str, Sequence[OsInfo] | GanetiError]) -> list[OsSummary]:
    """
    All OS definitions, in natural order of their names.

    @param answers: what each node has, or why it did not say so, by node uuid.
    """
    known = {uuid: one for uuid, one in answers.items() if not isinstance(one, GanetiError)}
    names = {one.name for found in known.values() for one in found}
    return [
        OsSummary(
            name,
            {uuid: [one for one in found if one.name == name] for uuid, found in known.items()},
        )
        for name in sorted(names, key=nice_sort_key)
    ]


@dataclass(frozen=True, slots=True)
class OsRow:
    """An OS definition beside the cluster's settings."""

    os: OsSummary
    view: View

    @property
    def node_status(self) -> dict[str, list[Any]]:
        """
        By node name, for each definition: path, valid, reason, variants, parameters, API
        versions, trusted.
        """
        nodes = self.view.config.nodes
        return {
            nodes[uuid].name: [_status(one) for one in found]
            for uuid, found in self.os.on_nodes.items()
            if uuid in nodes
        }


def _status(one: OsInfo) -> list[Any]:
    parameters = [list(parameter) for parameter in one.parameters]
    versions = list(one.api_versions)
    return [one.path, one.valid, one.reason, list(one.variants), parameters, versions, one.trusted]


def _all(view: View) -> Iterable[OsSummary]:
    return combine_os(view.live.os)


def _field(name: str, title: str, kind: Kind, doc: str, get: Any) -> Field:
    return Field(name, title, kind, doc, get, Need.OS)


FIELDS = [
    _field("name", "Name", Kind.TEXT, "Name of the OS definition", lambda row: row.os.name),
    _field("valid", "Valid", Kind.BOOL, "Usable on all nodes", lambda row: row.os.valid),
    _field("hidden", "Hidden", Kind.BOOL, "Left out of lists unless asked for",
           lambda row: row.os.name in row.view.config.cluster.hidden_os),
    _field("blacklisted", "Blacklisted", Kind.BOOL, "Not for new instances",
           lambda row: row.os.name in row.view.config.cluster.blacklisted_os),
    _field("variants", "Variants", Kind.OTHER, "Variants that all nodes have",
           lambda row: row.os.variants),
    _field("api_versions", "ApiVersions", Kind.OTHER, "Versions of the OS interface",
           lambda row: row.os.api_versions),
    _field("parameters", "Parameters", Kind.OTHER, "Its parameters, each with a line of text",
           lambda row: row.os.parameters),
    _field("trusted", "Trusted", Kind.BOOL, "May run without isolation",
           lambda row: row.os.trusted),
    _field("node_status", "NodeStatus", Kind.OTHER, "What each node has",
           lambda row: row.node_status),
    _field("os_hvp", "OsHypervisorParams", Kind.OTHER, "Hypervisor parameters set for it",
           lambda row: row.view.config.cluster.os_hvp.get(row.os.name, {})),
    _field("osparams", "OsParameters", Kind.OTHER, "OS parameters the cluster sets for it",
           lambda row: row.view.config.cluster.osparams.get(row.os.name, {})),
]  # fmt: skip

OS = Resource(
    name="os",
    label="OS",
    fields=table(FIELDS),
    objects=_all,
    row=OsRow,
    asks=Need.OS,
)
