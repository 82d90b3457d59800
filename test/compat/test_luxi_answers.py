"""What the master daemon answers, against the facts found on the original's daemons."""

from __future__ import annotations

import json
from pathlib import Path
from typing import Any

from support.masterrig import MasterRig
from support.samples import make_config
from twisted.internet.testing import StringTransport
from twisted.trial.unittest import SynchronousTestCase

from ganeti.masterd.luxi_methods import LuxiMethods
from ganeti.masterd.luxiserver import LuxiServer
from ganeti.paths import Paths
from ganeti.utils.threads import NoThreads

TABLE = json.loads((Path(__file__).parent / "interface" / "luxi.json").read_text())
KEYS = TABLE["methods"]["QueryClusterInfo"]["notes"]["keys"]
VALUES = TABLE["methods"]["QueryConfigValues"]["notes"]["fields"]
RESOURCES = TABLE["methods"]["Query"]["notes"]["resources"]

DELAY = {"OP_ID": "OP_TEST_DELAY", "duration": 0.0, "reason": []}


class AnswersCase(SynchronousTestCase):
    def setUp(self) -> None:
        self.rig = MasterRig(config=make_config(instances=2))
        root = self.mktemp()
        paths = Paths(root, "node1")
        Path(paths.queue_dir).mkdir(parents=True)
        self.rig.master.settings._paths = self.paths = paths
        self.rig.master.settings._threads = NoThreads()
        server = LuxiServer(self.rig.clock, paths, LuxiMethods(self.rig.master).handle)
        self.connection, self.transport = server.buildProtocol(None), StringTransport()
        self.connection.makeConnection(self.transport)

    def ask(self, method: str, *args: Any) -> Any:
        """The whole answer to one request."""
        self.transport.clear()
        request = {"method": method, "args": args, "version": 3010000}
        self.connection.dataReceived(json.dumps(request).encode() + b"\n\x03")
        self.rig.clock.pump([0] * 20)
        answer = self.transport.value()
        self.assertEqual(answer[-1:], b"\x03")
        return json.loads(answer[:-1])

    def result(self, method: str, *args: Any) -> Any:
        answer = self.ask(method, *args)
        self.assertTrue(answer["success"], answer)
        return answer["result"]

    def refusal(self, method: str, *args: Any) -> Any:
        answer = self.ask(method, *args)
        self.assertFalse(answer["success"], answer)
        return answer["result"]

    def check_plain(self, method: str, *args: Any) -> None:
        """A parse error: a text without a class."""
        text = self.refusal(method, *args)
        self.assertIsInstance(text, str)
        self.assertTrue(text.startswith("Failed to parse request: "), text)


class SubmitTests(AnswersCase):
    def test_job(self) -> None:
        """An id is the answer; the job is there with all its fields."""
        self.assertEqual(self.result("SubmitJob", [DELAY]), 1)
        [[status, opstatus, result]] = self.result(
            "QueryJobs", [1], ["status", "opstatus", "opresult"]
        )
        self.assertEqual((status, opstatus, result), ("success", ["success"], [None]))

    def test_empty_job(self) -> None:
        """An empty job has succeeded at once."""
        job_id = self.result("SubmitJob", [])
        self.assertEqual(self.result("QueryJobs", [job_id], ["status"]), [["success"]])

    def test_many(self) -> None:
        """One answer per job, in order; distances in depends are resolved."""
        follower = DELAY | {"depends": [[-1, ["success"]]]}
        self.assertEqual(
            self.result("SubmitManyJobs", [[DELAY], [follower]]), [[True, 1], [True, 2]]
        )
        self.assertEqual(self.result("QueryJobs", [2], ["status"]), [["success"]])

    def test_bad_distance(self) -> None:
        """One that points before the first job is refused, in its place."""
        follower = DELAY | {"depends": [[-1, []]]}
        refused, accepted = self.result("SubmitManyJobs", [[follower], [DELAY]])
        self.assertFalse(refused[0])
        self.assertEqual(accepted, [True, 2])

    def test_decimal_text_in_depends(self) -> None:
        """Job ids may be decimal texts in depends."""
        self.result("SubmitJob", [DELAY])
        job_id = self.result("SubmitJob", [DELAY | {"depends": [["1", []]]}])
        self.assertEqual(self.result("QueryJobs", [job_id], ["status"]), [["success"]])

    def test_parse_errors(self) -> None:
        """Unknown opcodes and keys, wrong types, a missing reason: a plain text for the whole."""
        for bad in (
            {"OP_ID": "OP_NO_SUCH"},
            DELAY | {"OP_ID": "OP_NO_SUCH"},
            DELAY | {"nosuch": 1},
            DELAY | {"duration": "x"},
            DELAY | {"priority": 5},
            {"OP_ID": "OP_TEST_DELAY", "duration": 0.0},
            DELAY | {"reason": None},
            {"duration": 0.0, "reason": []},
        ):
            self.check_plain("SubmitJob", [bad])
            self.check_plain("SubmitManyJobs", [[DELAY], [bad]])
        self.assertEqual(self.result("QueryJobs", None, ["id"]), [])

    def test_whole_numbers(self) -> None:
        """Integers given for floats come back as integers."""
        job_id = self.result("SubmitJob", [DELAY | {"duration": 0}])
        [[[op]]] = self.result("QueryJobs", [job_id], ["ops"])
        self.assertEqual(json.dumps(op["duration"]), "0")
        self.assertEqual((op["comment"], op["depends"]), (None, None))

    def test_drained(self) -> None:
        """A drained queue refuses with a text; the special method gets through."""
        self.assertIs(self.result("SetDrainFlag", True), True)
        self.assertTrue(Path(self.paths.queue_drain_file).exists())
        self.assertEqual(self.refusal("SubmitJob", [DELAY]), ["GenericError", ["Queue drained"]])
        self.assertEqual(self.refusal("SubmitManyJobs", [[DELAY]])[0], "GenericError")
        self.assertEqual(self.result("SubmitJobToDrainedQueue", [DELAY]), 1)
        for _ in range(2):  # the original never answers the second
            self.assertIs(self.result("SetDrainFlag", False), True)
        self.assertFalse(Path(self.paths.queue_drain_file).exists())


