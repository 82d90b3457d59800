"""One node daemon without its network: what answers calls, and what it keeps."""

from __future__ import annotations

from collections.abc import Callable, Iterable

from twisted.internet.defer import DeferredLock
from twisted.logger import Logger

from ganeti.noded import handlers_core
from ganeti.noded.dispatcher import Dispatcher
from ganeti.noded.requests import Requests
from ganeti.noded.roles import Roles
from ganeti.noded.services import NodeServices
from ganeti.rpc.roles import RoleRecord
from ganeti.store.candidate import CandidateStore, Copy, OnFatal

log = Logger()

Register = Callable[[Dispatcher, NodeServices], None]


class Node:
    """
    Everything of a node daemon but connections.

    Many of them fit in one process; each life of a daemon is a new one.

    @ivar dispatcher: answers encoded calls.
    @ivar left: the node has left its cluster, and must not be started again.
    """

    def __init__(
        self,
        services: NodeServices,
        candidate: CandidateStore,
        registers: Iterable[Register],
        on_fatal: OnFatal,
    ) -> None:
        """
        @param registers: those of the handlers, beside the core's own.
        @param on_fatal: has to end the daemon: it is not known what is on the disk.
        """
        self.services = services
        self.roles = Roles(services.state)
        self.requests = Requests(services.state, services.clock)
        self.dispatcher = Dispatcher(self.roles, self.requests)
        self.copy: Copy | None = None
        self.left = False
        self._candidate = candidate
        self._on_fatal = on_fatal
        self._changing = DeferredLock()
        handlers_core.register(self.dispatcher, self)
        for register in registers:
            register(self.dispatcher, services)

    async def start(self) -> None:
        """Recover from whatever ended the life before; calls may come when this returns."""
        await self.requests.recover()
        await self._follow_role()

    async def stop(self, grace_s: float) -> None:
        """Answer what runs, within C{grace_s}; then let go of the copy."""
        await self.requests.stop(grace_s)
        async with self._changing:
            await self._close_copy()

    async def set_role(self, record: RoleRecord, term: int) -> None:
        """
        Obey C{record}, and keep a copy of the log just when it makes this node a candidate.

        @raise Refused: it is not for this term.
        """
        await self.roles.replace(record, term)
        await self._follow_role()

    async def resign(self) -> None:
        """Obey nobody any more, and keep nothing of the cluster's state."""
        await self.roles.resign()
        await self._follow_role()
        self.left = True

    async def _follow_role(self) -> None:
        async with self._changing:
            record = self.roles.record
            if self._is_candidate(record):
                if self.copy is None:
                    self.copy = await self._candidate.open(self.services.state, self._on_fatal)
                return
            await self._close_copy()
            if record is None or record.master_uuid != self.services.uuid:
                await self._candidate.remove()

    def _is_candidate(self, record: RoleRecord | None) -> bool:
        """On the master the store belongs to the master daemon."""
        uuid = self.services.uuid
        return record is not None and uuid in record.candidates and uuid != record.master_uuid

    async def _close_copy(self) -> None:
        copy, self.copy = self.copy, None
        if copy is not None:
            await copy.close()
