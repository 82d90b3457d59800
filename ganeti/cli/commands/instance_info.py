"""
gnt-instance info.

The answer of OP_INSTANCE_QUERY_DATA, a dictionary by uuid, is the same as that of RAPI's
/2/instances/<name>/info.
"""

from __future__ import annotations

from collections.abc import Callable, Mapping, Sequence
from typing import TYPE_CHECKING, Any

from ganeti.cli import jobs, roman, tree
from ganeti.cli.failures import CommandFailed
from ganeti.cli.table import format_time

if TYPE_CHECKING:
    from optparse import Values

    from ganeti.cli.session import Session

Data = Mapping[str, Any]
Number = Callable[[Any], Any]

_NONE_SELECTED = """\
No instance selected. Please pass in --all if you want to query all instances.
Note that this can take a long time on a big cluster."""
_BOTH_SELECTED = "Cannot use --all if you specify instance names."


def info(session: Session, options: Values, names: list[str]) -> int:
    """Details of instances."""
    if not names and not options.show_all:
        raise CommandFailed(_NONE_SELECTED)
    if names and options.show_all:
        raise CommandFailed(_BOTH_SELECTED)
    from ganeti.opcodes.instance import OpInstanceQueryData

    op = OpInstanceQueryData(
        instances=tuple(names), static=options.static, **jobs.common_fields(session, options)
    )
    answer: dict[str, Data] = jobs.run(session, op)
    number = roman.writer(options.roman_integers)
    found = [build(data, number) for data in answer.values()]
    session.out(*tree.format_tree(found))
    return 0


def build(data: Data, number: Number) -> tree.Section:
    """All that is shown of one instance."""
    state = f"configured to be {data['config_state']}"
    if data["run_state"] is not None:
        state += f", actual state is {data['run_state']}"
    return [
        ("Instance name", data["name"]),
        ("UUID", data["uuid"]),
        ("Serial number", number(data["serial_no"])),
        ("Creation time", format_time(data["ctime"])),
        ("Modification time", format_time(data["mtime"])),
        ("State", state),
        ("Nodes", _nodes(data)),
        ("Operating system", data["os"]),
        ("Operating system parameters", _own_or_default(data, "os")),
        ("Allocated network port", number(data["network_port"])),
        ("Hypervisor", data["hypervisor"]),
        ("Hypervisor parameters", _own_or_default(data, "hv")),
        ("Back-end parameters", _backend(data)),
        ("NICs", [_nic(i, nic) for i, nic in enumerate(data["nics"])]),
        ("Disk template", data["disk_template"]),
        ("Disks", [_disk(f"disk/{i}", disk) for i, disk in enumerate(data["disks"])]),
    ]


def _nodes(data: Data) -> list[tree.Section]:
    secondaries = [
        f"{name} (group {group}, group UUID {uuid})"
        for name, group, uuid in zip(
            data["snodes"], data["snodes_group_names"], data["snodes_group_uuids"], strict=True
        )
    ]
    group = f"{data['pnode_group_name']} (UUID {data['pnode_group_uuid']})"
    return [[("primary", data["pnode"]), ("group", group)], [("secondaries", secondaries)]]


def _own_or_default(data: Data, kind: str) -> tree.Section:
    return tree.with_defaults(data[f"{kind}_instance"], data[f"{kind}_actual"])


def _backend(data: Data) -> tree.Section:
    actual = dict(data["be_actual"])
    actual.setdefault("memory", actual.get("maxmem"))  # the old name of the upper bound
    return tree.with_defaults(data["be_instance"], actual)


def _nic(index: int, nic: Sequence[Any]) -> tree.Section:
    name, uuid, ip, mac, mode, link, vlan, _network, netinfo = nic
    return [
        (f"nic/{index}", ""),
        ("MAC", mac),
        ("IP", ip),
        ("mode", mode),
        ("link", link),
        ("vlan", vlan),
        ("network", netinfo["name"] if netinfo else None),
        ("UUID", uuid),
        ("name", name),
    ]


def _disk(label: str, disk: Data) -> tree.Section:
    from ganeti.utils.text import format_unit

    section: tree.Section = [
        (label, f"{disk['dev_type']}, size {format_unit(disk['size'])}"),
        ("access mode", disk["mode"]),
    ]
    if disk["logical_id"] is not None:
        section.append(("logical_id", str(list(disk["logical_id"]))))
    for where, status in (("primary", disk["pstatus"]), ("secondary", disk["sstatus"])):
        if status:
            section.append((f"on {where}", _device(status)))
    section += [("name", disk["name"]), ("UUID", disk["uuid"])]
    if disk["spindles"] is not None:
        section.insert(1, ("spindles", disk["spindles"]))
    if disk["children"]:
        children = [_disk(f"child {i}", child) for i, child in enumerate(disk["children"])]
        section.append(("child devices", children))
    return section


def _device(status: Sequence[Any]) -> str:
    """Where a node has the disk: its path and device numbers."""
    path, major, minor = status[:3]
    return f"{path} ({_or_not_available(major)}:{_or_not_available(minor)})"


def _or_not_available(value: Any) -> str:
    return "N/A" if value is None else str(value)
