"""Units of work on one instance, run without daemons."""

from __future__ import annotations

from typing import Any, ClassVar

from msgspec.structs import replace
from twisted.internet.defer import Deferred
from twisted.trial.unittest import SynchronousTestCase

from ganeti.errors import ErrorCode, OpPrereqError
from ganeti.model.instance import AdminState
from ganeti.model.live import InstanceRuntime
from support.fakejob import FakeJob, plan_unit, run_unit
from support.samples import instance_uuid, make_config, make_instance, node_uuid

NAME = "inst1.example.com"
NODE = node_uuid(1)
UUID = instance_uuid(1)
GUEST = InstanceRuntime(name=NAME, memory_mib=128, vcpus=1)


class InstanceTestCase(SynchronousTestCase):
    """
    A job on C{inst1.example.com}, which is down unless L{set_up} is called with other settings.

    @cvar unit: what is tested, and C{opcode} its opcode; C{needed} is given in each.
    @cvar answers: what nodes answer, by the call's class.
    """

    unit: Any
    opcode: Any
    needed: ClassVar[dict[str, Any]] = {}
    instances: ClassVar[int] = 2
    answers: ClassVar[dict[type, Any]]

    def setUp(self) -> None:
        self.set_up()

    def set_up(self, node_offline: bool = False, **settings: Any) -> None:
        config = make_config(nodes=3, instances=self.instances)
        instance = make_instance(1, **{"admin_state": AdminState.DOWN, **settings})
        config = config.with_instance(instance)
        if node_offline:
            node = replace(config.nodes[NODE], offline=True, master_candidate=False)
            config = config.with_node(node)
        self.use(config)

    def use(self, config: Any) -> None:
        self.job = FakeJob(config, dict(self.answers))

    @property
    def instance(self) -> Any:
        return self.job.config.instances[UUID]

    def op(self, **settings: Any) -> Any:
        return self.opcode(**{"instance_name": NAME, **self.needed, **settings})

    def run_op(self, **settings: Any) -> Any:
        running = run_unit(self.unit, self.op(**settings), self.job)
        return self.successResultOf(Deferred.fromCoroutine(running))

    def plan_op(self, **settings: Any) -> Any:
        planning = plan_unit(self.unit, self.op(**settings), self.job)
        return self.successResultOf(Deferred.fromCoroutine(planning))

    def fail_op(self, error: type[Exception] = OpPrereqError, **settings: Any) -> Any:
        running = run_unit(self.unit, self.op(**settings), self.job)
        return self.failureResultOf(Deferred.fromCoroutine(running), error).value

    def refused(self, text: str, code: ErrorCode, **settings: Any) -> None:
        """It cannot be done, and nothing is."""
        error = self.fail_op(**settings)
        self.assertEqual((str(error), error.code), (text, code))
        self.assertEqual((self.job.steps, self.job.finished), ([], []))
