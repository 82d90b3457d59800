"""
The file config.data: reading what Ganeti 3.x wrote, and writing it.

The file is a projection of the configuration. Keys that the records do not know
(a later release's, a site's patch) are kept beside them and merged back, so
that nothing gets lost by passing through here.
"""

from __future__ import annotations

from collections.abc import Iterable, Iterator, Mapping
from dataclasses import dataclass, field
from typing import Any, TypeVar

from msgspec import Struct

from ganeti import version
from ganeti.errors import ConfigurationError, ConfigVersionMismatch, ParseError
from ganeti.model import codec
from ganeti.model.cluster import Cluster
from ganeti.model.config import Configuration
from ganeti.model.disk import Disk
from ganeti.model.filter import FilterRule
from ganeti.model.group import NodeGroup
from ganeti.model.instance import Instance
from ganeti.model.network import Network
from ganeti.model.node import Node

T = TypeVar("T", bound=Struct)


class UnknownKey(Struct, frozen=True, kw_only=True):
    """A key of the file that no record has."""

    path: tuple[str, ...]
    """From its object; elements of lists by their uuid."""
    value: Any


Unknown = dict[str, tuple[UnknownKey, ...]]
"""
Unknown keys by object: C{section/uuid}, C{cluster}, or C{""} for the file's own.
"""

_HEADER = ("version", "serial_no", "ctime", "mtime")
_SECTIONS = ("nodegroups", "nodes", "instances", "disks", "networks", "filters")
_FORTHCOMING: dict[type, dict[str, Any]] = {
    Instance: {"name": "", "primary_node": "", "os": "", "hypervisor": "fake"},
    Disk: {"dev_type": "diskless", "logical_id": [], "size": 0},
}
"""What a reservation may lack."""


def parse_config_data(data: bytes) -> tuple[Configuration, Unknown]:
    """
    Read config.data of the versions 3.0 to 3.2.

    @return: the configuration, and the keys that it has no place for.
    @raise ConfigVersionMismatch: written by a version that is too old or too new.
    @raise ParseError: not JSON, or a key is missing or ill-typed; the text names it.
    @raise ConfigurationError: two objects share a name, uuid or disk.
    """
    top = codec.decode(data, dict[str, Any])
    _check_version(top.get("version"))
    unknown: Unknown = {}
    _note(unknown, "", _unknown_in_dict(top, (*_HEADER, "cluster", *_SECTIONS)))
    cluster = _parse(Cluster, _member(top, "cluster"), "cluster")
    _note(unknown, "cluster", _unknown_in(top["cluster"], cluster))
    config = Configuration.build(
        cluster=cluster,
        groups=_parse_section(NodeGroup, top, "nodegroups", unknown),
        nodes=_parse_section(Node, top, "nodes", unknown),
        instances=_parse_section(Instance, top, "instances", unknown),
        disks=_parse_section(Disk, top, "disks", unknown),
        networks=_parse_section(Network, top, "networks", unknown),
        filters=_parse_section(FilterRule, top, "filters", unknown),
        serial_no=_number(top, "serial_no", 1),
        ctime=_number(top, "ctime", 0.0),
        mtime=_number(top, "mtime", 0.0),
    )
    return config, unknown


def _check_version(found: Any) -> None:
    if not isinstance(found, int) or isinstance(found, bool):
        raise ParseError("config.data has no version: it is not a Ganeti configuration")
    if not version.CONFIG_VERSION_MIN <= found <= version.CONFIG_VERSION_MAX:
        raise ConfigVersionMismatch(version.CONFIG_VERSION, found)


def _number(top: dict[str, Any], key: str, default: Any) -> Any:
    value = top.get(key, default)
    if isinstance(value, bool) or not isinstance(value, int | float):
        raise ParseError(f"config.data: '{key}' is not a number")
    return value


def _member(top: dict[str, Any], key: str) -> dict[str, Any]:
    found = top.get(key)
    if not isinstance(found, dict):
        raise ParseError(f"config.data: '{key}' is missing or not an object")
    return found


def _parse_section(
    record: type[T], top: dict[str, Any], section: str, unknown: Unknown
) -> Iterator[T]:
    for uuid, raw in _member(top, section).items():
        where = f"{section}/{uuid}"
        obj = _parse(record, raw, where)
        if uuid != getattr(obj, "uuid"):  # noqa: B009
            raise ConfigurationError(f"config.data: {where} holds another uuid")
        _note(unknown, where, _unknown_in(raw, obj))
        yield obj


def _parse(record: type[T], raw: Any, where: str) -> T:
    if isinstance(raw, dict) and raw.get("forthcoming"):
        raw = {**_FORTHCOMING.get(record, {}), **raw}
    try:
        return codec.convert(raw, record)
    except ParseError as err:
        raise ParseError(f"config.data: {where}: {err}") from err


def _note(unknown: Unknown, where: str, found: Iterable[UnknownKey]) -> None:
    keys = tuple(found)
    if keys:
        unknown[where] = keys


