"""Places for several new instances at once, and the jobs that make them."""

from __future__ import annotations

from typing import Any

from msgspec.structs import replace
from support.fakejob import FakeJob, plan_unit, run_unit
from support.samples import make_config, node_uuid
from twisted.internet.defer import Deferred
from twisted.trial.unittest import SynchronousTestCase

from ganeti.errors import ErrorCode, OpPrereqError
from ganeti.htools.requests import Answer
from ganeti.model.locks import Level, shared
from ganeti.opcodes.instance import CreateMode, OpInstanceMultiAlloc
from ganeti.operations.allocators.requests import MultiAllocate
from ganeti.operations.instance.bulk import InstanceMultiAlloc
from ganeti.operations.unit import ResultWithJobs

REASON = (("gnt:user", "many", 1),)


def definition(name: str = "web1", **settings: Any) -> dict[str, Any]:
    values = {
        "mode": "create",
        "instance_name": name,
        "disk_template": "diskless",
        "os_type": "noop",
        "disks": [],
        "nics": [],
        "beparams": {"maxmem": 128, "minmem": 128},
    }
    return values | settings


def places(*placed: tuple[str, list[str]], failed: tuple[str, ...] = ()) -> Answer:
    result = [[[name, nodes] for name, nodes in placed], list(failed)]
    return Answer(success=True, info="fine", result=result)


