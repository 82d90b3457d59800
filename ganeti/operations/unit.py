"""
What a unit of work is, and what it may touch.

A unit lives for one opcode: C{locks} says what it needs (pure), C{plan} checks
everything and decides (reads only), C{execute} does it step by step. Before a
step acts, the job context makes its recovery durable.
"""

from __future__ import annotations

from abc import ABC, abstractmethod
from collections.abc import Awaitable, Callable, Iterable, Mapping, Sequence
from dataclasses import dataclass, field
from enum import Enum
from typing import TYPE_CHECKING, Any, ClassVar, Final, Generic, Protocol, TypeVar

from ganeti.errors import GanetiError, ProgrammerError
from ganeti.model.delta import Delta
from ganeti.model.locks import HeldLock
from ganeti.model.recovery import Action, Compensation
from ganeti.model.reservation import Reservation, ReservationKind
from ganeti.model.state import State
from ganeti.opcodes.base import OpCode
from ganeti.rpc.calls import Call, LogicalFile

if TYPE_CHECKING:
    from twisted.internet.interfaces import IReactorTime

    from ganeti.model.live import HookResult
    from ganeti.operations.allocators.interface import IInstanceAllocator
    from ganeti.paths import Paths
    from ganeti.utils.hosts import Host
    from ganeti.utils.randomness import Randomness

OpT = TypeVar("OpT", bound=OpCode)
PlanT = TypeVar("PlanT")
R = TypeVar("R")

LockRequest = tuple[HeldLock, ...]
Change = Callable[[State], Delta]


class _End(Enum):
    """Type of L{END}."""

    END = "end"


END: Final = _End.END
"""An undo that only ends the request it undoes: nothing else is to be taken back."""


class NeedLocks(Exception):
    """Raised by C{plan}: the locks held do not cover what it found; C{more} are needed too."""

    def __init__(self, more: LockRequest) -> None:
        super().__init__(more)
        self.more = more


@dataclass(frozen=True, kw_only=True)
class HookPlan:
    """
    Which hooks run around an operation.

    @ivar path: like C{instance-add}; scripts are in C{<path>-pre.d} and C{<path>-post.d}.
    @ivar object_type: CLUSTER, NODE, GROUP, INSTANCE, NETWORK.
    @ivar env: variables without the prefix C{GANETI_}.
    @ivar pre_nodes: uuids of nodes that run the scripts before; likewise C{post_nodes}.
    @ivar env_post: what C{Unit.hooks_after} said; set by the processor.
    """

    path: str
    object_type: str
    env: Mapping[str, str]
    pre_nodes: tuple[str, ...] = ()
    post_nodes: tuple[str, ...] = ()
    env_post: Mapping[str, str] | None = None


@dataclass(frozen=True, kw_only=True)
class ResultWithJobs:
    """
    A result that starts jobs: the processor stores them in the commit of the opcode's success.

    @ivar other: further keys of the result, beside C{jobs}.
    """

    jobs: tuple[tuple[OpCode, ...], ...]
    other: Mapping[str, Any] = field(default_factory=dict)


class NodeCalls(Protocol):
    """Calls that read from nodes. Those that change something go through L{JobContext.step}."""

    def call(self, node_uuid: str, call: Call[R]) -> Awaitable[R]:
        """Ask one node. @raise ganeti.errors.RpcError: no answer, or it failed there."""

    def call_at(self, name: str, ip: str, call: Call[R], uuid: str = "") -> Awaitable[R]:
        """
        Ask a machine that is no node of the cluster yet, or tell it what may be told twice.

        @param uuid: which its certificate must name, if that is known.
        @raise ganeti.errors.RpcError: no answer, or it failed there.
        """

    def call_all(
        self, nodes: Iterable[str], call: Call[R]
    ) -> Awaitable[dict[str, R | GanetiError]]:
        """Ask many nodes at once; failures are values."""


class NameResolver(Protocol):
    """Names to addresses."""

    def resolve(self, name: str) -> Awaitable[Host]:
        """Full name and address. @raise ganeti.errors.ResolverError: it does not resolve."""

    def answers(self, ip: str, port: int) -> Awaitable[bool]:
        """Does any machine accept or refuse connections at C{ip}?"""


