"""Node calls about disks, guests, OS scripts, hooks and resources, through the dispatcher."""

from __future__ import annotations

import shutil
import tempfile
from pathlib import Path
from typing import Any

import pytest
from msgspec import Raw
from support.osdirs import make_os, write_script
from support.specs import FILE_STORAGE, file_disk, make_spec
from twisted.internet import reactor
from twisted.internet.task import Clock
from twisted.trial.unittest import TestCase

from ganeti.errors import GanetiError, decode_error
from ganeti.model import codec
from ganeti.model.disk import Disk
from ganeti.model.hypervisors import HypervisorName
from ganeti.model.live import HookStatus, RunState
from ganeti.model.secret import Secret
from ganeti.model.templates import DiskTemplate
from ganeti.noded import (
    handlers_disks,
    handlers_hooks,
    handlers_info,
    handlers_instances,
    handlers_os,
)
from ganeti.noded.dispatcher import Dispatcher
from ganeti.noded.drivers import SimulatedMachine, real_drivers
from ganeti.noded.requests import Requests
from ganeti.noded.roles import Roles
from ganeti.noded.services import NodeServices
from ganeti.noded.work import CallContext
from ganeti.paths import Paths
from ganeti.rpc import calls
from ganeti.rpc.calls import Call, FileKind, HookPhase, encode_call, result_type
from ganeti.rpc.envelope import (
    AnswerError,
    AnswerOk,
    AnswerStarted,
    build_envelope,
    parse_answer,
)
from ganeti.rpc.roles import PeerIdentity, RoleRecord
from ganeti.store.nodestate import MemoryNodeState
from ganeti.utils import failpoints
from ganeti.utils.durable import make_directories
from ganeti.utils.process import RealProcessRunner
from ganeti.utils.threads import NoThreads

MODULES = (handlers_disks, handlers_instances, handlers_os, handlers_hooks, handlers_info)
MASTER = PeerIdentity("master-uuid", "digest")
RECORD = RoleRecord(term=1, master_uuid=MASTER.uuid, master_digest=MASTER.digest)
FAKE = HypervisorName.FAKE


def write(path: str, text: str) -> None:
    Path(path).parent.mkdir(exist_ok=True)
    Path(path).write_text(text)


def read(path: str) -> str:
    return Path(path).read_text()


def write_hook(paths: Paths, name: str, body: str) -> None:
    path = Path(paths.hooks_dir, name)
    path.parent.mkdir()
    write_script(path, body)


class Killed(BaseException):
    """As SIGKILL: no handler of errors sees it."""


class Node:
    """A node daemon's dispatcher over real files."""

    def __init__(self, root: str) -> None:
        self.paths = Paths(root=root)
        make_directories(self.paths)
        Path(self.paths.file_storage_paths_file).write_text(FILE_STORAGE + "\n")
        Path(self.paths.fake_hypervisor_dir, "behaviour.json").write_text(
            '{"memory_total_mib": 4096}'
        )
        self.state = MemoryNodeState()
        self.count = 0

    def services(self) -> NodeServices:
        drivers = real_drivers(self.paths, reactor, NoThreads())
        return NodeServices(
            paths=self.paths,
            name="node1.example.com",
            uuid="node-uuid",
            clock=reactor,
            threads=NoThreads(),
            processes=RealProcessRunner(reactor),
            state=self.state,
            hypervisors=drivers.hypervisors,
            storage=drivers.storage,
        )

    async def start(self) -> None:
        await self.state.set_role(1, codec.encode(RECORD))
        self.requests = Requests(self.state, reactor)
        self.dispatcher = Dispatcher(Roles(self.state), self.requests)
        for module in MODULES:
            module.register(self.dispatcher, self.services())
        await self.requests.recover()

    async def call(self, call: Call[Any], request: str = "", undoes: str | None = None) -> Any:
        """The result of a call; a task is watched to its end."""
        self.count += 1
        request = request or f"1/0/{self.count}"
        body = build_envelope(encode_call(call), 1, request if call.changes else None, undoes)
        answer = parse_answer(await self.dispatcher(MASTER, body))
        if isinstance(answer, AnswerStarted):
            answer = await self._watch(request)
        if isinstance(answer, AnswerError):
            raise decode_error(answer.error)
        assert isinstance(answer, AnswerOk), answer
        return codec.decode(bytes(answer.result), result_type(type(call)))

    async def _watch(self, request: str) -> Any:
        self.lines: list[str] = []
        while True:
            progress = await self.requests.watch(
                calls.WatchTask(request_id=request, since=len(self.lines))
            )
            self.lines.extend(progress.lines)
            if progress.done:
                assert isinstance(progress.answer, Raw)
                return parse_answer(bytes(progress.answer))


