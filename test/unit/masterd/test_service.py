"""What the daemon finds around itself: its role, the cluster's files, names and addresses."""

from __future__ import annotations

import os
import socket

from twisted.internet import reactor
from twisted.internet.defer import Deferred
from twisted.internet.error import TimeoutError
from twisted.internet.testing import MemoryReactorClock
from twisted.python.failure import Failure
from twisted.trial.unittest import SynchronousTestCase, TestCase

from ganeti.errors import ConfigurationError, ResolverError
from ganeti.masterd.service import PROBE_LIMIT_S, HostNames, read_cluster_files, thd_check_master
from ganeti.paths import Paths
from ganeti.rpc.calls import LogicalFile
from ganeti.rpc.roles import RoleRecord, encode_role_record
from ganeti.store.nodestate_db import create_node_database
from ganeti.utils.durable import make_directories
from ganeti.utils.threads import NoThreads

UUID = "00000002-0000-4000-8000-000000000001"


def make_paths(folder: str) -> Paths:
    """Those of a virtual node, with its directories."""
    root = os.path.join(os.path.abspath(folder), "node1.example.com")
    os.makedirs(root)
    paths = Paths(root, "node1.example.com")
    make_directories(paths)
    return paths


class RoleTests(SynchronousTestCase):
    def setUp(self) -> None:
        self.paths = make_paths(self.mktemp())

    def put_record(self, master_uuid: str) -> None:
        record = RoleRecord(term=3, master_uuid=master_uuid, master_digest="d")
        create_node_database(self.paths.node_db, 3, encode_role_record(record))

    def check_refused(self, text: str) -> None:
        with self.assertRaisesRegex(ConfigurationError, text):
            thd_check_master(self.paths, UUID)

    def test_master(self) -> None:
        """The term is that of the node's own record."""
        self.put_record(UUID)
        with open(self.paths.store_db, "wb"):
            pass
        self.assertEqual(thd_check_master(self.paths, UUID).term, 3)

    def test_another_node(self) -> None:
        """Another master's record keeps the daemon from starting."""
        self.put_record("somebody else")
        self.check_refused("not the master")

    def test_no_cluster(self) -> None:
        """So does a record that says that the node has left."""
        self.put_record("")
        self.check_refused("in no cluster")

    def test_no_database(self) -> None:
        """A master without its database names the file."""
        self.put_record(UUID)
        self.check_refused("store.db is missing")


class FilesTests(SynchronousTestCase):
    def test_those_there(self) -> None:
        """Files for candidates are read as far as they are there."""
        paths = make_paths(self.mktemp())
        for path, text in ((paths.ca_key, "key"), (paths.hmac_key, "mac")):
            with open(path, "w") as stream:
                stream.write(text)
        expected = {LogicalFile.CA_KEY: "key", LogicalFile.HMAC_KEY: "mac"}
        self.assertEqual(read_cluster_files(paths), expected)


class NamesTests(TestCase):
    def setUp(self) -> None:
        self.paths = make_paths(self.mktemp())
        self.names = HostNames(reactor, self.paths, NoThreads())

    async def test_resolve(self) -> None:
        """Names of a virtual cluster are in its hosts file, and nowhere else."""
        with open(self.paths.hosts_file, "w") as stream:
            stream.write("127.1.2.3 web1.example.com web1\n")
        host = await self.names.resolve("web1")
        self.assertEqual((host.name, host.ip), ("web1.example.com", "127.1.2.3"))
        with self.assertRaises(ResolverError):
            await self.names.resolve("nosuch")

    async def test_answers(self) -> None:
        """A machine that accepts or refuses a connection is there."""
        with socket.socket() as listening:
            listening.bind(("127.0.0.1", 0))
            port = listening.getsockname()[1]
            listening.listen()
            self.assertTrue(await self.names.answers("127.0.0.1", port))
        self.assertTrue(await self.names.answers("127.0.0.1", port))

    def test_nobody(self) -> None:
        """An address at which nothing answers in time is free."""
        clock = MemoryReactorClock()
        names = HostNames(clock, self.paths, NoThreads())
        asking = Deferred.fromCoroutine(names.answers("192.0.2.1", 1811))
        [(host, port, factory, limit_s, _)] = clock.tcpClients
        self.assertEqual((host, port, limit_s), ("192.0.2.1", 1811, PROBE_LIMIT_S))
        factory.clientConnectionFailed(None, Failure(TimeoutError()))
        self.assertFalse(self.successResultOf(asking))
