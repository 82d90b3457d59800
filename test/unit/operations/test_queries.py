"""Queries as the master daemon answers them: whom they ask, and what comes of it."""

from __future__ import annotations

from msgspec.structs import replace
from support.samples import make_config, make_instance, make_node, node_uuid
from twisted.internet.defer import Deferred
from twisted.internet.task import Clock
from twisted.trial.unittest import SynchronousTestCase

from ganeti.errors import NodeUnreachable, OpPrereqError, RequestError
from ganeti.model.hypervisors import HypervisorName
from ganeti.model.job import Job, JobOp, LogLine
from ganeti.model.live import InstanceRuntime, NodeResources, OsInfo, StorageSpace
from ganeti.model.state import State
from ganeti.model.templates import DiskTemplate
from ganeti.operations.gather import resources_call
from ganeti.operations.queries import Queries
from ganeti.rpc.calls import DiagnoseOs, GetNodeInfo, ListInstances


class Nodes:
    """Answers of nodes; those without one are unreachable."""

    def __init__(self, *up):
        self.up = {node_uuid(number) for number in up}
        self.asked = []

    async def call_all(self, nodes, call):
        nodes = sorted(nodes)
        self.asked.append((call, nodes))
        down = NodeUnreachable("node", "no answer")
        return {uuid: self.answer(call, uuid) if uuid in self.up else down for uuid in nodes}

    def answer(self, call, uuid):
        match call:
            case ListInstances():
                return (InstanceRuntime(name="inst1.example.com", memory_mib=256, vcpus=1),)
            case GetNodeInfo():
                space = StorageSpace(kind="file", name="/srv", free_mib=10, size_mib=20)
                return NodeResources(memory_free=512, storage=(space,))
            case DiagnoseOs():
                return (OsInfo(name="noop", path="/x", valid=True, api_versions=(20,)),)


class Archive:
    """Archived jobs."""

    def __init__(self, *jobs):
        self.jobs = {job.id: job for job in jobs}

    async def archived_job(self, job_id):
        return self.jobs.get(job_id)

    async def archived_jobs(self, after, limit):
        return [self.jobs[job_id] for job_id in sorted(self.jobs) if job_id > after][:limit]


def make_job(job_id, **settings):
    """A queued job."""
    op = JobOp(input={"OP_ID": "OP_TEST_DELAY", "duration": 1}, op_id="OP_TEST_DELAY")
    return Job(id=job_id, ops=(op,), **settings)


async def log(job_id):
    """One line per job."""
    return [LogLine(serial=1, time_ns=10**9, type="message", message=f"of {job_id}")]


