"""
What a request for a new instance says: checks that need no node.

Values that a request may leave to the cluster are filled in here.
"""

from __future__ import annotations

from dataclasses import dataclass
from typing import Any

from ganeti.errors import ErrorCode, OpPrereqError
from ganeti.model.cluster import Cluster
from ganeti.model.config import Configuration
from ganeti.model.hypervisors import HypervisorName, check_instance_hvparams, parse_hvparams
from ganeti.model.names import normal_host_name
from ganeti.model.node import Node
from ganeti.model.parameters import (
    DEFAULT,
    PartialBeParams,
    own_values,
    parse_beparams,
)
from ganeti.model.tags import with_tags
from ganeti.model.templates import DiskTemplate
from ganeti.opcodes.instance import CreateMode, OpInstanceCreate
from ganeti.operations.instance.disks import WishedDisk, choose_template, read_disks
from ganeti.operations.instance.naming import check_name_options
from ganeti.operations.instance.osparams import check_given_once, read_osparams

AUTO = "auto"


@dataclass(frozen=True, kw_only=True)
class InstanceRequest:
    """A request for a new instance, checked against the cluster."""

    name: str
    template: DiskTemplate
    disks: tuple[WishedDisk, ...]
    hypervisor: HypervisorName
    hvparams: dict[str, Any]
    beparams: PartialBeParams
    osparams: dict[str, str]
    os_name: str
    install: bool
    start: bool
    tags: tuple[str, ...]


def check_supported(op: OpInstanceCreate) -> None:
    """@raise OpPrereqError: the request needs what is not available yet, or contradicts itself."""
    if op.mode is not CreateMode.CREATE:
        _refuse(f"Creating instances with mode '{op.mode}' is not available yet; use 'create'")
    if op.forthcoming or op.commit:
        _refuse("Forthcoming instances are not available yet")
    if op.instance_communication:
        _refuse("Instance communication is not available yet")
    if op.iallocator is not None and op.pnode is not None:
        _refuse("Do not specify both, iallocator and node")
    if op.opportunistic_locking and op.pnode is not None:
        _refuse("Opportunistic locking is only available in combination with an instance allocator")
    check_name_options(name_check=op.name_check, ip_check=op.ip_check)
    if op.os_type is None and not op.no_install:
        _refuse("No guest OS or OS image specified")


def _refuse(why: str) -> None:
    raise OpPrereqError(why, ErrorCode.WRONG_INPUT)


def check_new_name(config: Configuration, given: str) -> str:
    """
    The name in normal form.

    @raise OpPrereqError: it is no host name, or belongs to another instance.
    """
    name = normal_host_name(given)
    if name in config.instance_by_name:
        raise OpPrereqError(f"Instance '{name}' is already in the cluster", ErrorCode.EXISTS)
    return name


def find_primary(config: Configuration, op: OpInstanceCreate) -> Node | None:
    """
    The node that the request names, if it names one.

    @raise OpPrereqError: it names an unknown one, or one that takes no instances.
    """
    given = op.pnode if op.pnode_uuid is None else op.pnode_uuid
    if given is None:
        return None
    node = config.find_node(given)
    _check_node(config, node, op.group_name)
    return node


def read_request(config: Configuration, op: OpInstanceCreate) -> InstanceRequest:
    """
    Check a request.

    @raise OpPrereqError: it cannot be granted.
    @raise TypeEnforcementError, TagError: a value is malformed.
    """
    check_supported(op)
    name = check_new_name(config, op.instance_name)
    _check_secondary(config, op)
    template = choose_template(config, op.disk_template)
    hypervisor = _choose_hypervisor(config.cluster, op.hypervisor)
    hvparams = _read_hvparams(config.cluster, hypervisor, op)
    return InstanceRequest(
        name=name,
        template=template,
        disks=tuple(read_disks(op.disks, template)),
        hypervisor=hypervisor,
        hvparams=hvparams,
        beparams=_read_beparams(config.cluster, op),
        osparams=_read_osparams(op),
        os_name=op.os_type or "",
        install=not op.no_install and template is not DiskTemplate.DISKLESS,
        start=op.start and not op.no_install,
        tags=with_tags((), op.tags),
    )


def _check_node(config: Configuration, node: Node, group_name: str | None) -> None:
    problems = {
        "offline": node.offline,
        "drained": node.drained,
        "non-vm_capable": not node.vm_capable,
    }
    for problem, has_it in problems.items():
        if has_it:
            raise OpPrereqError(
                f"Cannot use {problem} primary node '{node.name}'", ErrorCode.WRONG_STATE
            )
    if group_name is not None and config.find_group(group_name).uuid != node.group:
        _refuse(f"Node {node.name} does not belong to node group {group_name}")


def _check_secondary(config: Configuration, op: OpInstanceCreate) -> None:
    """Also where it will be ignored it must be a node."""
    given = op.snode if op.snode_uuid is None else op.snode_uuid
    if given is not None:
        config.find_node(given)


def _choose_hypervisor(cluster: Cluster, wished: HypervisorName | None) -> HypervisorName:
    hypervisor = cluster.default_hypervisor if wished is None else wished
    if hypervisor not in cluster.enabled_hypervisors:
        raise OpPrereqError(
            f"Selected hypervisor ({hypervisor}) not enabled in the cluster"
            f" ({', '.join(cluster.enabled_hypervisors)})",
            ErrorCode.WRONG_STATE,
        )
    return hypervisor


def _read_hvparams(
    cluster: Cluster, hypervisor: HypervisorName, op: OpInstanceCreate
) -> dict[str, Any]:
    given = {name: value for name, value in op.hvparams.items() if value not in (AUTO, DEFAULT)}
    values = parse_hvparams(hypervisor, given)
    check_instance_hvparams(values)
    if not op.identify_defaults:
        return values
    defaults = cluster.hvparams.get(hypervisor, {})
    return {name: value for name, value in values.items() if value != defaults.get(name)}


def _read_beparams(cluster: Cluster, op: OpInstanceCreate) -> PartialBeParams:
    given = {name: value for name, value in op.beparams.items() if value not in (AUTO, DEFAULT)}
    values = parse_beparams(given)
    if not op.identify_defaults:
        return values
    defaults = cluster.beparams["default"]
    own = own_values(values)
    return PartialBeParams(
        **{name: value for name, value in own.items() if value != getattr(defaults, name)}
    )


def _read_osparams(op: OpInstanceCreate) -> dict[str, str]:
    check_given_once(op.osparams, op.osparams_private, op.osparams_secret)
    return read_osparams(op.osparams)
