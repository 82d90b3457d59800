"""A node's own record for its daemon: the asynchronous face of node.db."""

from __future__ import annotations

from collections.abc import Callable
from typing import ParamSpec, TypeVar

from twisted.internet.interfaces import IReactorFromThreads
from zope.interface import Attribute, Interface, implementer

from ganeti.store.nodestate_db import NodeDatabase
from ganeti.store.nodestate_rows import Request, RequestState, RoleRow
from ganeti.store.sqlite import SyncError
from ganeti.store.thread import InPlace, OneThread, Runs
from ganeti.store.together import Together

P = ParamSpec("P")
T = TypeVar("T")
Fatal = Callable[[Exception], None]

__all__ = ["INodeState", "MemoryNodeState", "Request", "RequestState", "RoleRow", "SqliteNodeState"]


class INodeState(Interface):
    """
    What a node must not forget: its role, the term it promised, and the changing calls it was sent.

    What a method changed is durable when its result is there. Methods take effect in the order
    called. All raise StorageError when nothing could be written; nothing has changed then.
    """

    role: RoleRow | None = Attribute("The role record; None on a node that no cluster has set up.")
    promised_term: int = Attribute("The highest term promised, 0 at first.")

    async def set_role(term: int, record: bytes) -> None:
        """
        Replace the role record and promise its term.

        @raise StorageError: a higher term has been promised.
        """

    async def promise(term: int) -> None:
        """
        Never again accept a lower term.

        @raise StorageError: a higher term has been promised.
        """

    async def begin(request_id: str, call: bytes) -> Request | None:
        """
        Record that C{call} is about to be run.

        @return: None when it may run now; else what was known of the request already, unchanged.
        """

    async def note_process(request_id: str, pid: int, started: int) -> None:
        """
        Remember the process group that works for an open request.

        @param started: when it began, in the kernel's count (proc(5), stat, field 22).
        """

    async def finish(request_id: str, answer: bytes) -> bool:
        """Keep the answer. False, and nothing is kept, when the request is not open any more."""

    async def tombstone(request_id: str) -> Request | None:
        """
        See to it that the request is never run (again), whether it was seen or not.

        @return: what was known of it.
        """

    async def lookup(request_id: str) -> Request | None:
        """What is known of a request."""

    async def forget_job(job_id: int) -> int:
        """Drop all requests and tombstones of a job that is final; return how many there were."""

    async def unfinished() -> tuple[Request, ...]:
        """Requests begun and not finished: after a start, those that a crash interrupted."""

    async def requests() -> tuple[Request, ...]:
        """Everything known, without calls and answers."""

    async def close() -> None:
        """Finish what is under way and let go of the file."""


class _NodeState:
    """Most of INodeState over a NodeDatabase, whichever thread that is used in."""

    def __init__(self, database: NodeDatabase, runner: Runs, on_fatal: Fatal) -> None:
        self._database = database
        self._on_fatal = on_fatal
        self._runner = runner
        self.role: RoleRow | None = database.role()
        self.promised_term: int = database.promised_term()

    async def set_role(self, term: int, record: bytes) -> None:
        await self._run(self._database.set_role, term, record)
        self.role = RoleRow(term=term, record=record)
        self.promised_term = max(self.promised_term, term)

    async def promise(self, term: int) -> None:
        await self._run(self._database.promise, term)
        self.promised_term = max(self.promised_term, term)

    async def begin(self, request_id: str, call: bytes) -> Request | None:
        return await self._run(self._database.begin, request_id, call)

    async def note_process(self, request_id: str, pid: int, started: int) -> None:
        await self._run(self._database.note_process, request_id, pid, started)

    async def finish(self, request_id: str, answer: bytes) -> bool:
        return await self._run(self._database.finish, request_id, answer)

    async def tombstone(self, request_id: str) -> Request | None:
        return await self._run(self._database.tombstone, request_id)

    async def lookup(self, request_id: str) -> Request | None:
        return await self._run(self._database.lookup, request_id)

    async def forget_job(self, job_id: int) -> int:
        return await self._run(self._database.forget_job, job_id)

    async def unfinished(self) -> tuple[Request, ...]:
        return await self._run(self._database.unfinished)

    async def requests(self) -> tuple[Request, ...]:
        return await self._run(self._database.requests)

    async def _run(self, function: Callable[P, T], /, *args: P.args, **kwargs: P.kwargs) -> T:
        try:
            return await self._runner.run(function, *args, **kwargs)
        except SyncError as err:
            self._on_fatal(err)
            raise


@implementer(INodeState)
class SqliteNodeState(_NodeState):
    """node.db in a thread of its own; what waits for it is written together."""

    def __init__(self, database: NodeDatabase, thread: OneThread, on_fatal: Fatal) -> None:
        self._thread = thread
        self._together = Together(thread, database)
        self._closed = False
        super().__init__(database, self._together, on_fatal)

    @classmethod
    async def open(
        cls, path: str, reactor: IReactorFromThreads, *, on_fatal: Fatal, create: bool = False
    ) -> SqliteNodeState:
        """
        @param on_fatal: has to end the daemon: it is not known any more what is on the disk.
        @raise StorageError: missing (and not C{create}), damaged, or in use.
        """
        thread = OneThread(reactor, "node.db")
        try:
            database = await thread.run(NodeDatabase, path, create=create)
            return await thread.run(cls, database, thread, on_fatal)
        except BaseException:
            thread.close()
            raise

    async def close(self) -> None:
        if not self._closed:
            self._closed = True
            await self._together.drained()
            await self._thread.run(self._database.close)
            self._thread.close()


@implementer(INodeState)
class MemoryNodeState(_NodeState):
    """
    The same in memory, for nodes simulated in one process.

    Hand the same object to the node's next life to simulate a restart.
    """

    def __init__(self) -> None:
        super().__init__(NodeDatabase(":memory:"), InPlace(), _never_fatal)

    async def close(self) -> None:
        """Nothing to let go of: the next life reads on."""


def _never_fatal(err: Exception) -> None:
    raise AssertionError("memory does not fail") from err
