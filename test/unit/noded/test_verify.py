"""A node looking at itself for a verification."""

from __future__ import annotations

import os
import shutil
import tempfile
from hashlib import sha256
from pathlib import Path
from typing import Any, ClassVar

from support.osdirs import make_os
from support.peers import NOW, node_pem
from support.samples import node_uuid
from support.simnode import SimNode, temporary_root
from support.specs import FILE_STORAGE, file_disk, make_spec
from twisted.internet import reactor
from twisted.internet.defer import Deferred
from twisted.internet.protocol import Factory, Protocol
from twisted.internet.task import Clock
from twisted.trial.unittest import SynchronousTestCase, TestCase

from ganeti.errors import HypervisorError, StorageError
from ganeti.model.findings import NodeFindings, ParameterFile, Peer
from ganeti.model.hypervisors import HypervisorName
from ganeti.model.live import OsInfo
from ganeti.model.templates import DiskTemplate
from ganeti.noded.drivers import real_drivers
from ganeti.noded.local_facts import thd_checksums, thd_list_problem, thd_local_facts, thd_setup
from ganeti.noded.services import NodeServices
from ganeti.noded.verify import CONNECTS, Verifier
from ganeti.noded.work import CallContext
from ganeti.paths import Paths
from ganeti.rpc.calls import CreateDisk, StartInstance, VerifyNode
from ganeti.store.nodestate import MemoryNodeState
from ganeti.utils.durable import make_directories
from ganeti.utils.scripted import ScriptedProcessRunner
from ganeti.utils.threads import NoThreads
from ganeti.version import PROTOCOL_VERSION, RELEASE

FAKE = HypervisorName.FAKE


class LocalFactsTests(SynchronousTestCase):
    """What is on the node's file systems, below a root of its own."""

    def setUp(self) -> None:
        self.root = tempfile.mkdtemp(prefix="verify-test-")
        self.addCleanup(shutil.rmtree, self.root)
        self.paths = Paths(root=f"{self.root}/node1", hostname="node1")
        os.mkdir(self.paths.root)
        make_directories(self.paths)

    def write(self, path: str, text: str = "", mode: int = 0o644) -> str:
        local = Path(self.paths.root + path)
        local.parent.mkdir(parents=True, exist_ok=True)
        local.write_text(text)
        local.chmod(mode)
        return path

    def facts(self, **call: Any) -> dict[str, Any]:
        return thd_local_facts(self.paths, VerifyNode(**call))

    def test_checksums(self) -> None:
        """Of the cluster's files that are there; nobody can ask about others."""
        key = self.write("/var/lib/ganeti/hmac.key", "secret")
        conf = self.write("/etc/ganeti/file-storage-paths", "/srv\n")
        other = self.write("/etc/passwd", "root")
        around = f"{os.path.dirname(key)}/../../../etc/passwd"
        os.mkdir(f"{self.paths.data_dir}/folder")
        asked = (key, conf, other, around, "/var/lib/ganeti/none", "/var/lib/ganeti/folder")
        found = thd_checksums(self.paths, asked)
        self.assertEqual(found[key], sha256(b"secret").hexdigest())
        self.assertEqual(found["/var/lib/ganeti/folder"], "unreadable: Is a directory")
        self.assertEqual(set(found), {key, conf, "/var/lib/ganeti/folder"})

    def test_setup(self) -> None:
        """The machine's own file systems; a virtual node does without its reset button."""
        self.assertEqual(len(thd_setup(virtual=False, root=self.root)), 2)
        for name in ("sys/block", "sys/bus", "proc/sys"):
            os.makedirs(f"{self.root}/{name}")
        [problem] = thd_setup(virtual=False, root=self.root)
        self.assertIn("/proc/sysrq-trigger", problem)
        self.assertEqual(thd_setup(virtual=True, root=self.root), ())
        Path(f"{self.root}/proc/sysrq-trigger").touch()
        self.assertEqual(thd_setup(virtual=False, root=self.root), ())

    def test_certificates(self) -> None:
        """Until when they are valid, or why they cannot be used."""
        Path(self.paths.server_pem).write_bytes(node_pem(node_uuid(1)))
        own, authority = self.facts(certificates=True)["certificates"]
        self.assertGreater(own.expires, NOW)
        self.assertEqual((own.path, authority.path), (self.paths.server_pem, self.paths.ca_pem))
        self.assertIsNone(authority.expires)
        self.assertTrue(authority.problem)

    def test_parameters(self) -> None:
        """Files that are below the node's root, or on the machine, are there."""
        files = tuple(
            ParameterFile(source="instance x", hypervisor=FAKE, parameter="p", path=path)
            for path in (self.write("/boot/kernel"), "/bin/sh", "/none")
        )
        [found] = self.facts(parameter_files=files)["parameters"]
        self.assertEqual((found.source, found.hypervisor), ("instance x", FAKE))
        self.assertEqual(found.problem, "parameter 'p': /none is not a file")

    def test_parameter_directories(self) -> None:
        """So are directories, such as that of huge pages."""
        wanted = tuple(
            ParameterFile(
                source="cluster", hypervisor=FAKE, parameter="p", path=path, directory=True
            )
            for path in ("/tmp", os.path.dirname(self.write("/boot/kernel")), "/bin/sh")
        )
        [found] = self.facts(parameter_files=wanted)["parameters"]
        self.assertEqual(found.problem, "parameter 'p': /bin/sh is not a directory")

    def test_programs(self) -> None:
        """They can be run."""
        good, bad = self.write("/bin/good", mode=0o755), self.write("/bin/bad")
        found = self.facts(programs=(good, bad, "/bin/none"))
        self.assertEqual(found["missing_programs"], (bad, "/bin/none"))

    def test_bridges(self) -> None:
        """Names are not paths."""
        found = self.facts(bridges=("nosuchbridge0", "../net/lo"))
        self.assertEqual(found["missing_bridges"], ("nosuchbridge0", "../net/lo"))

    def test_storage(self) -> None:
        """Directories that are allowed, and there."""
        self.assertIn("is missing", thd_list_problem(self.paths))
        self.write("/etc/ganeti/file-storage-paths", f"{FILE_STORAGE}\n/srv/none\n")
        storage = (("file", FILE_STORAGE), ("sharedfile", "/srv/none"), ("gluster", "/elsewhere"))
        found = self.facts(storage=storage)
        self.assertEqual(found["storage_paths_problem"], "")
        self.assertEqual(set(found["storage_problems"]), {"sharedfile", "gluster"})
        self.write("/etc/ganeti/file-storage-paths", "/etc\n")
        self.assertIn("belongs to the system", thd_list_problem(self.paths))

    def test_nothing(self) -> None:
        """What is not asked is not looked for."""
        self.assertFalse(any(self.facts().values()))


