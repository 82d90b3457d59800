"""
The built-in instance allocator.

Everything here takes its time and runs in a thread of its own; what computes is
imported there, so that a daemon that is never asked does not have it in memory.
"""

from __future__ import annotations

from ganeti.htools.cluster import Cluster, find_node, prepare
from ganeti.htools.defaults import STATIC_KVM_NODE_MEMORY
from ganeti.htools.requests import AllocateRequest, Answer
from ganeti.model.allocators import HailParameters
from ganeti.model.config import Configuration
from ganeti.operations.allocators.data import build_data
from ganeti.operations.allocators.document import build_document
from ganeti.operations.allocators.requests import AllocatorRequest, parse
from ganeti.operations.allocators.stock import Claims, Stock, build_situation


def thd_answer(
    config: Configuration,
    stock: Stock,
    claims: Claims,
    request: AllocatorRequest,
    parameters: HailParameters,
) -> Answer:
    """
    Choose.

    @raise ganeti.htools.errors.InputError: the request names what is not there.
    """
    from ganeti.htools.serving import Options, serve

    cluster = thd_cluster(config, stock, claims, parameters)
    options = Options(
        ignore_soft_errors=parameters.ignore_soft_errors,
        capacity_checks=not parameters.no_capacity_checks,
        restrict_to=restriction(cluster, parameters),
    )
    answer, _ = serve(cluster, parse(request), options)
    return answer


def thd_explain(
    config: Configuration,
    stock: Stock,
    claims: Claims,
    request: AllocatorRequest,
    parameters: HailParameters,
) -> list[str]:
    """Why it chooses as it does, in lines; only requests for a new instance are explained."""
    from ganeti.htools.allocation import AllocationOptions
    from ganeti.htools.explanation import explain_allocation, explanation_lines

    asked = parse(request)
    if not isinstance(asked, AllocateRequest):
        return ["Only requests for a new instance are explained."]
    cluster = thd_cluster(config, stock, claims, parameters)
    options = AllocationOptions(
        ignore_soft_errors=parameters.ignore_soft_errors,
        capacity_checks=not parameters.no_capacity_checks,
        restrict_to=restriction(cluster, parameters) or asked.restrict_to,
        group=asked.group,
    )
    found = explain_allocation(cluster, asked.instance, asked.node_count, options)
    return list(explanation_lines(found))


def thd_document(
    config: Configuration, stock: Stock, claims: Claims, request: AllocatorRequest
) -> bytes:
    """The input file of an allocator that is a program."""
    return build_document(build_situation(config, stock, claims), request)


def thd_cluster(
    config: Configuration, stock: Stock, claims: Claims, parameters: HailParameters
) -> Cluster:
    """The cluster as it is, for placement."""
    memory = parameters.static_kvm_node_memory
    return prepare(
        build_data(
            build_situation(config, stock, claims),
            STATIC_KVM_NODE_MEMORY if memory is None else memory,
        )
    )


def restriction(cluster: Cluster, parameters: HailParameters) -> tuple[str, ...] | None:
    """The full names of the nodes that alone may be chosen; None: all may."""
    names = parameters.restrict_allocation_to
    if names is None:
        return None
    return tuple(cluster.nodes[find_node(cluster, name)].name for name in names)
