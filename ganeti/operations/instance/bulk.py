"""Places for several new instances at once."""

from __future__ import annotations

from collections import Counter
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from typing import Any, NoReturn

from msgspec.structs import replace

from ganeti.errors import ErrorCode, OpPrereqError, ParseError
from ganeti.htools.requests import Answer
from ganeti.model import codec
from ganeti.model.config import Configuration
from ganeti.model.locks import Level, shared
from ganeti.model.state import State
from ganeti.opcodes.complaints import explain
from ganeti.opcodes.instance import OpInstanceCreate, OpInstanceMultiAlloc
from ganeti.operations.allocators.answers import chosen_places
from ganeti.operations.allocators.naming import allocator_name
from ganeti.operations.allocators.requests import MultiAllocate
from ganeti.operations.instance.create_request import check_new_name, read_request
from ganeti.operations.instance.placement import build_allocation, candidates
from ganeti.operations.unit import LockRequest, ResultWithJobs, Unit

MAX_INSTANCES = 10_000


@dataclass(frozen=True, kw_only=True)
class MultiAllocPlan:
    """
    The instances that have nodes.

    @ivar failed: names of those that fit nowhere.
    """

    ops: tuple[OpInstanceCreate, ...]
    failed: tuple[str, ...] = ()


class InstanceMultiAlloc(Unit[OpInstanceMultiAlloc, MultiAllocPlan]):
    """
    Choose nodes for all, and make a job for each, with its nodes.

    Instances that name their nodes are taken as they are: their own jobs look at them.
    """

    OP = OpInstanceMultiAlloc

    def locks(self, state: State) -> LockRequest:
        ops = self._definitions()
        if name_nodes(ops):
            return ()
        allocator = self._allocator(state.config)
        by_group = {op.group_name: replace(op, iallocator=allocator) for op in ops}
        nodes = {node.uuid for op in by_group.values() for node in candidates(state.config, op)}
        return shared(Level.NODE, *sorted(nodes))

    async def plan(self) -> MultiAllocPlan:
        ops = self._definitions()
        if name_nodes(ops):
            return MultiAllocPlan(ops=ops)
        config = self.job.snapshot().config
        allocator = self._allocator(config)
        asked = [build_allocation(config, op, read_request(config, op)) for op in ops]
        request = MultiAllocate(instances=tuple(asked))
        answer = await self.job.iallocator.ask(allocator, request, keep_places)
        if not answer.success:
            raise OpPrereqError(
                f"Can't compute nodes using iallocator '{allocator}': {answer.info}",
                ErrorCode.NO_RESOURCES,
            )
        return self._placed(ops, allocator, chosen_places(request, answer))

    def _definitions(self) -> tuple[OpInstanceCreate, ...]:
        """
        The instances, checked as far as they alone can be.

        @raise OpPrereqError: one is malformed, or they contradict each other.
        """
        ops = read_definitions(self.op.instances)
        if ops and name_nodes(ops) and self.op.iallocator is not None:
            _refuse("Do not specify both, iallocator and nodes of the instances")
        return ops

    def _allocator(self, config: Configuration) -> str:
        name = allocator_name(config, self.op.iallocator)
        if not name:
            _refuse(
                "No iallocator or nodes on the instances given and no cluster-wide default"
                " iallocator found; please specify either an iallocator or nodes on the instances"
                " or set a cluster-wide default iallocator"
            )
        return name

    def _placed(
        self,
        ops: Sequence[OpInstanceCreate],
        allocator: str,
        placed: Mapping[str, tuple[str, ...]],
    ) -> MultiAllocPlan:
        """Those that were given nodes, with them."""
        config = self.job.snapshot().config
        found, failed = [], []
        for op in ops:
            name = check_new_name(config, op.instance_name)
            if name not in placed:
                self.job.warn(f"Instance {name} fits nowhere, says iallocator {allocator}")
                failed.append(name)
                continue
            nodes = placed[name]
            self.job.info(
                f"Selected nodes for instance {name} via iallocator {allocator}: {', '.join(nodes)}"
            )
            found.append(with_nodes(config, op, nodes))
        return MultiAllocPlan(ops=tuple(found), failed=tuple(failed))

    def describe(self, plan: MultiAllocPlan) -> list[str]:
        return [f"make instance {op.instance_name} on {op.pnode}" for op in plan.ops]

    def dry_result(self, plan: MultiAllocPlan) -> dict[str, Any]:
        return {"jobs": [], **_names(plan)}

    async def execute(self, plan: MultiAllocPlan) -> ResultWithJobs:
        jobs = tuple((replace(op, reason=op.reason or self.op.reason),) for op in plan.ops)
        return ResultWithJobs(jobs=jobs, other=_names(plan))


def _names(plan: MultiAllocPlan) -> dict[str, Any]:
    return {"allocatable": [op.instance_name for op in plan.ops], "failed": list(plan.failed)}


def keep_places(_answer: Answer) -> None:
    """The places alone are kept, for the jobs that make the instances: those reserve the rest."""


def read_definitions(given: Sequence[Any]) -> tuple[OpInstanceCreate, ...]:
    """
    The instances as opcodes; all name nodes, or none does.

    @raise OpPrereqError: one makes no sense, two have the same name, or they are too many.
    """
    if len(given) > MAX_INSTANCES:
        _refuse(f"At most {MAX_INSTANCES} instances can be made at once, not {len(given)}")
    ops = tuple(_definition(place, each) for place, each in enumerate(given))
    names = [op.instance_name for op in ops]
    twice = sorted(name for name, count in Counter(names).items() if count > 1)
    if twice:
        _refuse(f"There are duplicate instance names: {', '.join(twice)}")
    named = sum(op.pnode is not None or op.pnode_uuid is not None for op in ops)
    if named not in (0, len(ops)):
        _refuse("There are instances that name their nodes while others do not")
    return ops


def _definition(place: int, given: Any) -> OpInstanceCreate:
    what = f"Definition {place}"
    if not isinstance(given, Mapping):
        _refuse(f"{what} is no object")
    body = codec.encode({"OP_ID": "OP_INSTANCE_CREATE", **given})
    try:
        op = codec.decode(body, OpInstanceCreate)
    except ParseError as err:
        why = explain(OpInstanceCreate, body, str(err.__cause__))
        raise OpPrereqError(f"{what}: {why}", ErrorCode.WRONG_INPUT) from err
    if op.iallocator is not None:
        _refuse(f"{what}: the iallocator is named for all instances together")
    return op


def name_nodes(ops: Sequence[OpInstanceCreate]) -> bool:
    """Do the instances say where they go? So do none."""
    return all(op.pnode is not None or op.pnode_uuid is not None for op in ops)


def with_nodes(
    config: Configuration, op: OpInstanceCreate, nodes: Sequence[str]
) -> OpInstanceCreate:
    """C{op} with the nodes that were chosen, the primary one first."""
    found = [config.find_node(name) for name in nodes]
    op = replace(op, pnode=found[0].name, pnode_uuid=found[0].uuid)
    if len(found) < 2:
        return op
    return replace(op, snode=found[1].name, snode_uuid=found[1].uuid)


def _refuse(why: str) -> NoReturn:
    raise OpPrereqError(why, ErrorCode.WRONG_INPUT)