class JobTests(AnswersCase):
    def test_missing(self) -> None:
        """What there is not: a row of nulls, false, or a text."""
        self.assertEqual(self.result("QueryJobs", [9], ["id", "status"]), [[9, None]])
        self.assertIs(self.result("ArchiveJob", 9), False)
        for method, argument in (("CancelJob", False), ("ChangeJobPriority", 0)):
            done, text = self.result(method, 9, argument)
            self.assertEqual((done, type(text)), (False, str))
        expected = ["JobLost", ["Error checking job status: Can't load job file"]]
        self.assertEqual(self.refusal("WaitForJobChange", 9, ["status"], None, None, 1), expected)

    def test_wait_for_final(self) -> None:
        """A final job is answered at once: values and log."""
        self.result("SubmitJob", [DELAY])
        answer = self.result("WaitForJobChange", 1, ["status", "id"], ["success", 1], 0, 60)
        self.assertEqual(answer, [["success", 1], []])

    def test_wait_for_unknown_field(self) -> None:
        """A field that there is not makes all values null."""
        self.result("SubmitJob", [DELAY])
        answer = self.result("WaitForJobChange", 1, ["status", "nosuch"], None, None, 1)
        self.assertEqual(answer, [[None, None], []])

    def test_archive(self) -> None:
        """Archived jobs are listed when asked for by id or when the field is."""
        for _ in range(3):
            self.result("SubmitJob", [DELAY])
        self.assertIs(self.result("ArchiveJob", 1), True)
        self.assertEqual(self.result("QueryJobs", None, ["id"]), [[2], [3]])
        self.assertEqual(self.result("QueryJobs", [1], ["id", "status"]), [[1, "success"]])
        listed = self.result("QueryJobs", None, ["id", "archived"])
        self.assertEqual(listed, [[1, True], [2, False], [3, False]])
        self.assertEqual(self.result("AutoArchiveJobs", -1, 10), [2, 0])

    def test_pickup(self) -> None:
        """A leftover of old masters is always refused."""
        self.assertEqual(self.refusal("PickupJob", 1)[0], "GenericError")


