"""
Look at a node with all the questions of a verification at once.

The questions do not depend on each other; one that fails becomes a text in the answer.
"""

from __future__ import annotations

from collections.abc import Iterable
from dataclasses import dataclass
from typing import Any

from twisted.internet.defer import CancelledError, DeferredSemaphore
from twisted.internet.endpoints import HostnameEndpoint
from twisted.internet.error import ConnectError
from twisted.internet.interfaces import IReactorTCP
from twisted.internet.protocol import Factory, Protocol

from ganeti.errors import GanetiError
from ganeti.hypervisor.registry import hypervisor_of
from ganeti.model.disk import Disk
from ganeti.model.findings import DiskFinding, NodeFindings, Peer
from ganeti.model.hypervisors import HypervisorName
from ganeti.model.live import InstanceRuntime
from ganeti.model.templates import DiskTemplate
from ganeti.noded.dispatcher import Dispatcher
from ganeti.noded.local_facts import thd_local_facts
from ganeti.noded.os import IOsDefinitions, OsDirectories
from ganeti.noded.services import NodeServices
from ganeti.noded.work import CallContext
from ganeti.rpc.calls import VerifyNode
from ganeti.storage.registry import storage_of
from ganeti.utils.aio import gather
from ganeti.version import PROTOCOL_VERSION, RELEASE

_CONNECT_LIMIT_S = 5.0
CONNECTS = 64
"""To other nodes at once."""

Found = dict[str, Any]
"""Some fields of L{NodeFindings}."""


def register(dispatcher: Dispatcher, node: NodeServices) -> None:
    """Let C{dispatcher} answer the calls of this module."""
    definitions = node.os_definitions or OsDirectories(node.paths.os_search_path, node.threads)
    dispatcher.register(VerifyNode, Verifier(node, definitions).look)


@dataclass(frozen=True)
class Verifier:
    """The node, to be looked at."""

    node: NodeServices
    definitions: IOsDefinitions

    async def look(self, call: VerifyNode, context: CallContext) -> NodeFindings:
        """Answer all of C{call}."""
        node = self.node
        parts = await gather(
            [
                self._hypervisors(call.hypervisors),
                self._guests(call.hypervisors),
                self._peers(call.peers, call.port),
                self._disks(call.disks),
                self._places(call.templates),
                self._oses(wanted=call.oses),
                node.threads.run(thd_local_facts, node.paths, call),
            ]
        )
        found: Found = {key: value for part in parts for key, value in part.items()}
        return NodeFindings(
            protocol=PROTOCOL_VERSION,
            release=RELEASE,
            time_ns=int(node.clock.seconds() * 1e9),
            digest=node.certificate_digest,
            **found,
        )

    # -- guests

    async def _hypervisors(self, names: Iterable[HypervisorName]) -> Found:
        problems = {name: await self._verify(name) for name in names}
        return {"hypervisors": problems, "memory_free": await self._memory_free(names)}

    async def _verify(self, name: HypervisorName) -> tuple[str, ...]:
        try:
            return await hypervisor_of(self.node.hypervisors, name).verify()
        except GanetiError as err:
            return (str(err),)

    async def _memory_free(self, names: Iterable[HypervisorName]) -> int | None:
        """By the first hypervisor; the others share the machine with it."""
        for name in names:
            try:
                return (await hypervisor_of(self.node.hypervisors, name).node_info()).memory_free
            except GanetiError:
                return None  # its own check tells why
        return None

    async def _guests(self, names: Iterable[HypervisorName]) -> Found:
        guests: list[InstanceRuntime] = []
        for name in names:
            try:
                guests += await hypervisor_of(self.node.hypervisors, name).list()
            except GanetiError as err:
                return {"guests_problem": f"{name}: {err}"}
        return {"guests": tuple(guests)}

    # -- other nodes

    async def _peers(self, peers: Iterable[Peer], port: int) -> Found:
        slots = DeferredSemaphore(CONNECTS)
        found = await gather([self._reach(slots, peer, port) for peer in peers])
        return {"silent_peers": {name: why for name, why in found if why}}

    async def _reach(self, slots: DeferredSemaphore, peer: Peer, port: int) -> tuple[str, str]:
        await slots.acquire()
        try:
            return await self._reach_all(peer, port)
        finally:
            slots.release()

    async def _reach_all(self, peer: Peer, port: int) -> tuple[str, str]:
        for address in peer.addresses:
            why = await self._connect(address, port)
            if why:
                return peer.name, f"{address} port {port}: {why}"
        return peer.name, ""

    async def _connect(self, address: str, port: int) -> str:
        """Why nobody answers there."""
        reactor: Any = self.node.clock
        if not IReactorTCP.providedBy(reactor):
            return ""  # a simulation, which has no network
        endpoint = HostnameEndpoint(reactor, address, port, timeout=_CONNECT_LIMIT_S)
        try:
            protocol: Any = await endpoint.connect(Factory.forProtocol(Protocol))
        except CancelledError:
            raise
        except ConnectError as err:
            return str(err).rstrip(".")
        protocol.transport.abortConnection()
        return ""

    # -- disks and OS definitions

    async def _disks(self, disks: Iterable[Disk]) -> Found:
        return {"disks": tuple([await self._disk(disk) for disk in disks])}

    async def _disk(self, disk: Disk) -> DiskFinding:
        try:
            size = await storage_of(self.node.storage, disk.dev_type).size(disk)
        except GanetiError as err:
            return DiskFinding(uuid=disk.uuid, problem=str(err))
        return DiskFinding(uuid=disk.uuid, size=size)

    async def _places(self, templates: Iterable[DiskTemplate]) -> Found:
        places: list[str] = []
        for template in templates:
            try:
                places += await storage_of(self.node.storage, template).list()
            except GanetiError as err:
                return {"places_problem": f"{template}: {err}"}
        return {"places": tuple(places)}

    async def _oses(self, *, wanted: bool) -> Found:
        if not wanted:
            return {}
        try:
            return {"oses": await self.definitions.diagnose()}
        except GanetiError as err:
            return {"oses_problem": str(err)}
