"""OS definitions of all nodes side by side."""

from __future__ import annotations

from typing import Any

from msgspec.structs import replace
from support.fakejob import FakeJob, run_unit
from support.samples import make_config, node_uuid
from twisted.internet.defer import Deferred
from twisted.trial.unittest import SynchronousTestCase

from ganeti.errors import ErrorCode, NodeUnreachable, OpPrereqError
from ganeti.model.config import Configuration
from ganeti.model.live import OsInfo
from ganeti.opcodes.os import OpOsDiagnose
from ganeti.operations.os.diagnose import FIELDS, OsDiagnose
from ganeti.rpc.calls import DiagnoseOs

NOOP = OsInfo(
    name="noop",
    path="/os/noop",
    valid=True,
    variants=("a", "b"),
    parameters=(("p", "a parameter"),),
    api_versions=(10, 20),
)


class DiagnoseTests(SynchronousTestCase):
    def diagnose(
        self,
        answers: dict[int, Any],
        *fields: str,
        config: Configuration | None = None,
        names: tuple[str, ...] = (),
    ) -> list[list[Any]]:
        """Rows, when each node found what C{answers} says by its number."""
        by_uuid = {node_uuid(number): answer for number, answer in answers.items()}
        self.job = FakeJob(
            make_config(nodes=2) if config is None else config,
            {DiagnoseOs: lambda node, call: by_uuid[node]},
        )
        op = OpOsDiagnose(output_fields=fields, names=names)
        running = run_unit(OsDiagnose, op, self.job)
        rows: list[list[Any]] = self.successResultOf(Deferred.fromCoroutine(running))
        return rows

    def test_all_fields(self) -> None:
        """Every field has its value."""
        rows = self.diagnose({1: (NOOP,), 2: (NOOP,)}, *FIELDS)
        status = ["/os/noop", True, "", ["a", "b"], [["p", "a parameter"]], [10, 20], True]
        self.assertEqual(
            dict(zip(FIELDS, rows[0], strict=True)),
            {
                "name": "noop",
                "valid": True,
                "node_status": {node_uuid(1): [status], node_uuid(2): [status]},
                "variants": ["a", "b"],
                "parameters": [["p", "a parameter"]],
                "api_versions": [10, 20],
                "hidden": False,
                "blacklisted": False,
                "os_hvp": {},
                "osparams": {},
                "trusted": True,
            },
        )

    def test_nodes_differ(self) -> None:
        """Only what all nodes have in common counts."""
        other = replace(NOOP, variants=("b", "c"), api_versions=(20,), parameters=())
        rows = self.diagnose(
            {1: (NOOP,), 2: (other,)}, "variants", "api_versions", "parameters", "valid"
        )
        self.assertEqual(rows, [[["b"], [20], [], True]])

    def test_missing_on_a_node(self) -> None:
        """What one node lacks is not valid, and shows only when validity is asked for."""
        answers = {1: (NOOP,), 2: ()}
        self.assertEqual(self.diagnose(answers, "name"), [])
        self.assertEqual(self.diagnose(answers, "name", "valid"), [["noop", False]])

    def test_broken(self) -> None:
        """A broken definition comes with the reason."""
        broken = replace(NOOP, valid=False, reason="no create", variants=())
        rows = self.diagnose({1: (broken,), 2: (broken,)}, "valid", "variants", "node_status")
        self.assertEqual(rows[0][:2], [False, []])
        self.assertEqual(rows[0][2][node_uuid(1)][0][1:3], [False, "no create"])

    def test_shadowed(self) -> None:
        """The first directory of a node counts; both are shown."""
        second = replace(NOOP, path="/other/noop", variants=("z",))
        rows = self.diagnose({1: (NOOP, second), 2: (NOOP,)}, "variants", "node_status")
        self.assertEqual(rows[0][0], ["a", "b"])
        self.assertEqual(
            [status[0] for status in rows[0][1][node_uuid(1)]], ["/os/noop", "/other/noop"]
        )

    def test_hidden_and_blacklisted(self) -> None:
        """They show only when their field is asked for."""
        config = make_config(nodes=2)
        record = replace(config.cluster, hidden_os=("noop",), blacklisted_os=("other",))
        config = config.with_cluster(record)
        answers = {n: (NOOP, replace(NOOP, name="other")) for n in (1, 2)}
        self.assertEqual(self.diagnose(answers, "name", config=config), [])
        self.assertEqual(
            self.diagnose(answers, "name", "hidden", "blacklisted", config=config),
            [["noop", True, False], ["other", False, True]],
        )

    def test_names(self) -> None:
        """Asked for by name, others are left out; the order is natural."""
        infos = tuple(replace(NOOP, name=name) for name in ("os10", "os2", "os1"))
        answers = {1: infos, 2: infos}
        self.assertEqual(self.diagnose(answers, "name"), [["os1"], ["os2"], ["os10"]])
        self.assertEqual(self.diagnose(answers, "name", names=("os2", "nosuch")), [["os2"]])

    def test_nodes_that_are_not_asked(self) -> None:
        """Offline nodes and such without instances do not count; silent ones are named."""
        config = make_config(nodes=4)
        config = config.with_node(
            replace(config.nodes[node_uuid(3)], offline=True, master_candidate=False)
        )
        config = config.with_node(replace(config.nodes[node_uuid(4)], vm_capable=False))
        rows = self.diagnose(
            {1: (NOOP,), 2: NodeUnreachable("node2", "nothing listens")}, "name", config=config
        )
        self.assertEqual(rows, [["noop"]])
        self.assertEqual(
            self.job.lines,
            [" - WARNING: Node node2.example.com left out, it did not answer: nothing listens"],
        )

    def test_unknown_field(self) -> None:
        """Fields are known ones."""
        job = FakeJob(make_config())
        running = run_unit(OsDiagnose, OpOsDiagnose(output_fields=("name", "nosuch")), job)
        failure = self.failureResultOf(Deferred.fromCoroutine(running), OpPrereqError)
        self.assertEqual(
            (str(failure.value), failure.value.code),
            ("Unknown output fields selected: nosuch", ErrorCode.WRONG_INPUT),
        )