class JobContext(Protocol):
    """
    All that a unit may touch.

    @ivar id: of the job; C{op_index} counts its opcodes from 0.
    @ivar random: where uuids, MACs and secrets come from.
    @ivar paths: of the master node, for names that go into records and for the sockets of tests.
    @ivar iallocator: chooses nodes.
    """

    id: int
    op_index: int
    clock: IReactorTime
    random: Randomness
    rpc: NodeCalls
    resolver: NameResolver
    paths: Paths
    iallocator: IInstanceAllocator

    @property
    def locks_held(self) -> LockRequest:
        """What is held now."""

    def snapshot(self) -> State:
        """The committed state, now."""

    async def commit(self, change: Change, undo: Compensation | None = None) -> State:
        """
        Change the cluster's state; what C{undo} names is done if a later step fails.

        @param change: pure, from the current state to a delta; it raises when its
            precondition is gone.
        @return: the committed state that includes the change.
        """

    async def conclude(self, change: Change, result: Any = None) -> State:
        """
        Commit the last change; with it the operation is past its point of no return.

        What is interrupted afterwards ends well all the same, with C{result}.
        """

    def reserve(self, *reservations: Reservation) -> None:
        """
        Keep names, addresses and room for this job until it ends.

        Durable with the job's next recovery record.

        @raise ganeti.errors.ReservationError: another job has one of them; none was taken.
        """

    def reserved(self, kind: ReservationKind, node_uuid: str) -> int:
        """How many MiB other jobs and debts keep on a node."""

    async def step(self, node_uuid: str, call: Call[R], undo: Call[Any] | _End | None = None) -> R:
        """
        Change something on a node.

        The undo is durable before the call is sent and runs, in reverse order, when this or a later
        step fails. None: nothing to take back, and the call may be repeated. Output of tasks goes
        into the job's log.

        @raise ganeti.errors.RpcError: it failed there, or it is not known whether it did.
        """

    async def consult(self, node_uuid: str, call: Call[R]) -> R:
        """
        Run a program on a node that changes nothing; it may be asked while planning.

        When the operation or this daemon ends meanwhile, so does the program.

        @raise ganeti.errors.RpcError: it failed there, or does not answer.
        """

    async def finish(self, actions: Sequence[Action], result: Any = None) -> None:
        """
        Pass the point of no return: record all of C{actions}, then do them in order.

        After a crash they are completed and the opcode succeeds with C{result}. An action that
        the node refuses ends the sequence with its error, unless the action says otherwise.
        """

    async def settle(self, stage: str, data: Any) -> None:
        """Record that recovery asks the unit's C{settle} with this stage and data, first."""

    async def run_hooks(self, hooks: HookPlan, phase: str, nodes: Sequence[str]) -> None:
        """Run hooks now: post hooks that cannot wait for the unit's end (destroy, node remove)."""

    async def hook_results(
        self, hooks: HookPlan, phase: str, nodes: Sequence[str]
    ) -> dict[str, tuple[HookResult, ...] | GanetiError]:
        """Run hooks now, and return what each node says, by uuid: nothing is done about it."""

    def log(self, message: str) -> None:
        """A plain line in the job's log."""

    def info(self, message: str) -> None:
        """A line marked C{ - INFO: }."""

    def warn(self, message: str) -> None:
        """A line marked C{ - WARNING: }."""

    def log_entry(self, kind: str, message: Any) -> None:
        """A line of another type than C{message}, like C{delay-test}."""

    def cluster_files(self) -> Mapping[LogicalFile, str]:
        """The cluster's own files that this node has, with their contents: keys among them."""

    async def checkpoint(self) -> None:
        """@raise ganeti.errors.JobCanceled: somebody cancelled the job meanwhile."""

    def obtainable(self, wanted: LockRequest) -> LockRequest:
        """Those of C{wanted}, none of them held, that would be granted at once."""

    async def shrink(self, keep: LockRequest) -> None:
        """Free all locks but C{keep}."""


class Unit(ABC, Generic[OpT, PlanT]):
    """
    One unit of work; a new object for each run of an opcode.

    @cvar OP: the opcode it serves.
    """

    OP: ClassVar[type[OpCode]]

    def __init__(self, op: OpT, job: JobContext) -> None:
        self.op = op
        self.job = job

    def locks(self, state: State) -> LockRequest:
        """
        What must be held, as far as C{state} tells. Pure; asked again after the grant.

        @raise ganeti.errors.OpPrereqError: an object it names does not exist.
        """
        return ()

    @abstractmethod
    async def plan(self) -> PlanT:
        """
        Check all that can be checked, reserve, and decide. Changes nothing.

        @raise ganeti.errors.OpPrereqError: it cannot be done.
        @raise NeedLocks: more locks are needed first.
        """

    def hooks(self, plan: PlanT) -> HookPlan | None:
        """The hooks around C{execute}; None when the operation has none."""
        return None

    def hooks_after(self, plan: PlanT) -> Mapping[str, str] | None:
        """
        Variables as they are after C{execute}, for the post hooks; None: those of C{hooks}.

        Scripts get them with the prefix C{GANETI_POST_}, beside those of before.
        """
        return None

    def describe(self, plan: PlanT) -> Sequence[str]:
        """What C{execute} would do, in words, a line for each step; none: the plan tells it."""
        return ()

    def dry_result(self, plan: PlanT) -> Any:
        """The opcode's result when only a dry run was asked for."""
        return None

    @abstractmethod
    async def execute(self, plan: PlanT) -> Any:
        """Do it, and return the opcode's result (or L{ResultWithJobs})."""

    async def settle(self, stage: str, data: Any) -> Any:
        """Called at recovery when the last record was C{Settle}: look at the nodes, then decide."""
        raise ProgrammerError(f"{type(self).__name__} recorded that it would settle, and cannot")
