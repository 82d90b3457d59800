"""The daemon's service: its start from files, why it does not start, how it ends."""

from __future__ import annotations

import os
import subprocess
from typing import Any

import pytest
from support.nodedrig import NodedRig
from support.peers import identity, node_pem, options
from support.samples import node_uuid
from twisted.internet import reactor
from twisted.internet.defer import Deferred
from twisted.internet.task import deferLater
from twisted.trial.unittest import TestCase

from ganeti.errors import (
    ConfigurationError,
    GanetiError,
    NodeUnreachable,
    RemoteFailure,
    ResolverError,
    StorageError,
    X509CertError,
)
from ganeti.noded import service
from ganeti.noded.service import NodedService, thd_primary_ip
from ganeti.noded.tasks import mark_of
from ganeti.rpc import nodes
from ganeti.rpc.calls import (
    Delay,
    LeaveCluster,
    NodeVersion,
    RunHooks,
    SetRole,
    StorePosition,
    WatchTask,
    encode_call,
)
from ganeti.rpc.client import PbTransport
from ganeti.rpc.nodes import NodeRpc
from ganeti.rpc.roles import RoleRecord, encode_role_record
from ganeti.rpc.transport import NodeAddress
from ganeti.store.nodestate import Request
from ganeti.store.nodestate_db import NodeDatabase
from ganeti.utils import procfs

NODE, MASTER = node_uuid(2), node_uuid(1)


def record(**settings: Any) -> RoleRecord:
    digest = identity(node_pem(MASTER), MASTER).digest
    values = {"term": 1, "master_uuid": MASTER, "master_digest": digest}
    return RoleRecord(**(values | settings))


