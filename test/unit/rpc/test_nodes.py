"""Calling nodes: answers, errors, repeats, tasks."""

from __future__ import annotations

from typing import Any

from support.peers import FunctionCallee
from support.samples import make_disk, node_uuid
from support.simnode import MASTER, SimNode
from support.specs import file_disk
from twisted.internet.defer import Deferred
from twisted.internet.task import Clock
from twisted.trial.unittest import SynchronousTestCase

from ganeti.errors import (
    NodeRefused,
    NodeTimeout,
    NodeUnreachable,
    ProgrammerError,
    RemoteFailure,
    ResultValidationError,
    StorageError,
)
from ganeti.model.hypervisors import HypervisorName
from ganeti.rpc.calls import (
    CreateDisk,
    Delay,
    EndRequest,
    ForgetJob,
    GetInstance,
    HookPhase,
    ListInstances,
    ListRequests,
    NodeVersion,
    RemoveDisk,
    RunHooks,
    StopInstance,
    encode_call,
)
from ganeti.rpc.envelope import Refusal, build_ok, build_refusal
from ganeti.rpc.memory import Fault, MemoryNetwork, MemoryTransport, Trouble
from ganeti.rpc.nodes import AWAY_S, MARGIN_S, REPEAT_S, NodeRpc
from ganeti.rpc.transport import NodeAddress
from ganeti.utils import failpoints

NODE, OTHER = node_uuid(2), node_uuid(5)
HOST = "10.0.0.2"


class HangingTransport:
    """The node takes connections and says nothing."""

    async def send(self, node_uuid: str, body: bytes, timeout_s: float) -> bytes:
        raise NodeTimeout("node2.example.com", "its daemon does not answer", lost=False)


