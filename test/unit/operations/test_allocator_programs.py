"""Instance allocators that are programs: what they are given, and what of their answers is used."""

from __future__ import annotations

import json
from typing import Any

import pytest
from msgspec.structs import replace
from support.fakejob import FakeJob
from support.samples import make_config, node_uuid
from twisted.trial.unittest import SynchronousTestCase

from ganeti.errors import NodeUnreachable, OpExecError, RemoteFailure, StorageError
from ganeti.htools.requests import Answer
from ganeti.model.templates import DiskTemplate
from ganeti.operations.allocators.answers import read_answer
from ganeti.operations.allocators.programs import arguments, run_program
from ganeti.operations.allocators.requests import (
    Allocate,
    AllocateSecondary,
    AllocatorRequest,
    MultiAllocate,
    NodeEvacuate,
    Relocate,
)
from ganeti.rpc.calls import AllocatorOutput, RunAllocator
from ganeti.utils.aio import as_deferred

CONFIG = make_config(nodes=3, instances=2)
NEW = Allocate(
    name="new.example.com",
    memory=128,
    vcpus=1,
    disks=(),
    disk_space_total=0,
    disk_template=DiskTemplate.DISKLESS,
    hypervisor="fake",
    required_nodes=1,
)
PAIR = replace(NEW, name="pair.example.com", required_nodes=2)
MULTI = MultiAllocate(instances=(NEW, PAIR))
RELOCATE = Relocate(name="inst1.example.com", relocate_from=("node1.example.com",))
SECONDARY = AllocateSecondary(name="inst1.example.com")
EVACUATE = NodeEvacuate(instances=("inst1.example.com",), evac_mode="all")
ONE, TWO = "node1.example.com", "node2.example.com"
FAILOVER = {"OP_ID": "OP_INSTANCE_FAILOVER", "instance_name": "inst1.example.com"}


def body(result: Any, **more: Any) -> bytes:
    return json.dumps({"success": True, "info": "fine", "result": result, **more}).encode()


GOOD: list[tuple[AllocatorRequest, Any]] = [
    (NEW, [ONE]),
    (PAIR, [TWO, ONE]),
    (RELOCATE, [TWO]),
    (SECONDARY, TWO),
    (MULTI, [[["new.example.com", [ONE]], ["pair.example.com", [ONE, TWO]]], []]),
    (MULTI, [[["pair.example.com", [ONE, TWO]]], ["new.example.com"]]),
    (EVACUATE, [[["inst1.example.com", "default", [TWO]]], [], [[FAILOVER]]]),
    (EVACUATE, [[], [["inst1.example.com", "no room"]], []]),
]
BAD: list[tuple[AllocatorRequest, Any, str]] = [
    (NEW, [], "it names 0 nodes, and 1 are wanted"),
    (NEW, [ONE, TWO], "it names 2 nodes, and 1 are wanted"),
    (NEW, ["node9.example.com"], "there is no node 'node9.example.com'"),
    (NEW, [node_uuid(1)], "there is no node"),
    (NEW, "node1.example.com", "no list of names"),
    (NEW, [17], "no list of names"),
    (NEW, None, "no list of names"),
    (PAIR, [ONE, ONE], "names a node twice"),
    (RELOCATE, [ONE, TWO], "it names 2 nodes"),
    (SECONDARY, [TWO], "no list of names"),
    (MULTI, [[["new.example.com", [ONE]]], []], "does not name each wanted instance once"),
    (MULTI, [[["new.example.com", [ONE]], ["x", [ONE]]], []], "each wanted instance once"),
    (MULTI, [[["new.example.com", [ONE]], ["pair.example.com", [ONE]]], []], "names 1 nodes"),
    (MULTI, [ONE], "is not \\[\\[\\[instance"),
    (EVACUATE, [[["inst1.example.com", "default", ["x"]]], [], []], "there is no node 'x'"),
    (EVACUATE, [[], [], [[{"OP_ID": "OP_CLUSTER_DESTROY"}]]], "its jobs do 'OP_CLUSTER_DESTROY'"),
    (EVACUATE, [[], [], [[{"x": 1}]]], "is not \\[moved, failed, jobs\\]"),
    (EVACUATE, [[], []], "is not \\[moved, failed, jobs\\]"),
]
SENSELESS: list[tuple[bytes, str]] = [
    (b"", "it was empty"),
    (b"hello\n", "it was: hello"),
    (b"\xff\xfe", "Can't use the answer"),
    (b"[]", "Expected `object`"),
    (b'{"success": true}', "missing required field"),
    (b'{"success": true, "info": ""}', "there is no 'result' in it"),
    (b'{"success": "yes", "info": "", "result": []}', "success"),
    (b'{"success": true, "info": "", "result": [', "Can't use the answer"),
    (b"[" * 1_000_000, "Can't use the answer"),
    (b'{"success": true, "info": "\\u001b[2J"}', "there is no 'result'"),
]