def create_disk(disk: Disk) -> calls.CreateDisk:
    return calls.CreateDisk(disk=disk, instance_uuid="u", instance_name="inst1.example.com")


def start_instance(number: int = 1, **settings: Any) -> calls.StartInstance:
    return calls.StartInstance(spec=make_spec(number, **settings))


def stop_instance(number: int = 1, **settings: Any) -> calls.StopInstance:
    instance = make_spec(number).instance
    values = {"name": instance.name, "uuid": instance.uuid, "hypervisor": FAKE}
    return calls.StopInstance(**values | settings)


def reboot_instance(number: int = 1, **settings: Any) -> calls.RebootInstance:
    return calls.RebootInstance(spec=make_spec(number, **settings))


def set_memory(memory_mib: int) -> calls.SetMemory:
    return calls.SetMemory(name="inst1.example.com", hypervisor=FAKE, memory_mib=memory_mib)


def moved_disk() -> Disk:
    """Disk 1 in the folder of another name."""
    disk = file_disk(1)
    path = str(disk.logical_id[1]).replace("inst1.", "renamed.")
    return file_disk(1, logical_id=("loop", path))


def rename_disk(disk: Disk, renamed: Disk) -> calls.RenameDisk:
    return calls.RenameDisk(disk=disk, renamed=renamed)


def run_os_create(number: int = 1, **settings: Any) -> calls.RunOsCreate:
    spec = settings.pop("spec", make_spec(number))
    return calls.RunOsCreate(spec=spec, os_name="tiny", **settings)


