"""A real node daemon in this process, below a root of its own, on loopback."""

from __future__ import annotations

import os
import shutil
import tempfile

from twisted.internet import reactor
from twisted.internet.defer import Deferred

from ganeti.noded.service import NodedService
from ganeti.paths import Paths
from ganeti.rpc.certificates import authority_pem
from ganeti.rpc.roles import RoleRecord, encode_role_record
from ganeti.store.nodestate_db import create_node_database
from ganeti.utils.durable import make_directories, write_atomic
from support.peers import authority, node_pem


class NodedRig:
    """
    Files as node setup makes them, and the daemon's service.

    @ivar ended: how often the daemon wanted to end.
    @ivar port: where the last life served.
    """

    def __init__(self, node_uuid: str, record: RoleRecord) -> None:
        self.base = tempfile.mkdtemp(prefix="ganeti-rpc-test-")
        self.paths = Paths(root=f"{self.base}/node2.example.com", hostname="node2.example.com")
        os.mkdir(self.paths.root)
        make_directories(self.paths)
        write_atomic(self.paths.server_pem, node_pem(node_uuid))
        write_atomic(self.paths.ca_pem, authority_pem(authority("ours")))
        with open(self.paths.hosts_file, "w") as stream:
            stream.write(f"127.0.0.1 {node_uuid}.example.com\n")
        create_node_database(self.paths.node_db, record.term, encode_role_record(record))
        self.ended = 0
        self.port = 0
        self.service = self.make()

    def make(self) -> NodedService:
        """The service of another life."""
        return NodedService(reactor, self.paths, port=0)

    async def start(self) -> None:
        await self.service.start()
        assert self.service.node is not None
        self.service.node.services.stop = self._end
        self.port = self.service.port

    def _end(self) -> None:
        self.ended += 1

    async def stop(self) -> None:
        await self.service.stop()

    async def restart(self) -> None:
        await self.stop()
        self.service = self.make()
        await self.start()

    def remove(self) -> None:
        shutil.rmtree(self.base)

    def destroy(self) -> Deferred[None]:
        """Stop and remove; for C{addCleanup}."""
        return Deferred.fromCoroutine(self.stop()).addCallback(lambda _: self.remove())
