"""
The built-in instance allocator.

Everything here takes its time and runs in a thread of its own; what computes is
imported there, so that a daemon that is never asked does not have it in memory.
"""

from __future__ import annotations

from dataclasses import dataclass, field
from typing import TYPE_CHECKING

import msgspec

from ganeti.htools.cluster import Cluster, prepare
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
    from ganeti.htools.serving import Options


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
    from ganeti.htools.serving import serve

    cluster = thd_cluster(inquiry.thd_situation(), inquiry.parameters)
    answer, _ = serve(cluster, parse(inquiry.request), thd_options(inquiry))
    return answer


def thd_reasoned_answer(inquiry: Inquiry) -> Answer:
    """
    The same; a failure also says what an admin can do about it.

    @raise ganeti.htools.errors.InputError: the request names what is not there.
    """
    answer = thd_answer(inquiry)
    if answer.success:
        return answer
    situation = inquiry.thd_situation()
    sentences = [answer.info, *thd_why_not(situation, inquiry), *silent_nodes(situation)]
    info = ". ".join(sentence.rstrip(". ") for sentence in sentences)
    return msgspec.structs.replace(answer, info=info)


def thd_why_not(situation: Situation, inquiry: Inquiry) -> list[str]:
    """Why a new instance fits nowhere, and the cheapest change."""
    from ganeti.htools.explanation import why_not
    from ganeti.htools.requestexplanation import wanted_of

    asked = parse(inquiry.request)
    if not isinstance(asked, AllocateRequest):
        return []
    cluster = thd_cluster(situation, inquiry.parameters)
    options = wanted_of(asked, thd_options(inquiry))
    return [why_not(cluster, asked.instance, asked.node_count, options)]


def silent_nodes(situation: Situation) -> list[str]:
    """Which nodes were left out as they do not answer; none: nothing to say."""
    nodes = situation.config.nodes
    said = [f"{nodes[uuid].name} ({why})" for uuid, why in situation.silent.items()]
    return [f"Left out, because they do not answer: {', '.join(sorted(said))}"] if said else []


def thd_explain(inquiry: Inquiry) -> list[str]:
    """Why it chooses as it does, in lines."""
    from ganeti.htools.requestexplanation import explain_request

    cluster = thd_cluster(inquiry.thd_situation(), inquiry.parameters)
    options = thd_options(inquiry)
    return explain_request(cluster, parse(inquiry.request), options)


def thd_document(inquiry: Inquiry) -> bytes:
    """The input file of an allocator that is a program."""
    return build_document(inquiry.thd_situation(), inquiry.request)


def thd_cluster(situation: Situation, parameters: HailParameters) -> Cluster:
    """The cluster as it is, for placement."""
    memory = parameters.static_kvm_node_memory
    return prepare(build_data(situation, STATIC_KVM_NODE_MEMORY if memory is None else memory))


def thd_options(inquiry: Inquiry) -> Options:
    """The cluster's parameters as options of a search."""
    from ganeti.htools.serving import Options

    parameters = inquiry.parameters
    return Options(
        ignore_soft_errors=parameters.ignore_soft_errors,
        capacity_checks=not parameters.no_capacity_checks,
        restrict_to=restriction(inquiry.config, parameters),
    )


def restriction(config: Configuration, parameters: HailParameters) -> tuple[str, ...] | None:
    """
    The full names of the nodes that alone may be chosen; None: all may.

    @raise OpPrereqError: one is not known.
    """
    names = parameters.restrict_allocation_to
    return None if names is None else tuple(config.find_node(name).name for name in names)