class NodeRpcTests(SynchronousTestCase):
    """A master, a network in memory, and one whole node, on one C{Clock}."""

    def setUp(self) -> None:
        self.clock = Clock()
        self.node = SimNode(self.clock)
        self.network = MemoryNetwork(self.clock)
        self.network.attach(HOST, NODE, self.node.node.dispatcher)
        self.names = {NODE: "node2.example.com", OTHER: "node5.example.com"}
        self.rpc = self.client()
        self.addCleanup(failpoints.configure)

    def client(self, term: int = 1) -> NodeRpc:
        transport = MemoryTransport(self.network, MASTER, self.book)
        return NodeRpc(transport, term, self.book, self.clock)

    def book(self, uuid: str) -> NodeAddress | None:
        if uuid not in self.names:
            return None
        return NodeAddress(uuid, self.names[uuid], HOST if uuid == NODE else "10.0.0.5", 1811)

    def begin(self, call: Any, request_id: str | None = None, **more: Any) -> Deferred[Any]:
        return Deferred.fromCoroutine(self.rpc.call(NODE, call, request_id=request_id, **more))

    def ask(self, call: Any, request_id: str | None = None, **more: Any) -> Any:
        return self.successResultOf(self.begin(call, request_id, **more))

    def pass_time(self, seconds: float) -> None:
        for _ in range(round(seconds * 10)):
            self.clock.advance(0.1)

    def fault(self, trouble: Trouble, **settings: Any) -> None:
        self.network.faults.append(Fault(trouble, **settings))

    def restart(self, down_s: float = 1) -> None:
        """The node's daemon is away for a while."""
        self.network.detach(HOST)
        self.pass_time(down_s)
        self.node.restart()
        self.network.attach(HOST, NODE, self.node.node.dispatcher)

    # -- Answers

    def test_answer(self) -> None:
        """An answer of the call's own type."""
        self.assertEqual(self.ask(NodeVersion()).uuid, NODE)
        self.assertIsNone(
            self.ask(GetInstance(name="x.example.com", hypervisor=HypervisorName.FAKE))
        )
        self.assertEqual(self.ask(ListInstances(hypervisors=(HypervisorName.FAKE,))), ())

    def test_failure(self) -> None:
        """What failed on the node is an error here, with the node's own inside."""
        call = CreateDisk(
            disk=file_disk(1, size=1 << 40), instance_uuid="u", instance_name="i.example.com"
        )
        error = self.failureResultOf(self.begin(call, "1/0/0"), RemoteFailure).value
        self.assertIsInstance(error.error, StorageError)
        self.assertIn("Node node2.example.com: ", str(error))
        self.assertFalse(error.lost)

    def test_refused(self) -> None:
        """An old term's call is refused, and surely not done."""
        self.rpc = self.client(term=2)
        error = self.failureResultOf(self.begin(NodeVersion()), NodeRefused).value
        self.assertFalse(error.lost)

    def test_needs_request_id(self) -> None:
        """A defect of ours is noticed before anything is sent."""
        self.failureResultOf(self.begin(RemoveDisk(disk=make_disk(1))), ProgrammerError)

    def test_unknown(self) -> None:
        """A node that the cluster does not have."""
        asking = Deferred.fromCoroutine(self.rpc.call(node_uuid(9), NodeVersion()))
        self.assertFalse(self.failureResultOf(asking, NodeUnreachable).value.lost)

    def test_fan_out(self) -> None:
        """One result per node; what went wrong is a value."""
        asking = Deferred.fromCoroutine(self.rpc.call_all([NODE, OTHER], NodeVersion()))
        answers = self.successResultOf(asking)
        self.assertEqual(answers[NODE].name, "node2.example.com")
        self.assertIsInstance(answers[OTHER], NodeUnreachable)
        self.assertEqual(
            self.successResultOf(Deferred.fromCoroutine(self.rpc.call_all([], NodeVersion()))), {}
        )

    def odd(self, answer: bytes) -> RemoteFailure:
        """The error that an odd answer is turned into."""

        async def say(body: bytes) -> bytes:
            return answer

        self.network.attach(HOST, NODE, FunctionCallee(say))
        error = self.failureResultOf(self.begin(NodeVersion()), RemoteFailure).value
        self.assertIsInstance(error.error, ResultValidationError)
        self.assertTrue(error.lost)
        return error

    def test_odd_answers(self) -> None:
        """What a node answers is checked before it is used."""
        for answer in (
            b"",
            b"\xff",
            b"null",
            b"[" * 100_000,
            b'{"answer":"ok"}',
            b'{"answer":"maybe"}',
            build_ok(None),
            build_ok({"protocol": "4"}),
            build_ok([1]),
            b'{"answer":"started"}',
            b'{"answer":"ok","result":' + b"[" * 100_000,
            build_ok("x" * NodeVersion.answer_limit * 2),
        ):
            self.assertIn("unusable answer", str(self.odd(answer)))

    def test_odd_error(self) -> None:
        """An error that is none is one nevertheless."""
        for text in (b'{"answer":"error","error":[]}', b'{"answer":"error","error":["X",[1]]}'):

            async def say(body: bytes, text: bytes = text) -> bytes:
                return text

            self.network.attach(HOST, NODE, FunctionCallee(say))
            error = self.failureResultOf(self.begin(NodeVersion()), RemoteFailure).value
            self.assertTrue(str(error.error))

    def test_busy(self) -> None:
        """A node that is busy or stopping is as good as down."""
        for code in (Refusal.BUSY, Refusal.STOPPING, Refusal.INTERRUPTED):

            async def say(body: bytes, code: Refusal = code) -> bytes:
                return build_refusal(code, "not now")

            self.network.attach(HOST, NODE, FunctionCallee(say))
            asking = self.begin(RemoveDisk(disk=make_disk(1)), "1/0/0")
            self.pass_time(REPEAT_S + 1)
            error = self.failureResultOf(asking, NodeUnreachable).value
            self.assertEqual(error.lost, code is Refusal.INTERRUPTED)

    # -- Lost messages and answers

    def test_lost_answer(self) -> None:
        """A repeat gets it; the call was run once."""
        self.fault(Trouble.LOSE_ANSWER)
        asking = self.begin(RemoveDisk(disk=file_disk(1)), "1/0/0")
        self.pass_time(1)
        self.assertIsNone(self.successResultOf(asking))
        self.assertEqual(len(self.ask(ListRequests())), 1)

    def test_lost_message(self) -> None:
        """A repeat brings it."""
        self.fault(Trouble.LOSE_MESSAGE)
        asking = self.begin(RemoveDisk(disk=file_disk(1)), "1/0/0")
        self.pass_time(1)
        self.assertIsNone(self.successResultOf(asking))

    def test_node_restarts(self) -> None:
        """A node whose daemon is started again in time: nobody notices."""
        self.fault(Trouble.LOSE_ANSWER)
        asking = self.begin(RemoveDisk(disk=file_disk(1)), "1/0/0")
        self.restart(down_s=5)
        self.pass_time(1)
        self.assertIsNone(self.successResultOf(asking))

    def test_node_dies(self) -> None:
        """A node that stays away: what it did is unknown."""
        self.fault(Trouble.LOSE_ANSWER)
        asking = self.begin(RemoveDisk(disk=file_disk(1)), "1/0/0")
        self.network.detach(HOST)
        self.pass_time(REPEAT_S - 1)
        self.assertNoResult(asking)
        self.pass_time(2)
        self.assertTrue(self.failureResultOf(asking, NodeUnreachable).value.lost)

    def test_down_from_the_start(self) -> None:
        """A node that cannot be reached at all is not waited for."""
        self.network.detach(HOST)
        asking = self.begin(RemoveDisk(disk=file_disk(1)), "1/0/0")
        self.assertFalse(self.failureResultOf(asking, NodeUnreachable).value.lost)

    def test_timeout(self) -> None:
        """No answer in the call's time, and some: unknown."""
        self.fault(Trouble.HANG)
        asking = self.begin(NodeVersion())
        self.clock.advance(NodeVersion.timeout_s + MARGIN_S - 0.1)
        self.assertNoResult(asking)
        self.clock.advance(0.1)
        self.assertTrue(self.failureResultOf(asking, NodeTimeout).value.lost)

    def test_slow_node_dies(self) -> None:
        """The time for repeats begins when the answer is lost, not when the call was sent."""
        self.fault(Trouble.HANG)
        asking = self.begin(RemoveDisk(disk=file_disk(1)), "1/0/0")
        self.pass_time(2 * REPEAT_S)
        self.restart(down_s=5)
        self.pass_time(1)
        self.assertIsNone(self.successResultOf(asking))

    def test_lost_and_late(self) -> None:
        """What was sent once may have an effect, also when the repeat was not even sent."""
        self.fault(Trouble.LOSE_ANSWER)
        asking = self.begin(RemoveDisk(disk=file_disk(1)), "1/0/0")
        self.rpc._transport = HangingTransport()
        self.pass_time(1)
        self.assertTrue(self.failureResultOf(asking, NodeTimeout).value.lost)

    def test_forgotten(self) -> None:
        """A request of a final job is refused."""
        self.ask(ForgetJob(job_ids=(1,)))
        self.failureResultOf(self.begin(RemoveDisk(disk=file_disk(1)), "1/0/0"), NodeRefused)

    # -- Tasks

    def stop_instance(self) -> StopInstance:
        return StopInstance(name="x.example.com", uuid="u", hypervisor=HypervisorName.FAKE)

    def test_task(self) -> None:
        """A task's answer, when it has ended."""
        running = self.begin(Delay(duration_s=100), "1/0/0")
        self.pass_time(99)
        self.assertNoResult(running)
        self.pass_time(2)
        self.assertIsNone(self.successResultOf(running))

    def test_short_task(self) -> None:
        """One that ends at once needs no time."""
        self.assertIsNone(self.ask(self.stop_instance(), "1/0/0"))

    def test_task_again(self) -> None:
        """The same id finds the same task, after a restart of the master, too."""
        self.begin(Delay(duration_s=10), "1/0/0")
        self.pass_time(5)
        self.rpc = self.client()
        again = self.begin(Delay(duration_s=10), "1/0/0")
        self.pass_time(6)
        self.assertIsNone(self.successResultOf(again))
        self.assertIsNone(self.ask(Delay(duration_s=10), "1/0/0"))

    def test_task_outlives_connections(self) -> None:
        """Connections that break on the way do no harm."""
        self.fault(Trouble.LOSE_ANSWER, call="watch_task", count=3)
        running = self.begin(Delay(duration_s=30), "1/0/0")
        self.pass_time(15)
        self.network.detach(HOST)
        self.pass_time(5)
        self.network.attach(HOST, NODE, self.node.node.dispatcher)
        self.pass_time(12)
        self.assertIsNone(self.successResultOf(running))

    def test_node_of_task_crashes(self) -> None:
        """A task whose programs its node's crash ended has failed."""
        call = RunHooks(path="instance-add", phase=HookPhase.PRE, env={})
        self.node.now(self.node.state.begin("1/0/0", encode_call(call)))
        self.restart()
        error = self.failureResultOf(self.begin(call, "1/0/0"), RemoteFailure).value
        self.assertIn("was restarted", str(error))

    def test_node_of_resumable_task_crashes(self) -> None:
        """One that can be run again is."""
        running = self.begin(Delay(duration_s=30), "1/0/0")
        self.pass_time(5)
        self.restart(down_s=5)
        self.pass_time(2)
        self.assertNoResult(running)
        self.pass_time(30)
        self.assertIsNone(self.successResultOf(running))

    def test_node_of_task_dies(self) -> None:
        """A node that stays away is given up: what the task does is unknown."""
        running = self.begin(Delay(duration_s=3000), "1/0/0")
        self.pass_time(1)
        self.network.detach(HOST)
        self.pass_time(AWAY_S - 2)
        self.assertNoResult(running)
        self.pass_time(REPEAT_S + 5)
        self.assertTrue(self.failureResultOf(running, NodeUnreachable).value.lost)

    def test_task_ended(self) -> None:
        """Who watches a task that an undo ends is told."""
        running = self.begin(Delay(duration_s=30), "1/0/0")
        self.pass_time(1)
        self.ask(EndRequest(request_id="1/0/0"))
        self.pass_time(1)
        self.assertTrue(self.failureResultOf(running, NodeRefused).value.lost)

    def test_lines(self) -> None:
        """What a task prints arrives, in order, once."""
        lines: list[str] = []
        running = self.begin(Delay(duration_s=30), "1/0/0", on_line=lines.append)
        printed = self.node.node.requests._running["1/0/0"].progress
        self.fault(Trouble.LOSE_ANSWER, call="watch_task", skip=1, count=2)
        for number in range(5):
            printed.add(f"line {number}")
            self.pass_time(1)
        self.pass_time(27)
        self.assertIsNone(self.successResultOf(running))
        self.assertEqual(lines, [f"line {number}" for number in range(5)])

    def test_undoes(self) -> None:
        """An undo ends the request that it names, which then never comes again."""
        self.begin(Delay(duration_s=30), "1/0/0").addErrback(lambda _: None)
        self.assertIsNone(self.ask(self.stop_instance(), "1/0/0/undo", undoes="1/0/0"))
        self.pass_time(1)
        self.failureResultOf(self.begin(Delay(duration_s=30), "1/0/0"), NodeRefused)

    # -- Failpoints

    def test_failpoints(self) -> None:
        """Each call passes its places; each place may fail, as a network fails."""
        seen: list[str] = []
        failpoints.on_reach(lambda name, detail: seen.append(f"{name} {detail}"))
        self.ask(NodeVersion())
        self.assertEqual(
            seen,
            [
                "call.send.before node_version",
                "call.handle.before node_version",
                "call.handle.after node_version",
                "call.send.waiting node_version",
                "call.send.after node_version",
            ],
        )

    def test_failpoint_before(self) -> None:
        """Not sent at all."""
        failpoints.configure("call.send.before[remove_disk]:1=error:no way")
        asking = self.begin(RemoveDisk(disk=file_disk(1)), "1/0/0")
        self.assertFalse(self.failureResultOf(asking, NodeUnreachable).value.lost)

    def test_failpoint_after(self) -> None:
        """Sent and answered, and the answer lost: repeated."""
        failpoints.configure("call.send.after[remove_disk]:1=error:lost")
        asking = self.begin(RemoveDisk(disk=file_disk(1)), "1/0/0")
        self.pass_time(1)
        self.assertIsNone(self.successResultOf(asking))

    def test_failpoint_waiting(self) -> None:
        """Given up while the node works."""
        failpoints.configure("call.send.waiting[remove_disk]:1=error:too slow")
        asking = self.begin(RemoveDisk(disk=file_disk(1)), "1/0/0")
        self.pass_time(1)
        self.assertTrue(self.failureResultOf(asking, NodeTimeout).value.lost)