def _unknown_in_dict(
    raw: Mapping[str, Any], known: Iterable[str], path: tuple[str, ...] = ()
) -> Iterator[UnknownKey]:
    for key in raw.keys() - set(known):
        yield UnknownKey(path=(*path, key), value=raw[key])


def _unknown_in(raw: Any, obj: Any, path: tuple[str, ...] = ()) -> Iterator[UnknownKey]:
    if isinstance(obj, Struct):
        derived = ("members",) if isinstance(obj, NodeGroup) else ()
        yield from _unknown_in_dict(raw, (*obj.__struct_encode_fields__, *derived), path)
        names = zip(obj.__struct_encode_fields__, obj.__struct_fields__, strict=True)
        for key, name in names:
            if key in raw:
                yield from _unknown_in(raw[key], getattr(obj, name), (*path, key))
    elif isinstance(obj, dict):
        for key, value in obj.items():
            yield from _unknown_in(raw[key], value, (*path, key))
    elif isinstance(obj, tuple):
        for element, value in zip(raw, obj, strict=True):
            if isinstance(value, Struct):
                yield from _unknown_in(element, value, (*path, _element_key(value)))


def _element_key(obj: Struct) -> str:
    return str(getattr(obj, "uuid", ""))


@dataclass(slots=True)
class EncodedObjects:
    """JSON of the objects as of the last time, so that only changed ones are encoded again."""

    sections: dict[str, dict[str, tuple[Struct, bytes]]] = field(default_factory=dict)


def build_config_data(
    config: Configuration, unknown: Unknown | None = None, cache: EncodedObjects | None = None
) -> bytes:
    """
    The whole file, written as version 3.1.

    @param unknown: keys to merge back.
    @param cache: kept by the caller from one call to the next.
    """
    unknown = unknown or {}
    cache = EncodedObjects() if cache is None else cache
    header = {
        "version": version.CONFIG_VERSION,
        "serial_no": config.serial_no,
        "ctime": config.ctime,
        "mtime": config.mtime,
    }
    parts = [codec.encode(header)[1:-1]]
    parts.append(b'"cluster":' + _encode(config.cluster, unknown.get("cluster")))
    parts.append(b'"nodegroups":' + _encode_groups(config, unknown))
    sections: dict[str, Mapping[str, Struct]] = {
        "nodes": config.nodes,
        "instances": config.instances,
        "disks": config.disks,
        "networks": config.networks,
        "filters": config.filters,
    }
    for section, objects in sections.items():
        parts.append(
            b'"%s":' % section.encode() + _encode_section(section, objects, unknown, cache)
        )
    parts += [codec.encode({key.path[0]: key.value})[1:-1] for key in unknown.get("", ())]
    return b"{" + b",".join(parts) + b"}\n"


def _encode_section(
    section: str, objects: Mapping[str, Struct], unknown: Unknown, cache: EncodedObjects
) -> bytes:
    before = cache.sections.get(section, {})
    now: dict[str, tuple[Struct, bytes]] = {}
    # Sorted: the same on all nodes, whatever order a process keeps its objects in.
    for uuid, obj in sorted(objects.items(), key=_uuid_of):
        known = before.get(uuid)
        if known is None or known[0] is not obj:
            body = _encode(obj, unknown.get(f"{section}/{uuid}"))
            known = (obj, codec.encode(uuid) + b":" + body)
        now[uuid] = known
    cache.sections[section] = now
    return b"{" + b",".join(body for _obj, body in now.values()) + b"}"


def _uuid_of(item: tuple[str, Struct]) -> str:
    return item[0]


def _encode_groups(config: Configuration, unknown: Unknown) -> bytes:
    groups = {}
    for uuid, group in sorted(config.groups.items(), key=_uuid_of):
        plain = codec.to_builtins(group)
        plain["members"] = sorted(config.indexes.group_members.get(uuid, ()))
        groups[uuid] = _merged(plain, unknown.get(f"nodegroups/{uuid}", ()))
    return codec.encode(groups)


def _encode(obj: Struct, unknown: tuple[UnknownKey, ...] | None) -> bytes:
    if not unknown:
        return codec.encode(obj)
    return codec.encode(_merged(codec.to_builtins(obj), unknown))


def _merged(plain: dict[str, Any], unknown: Iterable[UnknownKey]) -> dict[str, Any]:
    """Put unknown keys back, but those whose place is gone."""
    for key in unknown:
        parent: Any = plain
        for step in key.path[:-1]:
            parent = _child(parent, step)
        if isinstance(parent, dict):
            parent.setdefault(key.path[-1], key.value)
    return plain


def _child(parent: Any, step: str) -> Any:
    if isinstance(parent, dict):
        return parent.get(step)
    if isinstance(parent, list | tuple):
        return next((element for element in parent if element.get("uuid", "") == step), None)
    return None
