"""
Reports of monitoring daemons (mond.json): what they say, and what placement makes of them.

Only one collector is used: that of the processors of a whole node, or with Xen that of each
instance.
"""

from __future__ import annotations

import math
from collections.abc import Callable, Mapping
from typing import Any, NamedTuple, TypeVar

import msgspec

from ganeti.htools.cluster import Cluster
from ganeti.htools.cpuloads import share_totals, take_loads
from ganeti.htools.errors import InputError
from ganeti.htools.rows import LARGEST, shown
from ganeti.utils.resolving import resolved

T = TypeVar("T")

_TOLD = 5  # instances that are named of those that are missing


class MissingLoads(InputError):
    """Of some instances nothing was measured; the text names them."""


class Report(msgspec.Struct, frozen=True, kw_only=True):
    """What one collector says. Later versions may say more."""

    name: str
    data: Any = None


class NodeReports(msgspec.Struct, frozen=True, kw_only=True):
    """What a node's daemon says, as files have it (--mond-data)."""

    node: str
    reports: tuple[Report, ...]


class _Processors(msgspec.Struct, frozen=True, kw_only=True):
    cpu_total: float


class Collector(NamedTuple):
    """
    Something that monitoring daemons measure.

    @ivar parse: what a report's data says. Raises L{InputError}.
    @ivar apply: a cluster with what was measured, given that by node name.
    """

    name: str
    parse: Callable[[Any], Any]
    apply: Callable[[Cluster, Mapping[str, Any]], Cluster]


def parse_report(body: bytes, collector: Collector) -> Any:
    """
    What a daemon's answer says.

    @raise InputError: it is none, or of another collector.
    """
    report = _decode(body, Report)
    if report.name != collector.name:
        raise InputError(f"it is a report of {shown(report.name)}")
    return collector.parse(report.data)


def parse_reports(body: bytes) -> tuple[NodeReports, ...]:
    """
    What a recording of daemons' reports says.

    @raise InputError: it is none.
    """
    return _decode(body, tuple[NodeReports, ...])


def _decode(body: bytes, kind: type[T]) -> T:
    try:
        return msgspec.json.decode(body, type=resolved(kind))
    except (msgspec.DecodeError, RecursionError, UnicodeDecodeError) as err:
        raise InputError(" ".join(str(err).split())) from err


def _parse_processors(data: Any) -> float:
    return _sane("cpu_total", _convert(data, _Processors).cpu_total)


def _parse_domains(data: Any) -> dict[str, float]:
    found = _convert(data, dict[str, float])
    return {name: _sane(shown(name), load) for name, load in found.items()}


def _convert(data: Any, kind: type[T]) -> T:
    if isinstance(data, dict) and isinstance(data.get("error"), str):
        raise InputError(shown(data["error"])[1:-1])
    try:
        return msgspec.convert(data, resolved(kind))
    except msgspec.ValidationError as err:
        raise InputError(str(err)) from err


def _sane(what: str, load: float) -> float:
    if not (math.isfinite(load) and 0 <= load <= LARGEST):
        raise InputError(f"{what}: {load} is no load")
    return load


def _take_domains(cluster: Cluster, domains: Mapping[str, Mapping[str, float]]) -> Cluster:
    """Nodes earlier in the cluster's order go first when several know an instance."""
    loads: dict[str, float] = {}
    for node in reversed(cluster.nodes):
        loads |= domains[node.name]
    missing = [one.name for one in cluster.instances if one.name not in loads]
    if missing:
        raise MissingLoads(_some(missing))
    return take_loads(cluster, loads)


def _some(names: list[str]) -> str:
    """The first names, and how many more there are."""
    told = ", ".join(names[:_TOLD])
    more = len(names) - _TOLD
    return f"{told} and {more} more" if more > 0 else told


PROCESSORS = Collector("cpu-avg-load", _parse_processors, share_totals)
XEN = Collector("xen-cpu-avg-load", _parse_domains, _take_domains)
