"""Secret values: encrypted in what is stored, hidden in what is shown, gone at the end."""

from __future__ import annotations

import os
import stat
from typing import Any

from cryptography.fernet import Fernet
from support.masterrig import MasterRig
from twisted.trial.unittest import SynchronousTestCase

from ganeti.errors import OpExecError
from ganeti.masterd.secrets import REDACTED, SecretBox, redacted, sealed, unsealed
from ganeti.model import codec
from ganeti.model.job import Job, JobOp, JobStatus
from ganeti.model.secret import Secret
from ganeti.model.templates import DiskTemplate
from ganeti.opcodes.instance import CreateMode, OpInstanceCreate
from ganeti.operations.unit import Unit

PASSWORD = "correct horse"

OP = OpInstanceCreate(
    instance_name="web1",
    mode=CreateMode.CREATE,
    disk_template=DiskTemplate.DISKLESS,
    disks=(),
    nics=(),
    osparams_secret={"root": Secret(PASSWORD)},
)


class BoxTests(SynchronousTestCase):
    def test_round_trip(self) -> None:
        """What is sealed can be unsealed with the same key, and is not to be seen."""
        box = SecretBox(Fernet.generate_key())
        stored = sealed({"osparams_secret": {"a": PASSWORD}, "other": 1}, box)
        self.assertNotIn(PASSWORD, repr(stored))
        self.assertEqual(unsealed(stored, box), {"osparams_secret": {"a": PASSWORD}, "other": 1})

    def test_nested(self) -> None:
        """Opcodes in an opcode have secrets, too."""
        box = SecretBox(Fernet.generate_key())
        plain = {"instances": [{"osparams_secret": {"a": PASSWORD}}, {"name": "x"}, "odd"]}
        stored = sealed(plain, box)
        self.assertNotIn(PASSWORD, repr(stored))
        self.assertEqual(unsealed(stored, box), plain)
        job = Job(id=1, ops=(JobOp(input=stored, op_id="OP_INSTANCE_MULTI_ALLOC"),), received=1)
        [shown] = redacted(job).ops
        self.assertEqual(shown.input["instances"][0], {"osparams_secret": {"a": REDACTED}})
        self.assertEqual(shown.input["instances"][1:], [{"name": "x"}, "odd"])

    def test_other_node(self) -> None:
        """With another key it cannot be read, and the job says so."""
        stored = sealed({"osparams_secret": {"a": "b"}}, SecretBox(Fernet.generate_key()))
        with self.assertRaises(OpExecError):
            unsealed(stored, SecretBox(Fernet.generate_key()))

    def test_key_file(self) -> None:
        """The key is made once, for its owner only."""
        path = os.path.join(self.mktemp(), "key")
        os.makedirs(os.path.dirname(path))
        text = SecretBox.at(path).seal("x")
        self.assertEqual(SecretBox.at(path).unseal(text), "x")
        self.assertEqual(stat.S_IMODE(os.stat(path).st_mode), 0o600)


class JobTests(SynchronousTestCase):
    def setUp(self) -> None:
        seen = self.seen = []

        class Probe(Unit[OpInstanceCreate, None]):
            OP = OpInstanceCreate

            async def plan(self) -> Any:
                from ganeti.utils.aio import sleep

                seen.append(self.op.osparams_secret)
                await sleep(self.job.clock, 1)

            async def execute(self, plan: Any) -> None:
                return None

        self.rig = MasterRig(units={"OP_INSTANCE_CREATE": Probe})

    def stored_text(self) -> str:
        """All that the database has of jobs."""
        jobs = self.rig.journal._database.jobs()
        entries = self.rig.now(self.rig.journal.tail(0, 100))
        return repr(jobs) + repr([bytes(entry.body) for entry in entries])

    def test_life(self) -> None:
        """The unit gets the value, also after a restart; the disk never does."""
        job_id = self.rig.submit(OP)
        self.rig.restart()
        self.rig.advance(1)
        self.assertIs(self.rig.status(job_id), JobStatus.SUCCESS)
        self.assertEqual(self.seen, [{"root": Secret(PASSWORD)}] * 2)
        self.assertNotIn(PASSWORD, self.stored_text())
        self.assertEqual(
            self.rig.stored(job_id).ops[0].input["osparams_secret"], {"root": REDACTED}
        )

    def test_canceled(self) -> None:
        """A job that is canceled before its start loses its secrets, too."""
        self.rig.now(self.rig.master.settings.replace_filter(None, 1, [], "PAUSE", [], 5))
        job_id = self.rig.submit(OP)
        self.assertNotIn(PASSWORD, codec.encode(self.rig.stored(job_id)).decode())
        self.rig.now(self.rig.master.control.cancel(job_id, False))
        self.assertEqual(
            self.rig.stored(job_id).ops[0].input["osparams_secret"], {"root": REDACTED}
        )
