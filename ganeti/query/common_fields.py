"""Fields that several resources have."""

from __future__ import annotations

from collections.abc import Callable
from typing import Any

from msgspec import UNSET, Struct

from ganeti.model.cluster import Cluster
from ganeti.model.config import Configuration
from ganeti.model.group import NodeGroup
from ganeti.model.hypervisors import CLUSTER_ONLY
from ganeti.model.instance import Instance
from ganeti.model.network import Network
from ganeti.model.node import Node
from ganeti.model.parameters import NDPARAM_TYPES, ParameterType
from ganeti.query.fields import Field, Kind

Stamped = Cluster | NodeGroup | Node | Instance | Network
Get = Callable[[Any], Any]

KIND_OF_TYPE = {
    ParameterType.BOOL: Kind.BOOL,
    ParameterType.INT: Kind.NUMBER,
    ParameterType.FLOAT: Kind.FLOAT,
    ParameterType.SIZE: Kind.UNIT,
    ParameterType.STRING: Kind.OTHER,
    ParameterType.MAYBE_STRING: Kind.OTHER,
}

NDPARAM_ORDER = (
    "oob_program",
    "spindle_count",
    "exclusive_storage",
    "ovs",
    "ovs_name",
    "ovs_link",
    "ssh_port",
    "cpu_speed",
)
"""As lists print them."""

_NDPARAM_TITLES = {
    "exclusive_storage": "ExclusiveStorage",
    "oob_program": "OutOfBandProgram",
    "ovs": "OpenvSwitch",
    "ovs_link": "OpenvSwitchLink",
    "ovs_name": "OpenvSwitchName",
    "spindle_count": "SpindleCount",
}


def stamp_fields(obj: Callable[[Any], Stamped], what: str) -> list[Field]:
    """Creation, modification and serial number."""
    return [
        Field("ctime", "CTime", Kind.TIMESTAMP, f"When the {what} was created",
              lambda r: obj(r).ctime),
        Field("mtime", "MTime", Kind.TIMESTAMP, f"When the {what} was last changed",
              lambda r: obj(r).mtime),
        Field("serial_no", "SerialNo", Kind.NUMBER, f"Counts the changes of the {what}",
              lambda r: obj(r).serial_no),
    ]  # fmt: skip


def identity_fields(obj: Callable[[Any], Stamped], what: str) -> list[Field]:
    """Uuid and tags."""
    return [
        Field("uuid", "UUID", Kind.TEXT, f"Identity of the {what}, whatever its name",
              lambda r: obj(r).uuid),
        Field("tags", "Tags", Kind.OTHER, f"Tags of the {what}", lambda r: list(obj(r).tags)),
    ]  # fmt: skip


def ndparam_fields(filled: Get) -> list[Field]:
    """One field for each node parameter, filled."""
    return [_ndparam_field(name, kind, filled) for name, kind in NDPARAM_TYPES.items()]


def _ndparam_field(name: str, kind: ParameterType, filled: Get) -> Field:
    return Field(
        f"ndp/{name}",
        _NDPARAM_TITLES.get(name, f"ndp/{name}"),
        KIND_OF_TYPE[kind],
        f"Node parameter {name}, filled",
        lambda row: getattr(filled(row), name),
    )


def ordered(params: Struct, order: tuple[str, ...]) -> dict[str, Any]:
    """Values of a parameter record that are set, in the order they are printed."""
    return {name: value for name in order if (value := getattr(params, name)) is not UNSET}


def instance_hvparams(config: Configuration, instance: Instance) -> dict[str, Any]:
    """Filled hypervisor parameters but those that are of the cluster only."""
    filled = config.filled_hvparams(instance)
    return {name: value for name, value in filled.items() if name not in CLUSTER_ONLY}