@pytest.mark.parametrize(("request_", "result"), GOOD)
def test_good(request_: AllocatorRequest, result: Any) -> None:
    """What is asked for, in its shape."""
    answer = Answer(success=True, info="fine", result=result)
    assert read_answer(body(result), "mine", request_, CONFIG) == answer


def test_old_name() -> None:
    """Programs of Ganeti 2.0 call the result nodes; what else they say is not looked at."""
    said = json.dumps({"success": True, "info": "", "nodes": [ONE], "more": 1}).encode()
    assert read_answer(said, "mine", NEW, CONFIG).result == [ONE]


def test_refusal() -> None:
    """One that found nothing says why, and nothing else matters."""
    answer = read_answer(body([], success=False, info="no room"), "mine", NEW, CONFIG)
    assert (answer.success, answer.info) == (False, "no room")


@pytest.mark.parametrize(("request_", "result", "why"), BAD)
def test_bad(request_: AllocatorRequest, result: Any, why: str) -> None:
    """Another shape, or something that is not there."""
    with pytest.raises(OpExecError, match=f"instance allocator 'mine'.*{why}"):
        read_answer(body(result), "mine", request_, CONFIG)


@pytest.mark.parametrize(("said", "why"), SENSELESS)
def test_senseless(said: bytes, why: str) -> None:
    """It is told why, on one short line that does nothing to a terminal."""
    with pytest.raises(OpExecError, match=why) as caught:
        read_answer(said, "mine", NEW, CONFIG)
    text = str(caught.value)
    assert len(text) < 1000
    assert text.isprintable()


def test_arguments() -> None:
    """The parameters are those of the default allocator, or of all when there is none."""
    cluster = replace(
        CONFIG.cluster, default_iallocator_params={"a": 1, "b": "x", "c": True, "d": None}
    )
    told = ("--a=1", "--b=x", "--c", "--d")
    assert arguments(cluster, "mine") == told
    assert arguments(replace(cluster, default_iallocator="mine"), "mine") == told
    assert arguments(replace(cluster, default_iallocator="hail"), "mine") == ()


class RunTests(SynchronousTestCase):
    def ask(self, answer: Any) -> Any:
        job = FakeJob(CONFIG, {RunAllocator: answer})
        asking = run_program(job.consult, CONFIG, "mine", b'{"version":2}')
        self.asked = job.rpc.calls
        return as_deferred(asking)

    def test_run_on_the_master(self) -> None:
        """The program runs on the master node."""
        printed = self.successResultOf(self.ask(AllocatorOutput(stdout=b"hello")))
        self.assertEqual(printed, b"hello")
        [(node, asked)] = self.asked
        assert isinstance(asked, RunAllocator)
        self.assertEqual((node, asked.name), (node_uuid(1), "mine"))
        self.assertEqual(bytes(asked.document), b'{"version":2}')

    def test_failures(self) -> None:
        """What the node says of the program is told as it is; a lost node is named."""
        error = RemoteFailure("node1.example.com", OpExecError("'mine' died of signal 9"))
        failure = self.failureResultOf(self.ask(error), OpExecError)
        self.assertEqual(str(failure.value), "'mine' died of signal 9")
        error = RemoteFailure("node1.example.com", StorageError("disk full"))
        self.assertIn("disk full", str(self.failureResultOf(self.ask(error), OpExecError).value))
        lost = NodeUnreachable("node1.example.com", "connection refused")
        self.assertIn("node1", str(self.failureResultOf(self.ask(lost), OpExecError).value))