class Broken:
    """A driver that fails at everything."""

    def __init__(self, error: Exception) -> None:
        self._error = error

    def __getattr__(self, name: str) -> Any:
        async def fail(*_args: object) -> None:
            raise self._error

        return fail


class NodeCase(SynchronousTestCase):
    """A node in memory."""

    def setUp(self) -> None:
        root = temporary_root()
        self.addCleanup(shutil.rmtree, os.path.dirname(root))
        os.mkdir(root)
        self.node = SimNode(Clock(), root=root)
        make_directories(self.node.paths)
        self.node.machine.oses = (OsInfo(name="tiny", path="/os/tiny", valid=True),)
        self.node.restart()


class NodeTests(NodeCase):
    """The whole answer."""

    def ask(self, **call: Any) -> NodeFindings:
        found = self.node.ask(VerifyNode(**call))
        assert isinstance(found, NodeFindings)
        return found

    def start_guest(self) -> Any:
        disk = file_disk(1)
        self.node.ask(CreateDisk(disk=disk, instance_uuid="u", instance_name="inst1"), "1/0/1")
        self.node.ask(StartInstance(spec=make_spec(1, disks=(disk,))), "1/0/2")
        return disk

    def test_all(self) -> None:
        """Guests, disks and OS definitions, with version and clock."""
        disk = self.start_guest()
        gone = file_disk(2)
        self.node.clock.advance(5)
        found = self.ask(
            hypervisors=(FAKE,),
            disks=(disk, gone),
            templates=(DiskTemplate.FILE,),
            oses=True,
            peers=(Peer(name="node1", addresses=("192.0.2.1",)),),
        )
        self.assertEqual((found.protocol, found.release), (PROTOCOL_VERSION, RELEASE))
        self.assertEqual((found.digest, found.time_ns), ("digest of this node", 5 * 10**9))
        self.assertEqual(found.hypervisors, {FAKE: ()})
        self.assertEqual([guest.name for guest in found.guests], ["inst1.example.com"])
        self.assertGreater(found.memory_free or 0, 0)
        self.assertEqual([each.size for each in found.disks], [disk.size, None])
        self.assertEqual(found.places, (disk.logical_id[-1],))
        self.assertEqual([os_info.name for os_info in found.oses], ["tiny"])
        self.assertEqual(found.silent_peers, {})

    def test_nothing(self) -> None:
        """Who asks nothing gets version and clock."""
        found = self.ask()
        self.assertEqual((found.guests, found.oses, found.places), ((), (), ()))

    def test_trouble(self) -> None:
        """A part that fails is a text, and spoils no other."""
        services = self.node.node.services
        services.hypervisors = {FAKE: Broken(HypervisorError("no guests"))}  # type: ignore[dict-item]
        broken: Any = Broken(StorageError("no disks"))
        services.storage = {DiskTemplate.FILE: broken}
        found = self.ask(
            hypervisors=(FAKE, HypervisorName.LXC),
            disks=(file_disk(1),),
            templates=(DiskTemplate.FILE,),
            oses=True,
        )
        self.assertEqual(found.hypervisors[FAKE], ("no guests",))
        self.assertIn("lxc", found.hypervisors[HypervisorName.LXC][0])
        self.assertEqual(found.guests_problem, "fake: no guests")
        self.assertEqual([each.problem for each in found.disks], ["no disks"])
        self.assertEqual(found.places_problem, "file: no disks")
        self.assertEqual(len(found.oses), 1)

    def test_no_definitions(self) -> None:
        """So does a failure to read OS definitions."""
        definitions: Any = Broken(StorageError("unreadable"))
        verifier = Verifier(self.node.node.services, definitions)
        found = self.node.now(verifier.look(VerifyNode(oses=True), CallContext()))
        self.assertEqual((found.oses, found.oses_problem), ((), "unreadable"))