class ServiceTests(TestCase):
    """On loopback, with files below a temporary root."""

    timeout = 90

    async def setUp(self) -> None:
        self.rig = NodedRig(NODE, record())
        self.addCleanup(self.rig.destroy)
        transport = PbTransport(reactor, options(node_pem(MASTER)), self.look_up)
        self.addCleanup(lambda: Deferred.fromCoroutine(transport.close()))
        self.rpc = NodeRpc(transport, 1, self.look_up, reactor)  # type: ignore[arg-type]

    def look_up(self, uuid: str) -> NodeAddress:
        return NodeAddress(uuid, "node2.example.com", "127.0.0.1", self.rig.port)

    async def wait(self, seconds: float) -> None:
        await deferLater(reactor, seconds)  # type: ignore[arg-type]

    async def test_serves(self) -> None:
        """Calls reach it, before and after a restart."""
        await self.rig.start()
        self.assertEqual((await self.rpc.call(NODE, NodeVersion())).uuid, NODE)
        await self.rig.restart()
        answer = await self.rpc.call(NODE, NodeVersion())
        self.assertEqual(answer.certificate_digest, identity(node_pem(NODE), NODE).digest)

    async def refused(self, kind: type[GanetiError], text: str) -> None:
        """It does not start, says why in one line, and leaves nothing open."""
        with self.assertRaisesRegex(kind, text) as caught:
            await self.rig.start()
        self.assertNotIn("\n", str(caught.exception))

    async def test_never_set_up(self) -> None:
        """No record at all."""
        os.unlink(self.rig.paths.node_db)
        await self.refused(StorageError, r"node\.db")

    async def test_no_certificate(self) -> None:
        """A record, and no certificate."""
        os.unlink(self.rig.paths.server_pem)
        await self.refused(X509CertError, r"server\.pem: No such file")

    async def test_no_address(self) -> None:
        """Nobody knows its address."""
        with open(self.rig.paths.hosts_file, "w") as stream:
            stream.write("127.0.0.1 other\n")
        await self.refused(ResolverError, "could not be resolved")

    async def test_port_in_use(self) -> None:
        """Something else listens there."""
        await self.rig.start()
        port = self.rig.service.port
        with self.assertRaisesRegex(StorageError, r"node\.db"):
            await NodedService(reactor, self.rig.paths, port=port).start()
        other = NodedRig(NODE, record())
        self.addCleanup(other.destroy)
        other.service = NodedService(reactor, other.paths, port=port)
        with self.assertRaisesRegex(GanetiError, f"127.0.0.1 port {port}: Address already in use"):
            await other.service.start()

    async def test_left_half_way(self) -> None:
        """A crash while it left: the start completes that, and goes no further."""
        self.write_record(record(master_uuid="", master_digest=""))
        await self.refused(ConfigurationError, "in no cluster")
        self.assertFalse(os.path.exists(self.rig.paths.server_pem))

    def write_record(self, role: RoleRecord) -> None:
        database = NodeDatabase(self.rig.paths.node_db)
        database.set_role(role.term, encode_role_record(role))
        database.close()

    async def test_leave(self) -> None:
        """After it has left and ended, only directories are there."""
        await self.rig.start()
        await self.rpc.call(NODE, LeaveCluster())
        self.assertEqual(self.rig.ended, 1)
        await self.rig.stop()
        data = self.rig.paths.data_dir
        files = [name for name in os.listdir(data) if os.path.isfile(f"{data}/{name}")]
        self.assertEqual([name for name in files if not name.endswith(".lock")], [])

    async def test_candidate(self) -> None:
        """A candidate has a copy of the log, which is gone when it is none any more."""
        await self.rig.start()
        ours = {NODE: identity(node_pem(NODE), NODE).digest}
        await self.rpc.call(NODE, SetRole(record=record(candidates=ours)))
        self.assertEqual((await self.rpc.call(NODE, StorePosition())).index, 0)
        self.assertTrue(os.path.exists(self.rig.paths.store_db))
        await self.rig.restart()
        await self.rpc.call(NODE, SetRole(record=record()))
        self.assertFalse(os.path.exists(self.rig.paths.store_db))

    async def test_candidate_with_damaged_copy(self) -> None:
        """A copy that is of no use begins anew: the master sends it all again."""
        with open(self.rig.paths.store_db, "wb") as stream:
            stream.write(b"not a database" * 1000)
        self.write_record(record(candidates={NODE: "x"}))
        await self.rig.start()
        self.assertEqual((await self.rpc.call(NODE, StorePosition())).index, 0)

    @pytest.mark.slow
    async def test_stop_interrupts(self) -> None:
        """A stop does not wait for ever; who waits is told."""
        self.patch(service, "_GRACE_S", 0.2)
        self.patch(nodes, "AWAY_S", 0.5)
        await self.rig.start()
        running = Deferred.fromCoroutine(
            self.rpc.call(NODE, Delay(duration_s=100), request_id="1/0/0")
        )
        await self.recorded("1/0/0")
        await self.rig.stop()
        with self.assertRaises(NodeUnreachable) as caught:
            await running
        self.assertTrue(caught.exception.lost)

    async def recorded(self, request_id: str) -> Request:
        """What the node knows of a request, when it has come."""
        assert self.rig.service.node is not None
        while not (known := await self.rig.service.node.services.state.lookup(request_id)):
            await self.wait(0.02)
        return known

    async def test_leftover_processes(self) -> None:
        """What a killed daemon left running is killed, and its task has failed."""
        left = subprocess.Popen(["sh", "-c", "sleep 100 & sleep 100"], start_new_session=True)
        self.addCleanup(left.wait)
        self.addCleanup(left.kill)
        call = RunHooks(path="instance-add", phase="pre", env={})
        database = NodeDatabase(self.rig.paths.node_db)
        database.begin("9/0/1", encode_call(call))
        database.note_process("9/0/1", left.pid, mark_of(left.pid))
        database.close()
        await self.rig.start()
        self.assertEqual(procfs.group_members(left.pid), [])
        with self.assertRaises(RemoteFailure) as caught:
            await self.rpc.call(NODE, call, request_id="9/0/1")
        self.assertIn("was restarted", str(caught.exception))
        self.assertTrue((await self.rpc.call(NODE, WatchTask(request_id="9/0/1"))).done)

    @pytest.mark.slow
    async def test_hook_is_noted(self) -> None:
        """The process of a task is in the record before it does anything."""
        directory = f"{self.rig.paths.hooks_dir}/instance-add-pre.d"
        os.mkdir(directory)
        with open(f"{directory}/x", "w") as stream:
            stream.write("#!/bin/sh\nexec sleep 100\n")
        os.chmod(f"{directory}/x", 0o755)
        await self.rig.start()
        call = RunHooks(path="instance-add", phase="pre", env={})
        running = Deferred.fromCoroutine(self.rpc.call(NODE, call, request_id="9/0/1"))
        while (known := await self.recorded("9/0/1")).pid is None:
            await self.wait(0.02)
        self.assertEqual(known.pid_started, mark_of(known.pid))
        self.patch(service, "_GRACE_S", 0.1)
        self.patch(nodes, "AWAY_S", 0.5)
        await self.rig.stop()
        self.assertEqual(procfs.group_members(known.pid), [])
        with self.assertRaises(NodeUnreachable):
            await running

    def test_address_of_ssconf(self) -> None:
        """What the cluster says about its address comes first."""
        with open(self.rig.paths.ssconf("node_primary_ips"), "w") as stream:
            stream.write("node1.example.com 192.0.2.1\nnode2.example.com 192.0.2.2\n")
        self.assertEqual(thd_primary_ip(self.rig.paths, "node2.example.com"), "192.0.2.2")
