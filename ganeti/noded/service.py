"""The node daemon: a node, and the connections to it."""

from __future__ import annotations

from typing import Any

from twisted.internet.defer import CancelledError, Deferred
from twisted.internet.error import ReactorNotRunning
from twisted.internet.interfaces import IReactorTime
from twisted.logger import Logger

from ganeti.errors import ConfigurationError, HypervisorError
from ganeti.hypervisor.interface import IHypervisor
from ganeti.noded import (
    handlers_allocators,
    handlers_disks,
    handlers_hooks,
    handlers_info,
    handlers_instances,
    handlers_os,
    handlers_power,
    verify,
)
from ganeti.noded.drivers import real_drivers
from ganeti.noded.hooks import SCRIPT_LIMIT_S
from ganeti.noded.leaving import thd_forget_cluster
from ganeti.noded.node import Node, Register
from ganeti.noded.services import NodeServices
from ganeti.paths import Paths
from ganeti.rpc.certificates import NodeIdentity, load_identity
from ganeti.rpc.roles import decode_role_record
from ganeti.rpc.server import NodeServer
from ganeti.rpc.tls import load_tls_options
from ganeti.store.candidate import CandidateFiles
from ganeti.store.nodestate import INodeState, SqliteNodeState
from ganeti.utils import durable
from ganeti.utils.aio import as_deferred
from ganeti.utils.hosts import Resolver
from ganeti.utils.process import RealProcessRunner
from ganeti.utils.service import AsyncService, end_at_once
from ganeti.utils.threads import ReactorThreads

log = Logger()

PORT = 1811
_SSCONF_LIMIT = 1 << 20
_GRACE_S = 10.0
"""What runs at SIGTERM has so long to end."""

HANDLERS: tuple[Register, ...] = (
    handlers_allocators.register,
    handlers_disks.register,
    handlers_hooks.register,
    handlers_info.register,
    handlers_instances.register,
    handlers_os.register,
    handlers_power.register,
    verify.register,
)


def thd_primary_ip(paths: Paths, name: str) -> str:
    """
    The address that this node serves on: as the cluster says, else as the resolver does.

    @raise ResolverError: its name does not resolve.
    """
    try:
        text = durable.read_limited(paths.ssconf("node_primary_ips"), _SSCONF_LIMIT).decode()
    except (OSError, UnicodeDecodeError):
        text = ""
    for line in text.splitlines():
        node, _, ip = line.partition(" ")
        if node == name and ip:
            return ip
    return Resolver(paths).resolve(name).ip


class NodedService(AsyncService):
    """
    C{ganeti-noded}.

    At SIGTERM it takes nothing new, gives what runs some seconds, and interrupts the rest as a
    crash would; what a restart then does is what it always does.
    """

    def __init__(
        self,
        reactor: Any,
        paths: Paths,
        *,
        bind: str = "",
        port: int = PORT,
        hook_limit_s: float = SCRIPT_LIMIT_S,
    ) -> None:
        """
        @param reactor: the whole one.
        @param bind: the address to listen on; empty: the node's primary address.
        @param hook_limit_s: for each hook script.
        """
        self._reactor = reactor
        self._clock: IReactorTime = reactor
        self._paths = paths
        self._bind = bind
        self._port = port
        self._hook_limit_s = hook_limit_s
        self._threads = ReactorThreads(reactor)
        self._state: INodeState | None = None
        self._server: NodeServer | None = None
        self._hypervisors: tuple[IHypervisor, ...] = ()
        self._finding: Deferred[None] | None = None
        self.node: Node | None = None

    @property
    def port(self) -> int:
        """The port that is listened on."""
        assert self._server is not None
        return self._server.port

    async def start(self) -> None:
        self._state = await SqliteNodeState.open(
            self._paths.node_db, self._reactor, on_fatal=self._end_after
        )
        await self._refuse_when_left(self._state)
        identity = load_identity(self._paths)
        self.node = self._make_node(identity, self._state)
        await self.node.start()
        self._server = NodeServer(
            self._reactor, self.node.dispatcher, load_tls_options(self._paths)
        )
        host = self._bind or await self._threads.run(thd_primary_ip, self._paths, identity.name)
        await self._server.listen(host, self._port)
        log.info(
            "Serving {name} on {host} port {port}", name=identity.name, host=host, port=self.port
        )
        self._finding = as_deferred(self._find_guests())
        self._finding.addErrback(lambda failure: failure.trap(CancelledError) and None)

    async def stop(self) -> None:
        if self._finding is not None:
            self._finding.cancel()
        if self.node is not None:
            await self.node.stop(_GRACE_S)
        for hypervisor in self._hypervisors:
            await hypervisor.close()
        if self._server is not None:
            await self._server.close()
        if self._state is not None:
            await self._state.close()
            if self.node is not None and self.node.left:
                await self._threads.run(durable.remove, self._paths.node_db)

    async def _find_guests(self) -> None:
        """
        Listen to the guests that lived on without us.

        A hypervisor that has none is not woken up by that.
        """
        for hypervisor in self._hypervisors:
            try:
                await hypervisor.list()
            except HypervisorError as err:
                log.warn("{name}: {error}", name=hypervisor.name, error=str(err))

    def _make_node(self, identity: NodeIdentity, state: INodeState) -> Node:
        drivers = real_drivers(self._paths, self._reactor, self._threads)
        self._hypervisors = tuple(drivers.hypervisors.values())
        services = NodeServices(
            paths=self._paths,
            name=identity.name,
            uuid=identity.uuid,
            certificate_digest=identity.digest,
            clock=self._clock,
            threads=self._threads,
            processes=RealProcessRunner(self._reactor),
            state=state,
            hypervisors=drivers.hypervisors,
            storage=drivers.storage,
            os_definitions=drivers.os_definitions,
            os_logs=drivers.os_logs,
            stop=self._end,
            hook_limit_s=self._hook_limit_s,
        )
        candidate = CandidateFiles(self._paths, self._reactor, self._threads)
        return Node(services, candidate, HANDLERS, self._end_after)

    async def _refuse_when_left(self, state: INodeState) -> None:
        """Complete what a crash interrupted while the node left its cluster."""
        row = state.role
        if row is not None and decode_role_record(row.record).master_uuid:
            return
        if row is not None:
            await self._threads.run(thd_forget_cluster, self._paths)
        raise ConfigurationError("This node is in no cluster; add it with gnt-node add")

    def _end(self) -> None:
        """Stop the whole daemon; its service is stopped on the way."""
        try:
            self._reactor.stop()
        except ReactorNotRunning:
            pass  # it is stopping already

    def _end_after(self, error: Exception) -> None:
        end_at_once(f"The daemon has to end: {error}")
