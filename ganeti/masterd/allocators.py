"""Instance allocators for jobs: one request at a time, and what is chosen is kept free."""

from __future__ import annotations

from collections.abc import Awaitable, Callable, Sequence
from typing import TypeVar

import msgspec
from twisted.internet.defer import CancelledError
from twisted.internet.interfaces import IReactorTime
from twisted.logger import Logger
from zope.interface import implementer

from ganeti.errors import ErrorCode, GanetiError, OpExecError, OpPrereqError
from ganeti.htools.errors import InputError
from ganeti.htools.requests import Answer
from ganeti.masterd.promises import Promises
from ganeti.model.allocators import HailParameters, parse_hail_parameters
from ganeti.model.config import Configuration
from ganeti.operations.allocators.answers import read_answer
from ganeti.operations.allocators.hail import (
    Inquiry,
    thd_answer,
    thd_document,
    thd_explain,
    thd_reasoned_answer,
)
from ganeti.operations.allocators.interface import IInstanceAllocator
from ganeti.operations.allocators.programs import Consult, run_program
from ganeti.operations.allocators.requests import AllocatorRequest
from ganeti.operations.allocators.stock import Stock, take_stock
from ganeti.operations.unit import NodeCalls
from ganeti.paths import Paths
from ganeti.store.commit import Store
from ganeti.store.reservations import ReservationTable
from ganeti.store.thread import Runs
from ganeti.utils.aio import KeyedLock, with_timeout
from ganeti.utils.allocators import BUILT_IN, find_allocator

T = TypeVar("T")

COMPUTING_LIMIT_S = 600.0
"""What one answer may take, its turn in the thread included."""
_TURN = "turn"


class Allocators:
    """
    All that jobs share of instance allocators.

    Nodes are asked beside one another; then requests take turns. A turn ends when what was
    chosen is reserved, so the next one sees it.
    """

    log = Logger()

    def __init__(
        self,
        store: Store,
        reservations: ReservationTable,
        rpc: NodeCalls,
        computing: Runs,
        clock: IReactorTime,
        paths: Paths,
    ) -> None:
        self._store = store
        self._rpc = rpc
        self._computing = computing
        self._clock = clock
        self._paths = paths
        self._turns = KeyedLock()
        self._promises = Promises(store, reservations)

    def for_job(self, job_id: int, consult: Consult) -> JobAllocator:
        """What one job asks; C{consult} runs programs for it."""
        return JobAllocator(self, job_id, consult)

    async def ask(
        self,
        job_id: int,
        consult: Consult,
        name: str,
        request: AllocatorRequest,
        reserve: Callable[[Answer], None] | None,
    ) -> Answer:
        """See L{IInstanceAllocator.ask}."""
        program = self._is_program(name)
        stock = await self._take_stock(request)
        async with self._turns.hold(_TURN):
            if program:
                printed = await self._run(consult, name, stock, request)
                answer = read_answer(printed, name, request, self._config)
            else:
                answer = await self._compute(thd_reasoned_answer, self._inquiry(stock, request))
            if answer.success and reserve is not None:
                reserve(answer)
                self._promises.add(job_id, request, answer)
            return answer

    async def output(self, consult: Consult, name: str, request: AllocatorRequest) -> bytes:
        """See L{IInstanceAllocator.output}; nothing is reserved, so nobody has to wait for it."""
        program = self._is_program(name)
        stock = await self._take_stock(request)
        if program:
            return await self._run(consult, name, stock, request)
        answer = await self._compute(thd_answer, self._inquiry(stock, request))
        return msgspec.json.encode(answer) + b"\n"

    def _is_program(self, name: str) -> bool:
        """
        Is it none of ours?

        @raise OpPrereqError: there is no such allocator.
        """
        if find_allocator(self._paths, name) is not None:
            return True
        if name == BUILT_IN:
            return False
        places = " and ".join(self._paths.iallocator_search_path)
        raise OpPrereqError(
            f"There is no instance allocator '{name}': programs are looked for in {places}",
            ErrorCode.NOT_FOUND,
        )

    async def _run(
        self, consult: Consult, name: str, stock: Stock, request: AllocatorRequest
    ) -> bytes:
        """What a program prints."""
        inquiry = self._inquiry(stock, request, program=True)
        document = await self._compute(thd_document, inquiry)
        return await run_program(consult, inquiry.config, name, document)

    async def explain(self, request: AllocatorRequest) -> Sequence[str]:
        """See L{IInstanceAllocator.explain}."""
        stock = await self._take_stock(request)
        return await self._compute(thd_explain, self._inquiry(stock, request))

    async def document(self, request: AllocatorRequest) -> bytes:
        """See L{IInstanceAllocator.document}."""
        stock = await self._take_stock(request)
        return await self._compute(thd_document, self._inquiry(stock, request, program=True))

    def _inquiry(
        self, stock: Stock, request: AllocatorRequest, *, program: bool = False
    ) -> Inquiry:
        """
        The request as things are now.

        @raise OpPrereqError: the cluster's parameters are none that the built-in allocator takes.
        """
        return Inquiry(
            config=self._config,
            stock=stock,
            claims=self._promises.claims(),
            request=request,
            parameters=HailParameters() if program else self._parameters(),
        )

    @property
    def _config(self) -> Configuration:
        return self._store.committed.config

    def _take_stock(self, request: AllocatorRequest) -> Awaitable[Stock]:
        return take_stock(self._config, self._rpc, request)

    def _parameters(self) -> HailParameters:
        """The cluster's parameters, when they are those of the built-in allocator."""
        cluster = self._config.cluster
        own = cluster.default_iallocator == BUILT_IN
        return parse_hail_parameters(cluster.default_iallocator_params if own else {})

    async def _compute(self, function: Callable[[Inquiry], T], inquiry: Inquiry) -> T:
        """
        Run C{function} in the computing thread.

        @raise OpExecError: it failed, whatever the reason, or took too long.
        """
        late = OpExecError(f"Choosing nodes took longer than {COMPUTING_LIMIT_S:.0f} s")
        running = self._computing.run(function, inquiry)
        try:
            return await with_timeout(running, COMPUTING_LIMIT_S, self._clock, late)
        except CancelledError:
            raise
        except InputError as err:
            raise OpExecError(str(err)) from err
        except GanetiError:
            raise
        except Exception as err:
            self.log.failure("Choosing nodes failed")
            raise OpExecError(
                f"Choosing nodes failed, which is a defect: {type(err).__name__}: {err};"
                " the log of the master daemon has more"
            ) from err


@implementer(IInstanceAllocator)
class JobAllocator:
    """What one job asks instance allocators."""

    def __init__(self, allocators: Allocators, job_id: int, consult: Consult) -> None:
        self._allocators = allocators
        self._job_id = job_id
        self._consult = consult

    async def ask(
        self,
        name: str,
        request: AllocatorRequest,
        reserve: Callable[[Answer], None] | None = None,
    ) -> Answer:
        return await self._allocators.ask(self._job_id, self._consult, name, request, reserve)

    async def output(self, name: str, request: AllocatorRequest) -> bytes:
        return await self._allocators.output(self._consult, name, request)

    async def explain(self, request: AllocatorRequest) -> Sequence[str]:
        return await self._allocators.explain(request)

    async def document(self, request: AllocatorRequest) -> bytes:
        return await self._allocators.document(request)
