"""Filter rules and rate limits: what they say about a job, and what that does to the queue."""

from __future__ import annotations

from typing import Any

from support.masterrig import MasterRig
from twisted.trial.unittest import SynchronousTestCase

from ganeti.errors import GanetiError, ParseError, RequestError, StorageError
from ganeti.masterd.filters import Verdict, check_rule, judge
from ganeti.masterd.scheduler import Limit
from ganeti.masterd.submission import build_job
from ganeti.model.filter import FilterAction, FilterRule
from ganeti.model.job import JobStatus
from ganeti.opcodes.test import OpTestDelay

UUID = "0936c985-6844-403b-8967-ee0ca28b973%d"


def rule(
    *predicates: Any, action: Any = FilterAction.REJECT, priority: int = 0, number: int = 0
) -> FilterRule:
    return FilterRule(
        uuid=UUID % number,
        watermark=5,
        priority=priority,
        predicates=tuple(predicates),
        action=action,
    )


def job(job_id: int = 7, reason: str = "nightly") -> Any:
    op = OpTestDelay(duration=3, on_nodes=("node1",), reason=(("gnt:user", reason, 1),))
    return build_job(job_id, [op], 0)


class JudgeTests(SynchronousTestCase):
    def applies(self, *predicates: Any) -> bool:
        return judge(job(), [rule(*predicates)]).rejected

    def test_no_predicates(self) -> None:
        """A rule without predicates matches all."""
        self.assertTrue(self.applies())

    def test_job_id(self) -> None:
        """Ids compare with numbers and with the rule's watermark; nothing else counts."""
        self.assertTrue(self.applies(("jobid", [">", "id", "watermark"])))
        self.assertTrue(self.applies(("jobid", ["=", "id", 7])))
        self.assertFalse(self.applies(("jobid", ["<=", "id", "watermark"])))
        self.assertFalse(self.applies(("jobid", ["?", "id"])))

    def test_opcode(self) -> None:
        """Name and own parameters of the opcode, not the common ones."""
        self.assertTrue(self.applies(("opcode", ["=", "OP_ID", "OP_TEST_DELAY"])))
        self.assertTrue(self.applies(("opcode", ["=~", "OP_ID", "DELAY$"])))
        self.assertTrue(self.applies(("opcode", ["=[]", "on_nodes", "node1"])))
        self.assertTrue(self.applies(("opcode", ["&", [">", "duration", 2], ["?", "on_master"]])))
        self.assertFalse(self.applies(("opcode", ["=", "priority", 0])))
        self.assertFalse(self.applies(("opcode", ["=", "pnode", "node1"])))

    def test_reason(self) -> None:
        """Any entry of the trail; only comparisons."""
        self.assertTrue(self.applies(("reason", ["=", "reason", "nightly"])))
        self.assertFalse(self.applies(("reason", ["=~", "reason", "night"])))

    def test_all_must_hold(self) -> None:
        """All predicates of a rule must hold."""
        yes, no = ("jobid", ["=", "id", 7]), ("jobid", ["=", "id", 8])
        self.assertFalse(self.applies(yes, no))
        self.assertTrue(self.applies(yes, ("jobid", ["!", ["=", "id", 8]])))

    def test_first_decides(self) -> None:
        """The first match by priority decides; CONTINUE has no say."""
        rules = [
            rule(priority=3, number=3),
            rule(action=FilterAction.ACCEPT, priority=2, number=2),
            rule(action=FilterAction.CONTINUE, priority=1, number=1),
        ]
        self.assertEqual(judge(job(), rules), Verdict())
        self.assertTrue(judge(job(), rules[:1]).rejected)

    def test_rate_limits(self) -> None:
        """A rule's rate limit and one in a reason count together."""
        found = judge(job(reason="rate-limit:3:x"), [rule(action=("RATE_LIMIT", 2))])
        self.assertEqual(
            found.limits, (Limit("reason:rate-limit:3:x", 3), Limit(f"rule:{UUID % 0}", 2))
        )

    def test_malformed(self) -> None:
        """What is no predicate is refused when the rule is made."""
        for bad in (
            ("nosuch", ["=", "id", 1]),
            ("jobid", ["=", "id", True]),
            ("jobid", ["%", "id", 1]),
            ("jobid", "id"),
            ("opcode", ["=~", "OP_ID", "("]),
        ):
            self.assertRaises(ParseError, check_rule, rule(bad))


class DrainTests(SynchronousTestCase):
    def test_file_cannot_be_written(self) -> None:
        """The flag holds although its file, which there is no place for, cannot be written."""
        rig = MasterRig()
        settings = rig.master.settings
        with self.assertRaisesRegex(StorageError, "queue/drain"):
            rig.now(settings.set_drained(True))
        self.assertTrue(rig.master.store.committed.queue.drained)
        rig.now(settings.write_files())


class QueueTests(SynchronousTestCase):
    def setUp(self) -> None:
        self.rig = MasterRig()

    def add(self, action: Any, *predicates: Any, uuid: str | None = None) -> str:
        settings = self.rig.master.settings
        adding = settings.replace_filter(uuid, 1, predicates, action, [], 5)
        return str(self.rig.now(adding))

    def submit(self) -> int:
        return self.rig.submit(OpTestDelay(duration=1))

    def test_reject(self) -> None:
        """A rejected job is accepted, then canceled."""
        self.add("REJECT", ["opcode", ["=", "OP_ID", "OP_TEST_DELAY"]])
        self.assertIs(self.rig.status(self.submit()), JobStatus.CANCELED)

    def test_pause(self) -> None:
        """A paused job stays queued until the rule is gone, over a restart, too."""
        uuid = self.add("PAUSE")
        job_id = self.submit()
        self.rig.restart()
        self.assertIs(self.rig.status(job_id), JobStatus.QUEUED)
        self.rig.now(self.rig.master.settings.delete_filter(uuid))
        self.assertIs(self.rig.status(job_id), JobStatus.RUNNING)

    def test_reject_queued(self) -> None:
        """A new rule is applied to jobs that are queued."""
        self.add("PAUSE")
        job_id = self.submit()
        uuid = next(iter(self.rig.master.store.committed.config.filters))
        self.add("REJECT", uuid=uuid)
        self.assertIs(self.rig.status(job_id), JobStatus.CANCELED)

    def test_rate_limit(self) -> None:
        """A rule's rate limit holds."""
        self.add(["RATE_LIMIT", 2])
        ids = [self.submit() for _ in range(4)]
        states = [self.rig.status(job_id) for job_id in ids]
        self.assertEqual(states.count(JobStatus.RUNNING), 2)

    def test_stored_form(self) -> None:
        """Equality is stored in one form, with the watermark and who asked."""
        self.submit()
        uuid = self.add("PAUSE", ["jobid", ["=", "id", 1]])
        stored = self.rig.master.store.committed.config.filters[uuid]
        self.assertEqual(stored.predicates, (("jobid", ["==", "id", 1]),))
        self.assertEqual((stored.watermark, stored.reason_trail), (1, (("luxid", "", 5),)))

    def test_refused(self) -> None:
        """Malformed rules and wrong uuids are refused."""
        with self.assertRaises(RequestError):
            self.add("BAD")
        with self.assertRaisesRegex(GanetiError, "Unable to parse UUID"):
            self.add("PAUSE", uuid="nosuch")
        with self.assertRaisesRegex(GanetiError, "does not exist"):
            self.rig.now(self.rig.master.settings.delete_filter("nosuch"))
