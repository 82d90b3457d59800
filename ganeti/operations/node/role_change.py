"""Which changes of a node's roles and flags are refused (Ganeti admin guide, Node roles). Pure."""

from __future__ import annotations

from ganeti.errors import ErrorCode, OpPrereqError
from ganeti.model.config import Configuration
from ganeti.model.node import Node
from ganeti.model.node_changes import ROLE_FLAGS
from ganeti.model.roles import candidate_pool, role_problem
from ganeti.opcodes.node import OpNodeSetParams

_CHANGES = (
    *ROLE_FLAGS,
    "master_capable",
    "vm_capable",
    "powered",
    "secondary_ip",
    "ndparams",
    "hv_state",
    "disk_state",
)
_STATES = (*ROLE_FLAGS, "master_capable", "vm_capable")


def check_request(op: OpNodeSetParams) -> None:
    """@raise OpPrereqError: it asks for nothing, or for several states at once."""
    if all(getattr(op, name) is None for name in _CHANGES):
        raise OpPrereqError("Please pass at least one modification", ErrorCode.WRONG_INPUT)
    if [getattr(op, name) for name in _STATES].count(True) > 1:
        raise OpPrereqError(
            "Can't set the node into more than one state at the same time", ErrorCode.WRONG_INPUT
        )


def check_role_change(
    config: Configuration, op: OpNodeSetParams, node: Node, changed: Node
) -> None:
    """
    Check the step from C{node} to C{changed}.

    @raise OpPrereqError: the rules of node roles forbid it.
    """
    if node.uuid == config.cluster.master_node:
        _check_master(op)
    if op.master_candidate and not changed.master_capable:
        raise OpPrereqError(
            f"Node {node.name} is not master capable, cannot make it a master candidate",
            ErrorCode.WRONG_STATE,
        )
    if op.vm_capable is False and config.instances_on(node.uuid):
        raise OpPrereqError(
            f"Node {node.name} hosts instances, cannot unset the vm_capable flag",
            ErrorCode.WRONG_STATE,
        )
    problem = role_problem(changed)
    if problem:
        raise OpPrereqError(problem, ErrorCode.WRONG_STATE)
    if node.master_candidate and not changed.master_candidate and not op.auto_promote:
        _check_pool(config, node)
    _check_power(config, op, node)


def _check_master(op: OpNodeSetParams) -> None:
    if any(getattr(op, flag) is not None for flag in ROLE_FLAGS):
        raise OpPrereqError(
            "The master role can be changed only via master-failover", ErrorCode.WRONG_INPUT
        )
    if op.master_capable is False:
        raise OpPrereqError(
            "The master node stays master capable; make another node the master first",
            ErrorCode.WRONG_STATE,
        )


def _check_pool(config: Configuration, node: Node) -> None:
    pool = candidate_pool(config, without=node.uuid)
    if pool.now < pool.should:
        raise OpPrereqError(
            f"Without node {node.name} there are {pool.now} master candidates, and there should be"
            f" {pool.should}; let others be promoted (--auto-promote, in RAPI auto_promote=true)",
            ErrorCode.WRONG_STATE,
        )


def _check_power(config: Configuration, op: OpNodeSetParams, node: Node) -> None:
    has_program = bool(config.filled_ndparams(node).oob_program)
    if op.powered is not None and not has_program:
        raise OpPrereqError(
            f"Node {node.name} has no out-of-band program (node parameter oob_program), so its"
            " powered flag cannot be set",
            ErrorCode.WRONG_STATE,
        )
    if op.offline is False and has_program and not (node.powered or op.powered):
        raise OpPrereqError(
            f"Node {node.name} is switched off: switch it on before it leaves the offline state",
            ErrorCode.WRONG_STATE,
        )
