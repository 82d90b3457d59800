"""A new address of a node for replication: when it is refused."""

from __future__ import annotations

from ganeti.errors import ErrorCode, OpPrereqError
from ganeti.model.config import Configuration
from ganeti.model.instance import AdminState, Instance
from ganeti.model.node import Node
from ganeti.model.templates import TEMPLATES
from ganeti.operations.node.add import NODED_PORT
from ganeti.operations.node.addresses import check_free, check_not_loopback, check_secondary
from ganeti.operations.unit import JobContext


def mirrored_instances(config: Configuration, node: Node) -> list[Instance]:
    """The instances on C{node} whose disks are copied from node to node."""
    found = (config.instances[uuid] for uuid in sorted(config.instances_on(node.uuid)))
    return [
        instance
        for instance in found
        if any(TEMPLATES[d.dev_type].mirrored_internal for d in config.instance_disks(instance))
    ]


async def check_secondary_ip(job: JobContext, node: Node, ip: str, *, force: bool) -> None:
    """
    Check C{ip} as the new secondary address of C{node}.

    @param force: the master may change between having one address and two.
    @raise OpPrereqError: it cannot be, or must not be.
    """
    config = job.snapshot().config
    check_secondary(ip)
    check_not_loopback(node.name, ip, virtual=job.paths.virtual)
    check_free(config, node.name, ip)
    _check_homing(config, node, ip, force=force)
    affected = mirrored_instances(config, node)
    if node.offline and affected:
        raise OpPrereqError(
            f"Cannot change the secondary ip of offline node {node.name}, which has mirrored"
            f" instances: {_names(affected)}",
            ErrorCode.WRONG_STATE,
        )
    running = [each for each in affected if each.admin_state is AdminState.UP]
    if running:
        raise OpPrereqError(
            f"Cannot change the secondary ip of node {node.name} while mirrored instances run:"
            f" shut down {_names(running)}",
            ErrorCode.WRONG_STATE,
        )
    if not node.offline and not await job.resolver.answers(ip, NODED_PORT):
        raise OpPrereqError(
            f"Node {node.name}: secondary ip {ip} not reachable by TCP based ping"
            " to node daemon port",
            ErrorCode.ENVIRONMENT,
        )


def _check_homing(config: Configuration, node: Node, ip: str, *, force: bool) -> None:
    single = ip == node.primary_ip
    master = config.master
    if node.uuid == master.uuid:
        was_single = node.primary_ip == node.secondary_ip
        if single != was_single and not force:
            raise OpPrereqError(
                "Changing the master between one address and two changes what all nodes must"
                " have; use --force, then change the others",
                ErrorCode.WRONG_INPUT,
            )
        return
    master_is_single = master.primary_ip == master.secondary_ip
    if single != master_is_single:
        has = "has no secondary ip" if master_is_single else "has a secondary ip"
        raise OpPrereqError(
            f"The master {has}, and node {node.name} would be different", ErrorCode.WRONG_INPUT
        )


def _names(instances: list[Instance]) -> str:
    return ", ".join(sorted(instance.name for instance in instances))