class SlowWays(Verifier):
    """Every way to another node takes a while; C{under_way} are those that are tried."""

    under_way: ClassVar[list[Deferred[str]]] = []

    async def _connect(self, address: str, port: int) -> str:
        trying: Deferred[str] = Deferred()
        self.under_way.append(trying)
        return await trying


class ManyPeersTests(NodeCase):
    def test_limit(self) -> None:
        """Only so many are tried at once, and all in the end."""
        verifier = SlowWays(self.node.node.services, self.node.machine)  # type: ignore[arg-type]
        peers = tuple(Peer(name=f"n{n}", addresses=("192.0.2.1",)) for n in range(3 * CONNECTS))
        looking = Deferred.fromCoroutine(verifier.look(VerifyNode(peers=peers), CallContext()))
        tried = 0
        while verifier.under_way:
            self.assertLessEqual(len(verifier.under_way), CONNECTS)
            tried += 1
            verifier.under_way.pop(0).callback("" if tried % 2 else "refused")
        self.assertEqual(tried, len(peers))
        self.assertEqual(len(self.successResultOf(looking).silent_peers), len(peers) // 2)


class PeerTests(TestCase):
    """Other nodes, over real sockets."""

    timeout = 90

    def setUp(self) -> None:
        self.root = tempfile.mkdtemp(prefix="verify-test-")
        self.addCleanup(shutil.rmtree, self.root)
        paths = Paths(root=self.root)
        make_directories(paths)
        make_os(Path(paths.os_search_path[0]))
        drivers = real_drivers(paths, reactor, NoThreads())
        self.services = NodeServices(
            paths=paths,
            name="node1",
            uuid="uuid",
            clock=reactor,  # type: ignore[arg-type]
            threads=NoThreads(),
            processes=ScriptedProcessRunner(),
            state=MemoryNodeState(),
            hypervisors=drivers.hypervisors,
            storage=drivers.storage,
            os_definitions=drivers.os_definitions,
        )

    async def test_peers(self) -> None:
        """One listens, one does not; a second address counts, too."""
        listening: Any = reactor.listenTCP(  # type: ignore[attr-defined]
            0, Factory.forProtocol(Protocol), interface="127.0.0.1"
        )
        self.addCleanup(listening.stopListening)
        port = listening.getHost().port
        verifier = Verifier(self.services, self.services.os_definitions)  # type: ignore[arg-type]
        peers = (
            Peer(name="here", addresses=("127.0.0.1",)),
            Peer(name="gone", addresses=("127.0.0.2",)),
            Peer(name="half", addresses=("127.0.0.1", "127.0.0.2")),
        )
        found = await verifier.look(VerifyNode(peers=peers, port=port, oses=True), CallContext())
        self.assertEqual(set(found.silent_peers), {"gone", "half"})
        self.assertIn(f"127.0.0.2 port {port}: Connection was refused", found.silent_peers["gone"])
        self.assertEqual(len(found.oses), 1)
