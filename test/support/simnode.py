"""A node daemon in memory, with its machine: it can be killed, restarted, and called."""

from __future__ import annotations

import tempfile
from typing import Any

from twisted.internet.defer import Deferred
from twisted.internet.task import Clock

from ganeti.errors import decode_error
from ganeti.model import codec
from ganeti.noded.drivers import SimulatedMachine
from ganeti.noded.node import Node
from ganeti.noded.service import HANDLERS
from ganeti.noded.services import NodeServices
from ganeti.paths import Paths
from ganeti.rpc.calls import Call, encode_call, result_type
from ganeti.rpc.envelope import Answer, AnswerError, AnswerOk, build_envelope, parse_answer
from ganeti.rpc.roles import PeerIdentity, RoleRecord, encode_role_record
from ganeti.store.candidate import MemoryCandidate
from ganeti.store.nodestate import MemoryNodeState
from ganeti.utils.scripted import ScriptedProcessRunner
from ganeti.utils.threads import NoThreads
from support.samples import node_uuid

MASTER = PeerIdentity(uuid=node_uuid(1), digest="digest of master")
CANDIDATE = PeerIdentity(uuid=node_uuid(3), digest="digest of candidate")
ORDINARY = PeerIdentity(uuid=node_uuid(4), digest="digest of node")


def record(term: int = 1, **settings: Any) -> RoleRecord:
    """C{MASTER} and C{CANDIDATE} in office."""
    values: dict[str, Any] = {
        "master_uuid": MASTER.uuid,
        "master_digest": MASTER.digest,
        "candidates": {CANDIDATE.uuid: CANDIDATE.digest},
    }
    return RoleRecord(term=term, **(values | settings))


class SimNode:
    """
    One machine and the node daemon on it, on a C{Clock}.

    @ivar stopped: how often the daemon was told to end.
    """

    def __init__(self, clock: Clock, uuid: str = node_uuid(2), root: str = "") -> None:
        self.clock = clock
        self.uuid = uuid
        self.paths = Paths(root=root, hostname=root.rpartition("/")[2])
        self.state = MemoryNodeState()
        self.machine = SimulatedMachine()
        self.candidate = MemoryCandidate()
        self.processes = ScriptedProcessRunner()
        self.stopped = 0
        self.fatal: list[Exception] = []
        self.now(self.state.set_role(1, encode_role_record(record())))
        self.start()

    def start(self) -> None:
        """Begin a life of the daemon."""
        drivers = self.machine.drivers(self.clock)
        services = NodeServices(
            paths=self.paths,
            name="node2.example.com",
            uuid=self.uuid,
            clock=self.clock,
            threads=NoThreads(),
            processes=self.processes,
            state=self.state,
            hypervisors=drivers.hypervisors,
            storage=drivers.storage,
            os_definitions=drivers.os_definitions,
            os_logs=drivers.os_logs,
            certificate_digest="digest of this node",
            stop=self._stop,
        )
        self.node = Node(services, self.candidate, HANDLERS, self.fatal.append)
        self.now(self.node.start())

    def _stop(self) -> None:
        self.stopped += 1

    def restart(self) -> None:
        """Die as by a crash, and live again."""
        self.now(self.node.stop(0))
        self.start()

    def now(self, awaitable: Any) -> Any:
        """The result of something that needs no time."""
        results: list[Any] = []
        deferred = Deferred.fromCoroutine(awaitable)
        deferred.addBoth(results.append)
        self.clock.advance(0)
        if not results:
            raise AssertionError("it waits for something")
        if hasattr(results[0], "raiseException"):
            results[0].raiseException()
        return results[0]

    def send(
        self,
        call: Call[Any],
        request_id: str | None = None,
        undoes: str | None = None,
        *,
        term: int = 1,
        peer: PeerIdentity = MASTER,
    ) -> Deferred[Answer]:
        """The answer to a call, when it comes."""
        body = build_envelope(encode_call(call), term, request_id, undoes)
        answering = Deferred.fromCoroutine(self.node.dispatcher(peer, body))
        return answering.addCallback(parse_answer)

    def ask(self, call: Call[Any], request_id: str | None = None, **settings: Any) -> Any:
        """The result of a call that needs no time; raises the error that it ends in."""
        answers: list[Any] = []
        self.send(call, request_id, **settings).addBoth(answers.append)
        (answer,) = answers
        if isinstance(answer, AnswerOk):
            return codec.decode(bytes(answer.result), result_type(type(call)))
        if isinstance(answer, AnswerError):
            raise decode_error(answer.error)
        return answer


def temporary_root() -> str:
    """A node's root on disk; the caller removes it."""
    return tempfile.mkdtemp(prefix="ganeti-rpc-test-") + "/node2.example.com"