class QueryTests(AnswersCase):
    def test_cluster_info(self) -> None:
        """Exactly the keys of the table."""
        info = self.result("QueryClusterInfo")
        self.assertEqual(set(info), set(KEYS))
        self.assertEqual(
            (info["name"], info["master"]), ("cluster.example.com", "node1.example.com")
        )
        self.assertEqual(info["default_hypervisor"], info["enabled_hypervisors"][0])
        self.assertEqual(set(info["hvparams"]), {"fake"})

    def test_config_values(self) -> None:
        """All names of the table have values; others are null."""
        values = dict(zip(VALUES, self.result("QueryConfigValues", VALUES), strict=True))
        self.assertEqual(values["cluster_name"], "cluster.example.com")
        self.assertEqual((values["drain_flag"], values["watcher_pause"]), (False, None))
        self.assertEqual(self.result("QueryConfigValues", ["nosuch"]), [None])

    def test_watcher_pause(self) -> None:
        """The value set is the answer, and what is asked later."""
        self.assertEqual(self.result("SetWatcherPause", 1234.5), 1234.5)
        self.assertEqual(self.result("QueryConfigValues", ["watcher_pause"]), [1234.5])
        self.assertIsNone(self.result("SetWatcherPause", None))

    def test_resources(self) -> None:
        """Every resource of the table can be listed, and its fields; no other."""
        for what in RESOURCES:
            self.assertIn("data", self.result("Query", what, [], None))
            self.assertTrue(self.result("QueryFields", what, None)["fields"])
        self.check_plain("Query", "nosuch", [], None)
        self.check_plain("QueryFields", "nosuch", None)

    def test_malformed_filters(self) -> None:
        """Fractions and truth values are no values of filters: a parse error."""
        for value in (1.5, True):
            self.check_plain("Query", "instance", ["name"], ["=", "name", value])
        self.check_plain("Query", "instance", ["name"], ["nosuch", "name", "x"])

    def test_unknown_field(self) -> None:
        """An unknown field has its own kind, and a status in each row."""
        answer = self.result("Query", "instance", ["name", "nosuch"], None)
        self.assertEqual(answer["fields"][1]["kind"], "unknown")
        self.assertEqual(answer["data"][0], [[0, "inst1.example.com"], [1, None]])

    def test_old_queries(self) -> None:
        """Rows of plain values; with locking they are refused."""
        self.assertEqual(
            self.result("QueryInstances", ["inst2.example.com"], ["name", "pnode"], False),
            [["inst2.example.com", "node2.example.com"]],
        )
        self.assertEqual(len(self.result("QueryNodes", [], ["name"], False)), 3)
        self.assertEqual(self.result("QueryGroups", [], ["name"], False), [["default"]])
        self.assertEqual(self.result("QueryNetworks", [], ["name"], False), [])
        refused = ["OpPrereqError", ["Sync queries are not allowed", "wrong_input"]]
        self.assertEqual(self.refusal("QueryNodes", [], ["name"], True), refused)

    def test_tags(self) -> None:
        """Tags of each kind of object."""
        self.assertEqual(self.result("QueryTags", "cluster", ""), [])
        self.assertEqual(self.result("QueryTags", "node", "node1"), [])
        self.assertEqual(self.refusal("QueryTags", "node", "nosuch")[0], "OpPrereqError")

    def test_locks(self) -> None:
        """Held and awaited locks, with their jobs."""
        op = DELAY | {"duration": 5.0, "on_nodes": ["node2"], "no_locks": False, "on_master": True}
        first, second = self.result("SubmitJob", [op]), self.result("SubmitJob", [op])
        uuid = make_config().find_node("node2").uuid
        rows = self.result("Query", "lock", ["name", "mode", "owner", "pending"], None)["data"]
        found = {name: values for (_, name), *values in rows}
        self.assertEqual(
            found[f"node/{uuid}"],
            [[0, "exclusive"], [0, [first]], [0, [["exclusive", [second]]]]],
        )
        self.assertEqual(found["cluster/BGL"][0], [0, "shared"])
        self.assertIn("node/[lockset]", found)


class FilterTests(AnswersCase):
    def test_rule(self) -> None:
        """A rule is put, listed, and deleted; malformed ones are a parse error."""
        uuid = self.result("ReplaceFilter", None, 1, [["jobid", ["=", "id", 1]]], "REJECT", [])
        [row] = self.result("QueryFilters", None, ["uuid", "action", "predicates", "watermark"])
        self.assertEqual(row, [uuid, "REJECT", [["jobid", ["==", "id", 1]]], 0])
        self.assertIsNone(self.result("DeleteFilter", uuid))
        expected = ["GenericError", [f"Filter rule with UUID {uuid} does not exist"]]
        self.assertEqual(self.refusal("DeleteFilter", uuid), expected)
        self.check_plain("ReplaceFilter", None, -1, [], "REJECT", [])
        self.check_plain("ReplaceFilter", None, 0, [], "BAD", [])
        self.assertEqual(
            self.refusal("ReplaceFilter", "nosuch", 0, [], "REJECT", []),
            ["GenericError", ["Unable to parse UUID"]],
        )
