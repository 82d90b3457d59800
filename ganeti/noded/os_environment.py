"""The variables that OS scripts get: pure. See ganeti-os-interface(7)."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from typing import Any

import msgspec

from ganeti.model.disk import Disk, disk_nodes
from ganeti.model.live import InstanceSpec, NicSpec, OsInfo
from ganeti.model.network import Network
from ganeti.model.parameters import NicMode
from ganeti.model.templates import TEMPLATES
from ganeti.noded.environment import PATH
from ganeti.noded.os import common_api, variant_of


def build_os_environment(
    definition: OsInfo,
    os_name: str,
    spec: InstanceSpec,
    disk_paths: Sequence[str],
    osparams: Mapping[str, str],
    debug: int = 0,
) -> dict[str, str]:
    """
    What every script gets.

    @param os_name: with its variant.
    @param disk_paths: where the disks are; a disk that is a file is given as that file.
    @param osparams: all of them, also the private and secret ones.
    """
    env = _common(definition, os_name, spec, debug)
    for index, (disk, path) in enumerate(zip(spec.disks, disk_paths, strict=True)):
        env.update(_disk(f"DISK_{index}_", disk.disk, path, spec.hvparams))
    for index, nic in enumerate(spec.nics):
        env.update(_nic(f"NIC_{index}_", nic, spec.hvparams))
    env.update(_parameters("INSTANCE_BE_", msgspec.structs.asdict(spec.beparams)))
    env.update(_parameters("INSTANCE_HV_", spec.hvparams))
    return env | _os_parameters(osparams)


def build_verify_environment(
    definition: OsInfo, os_name: str, osparams: Mapping[str, str], debug: int = 0
) -> dict[str, str]:
    """What the verify script gets: it judges parameters, whatever the instance."""
    return _definition(definition, os_name, debug) | _os_parameters(osparams)


def _os_parameters(osparams: Mapping[str, str]) -> dict[str, str]:
    return {f"OSP_{name.upper().replace('-', '_')}": osparams[name] for name in osparams}


def _definition(definition: OsInfo, os_name: str, debug: int) -> dict[str, str]:
    return {
        "PATH": PATH,
        "OS_API_VERSION": str(common_api(definition.api_versions)),
        "OS_NAME": definition.name,
        "OS_VARIANT": variant_of(definition, os_name),
        "DEBUG_LEVEL": str(debug),
    }


def _common(definition: OsInfo, os_name: str, spec: InstanceSpec, debug: int) -> dict[str, str]:
    instance = spec.instance
    nodes = {node for each in spec.disks for node in disk_nodes(each.disk)}
    return {
        **_definition(definition, os_name, debug),
        "INSTANCE_NAME": instance.name,
        "INSTANCE_UUID": instance.uuid,
        "INSTANCE_OS": os_name,
        "INSTANCE_CTIME": str(instance.ctime),
        "INSTANCE_MTIME": str(instance.mtime),
        "INSTANCE_PRIMARY_NODE": instance.primary_node,
        "INSTANCE_SECONDARY_NODES": " ".join(sorted(nodes - {instance.primary_node})),
        "HYPERVISOR": spec.hypervisor.value,
        "DISK_COUNT": str(len(spec.disks)),
        "NIC_COUNT": str(len(spec.nics)),
    }


def _disk(prefix: str, disk: Disk, path: str, hvparams: Mapping[str, Any]) -> dict[str, str]:
    driver = disk.logical_id[0] if TEMPLATES[disk.dev_type].file_based else None
    return _named(
        prefix,
        ACCESS=disk.mode.value,
        BACKEND_TYPE="block" if driver is None else f"file:{driver}",
        FRONTEND_TYPE=_text(hvparams.get("disk_type")),
        NAME=disk.name,
        PATH=path,
        SIZE=str(disk.size),
        UUID=disk.uuid,
    )


def _nic(prefix: str, spec: NicSpec, hvparams: Mapping[str, Any]) -> dict[str, str]:
    nic, params = spec.nic, spec.params
    env = _named(
        prefix,
        BRIDGE=params.link if params.mode is NicMode.BRIDGED else None,
        FRONTEND_TYPE=_text(hvparams.get("nic_type")),
        IP=nic.ip,
        LINK=params.link,
        MAC=nic.mac,
        MODE=params.mode.value,
        NAME=nic.name,
        UUID=nic.uuid,
    )
    return env | (_network(prefix + "NETWORK_", spec.network) if spec.network else {})


def _network(prefix: str, network: Network) -> dict[str, str]:
    return _named(
        prefix,
        NAME=network.name,
        UUID=network.uuid,
        SUBNET=network.network,
        GATEWAY=network.gateway,
        SUBNET6=network.network6,
        GATEWAY6=network.gateway6,
        MAC_PREFIX=network.mac_prefix,
        TAGS=" ".join(network.tags) or None,
    )


def _named(prefix: str, **values: str | None) -> dict[str, str]:
    """Variables with a value; what is None or empty is not set."""
    return {prefix + name: value for name, value in values.items() if value}


def _parameters(prefix: str, values: Mapping[str, Any]) -> dict[str, str]:
    return {prefix + name: str(value) for name, value in values.items()}


def _text(value: Any) -> str | None:
    return None if value is None else str(value)