class BulkTests(SynchronousTestCase):
    def setUp(self) -> None:
        config = make_config(nodes=3, instances=1)
        cluster = replace(config.cluster, default_iallocator="hail")
        self.job = FakeJob(config.with_cluster(cluster))

    def op(self, *instances: Any, **settings: Any) -> OpInstanceMultiAlloc:
        return OpInstanceMultiAlloc(instances=instances, reason=REASON, **settings)

    def run_op(self, *instances: Any, **settings: Any) -> ResultWithJobs:
        running = run_unit(InstanceMultiAlloc, self.op(*instances, **settings), self.job)
        found: ResultWithJobs = self.successResultOf(Deferred.fromCoroutine(running))
        return found

    def refused(self, text: str, *instances: Any, **settings: Any) -> None:
        running = plan_unit(InstanceMultiAlloc, self.op(*instances, **settings), self.job)
        error = self.failureResultOf(Deferred.fromCoroutine(running), OpPrereqError).value
        self.assertEqual((str(error), error.code), (text, ErrorCode.WRONG_INPUT))

    def test_chosen(self) -> None:
        """The allocator is asked once for all; each becomes a job with its nodes."""
        answer = places(("web1", ["node2.example.com"]), ("web2", ["node3.example.com"]))
        self.job.iallocator.answers["hail"] = answer
        result = self.run_op(definition("web1"), definition("web2"))
        [(name, asked)] = self.job.iallocator.asked
        assert isinstance(asked, MultiAllocate)
        self.assertEqual(name, "hail")
        self.assertEqual([each.name for each in asked.instances], ["web1", "web2"])
        self.assertEqual([each.memory for each in asked.instances], [128, 128])
        ops: list[Any] = [op for (op,) in result.jobs]
        self.assertEqual([op.instance_name for op in ops], ["web1", "web2"])
        self.assertEqual([op.pnode for op in ops], ["node2.example.com", "node3.example.com"])
        self.assertEqual([op.pnode_uuid for op in ops], [node_uuid(2), node_uuid(3)])
        self.assertEqual([(op.iallocator, op.mode) for op in ops], [(None, CreateMode.CREATE)] * 2)
        self.assertEqual(ops[0].reason, REASON)
        self.assertEqual(result.other, {"allocatable": ["web1", "web2"], "failed": []})
        self.assertIn(
            " - INFO: Selected nodes for instance web1 via iallocator hail: node2.example.com",
            self.job.lines,
        )

    def test_locks(self) -> None:
        """Nodes among which is chosen are locked like those of a single instance."""
        unit = InstanceMultiAlloc(self.op(definition()), self.job)
        uuids = [node_uuid(number) for number in (1, 2, 3)]
        self.assertEqual(unit.locks(self.job.state), shared(Level.NODE, *uuids))
        named = InstanceMultiAlloc(self.op(definition(pnode="node1")), self.job)
        self.assertEqual(named.locks(self.job.state), ())

    def test_some_fit_nowhere(self) -> None:
        """They are named; the others are made."""
        answer = places(("web1", ["node2.example.com"]), failed=("web2",))
        self.job.iallocator.answers["mine"] = answer
        result = self.run_op(definition("web1"), definition("web2"), iallocator="mine")
        self.assertEqual(len(result.jobs), 1)
        self.assertEqual(result.other, {"allocatable": ["web1"], "failed": ["web2"]})
        text = " - WARNING: Instance web2 fits nowhere, says iallocator mine"
        self.assertIn(text, self.job.lines)

    def test_no_place(self) -> None:
        """The reason is told, and nothing is made."""
        self.job.iallocator.answers["hail"] = Answer(success=False, info="no room", result=[])
        running = run_unit(InstanceMultiAlloc, self.op(definition()), self.job)
        error = self.failureResultOf(Deferred.fromCoroutine(running), OpPrereqError).value
        self.assertEqual(error.code, ErrorCode.NO_RESOURCES)
        self.assertIn("no room", str(error))

    def test_named_nodes(self) -> None:
        """No allocator is asked, and their own jobs look at them."""
        result = self.run_op(
            definition("inst1.example.com", pnode="nosuch"), definition("web2", pnode="node1")
        )
        self.assertEqual(self.job.iallocator.asked, [])
        self.assertEqual([op.pnode for (op,) in result.jobs], ["nosuch", "node1"])  # type: ignore[attr-defined]

    def test_nothing(self) -> None:
        """No instances, no jobs."""
        self.assertEqual(self.run_op().jobs, ())

    def test_dry_run(self) -> None:
        """It is told what would be made where."""
        self.job.iallocator.answers["hail"] = places(("web1", ["node2.example.com"]))
        op = self.op(definition(), dry_run=True)
        plan = self.successResultOf(
            Deferred.fromCoroutine(plan_unit(InstanceMultiAlloc, op, self.job))
        )
        unit = InstanceMultiAlloc(op, self.job)
        self.assertEqual(unit.describe(plan), ["make instance web1 on node2.example.com"])
        wanted = {"jobs": [], "allocatable": ["web1"], "failed": []}
        self.assertEqual(unit.dry_result(plan), wanted)

    def test_refused(self) -> None:
        """What makes no sense."""
        one, named = definition(), definition("web2", pnode="node1")
        self.refused("There are duplicate instance names: web1", one, one)
        self.refused("There are instances that name their nodes while others do not", one, named)
        self.refused(
            "Do not specify both, iallocator and nodes of the instances", named, iallocator="hail"
        )
        self.refused("Definition 0 is no object", "web1")
        self.refused(
            "Definition 1: the iallocator is named for all instances together",
            one,
            definition("web2", iallocator="hail"),
        )
        self.refused(
            "Definition 0: Can't parse value for 'start': Expected `bool`, got `str`",
            definition(start="yes"),
        )
        for wrong in ({"nosuch": 1}, {"OP_ID": "OP_INSTANCE_REMOVE"}, {"instance_name": None}):
            running = plan_unit(InstanceMultiAlloc, self.op(definition(**wrong)), self.job)
            self.failureResultOf(Deferred.fromCoroutine(running), OpPrereqError)

    def test_no_allocator(self) -> None:
        """Nobody says where they go."""
        self.job = FakeJob(make_config())
        self.refused(
            "No iallocator or nodes on the instances given and no cluster-wide default iallocator"
            " found; please specify either an iallocator or nodes on the instances or set a"
            " cluster-wide default iallocator",
            definition(),
        )