class HandlerTests(TestCase):
    timeout = 180

    async def setUp(self) -> None:
        root = tempfile.mkdtemp(prefix="ganeti-test-")
        self.addCleanup(shutil.rmtree, root)
        self.addCleanup(failpoints.on_reach, None)
        self.root = Path(root)
        self.node = Node(root)
        await self.node.start()

    async def disks(self) -> list[str]:
        return [found.place for found in await self.node.call(calls.ListDisks())]

    async def guests(self) -> list[str]:
        found = await self.node.call(calls.ListInstances(hypervisors=(FAKE,)))
        return [guest.name for guest in found]

    async def assert_refused(self, call: Call[Any], text: str, **more: Any) -> None:
        with self.assertRaisesRegex(GanetiError, text):
            await self.node.call(call, **more)

    # -- Disks

    async def test_disk(self) -> None:
        """A disk is made, found, used, and removed; each may be repeated."""
        disk = file_disk(1)
        for _ in range(2):
            path = await self.node.call(create_disk(disk))
            self.assertEqual(path, str(self.root) + str(disk.logical_id[1]))
        self.assertEqual(await self.disks(), [disk.logical_id[1]])
        self.assertEqual(await self.node.call(calls.ActivateDisk(disk=disk)), path)
        await self.node.call(calls.DeactivateDisk(disk=disk))
        for _ in range(2):
            await self.node.call(calls.RemoveDisk(disk=disk))
        self.assertEqual(await self.disks(), [])

    async def test_taking_back_a_refused_disk(self) -> None:
        """What was at the place of a disk that could not be made survives the undo."""
        path = f"{FILE_STORAGE}/inst1.example.com/precious"
        disk = file_disk(1, logical_id=("loop", path))
        write(str(self.root) + path, "precious")
        await self.assert_refused(create_disk(disk), "File exists", request="7/0/1")
        await self.node.call(calls.RemoveDisk(disk=disk), "7/0/1/undo", undoes="7/0/1")
        self.assertEqual(read(str(self.root) + path), "precious")

    async def test_rename_disk(self) -> None:
        """A disk is moved with its data, and back when that is undone; both may be repeated."""
        disk, moved = file_disk(1), moved_disk()
        path = await self.node.call(create_disk(disk))
        Path(path).write_text("precious")
        there, back = rename_disk(disk, moved), rename_disk(moved, disk)
        for call, settings, place in (
            (there, {"request": "7/0/1"}, moved),
            (there, {}, moved),
            (back, {"undoes": "7/0/1"}, disk),
            (back, {"undoes": "7/0/2"}, disk),  # which never came
        ):
            await self.node.call(call, **settings)
            self.assertEqual(await self.disks(), [place.logical_id[1]])
        self.assertEqual(Path(path).read_text(), "precious")

    async def test_rename_unknown_disk(self) -> None:
        """A disk that is not there cannot be moved."""
        await self.assert_refused(rename_disk(file_disk(1), moved_disk()), "No such file")

    async def test_unknown_template(self) -> None:
        """A template that this release cannot handle is named."""
        disk = file_disk(1, dev_type=DiskTemplate.PLAIN, logical_id=("xenvg", "lv"))
        await self.assert_refused(create_disk(disk), "template 'plain'")

    async def test_check_file_storage(self) -> None:
        """A directory is usable, or it is told why not."""
        check = calls.CheckFileStorage
        self.assertEqual(await self.node.call(check(path=FILE_STORAGE)), "")
        self.assertIn("not listed", await self.node.call(check(path="/tmp")))

    # -- Guests

    async def test_guest(self) -> None:
        """A guest is started with its disks, found, and stopped; each may be repeated."""
        disk = file_disk(1)
        await self.node.call(create_disk(disk))
        for _ in range(2):
            await self.node.call(start_instance(disks=(disk,)))
        guest = await self.node.call(calls.GetInstance(name="inst1.example.com", hypervisor=FAKE))
        self.assertEqual((guest.state, guest.vcpus), (RunState.RUNNING, 2))
        for _ in range(2):
            await self.node.call(stop_instance())
        self.assertEqual(await self.guests(), [])

    async def test_guest_without_disk(self) -> None:
        """A guest whose disk is missing is not started, and the disk is named."""
        disk = file_disk(1)
        await self.assert_refused(start_instance(disks=(disk,)), disk.uuid)
        self.assertEqual(await self.guests(), [])

    async def test_reboot(self) -> None:
        """A guest that runs is started anew with its new parameters; one that does not is named."""
        await self.assert_refused(reboot_instance(), "inst1.example.com is not running")
        await self.node.call(start_instance())
        await self.node.call(reboot_instance(memory_mib=512))
        (guest,) = await self.node.call(calls.ListInstances(hypervisors=(FAKE,)))
        self.assertEqual((guest.memory_mib, guest.state), (512, RunState.RUNNING))

    async def test_memory(self) -> None:
        """A guest gets more memory; taking that back from one that has ended is nothing."""
        await self.node.call(start_instance())
        await self.node.call(set_memory(512), "7/0/1")
        (guest,) = await self.node.call(calls.ListInstances(hypervisors=(FAKE,)))
        self.assertEqual(guest.memory_mib, 512)
        await self.node.call(stop_instance())
        await self.node.call(set_memory(256), "7/0/1/undo", undoes="7/0/1")
        await self.assert_refused(set_memory(256), "inst1.example.com is not running")

    async def test_stop_only_the_very_guest(self) -> None:
        """Another instance that has the name meanwhile is not stopped."""
        await self.node.call(start_instance())
        await self.node.call(stop_instance(uuid="another"))
        self.assertEqual(await self.guests(), ["inst1.example.com"])

    async def test_unknown_hypervisor(self) -> None:
        """A hypervisor that this release cannot drive is named."""
        await self.assert_refused(
            calls.ListInstances(hypervisors=(FAKE, HypervisorName.LXC)), "hypervisor 'lxc'"
        )

    # -- OS scripts

    async def test_os_definitions(self) -> None:
        """Definitions are listed, and found by name."""
        make_os(self.root / "srv/ganeti/os")
        make_os(self.root / "usr/share/ganeti/os", "broken", api="99")
        found = await self.node.call(calls.DiagnoseOs())
        self.assertEqual([(each.name, each.valid) for each in found], [("tiny", 1), ("broken", 0)])
        self.assertTrue((await self.node.call(calls.GetOs(name="tiny"))).valid)
        self.assertIsNone(await self.node.call(calls.GetOs(name="nosuch")))

    async def test_install(self) -> None:
        """The create script gets the disk and the parameters; its lines are streamed."""
        make_os(
            self.root / "srv/ganeti/os",
            create='echo "on $DISK_0_PATH"; printf "%s" "$OSP_PW" > "$DISK_0_PATH"',
        )
        disk = file_disk(1)
        path = await self.node.call(create_disk(disk))
        spec = make_spec(1, disks=(disk,))
        await self.node.call(run_os_create(spec=spec, secret_osparams={"pw": Secret("s3")}))
        self.assertEqual(self.node.lines, [f"on {path}"])
        self.assertEqual(read(path), "s3")
        (log,) = await self.node.call(calls.ListFiles(kind=FileKind.OS_LOG))
        self.assertRegex(log, r"^/var/log/ganeti/os/add-tiny-inst1\.example\.com-.*\.log$")

    async def test_failing_script(self) -> None:
        """A failing script's end is told."""
        make_os(self.root / "srv/ganeti/os", create="echo no mirror; exit 1")
        await self.assert_refused(run_os_create(), "(?s)status 1.*no mirror")

    async def test_missing_os(self) -> None:
        """A definition that is not there is named."""
        await self.assert_refused(run_os_create(), "Directory for OS tiny not found")

    async def test_rename(self) -> None:
        """The rename script of the instance's own OS runs."""
        make_os(self.root / "srv/ganeti/os", "busybox", rename='echo "was $OLD_INSTANCE_NAME"')
        await self.node.call(calls.RunOsRename(spec=make_spec(1), old_name="old.example.com"))
        self.assertEqual(self.node.lines, ["was old.example.com"])

    @pytest.mark.slow
    async def test_deadline(self) -> None:
        """A script that hangs is ended a little before the task's deadline, and that is told."""
        make_os(self.root / "srv/ganeti/os", create="echo waiting; sleep 100")
        await self.assert_refused(
            run_os_create(deadline_s=5.0), "(?s)did not end within 4.5 s and was killed.*waiting"
        )

    # -- Hooks and resources

    async def test_hooks(self) -> None:
        """Hook scripts run with what the master sends."""
        write_hook(self.node.paths, "instance-add-pre.d/check", 'echo "$GANETI_OP_TARGET"; exit 1')
        (found,) = await self.node.call(
            calls.RunHooks(
                path="instance-add", phase=HookPhase.PRE, env={"GANETI_OP_TARGET": "web1"}
            )
        )
        self.assertEqual(
            (found.script, found.status, found.output),
            ("instance-add-pre.d/check", HookStatus.ERROR, "web1"),
        )

    async def test_node_info(self) -> None:
        """Memory, processors, and room of the file storage."""
        found = await self.node.call(
            calls.GetNodeInfo(hypervisors=(FAKE,), storage=(("file", FILE_STORAGE),))
        )
        self.assertEqual(found.memory_total, 4096)
        self.assertGreater(found.storage[0].size_mib, 0)

    async def test_files(self) -> None:
        """An audit sees the cluster's files and everything in the file storage."""
        write(self.node.paths.ssconf("master_node"), "node1\n")
        write(self.node.paths.hmac_key, "key")
        write(f"{self.root}{FILE_STORAGE}/stray", "x")
        listed = {kind: await self.node.call(calls.ListFiles(kind=kind)) for kind in FileKind}
        self.assertEqual(listed[FileKind.FILE_STORAGE], (f"{FILE_STORAGE}/stray",))
        self.assertEqual(
            listed[FileKind.CLUSTER],
            ("/var/lib/ganeti/hmac.key", "/var/lib/ganeti/ssconf_master_node"),
        )


