"""
The built-in instance allocator.

Everything here takes its time and runs in a thread of its own; what computes is
imported there, so that a daemon that is never asked does not have it in memory.
"""

from __future__ import annotations

from dataclasses import dataclass, field
from typing import TYPE_CHECKING

import msgspec

from ganeti.htools.cluster import Cluster, find_node, prepare
from ganeti.htools.defaults import STATIC_KVM_NODE_MEMORY
from ganeti.htools.requests import AllocateRequest, Answer
from ganeti.model.allocators import HailParameters
from ganeti.model.config import Configuration
from ganeti.operations.allocators.data import build_data
from ganeti.operations.allocators.document import build_document
from ganeti.operations.allocators.requests import AllocatorRequest, parse
from ganeti.operations.allocators.situation import Situation
from ganeti.operations.allocators.stock import Claims, Stock, build_situation

if TYPE_CHECKING:
    from ganeti.htools.allocation import AllocationOptions


@dataclass(frozen=True, kw_only=True)
class Inquiry:
    """A request, and all that the answer depends on: values that do not change."""

    config: Configuration
    stock: Stock
    claims: Claims
    request: AllocatorRequest
    parameters: HailParameters = field(default_factory=HailParameters)

    def thd_situation(self) -> Situation:
        """What is known of the cluster."""
        return build_situation(self.config, self.stock, self.claims)


def thd_answer(inquiry: Inquiry) -> Answer:
    """
    Choose.

    @raise ganeti.htools.errors.InputError: the request names what is not there.
    """
    from ganeti.htools.serving import Options, serve

    parameters = inquiry.parameters
    cluster = thd_cluster(inquiry.thd_situation(), parameters)
    options = Options(
        ignore_soft_errors=parameters.ignore_soft_errors,
        capacity_checks=not parameters.no_capacity_checks,
        restrict_to=restriction(cluster, parameters),
    )
    answer, _ = serve(cluster, parse(inquiry.request), options)
    return answer


def thd_reasoned_answer(inquiry: Inquiry) -> Answer:
    """
    The same; a failure also says which nodes were left out.

    @raise ganeti.htools.errors.InputError: the request names what is not there.
    """
    answer = thd_answer(inquiry)
    if answer.success:
        return answer
    reasons = silent_nodes(inquiry.thd_situation())
    return msgspec.structs.replace(answer, info=". ".join([answer.info.rstrip(". "), *reasons]))


def silent_nodes(situation: Situation) -> list[str]:
    """Which nodes were left out as they do not answer; none: nothing to say."""
    nodes = situation.config.nodes
    said = [f"{nodes[uuid].name} ({why})" for uuid, why in situation.silent.items()]
    return [f"Left out, because they do not answer: {', '.join(sorted(said))}"] if said else []


def thd_explain(inquiry: Inquiry) -> list[str]:
    """Why it chooses as it does, in lines; only requests for a new instance are explained."""
    from ganeti.htools.explanation import explain_allocation, explanation_lines

    asked = parse(inquiry.request)
    if not isinstance(asked, AllocateRequest):
        return ["Only requests for a new instance are explained."]
    cluster = thd_cluster(inquiry.thd_situation(), inquiry.parameters)
    options = allocation_options(cluster, asked, inquiry.parameters)
    found = explain_allocation(cluster, asked.instance, asked.node_count, options)
    return list(explanation_lines(found))


def thd_document(inquiry: Inquiry) -> bytes:
    """The input file of an allocator that is a program."""
    return build_document(inquiry.thd_situation(), inquiry.request)


def thd_cluster(situation: Situation, parameters: HailParameters) -> Cluster:
    """The cluster as it is, for placement."""
    memory = parameters.static_kvm_node_memory
    return prepare(build_data(situation, STATIC_KVM_NODE_MEMORY if memory is None else memory))


def allocation_options(
    cluster: Cluster, asked: AllocateRequest, parameters: HailParameters
) -> AllocationOptions:
    """How a place is looked for."""
    from ganeti.htools.allocation import AllocationOptions

    return AllocationOptions(
        ignore_soft_errors=parameters.ignore_soft_errors,
        capacity_checks=not parameters.no_capacity_checks,
        restrict_to=restriction(cluster, parameters) or asked.restrict_to,
        group=asked.group,
    )


def restriction(cluster: Cluster, parameters: HailParameters) -> tuple[str, ...] | None:
    """The full names of the nodes that alone may be chosen; None: all may."""
    names = parameters.restrict_allocation_to
    if names is None:
        return None
    return tuple(cluster.nodes[find_node(cluster, name)].name for name in names)
