"""C{ganeti-masterd}: the master daemon with its database, sockets and files."""

from __future__ import annotations

import gc
import os
import resource
from typing import Any

from twisted.internet.endpoints import TCP4ClientEndpoint, TCP6ClientEndpoint
from twisted.internet.error import ConnectError, ConnectionRefusedError
from twisted.internet.protocol import Factory, Protocol
from twisted.logger import Logger

from ganeti.errors import ConfigurationError
from ganeti.masterd.computing import ComputingThread
from ganeti.masterd.luxi_methods import LuxiMethods
from ganeti.masterd.luxiserver import LuxiServer
from ganeti.masterd.master import MasterDaemon, Surroundings
from ganeti.masterd.secrets import SecretBox
from ganeti.operations.registry import UNITS
from ganeti.paths import Paths
from ganeti.rpc.calls import LogicalFile
from ganeti.rpc.certificates import load_identity
from ganeti.rpc.client import PbTransport
from ganeti.rpc.roles import RoleRecord, decode_role_record
from ganeti.rpc.tls import load_tls_options
from ganeti.store.journal import SqliteJournal
from ganeti.store.nodestate_db import read_role_record
from ganeti.store.projections import ConfigFiles, ConfigProjection
from ganeti.store.thread import OneThread
from ganeti.utils.durable import read_limited
from ganeti.utils.hosts import Host, Resolver
from ganeti.utils.randomness import SystemRandomness
from ganeti.utils.service import AsyncService, end_at_once
from ganeti.utils.threads import ReactorThreads, Threads

NODED_PORT = 1811
DESCRIPTORS = 16384
PROBE_LIMIT_S = 2.0
_FILE_LIMIT = 1 << 20


class HostNames:
    """C{operations.unit.NameResolver} for a real node."""

    def __init__(self, reactor: Any, paths: Paths, threads: Threads) -> None:
        self._reactor = reactor
        self._resolver = Resolver(paths)
        self._threads = threads

    async def resolve(self, name: str) -> Host:
        """@raise ResolverError: there is no such name."""
        return await self._threads.run(self._resolver.resolve, name)

    async def answers(self, ip: str, port: int) -> bool:
        """Whether a machine accepts or refuses connections at C{ip}; it may take 2 s."""
        kind = TCP6ClientEndpoint if ":" in ip else TCP4ClientEndpoint
        endpoint = kind(self._reactor, ip, port, timeout=PROBE_LIMIT_S)
        try:
            protocol: Any = await endpoint.connect(Factory.forProtocol(Protocol))
        except ConnectionRefusedError:
            return True
        except ConnectError:
            return False
        protocol.transport.abortConnection()
        return True


class MasterdService(AsyncService):
    """
    Opens everything at its start, in an order that lets a failure undo nothing.

    At SIGTERM no opcode starts any more, running ones get 20 s, then they are left
    as a crash would leave them.
    """

    log = Logger()

    def __init__(self, reactor: Any, paths: Paths) -> None:
        """@param reactor: the whole one."""
        self._reactor = reactor
        self._paths = paths
        self._threads = ReactorThreads(reactor)
        self._computing = ComputingThread(reactor, "computing")
        self._journal: SqliteJournal | None = None
        self._luxi: LuxiServer | None = None
        self._projection: ConfigProjection | None = None
        self.master: MasterDaemon | None = None

    async def start(self) -> None:
        raise_descriptor_limit()
        identity = load_identity(self._paths)
        role = await self._threads.run(thd_check_master, self._paths, identity.uuid)
        self._journal = await SqliteJournal.open(self._paths.store_db, self._reactor)
        self.master = MasterDaemon(self._surroundings(identity.uuid, role.term))
        await self.master.start()
        self._begin_projection(self.master)
        await self.master.settings.write_files()
        methods = LuxiMethods(self.master)
        self._luxi = LuxiServer(self._reactor, self._paths, methods.handle)
        self._luxi.listen()
        gc.collect()
        gc.freeze()

    def _surroundings(self, node_uuid: str, term: int) -> Surroundings:
        assert self._journal is not None
        options = load_tls_options(self._paths)
        return Surroundings(
            paths=self._paths,
            node_uuid=node_uuid,
            clock=self._reactor,
            random=SystemRandomness(),
            journal=self._journal,
            transport=lambda book: PbTransport(self._reactor, options, book),
            resolver=HostNames(self._reactor, self._paths, self._threads),
            units=UNITS,
            box=SecretBox.at(self._paths.job_secret_key),
            files=lambda: read_cluster_files(self._paths),
            noded_port=NODED_PORT,
            threads=self._threads,
            computing=self._computing,
            term=term,
            on_fatal=self._end_after,
        )

    def _begin_projection(self, master: MasterDaemon) -> None:
        files = ConfigFiles(self._paths, lambda: master.store.unknown)
        thread = OneThread(self._reactor, "projections")
        self._projection = ConfigProjection(files, thread, self._reactor)
        master.store.on_commit(self._projection.committed)
        self._projection.want(master.store.committed.config)

    async def stop(self) -> None:
        if self._luxi is not None:
            await self._luxi.stop()
        if self.master is not None:
            await self.master.stop()
        self._computing.close()
        if self._projection is not None:
            await self._projection.close()
        if self._journal is not None:
            await self._journal.close()

    def _end_after(self, error: Exception) -> None:
        end_at_once(f"The daemon has to end: {error}")


def thd_check_master(paths: Paths, node_uuid: str) -> RoleRecord:
    """
    The node's own role record, which must say that it is the master.

    @raise ConfigurationError: another node is, or this one is in no cluster.
    """
    row = read_role_record(paths.node_db)
    record = None if row is None else decode_role_record(row.record)
    if record is None or not record.master_uuid:
        raise ConfigurationError("This node is in no cluster")
    if record.master_uuid != node_uuid:
        raise ConfigurationError("This node is not the master of its cluster")
    if not os.path.exists(paths.store_db):
        raise ConfigurationError(f"The cluster's database {paths.store_db} is missing")
    return record


def read_cluster_files(paths: Paths) -> dict[LogicalFile, str]:
    """The files that master candidates have, as far as this node has them."""
    places = {
        LogicalFile.CA_KEY: paths.ca_key,
        LogicalFile.HMAC_KEY: paths.hmac_key,
        LogicalFile.CLUSTER_DOMAIN_SECRET: paths.cluster_domain_secret,
        LogicalFile.RAPI_PEM: paths.rapi_pem,
        LogicalFile.KNOWN_HOSTS: paths.known_hosts,
    }
    return {
        name: read_limited(path, _FILE_LIMIT).decode()
        for name, path in places.items()
        if os.path.exists(path)
    }


def raise_descriptor_limit() -> None:
    """Room for many clients and nodes."""
    soft, hard = resource.getrlimit(resource.RLIMIT_NOFILE)
    wanted = DESCRIPTORS if hard == resource.RLIM_INFINITY else min(hard, DESCRIPTORS)
    if soft < wanted:
        resource.setrlimit(resource.RLIMIT_NOFILE, (wanted, hard))
