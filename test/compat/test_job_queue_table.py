"""The job queue against the table of the public interface."""

from __future__ import annotations

import json
from pathlib import Path
from typing import Any

from support.masterrig import MasterRig
from support.samples import make_config
from twisted.trial.unittest import SynchronousTestCase

from ganeti.masterd.jobcontrol import CANCEL_LIMIT_S, WAIT_LIMIT_S
from ganeti.masterd.locktable import LockTable
from ganeti.model.job import (
    FINAL,
    TRANSITIONS,
    Job,
    JobOp,
    JobStatus,
    LogType,
    OpStatus,
    job_priority,
    job_status,
)
from ganeti.model.locks import Level, LockMode, exclusive, lock_name
from ganeti.opcodes.test import OpTestDelay

INTERFACE = Path(__file__).parent / "interface"
TABLE = json.loads((INTERFACE / "job_queue.json").read_text())
TIMEOUTS = json.loads((INTERFACE / "luxi.json").read_text())["timeouts"]


def job_of(*statuses: str) -> Job:
    ops = tuple(JobOp(input={}, op_id="OP_X", status=OpStatus(status)) for status in statuses)
    return Job(id=1, ops=ops)


class StateTests(SynchronousTestCase):
    def test_names(self) -> None:
        """States of jobs and opcodes, and which are final."""
        self.assertEqual({*JobStatus}, {*TABLE["job_states"]})
        self.assertEqual({*OpStatus}, {*TABLE["opcode_states"]})
        self.assertEqual({*FINAL}, {*TABLE["finalized"]})
        order = TABLE["state_order"].split(" (")[0].split(" < ")
        self.assertEqual([*OpStatus], order)

    def test_transitions(self) -> None:
        """Those of the table are allowed; besides, a waiting opcode may end at once or go back."""
        ours = {
            (OpStatus.WAITING, OpStatus.CANCELED),
            (OpStatus.WAITING, OpStatus.QUEUED),
        }
        allowed = {(old, new) for old, news in TRANSITIONS.items() for new in news}
        table = {
            (OpStatus(old), OpStatus(text.split()[0]))
            for old, texts in TABLE["opcode_transitions"].items()
            for text in texts
        }
        table.discard((OpStatus.WAITING, OpStatus.WAITING))
        self.assertEqual(allowed - ours, table)

    def test_job_state(self) -> None:
        """The first failed, canceling or canceled opcode decides; else the last active one."""
        for ops, expected in (
            ((), "success"),
            (("success", "success"), "success"),
            (("success", "queued"), "queued"),
            (("success", "running"), "running"),
            (("success", "waiting", "queued"), "waiting"),
            (("success", "error", "error"), "error"),
            (("canceling", "queued"), "canceling"),
            (("success", "canceled"), "canceled"),
        ):
            self.assertEqual(job_status(job_of(*ops)), expected)


class PriorityTests(SynchronousTestCase):
    def test_of_job(self) -> None:
        """The smallest of the opcodes that have not ended; 0 when all have."""
        names = TABLE["priorities"]
        ops = [
            JobOp(input={}, op_id="OP_X", status=OpStatus.SUCCESS, priority=names["highest"]),
            JobOp(input={}, op_id="OP_X", priority=names["low"]),
            JobOp(input={}, op_id="OP_X", priority=names["normal"]),
        ]
        self.assertEqual(job_priority(Job(id=1, ops=tuple(ops))), names["normal"])
        self.assertEqual(
            job_priority(Job(id=1, ops=tuple(ops[:1]))), names["job_default_when_done"]
        )

    def test_accepted(self) -> None:
        """A change takes -20 to 19."""
        rig = MasterRig()
        job_id = rig.submit(OpTestDelay(duration=1))
        for priority in (TABLE["priorities"]["highest"], TABLE["priorities"]["lowest"]):
            done, _ = rig.now(rig.master.control.change_priority(job_id, priority))
            self.assertTrue(done)


class LogTests(SynchronousTestCase):
    def test_entry(self) -> None:
        """C{[serial, [seconds, microseconds], type, message]}, serials from 1 on."""
        rig = MasterRig()
        job_id = rig.submit(OpTestDelay(duration=0, repeat=2))

        async def values(job: Job) -> list[Any]:
            return []

        control = rig.master.control
        _, entries = rig.now(control.wait_for_change(job_id, values, None, None, 1))
        self.assertEqual([entry[0] for entry in entries], [1, 2])
        _, (seconds, micro), kind, message = entries[0]
        self.assertEqual((kind, type(message)), ("message", str))
        self.assertTrue(seconds > 0 and 0 <= micro < 10**6)

    def test_types(self) -> None:
        """The types of entries."""
        self.assertEqual({*LogType}, {*TABLE["log_entry"]["types"]})


class LockTests(SynchronousTestCase):
    def test_levels_and_modes(self) -> None:
        """Levels in their order, modes, and the names that locks are listed by."""
        self.assertEqual([*Level], TABLE["locks"]["level_order"])
        self.assertEqual({*LockMode}, {*TABLE["locks"]["modes"]})
        self.assertIn(lock_name(exclusive(Level.CONFIG, "config")[0]), TABLE["locks"]["names"])

    def test_rows(self) -> None:
        """Names in listings are of the table's forms."""
        table = LockTable()
        table.request(1, {(Level.CLUSTER, "BGL"): LockMode.SHARED}, 0)
        table.request(2, {(Level.NODE, "uuid"): LockMode.SHARED}, 0)
        names = {row.name.replace("uuid", "<uuid>") for row in table.rows()}
        self.assertLessEqual(names, {*TABLE["locks"]["names"]})


class LimitTests(SynchronousTestCase):
    def test_limits(self) -> None:
        """Waiting, cancelling, and how many jobs run."""
        self.assertEqual(WAIT_LIMIT_S, TIMEOUTS["wait_for_job_change_s"])
        self.assertEqual(CANCEL_LIMIT_S, TABLE["cancel"]["timeouts_s"])
        self.assertIn("default 20", TABLE["scheduling"]["max_running"])
        self.assertEqual(make_config().cluster.max_running_jobs, 20)