class QueriesTests(SynchronousTestCase):
    """The class masterd hands requests to."""

    def make(self, config, nodes=None, archived=(), jobs=()):
        self.clock = Clock()
        self.nodes = nodes or Nodes(1, 2, 3)
        state = State(config=config, jobs=State().jobs.update({job.id: job for job in jobs}))
        return Queries(
            state=lambda: state,
            rpc=self.nodes,
            archive=Archive(*archived),
            log=log,
            locks=lambda: (),
            clock=self.clock,
            machine="x86_64",
        )

    def ask(self, *args, **kwargs):
        queries = self.make(*args, **kwargs)
        return lambda awaitable: self.successResultOf(Deferred.fromCoroutine(awaitable(queries)))

    def rows(self, ask, what, fields, qfilter=None):
        return ask(lambda queries: queries.query(what, fields, qfilter))["data"]

    def test_static_fields_ask_nobody(self):
        """A query for configured values sends no call."""
        ask = self.ask(make_config(instances=2))
        self.assertEqual(len(self.rows(ask, "instance", ["name", "be/maxmem"])), 2)
        self.rows(ask, "node", ["name", "role", "pinst_cnt"])
        self.assertEqual(self.nodes.asked, [])

    def test_too_many_fields(self):
        """A limit that no honest query meets."""
        queries = self.make(make_config(instances=1))
        asking = Deferred.fromCoroutine(queries.query("instance", ["name"] * 1001, None))
        error = self.failureResultOf(asking, OpPrereqError).value
        self.assertIn("at most 1000 fields, not 1001", str(error))

    def test_only_the_nodes_concerned(self):
        """Only nodes of the instances that pass the filter are asked, and only what is needed."""
        ask = self.ask(make_config(instances=3))
        rows = self.rows(ask, "instance", ["status"], ["=", "name", "inst1"])
        self.assertEqual(rows, [[[0, "running"]]])
        [(call, nodes)] = self.nodes.asked
        self.assertEqual(call, ListInstances(hypervisors=(HypervisorName.FAKE,)))
        self.assertEqual(nodes, [node_uuid(1)])

    def test_live_filters(self):
        """A filter on live data asks, though no such column is wanted."""
        ask = self.ask(make_config(instances=3), Nodes(1))
        rows = self.rows(ask, "instance", ["name"], ["=", "status", "ERROR_nodedown"])
        names = [row[0][1] for row in rows]
        self.assertEqual(names, ["inst2.example.com", "inst3.example.com"])

    def test_offline_nodes(self):
        """Nodes that are offline, or run no instances, are not asked."""
        config = make_config(nodes=3)
        config = config.with_node(make_node(2, offline=True, master_candidate=False))
        config = config.with_node(make_node(3, vm_capable=False))
        rows = self.rows(self.ask(config), "node", ["name", "mfree", "dfree"])
        self.assertEqual([row[1] for row in rows], [[0, 512], [4, None], [3, None]])
        self.assertEqual(self.nodes.asked[0][1], [node_uuid(1)])
        self.assertEqual(rows[0][2], [0, 10])

    def test_all_offline(self):
        """Nobody to ask is no reason to fail."""
        config = make_config(nodes=1).with_node(make_node(1, offline=True, master_candidate=False))
        rows = self.rows(self.ask(config), "node", ["mfree"])
        self.assertEqual((rows, self.nodes.asked), ([[[4, None]]], []))

    def test_storage_units(self):
        """Where new disks would go is asked for, and physical volumes for spindles."""
        cluster = make_config().cluster
        self.assertEqual(resources_call(cluster).storage, (("file", "/srv/ganeti/file-storage"),))
        templates = (DiskTemplate.DISKLESS, DiskTemplate.DRBD, DiskTemplate.PLAIN)
        lvm = replace(cluster, enabled_disk_templates=templates, volume_group_name="vg")
        self.assertEqual(resources_call(lvm).storage, (("lvm-vg", "vg"), ("lvm-pv", "vg")))

    def test_operating_systems(self):
        """OS definitions are those of all nodes."""
        ask = self.ask(make_config(), Nodes(1, 3))
        self.assertEqual(self.rows(ask, "os", ["name", "valid"]), [[[0, "noop"], [0, True]]])
        self.assertEqual(self.rows(ask, "os", ["name"], ["=", "name", "x"]), [])

    def test_definitions(self):
        """The answer describes its columns."""
        ask = self.ask(make_config())
        answer = ask(lambda queries: queries.query("node", ["name", "x"], None))
        self.assertEqual([one["kind"] for one in answer["fields"]], ["text", "unknown"])
        self.assertEqual(ask(_fields("node", ["name"]))["fields"], answer["fields"][:1])

    def test_errors(self):
        """Unknown kinds and names fail the query."""
        queries = self.make(make_config())
        self.failureResultOf(_started(queries.query("cow", [], None)), RequestError)
        self.failureResultOf(_started(queries.rows("node", [], ["x"])), OpPrereqError)
        wanted = ["=", "name", "x"]
        self.failureResultOf(_started(queries.query("node", ["name"], wanted)), OpPrereqError)

    def test_classic_rows(self):
        """Queries of the old kind answer plain values."""
        ask = self.ask(make_config(instances=1), Nodes())
        fields = ["name", "oper_ram"]
        rows = ask(lambda queries: queries.rows("instance", ["inst1", "nosuch"], fields))
        self.assertEqual(rows, [["inst1.example.com", None]])

    def test_jobs(self):
        """Jobs asked for by id are looked up in the archive too; lost ones have their id only."""
        ask = self.ask(make_config(), jobs=[make_job(5)], archived=[make_job(3, archived=True)])
        fields = ["id", "status", "archived"]
        rows = ask(lambda queries: queries.rows("job", [3, 5, 9], fields))
        self.assertEqual(rows, [[3, "queued", True], [5, "queued", False], [9, None, None]])
        rows = ask(lambda queries: queries.rows("job", [], ["id"]))
        self.assertEqual(rows, [[5]])
        rows = ask(lambda queries: queries.rows("job", [], ["id", "archived"]))
        self.assertEqual(rows, [[3, True], [5, False]])

    def test_job_logs(self):
        """Logs are fetched for the jobs in the answer, if wanted."""
        ask = self.ask(make_config(), jobs=[make_job(5)])
        entries = [[[1, [1, 0], "message", "of 5"]]]
        self.assertEqual(self.rows(ask, "job", ["oplog"]), [[[0, entries]]])
        values = ask(lambda queries: queries.job_values(make_job(5), ["status", "oplog"]))
        self.assertEqual(values, ["queued", entries])

    def test_job_values(self):
        """Values of one job; none at all when a field is unknown."""
        ask = self.ask(make_config())
        job = make_job(5)
        self.assertEqual(ask(lambda queries: queries.job_values(job, ["id", "end_ts"])), [5, None])
        self.assertEqual(ask(lambda queries: queries.job_values(job, ["id", "x"])), [None, None])

    def test_large_answers(self):
        """Rows of a large answer are made in pieces; others get their turn between them."""
        config = make_config(nodes=1, instances=0)
        for number in range(1, 1202):
            config = config.with_instance(make_instance(number, disks=()))
        queries = self.make(config)
        running = _started(queries.query("instance", ["name"], None))
        self.assertNoResult(running)
        self.clock.pump([0, 0, 0])
        self.assertEqual(len(self.successResultOf(running)["data"]), 1201)


def _started(coroutine):
    return Deferred.fromCoroutine(coroutine)


def _fields(what, names):
    async def ask(queries):
        return queries.fields(what, names)

    return ask