class KilledAnywhereTests(TestCase):
    """Handlers that are cut off, and run again by the next life of the node daemon."""

    timeout = 180

    def setUp(self) -> None:
        root = tempfile.mkdtemp(prefix="ganeti-test-")
        self.addCleanup(shutil.rmtree, root)
        self.addCleanup(failpoints.on_reach, None)
        self.node = Node(root)

    async def run_call(self, call: Call[Any], **context: Any) -> Any:
        """In a new life of the daemon, without what it remembers of requests."""
        handlers: dict[Any, Any] = {}

        class Registered:
            register = handlers.__setitem__

        for module in MODULES:
            module.register(Registered(), self.node.services())  # type: ignore[arg-type]
        return await handlers[type(call)](call, CallContext(**context))

    async def test_reboot_once(self) -> None:
        """A reboot whose answer was never kept is not done again."""
        await self.reset([start_instance()])
        await self.run_call(reboot_instance(memory_mib=512), request_id="7/0/1")
        await self.run_call(set_memory(64))
        await self.run_call(reboot_instance(memory_mib=512), request_id="7/0/1", repeated=True)
        (guest,) = await self.run_call(calls.ListInstances(hypervisors=(FAKE,)))
        self.assertEqual(guest.memory_mib, 64)

    @pytest.mark.slow
    async def test_every_change(self) -> None:
        """Every changing call, cut off at each failpoint, is completed by repeating it."""
        disk, other = file_disk(1), file_disk(2)
        first, second = str(disk.logical_id[1]), str(other.logical_id[1])
        guest = "inst1.example.com"
        script: list[tuple[Call[Any], set[str]]] = [
            (create_disk(disk), {first}),
            (calls.ActivateDisk(disk=disk), {first}),
            (start_instance(disks=(disk,)), {first, guest}),
            (reboot_instance(disks=(disk,), memory_mib=512), {first, guest}),
            (set_memory(64), {first, guest}),
            (create_disk(other), {first, second, guest}),
            (stop_instance(), {first, second}),
            (calls.DeactivateDisk(disk=disk), {first, second}),
            (rename_disk(disk, moved_disk()), {str(moved_disk().logical_id[1]), second}),
            (calls.RemoveDisk(disk=moved_disk()), {second}),
        ]
        changing = [call for call, _ in script]
        points = 0
        for number, (call, wanted) in enumerate(script):
            for point, name in enumerate(await self.reached_by(changing[: number + 1])):
                points += 1
                with self.subTest(call=type(call).__name__, at=name):
                    await self.reset(changing[:number])
                    await self.cut_off(call, point)
                    await self.run_call(call, repeated=True)
                    self.assertEqual(await self.there(), wanted)
        self.assertGreater(points, 15)

    async def test_taking_back(self) -> None:
        """A creation cut off at each failpoint is taken back without a trace."""
        disk = file_disk(1)
        for point in range(len(await self.reached_by([create_disk(disk)]))):
            await self.reset([])
            await self.cut_off(create_disk(disk), point)
            await self.run_call(calls.RemoveDisk(disk=disk), undoes="1/0/1")
            self.assertEqual(await self.run_call(calls.ListFiles(kind=FileKind.FILE_STORAGE)), ())

    async def reached_by(self, script: list[Call[Any]]) -> list[str]:
        """The failpoints on the way of the last call, in order."""
        await self.reset(script[:-1])
        reached: list[str] = []
        failpoints.on_reach(lambda name, detail: reached.append(f"{name} {detail}"))
        await self.run_call(script[-1])
        failpoints.on_reach(None)
        return reached

    async def reset(self, before: list[Call[Any]]) -> None:
        """The state after the calls in C{before}."""
        await self.run_call(stop_instance())
        for disk in (file_disk(1), file_disk(2), moved_disk()):
            await self.run_call(calls.RemoveDisk(disk=disk))
        for call in before:
            await self.run_call(call)

    async def cut_off(self, call: Call[Any], at: int) -> None:
        left = at

        def count(name: str, detail: str) -> None:
            nonlocal left
            if left <= 0:  # and all that follow: a dead process does nothing more
                raise Killed
            left -= 1

        failpoints.on_reach(count)
        with self.assertRaises(Killed):
            await self.run_call(call)
        failpoints.on_reach(None)

    async def there(self) -> set[str]:
        disks = await self.run_call(calls.ListDisks())
        guests = await self.run_call(calls.ListInstances(hypervisors=(FAKE,)))
        return {each.place for each in disks} | {each.name for each in guests}


class SimulatedTests(TestCase):
    timeout = 180

    async def test_in_memory(self) -> None:
        """A simulated machine keeps disks and guests over its node daemon's lives."""
        machine = SimulatedMachine()
        clock = Clock()
        first = machine.drivers(clock)
        await first.storage[DiskTemplate.FILE].create(file_disk(1))
        await first.hypervisors[FAKE].start(make_spec(1), ("/a",))
        second = machine.drivers(clock)
        self.assertEqual(len(await second.storage[DiskTemplate.FILE].list()), 1)
        self.assertEqual(len(await second.hypervisors[FAKE].list()), 1)

    def test_all_calls_have_handlers(self) -> None:
        """The calls of these modules are all registered, each once."""

        class Registered(list[Any]):
            def register(self, call: Any, handler: Any) -> None:
                self.append(call)

        found = Registered()
        services = NodeServices(
            paths=Paths(),
            name="n",
            uuid="u",
            clock=Clock(),
            threads=NoThreads(),
            processes=RealProcessRunner(reactor),
            state=MemoryNodeState(),
        )
        for module in MODULES:
            module.register(found, services)
        self.assertEqual(len(found), len(set(found)))
        self.assertIn(calls.RunHooks, found)
