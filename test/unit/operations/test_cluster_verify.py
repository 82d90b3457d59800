"""Verification: the jobs it makes, and what each check finds."""

from __future__ import annotations

from collections import Counter
from typing import Any

from msgspec import Raw
from msgspec.structs import replace
from support.fakejob import FakeJob, plan_unit, run_unit
from support.samples import (
    GROUP_UUID,
    disk_uuid,
    make_config,
    make_disk,
    make_instance,
    node_uuid,
    uuid_of,
)
from support.verifying import NOOP, YEAR_S, Nodes, with_certificates
from twisted.internet.defer import Deferred
from twisted.trial.unittest import SynchronousTestCase

from ganeti.errors import ErrorCode, NodeUnreachable, OpPrereqError, ParseError
from ganeti.model.codec import decode
from ganeti.model.config import Configuration
from ganeti.model.findings import (
    CertificateFinding,
    DiskFinding,
    NodeFindings,
    ParameterFinding,
    Peer,
)
from ganeti.model.group import NodeGroup
from ganeti.model.hypervisors import HypervisorName
from ganeti.model.instance import AdminState
from ganeti.model.live import HookResult, HookStatus, InstanceRuntime, RunState
from ganeti.model.locks import Level, shared
from ganeti.model.parameters import PartialBeParams, PartialNdParams
from ganeti.model.recovery import Debt, OnNode
from ganeti.model.templates import DiskTemplate
from ganeti.opcodes.verify import (
    OpClusterVerify,
    OpClusterVerifyConfig,
    OpClusterVerifyGroup,
    OptionalCheck,
    VerifyCode,
)
from ganeti.operations.cluster.verify.config import ClusterVerifyConfig
from ganeti.operations.cluster.verify.group import OUTPUT_LIMIT, ClusterVerifyGroup
from ganeti.operations.cluster.verify.jobs import ClusterVerify
from ganeti.operations.cluster.verify.questions import MOST_PEERS, circle_of, peers
from ganeti.operations.cluster.verify.report import LINE_LIMIT, MOST_ALIKE, TURN, target_of
from ganeti.rpc.calls import CreateDisk, VerifyNode, encode_call
from ganeti.version import PROTOCOL_VERSION, RELEASE

SECOND = uuid_of(1, 2)
NODE2 = node_uuid(2)
FAKE = HypervisorName.FAKE


def make_cluster(nodes: int = 3, instances: int = 0) -> Configuration:
    return with_certificates(make_config(nodes=nodes, instances=instances))


def problems(job: FakeJob) -> list[str]:
    """The lines about problems, without their indentation."""
    return [line[4:] for kind, entry in job.entries if kind == "message-list" for line in entry]


class VerifyCase(SynchronousTestCase):
    def setUp(self) -> None:
        self.nodes = Nodes(make_cluster(instances=3))

    def run_config(self, **settings: Any) -> FakeJob:
        job = self.nodes.job()
        self.result = self.finish(ClusterVerifyConfig, OpClusterVerifyConfig(**settings), job)
        return job

    def run_group(self, job: FakeJob | None = None, **settings: Any) -> FakeJob:
        job = job or self.nodes.job()
        op = OpClusterVerifyGroup(group_name="default", error_codes=True, **settings)
        self.result = self.finish(ClusterVerifyGroup, op, job)
        return job

    def finish(self, unit: Any, op: Any, job: FakeJob) -> Any:
        """The result; time passes until it is there."""
        running = Deferred.fromCoroutine(run_unit(unit, op, job))
        for _ in range(40):
            if not running.called:
                job.clock.advance(0.5)
        return self.successResultOf(running)

    def found(self, **settings: Any) -> list[str]:
        """The problems of the group."""
        return problems(self.run_group(**settings))

    def change(self, number: int = 2, **changes: Any) -> None:
        self.nodes.changes[node_uuid(number)] = changes

    def set_node(self, number: int = 2, **changes: Any) -> None:
        config = self.nodes.config
        node = replace(config.nodes[node_uuid(number)], **changes)
        self.nodes.config = config.with_node(node)

    def set_instance(self, number: int = 2, **changes: Any) -> None:
        config = self.nodes.config
        instance = config.find_instance(f"inst{number}.example.com")
        self.nodes.config = config.with_instance(replace(instance, **changes))


class JobTests(VerifyCase):
    def plan(self, **settings: Any) -> list[Any]:
        op = OpClusterVerify(reason=(("gnt:user", "why", 1),), priority=10, **settings)
        job = self.nodes.job()
        planning = plan_unit(ClusterVerify, op, job)
        plan = self.successResultOf(Deferred.fromCoroutine(planning))
        unit = ClusterVerify(op, job)
        self.described = unit.describe(plan)
        self.assertEqual(unit.dry_result(plan), {"jobs": []})
        made = self.successResultOf(Deferred.fromCoroutine(unit.execute(plan)))
        return [op for (op,) in made.jobs]

    def test_all(self) -> None:
        """The configuration first, then each group when that has ended, however it did."""
        group = NodeGroup(uuid=SECOND, name="alpha")
        self.nodes.config = self.nodes.config.with_group(group)
        config, alpha, default = self.plan(
            error_codes=True, verbose=True, ignore_errors=frozenset({VerifyCode.ENODEHV})
        )
        self.assertIsInstance(config, OpClusterVerifyConfig)
        self.assertIsNone(config.depends)
        self.assertEqual((alpha.group_name, alpha.depends), (SECOND, ((-1, ()),)))
        self.assertEqual((default.group_name, default.depends), (GROUP_UUID, ((-2, ()),)))
        for op in (config, alpha, default):
            self.assertEqual((op.error_codes, op.verbose, op.priority), (True, True, 10))
            self.assertEqual(op.ignore_errors, {VerifyCode.ENODEHV})
            self.assertEqual(op.reason, (("gnt:user", "why", 1),))
        self.assertEqual(
            self.described,
            ("verify the configuration", "verify group alpha", "verify group default"),
        )

    def test_one_group(self) -> None:
        """One group alone; that it exists is its own job's to say."""
        (op,) = self.plan(group_name="nosuch", skip_checks=frozenset(OptionalCheck))
        self.assertEqual((op.group_name, op.depends), ("nosuch", None))
        self.assertEqual(op.skip_checks, set(OptionalCheck))
        planning = plan_unit(ClusterVerifyGroup, op, self.nodes.job())
        failure = self.failureResultOf(Deferred.fromCoroutine(planning), OpPrereqError)
        self.assertEqual(str(failure.value), "Node group 'nosuch' not found")
        self.assertEqual(failure.value.code, ErrorCode.NOT_FOUND)

    def test_targets(self) -> None:
        """Every code is about something."""
        self.assertEqual(
            {target_of(code) for code in VerifyCode}, {"cluster", "node", "group", "instance"}
        )
        self.assertEqual(target_of(VerifyCode.ECLUSTERDANGLINGINST), "node")


class ConfigTests(VerifyCase):
    def test_good(self) -> None:
        """Nothing to say about a sound cluster; only the master is asked."""
        job = self.run_config()
        self.assertEqual((self.result, problems(job)), (True, []))
        self.assertEqual(list(self.nodes.asked), [node_uuid(1)])

    def test_contradictions(self) -> None:
        """What the configuration check finds is an error of the cluster."""
        self.set_node(2, master_candidate=False)
        job = self.run_config()
        self.assertFalse(self.result)
        self.assertEqual(
            problems(job), ["ERROR: cluster: Cluster: not enough master candidates: 2, should be 3"]
        )
        job = self.run_config(ignore_errors=frozenset({VerifyCode.ECLUSTERCFG}))
        self.assertTrue(self.result)
        self.assertTrue(problems(job)[0].startswith("WARNING: cluster: "))

    def test_certificates(self) -> None:
        """A certificate warns a month before, and fails a week before it expires."""
        for expires, line in (
            (YEAR_S, None),
            (20.5 * 86400, "WARNING: cluster: /c: the certificate expires in about 20 days"),
            (2.5 * 86400, "ERROR: cluster: /c: the certificate expires in about 2 days"),
            (-1.0, "ERROR: cluster: /c: the certificate has expired"),
            (None, "ERROR: cluster: /c: no such file"),
        ):
            problem = "" if expires else "no such file"
            finding = CertificateFinding(path="/c", expires=expires, problem=problem)
            self.change(1, certificates=(finding,))
            job = self.run_config()
            self.assertEqual(problems(job), [] if line is None else [line])
            self.assertEqual(self.result, line is None or line.startswith("WARNING"))

    def test_silent_master(self) -> None:
        """Certificates that nobody could look at are an error."""
        self.nodes.changes[node_uuid(1)] = NodeUnreachable("node1.example.com", "refused")
        job = self.run_config(error_codes=True)
        self.assertEqual(
            problems(job),
            ["ERROR:ECLUSTERCERT:cluster:None:the certificates could not be looked at: refused"],
        )

    def test_parameters(self) -> None:
        """Malformed hypervisor parameters, of the cluster, an OS and an instance."""
        record = self.nodes.config.cluster
        bad = {FAKE: {"migration_mode": "sideways"}}
        self.nodes.config = self.nodes.config.with_cluster(
            replace(record, hvparams=bad, os_hvp={"busybox": bad})
        )
        job = self.run_config()
        sources = [line.partition("(source ")[2].partition(")")[0] for line in problems(job)]
        self.assertEqual(
            sources,
            ["cluster", "os busybox", *(f"instance inst{n}.example.com" for n in (1, 2, 3))],
        )

    def test_dangling(self) -> None:
        """Nodes without a group, and instances without a node."""
        self.set_node(3, group="gone")
        self.set_instance(1, primary_node="gone")
        job = self.run_config(error_codes=True)
        self.assertEqual(
            [line for line in problems(job) if "DANGLING" in line],
            [
                "ERROR:ECLUSTERDANGLINGNODES:node:None:the following nodes (and their instances)"
                " belong to a non existing group: node3.example.com (inst3.example.com)",
                "ERROR:ECLUSTERDANGLINGINST:node:None:the following instances have a non-existing"
                " primary-node: inst1.example.com",
            ],
        )

    def test_simulation(self) -> None:
        """Every check of it reports, though all is well."""
        self.run_config(debug_simulate_errors=True, error_codes=True)
        self.assertFalse(self.result)


class GroupTests(VerifyCase):
    def test_good(self) -> None:
        """Nothing to say about a sound group; each node is asked once, the master runs hooks."""
        job = self.run_group()
        self.assertEqual((self.result, problems(job)), (True, []))
        self.assertEqual(
            {u: len(calls) for u, calls in self.nodes.asked.items()},
            {node_uuid(n): 1 for n in (1, 2, 3)},
        )
        everywhere = tuple(node_uuid(n) for n in (1, 2, 3))
        self.assertEqual(job.hooks_run, [("cluster-verify", "post", everywhere)])

    def test_locks(self) -> None:
        """The group, its nodes and instances, shared with others that only look."""
        op = OpClusterVerifyGroup(group_name="default")
        self.assertEqual(
            ClusterVerifyGroup(op, self.nodes.job()).locks(self.nodes.job().state),
            (
                *shared(Level.INSTANCE, *(f"inst{n}.example.com" for n in (1, 2, 3))),
                *shared(Level.NODEGROUP, GROUP_UUID),
                *shared(Level.NODE, *(node_uuid(n) for n in (1, 2, 3))),
            ),
        )

    def test_empty(self) -> None:
        """A group without nodes is sound."""
        self.nodes.config = self.nodes.config.with_group(NodeGroup(uuid=SECOND, name="empty"))
        job = self.nodes.job()
        op = OpClusterVerifyGroup(group_name="empty")
        self.assertTrue(self.finish(ClusterVerifyGroup, op, job))
        self.assertEqual(
            job.said(), ["* Verifying group 'empty'", "* Empty node group, skipping verification"]
        )
        self.assertEqual(self.nodes.asked, {})

    def test_simulation(self) -> None:
        """Every check that looks at one thing reports it, though all is well."""
        found = self.found(debug_simulate_errors=True)
        codes = {line.split(":")[1] for line in found}
        self.assertEqual(
            {
                "ENODERPC", "ENODEVERSION", "ENODETIME", "ENODESETUP", "ECLUSTERCLIENTCERT",
                "ENODENET", "ENODEHV", "ENODEFILESTORAGEPATHS", "ENODEOS", "EINSTANCEDOWN",
                "ECLUSTERFILECHECK", "ENODEFILECHECK", "EINSTANCEWRONGNODE", "ENODEHOOKS",
                "EINSTANCEPOLICY", "EINSTANCEMISSINGDISK", "EINSTANCEFAULTYDISK", "ENODEORPHANLV",
            }
            - codes,
            set(),
        )  # fmt: skip

    def test_turns(self) -> None:
        """Of many instances only so many are looked at before others have their turn."""
        self.nodes.config = make_cluster(nodes=2, instances=TURN + 1)
        for unit, op in (
            (ClusterVerifyConfig, OpClusterVerifyConfig()),
            (ClusterVerifyGroup, OpClusterVerifyGroup(group_name="default")),
        ):
            job = self.nodes.job()
            running = Deferred.fromCoroutine(run_unit(unit, op, job))
            self.assertNoResult(running)
            job.clock.advance(0)
            self.assertTrue(self.successResultOf(running))

    def test_verbose(self) -> None:
        """Who is looked at, and what each is."""
        self.set_node(2, master_candidate=False, drained=True)
        self.set_node(3, master_candidate=False, offline=True)
        self.set_instance(3, admin_state=AdminState.DOWN)
        self.nodes.config = with_certificates(self.nodes.config)
        said = self.run_group(verbose=True).said()
        for line in (
            "* Verifying node node1.example.com (master)",
            "* Verifying node node2.example.com (drained)",
            "* Skipping offline node node3.example.com",
            "* Verifying instance inst1.example.com",
            "  - NOTICE: 1 offline node(s) found.",
            "  - NOTICE: 1 drained node(s) found.",
        ):
            self.assertIn(line, said)

    def test_hooks(self) -> None:
        """A script that fails is an error, with what it printed."""
        self.nodes.hooks[NODE2] = (
            HookResult(script="a", status=HookStatus.OK, output="fine"),
            HookResult(script="b", status=HookStatus.ERROR, output="one\ntwo\n"),
        )
        job = self.run_group()
        self.assertFalse(self.result)
        at = job.said().index("* Hooks Results")
        self.assertEqual(
            job.said()[at + 1 :],
            [
                "  - ERROR:ENODEHOOKS:node:node2.example.com:Script b failed, output:",
                "      one\n      two",
            ],
        )

    def test_hook_environment(self) -> None:
        """Tags of the cluster, and of each node."""
        cluster = replace(self.nodes.config.cluster, tags=("b", "a"))
        self.nodes.config = self.nodes.config.with_cluster(cluster)
        self.set_node(2, tags=("x",))
        job = self.nodes.job()
        op = OpClusterVerifyGroup(group_name="default")
        plan = self.successResultOf(Deferred.fromCoroutine(plan_unit(ClusterVerifyGroup, op, job)))
        hooks = ClusterVerifyGroup(op, job).hooks(plan)
        self.assertEqual((hooks.env["CLUSTER_TAGS"], hooks.post_nodes), ("a b", ()))
        self.assertEqual(hooks.env["NODE_TAGS_node2.example.com"], "x")

    def test_part(self) -> None:
        """For a part of the cluster the master and one other have to compare files, too."""
        self.nodes.config = self.nodes.config.with_group(NodeGroup(uuid=SECOND, name="alpha"))
        self.set_node(3, group=SECOND)
        job = self.nodes.job()
        op = OpClusterVerifyGroup(group_name="alpha")
        self.assertTrue(self.finish(ClusterVerifyGroup, op, job))
        self.assertIn("* Gathering information about the master node", job.said())
        self.assertEqual(set(self.nodes.asked), {node_uuid(n) for n in (1, 2, 3)})
        [extra] = self.nodes.asked[node_uuid(1)]
        self.assertEqual((extra.hypervisors, extra.oses, extra.machine), ((), False, False))


class NodeTests(VerifyCase):
    def one(self, code: str, text: str, severity: str = "ERROR", number: int = 2) -> None:
        """Exactly this is found of a node."""
        name = f"node{number}.example.com"
        self.assertEqual(self.found(), [f"{severity}:{code}:node:{name}:{text}"])
        self.assertEqual(self.result, severity != "ERROR")

    def test_version(self) -> None:
        """Another protocol is an error, another release a warning."""
        self.change(protocol=PROTOCOL_VERSION + 1)
        self.one(
            "ENODEVERSION",
            f"incompatible protocol versions: master {PROTOCOL_VERSION},"
            f" node {PROTOCOL_VERSION + 1}",
        )
        self.change(release="3.1")
        self.one(
            "ENODEVERSION",
            f"software version mismatch: master {RELEASE}, node 3.1",
            "WARNING",
        )

    def test_time(self) -> None:
        """A clock may be off by 150 s, beside the time that the question took."""
        self.change(time_ns=int(149e9))
        self.assertEqual(self.found(), [])
        for seconds in (160, -160):
            self.change(time_ns=int(seconds * 1e9))
            self.one("ENODETIME", "Node time diverges by at least 160.0s from master node time")

    def test_facts(self) -> None:
        """Each part of what a node finds has its line."""
        for changes, code, text in (
            ({"setup": ("no /proc",)}, "ENODESETUP", "node setup error: no /proc"),
            (
                {"silent_peers": {"node3.example.com": "refused"}},
                "ENODENET",
                "tcp communication with node 'node3.example.com': refused",
            ),
            ({"missing_bridges": ("br0", "br1")}, "ENODENET", "missing bridges: br0, br1"),
            (
                {"hypervisors": {FAKE: ("broken",)}},
                "ENODEHV",
                "hypervisor fake verify failure: 'broken'",
            ),
            (
                {
                    "parameters": (
                        ParameterFinding(source="instance x", hypervisor=FAKE, problem="no kernel"),
                    )
                },
                "ENODEHV",
                "hypervisor fake parameter verify failure (source instance x): no kernel",
            ),
            (
                {"storage_paths_problem": "none allowed"},
                "ENODEFILESTORAGEPATHS",
                "file storage paths: none allowed",
            ),
            (
                {"storage_problems": {"file": "not a directory"}},
                "ENODEFILESTORAGEPATHUNUSABLE",
                "The configured file path is unusable: not a directory",
            ),
            (
                {"storage_problems": {"sharedfile": "not a directory"}},
                "ENODESHAREDFILESTORAGEPATHUNUSABLE",
                "The configured sharedfile path is unusable: not a directory",
            ),
            (
                {"oses": (), "oses_problem": "unreadable"},
                "ENODEOS",
                "node hasn't returned valid OS data: unreadable",
            ),
            ({"places_problem": "unreadable"}, "ENODEFILESTORAGEPATHS", "unreadable"),
        ):
            self.change(**changes)
            self.one(code, text)

    def test_guests_unknown(self) -> None:
        """Guests that cannot be listed are an error, and count as not running."""
        self.change(guests=(), guests_problem="fake: broken")
        self.assertEqual(
            self.found(),
            [
                "ERROR:ENODEHV:node:node2.example.com:"
                "node hasn't returned valid instance list: fake: broken",
                "ERROR:EINSTANCEDOWN:instance:inst2.example.com:"
                "instance not running on its primary node node2.example.com",
            ],
        )

    def test_certificates(self) -> None:
        """A candidate has the certificate on record, and nobody else's."""
        self.change(digest=f"digest of {node_uuid(3)}")
        self.assertEqual(
            self.found(),
            [
                "ERROR:ECLUSTERCLIENTCERT:cluster:node2.example.com:"
                "the certificate of this master candidate is not the one on record",
                "ERROR:ECLUSTERCLIENTCERT:cluster:node2.example.com:"
                "the node shares its certificate with node3.example.com",
                "ERROR:ECLUSTERCLIENTCERT:cluster:node3.example.com:"
                "the node shares its certificate with node2.example.com",
            ],
        )

    def test_programs(self) -> None:
        """Programs of the admin's: on each node, and on the master those that switch others."""
        cluster = replace(self.nodes.config.cluster, use_external_mip_script=True)
        self.nodes.config = self.nodes.config.with_cluster(cluster)
        self.set_node(3, ndparams=PartialNdParams(oob_program="/bin/oob"))
        script = "/etc/ganeti/scripts/master-ip-setup"
        self.change(2, missing_programs=(script,))
        self.change(1, missing_programs=("/bin/oob",))
        self.assertEqual(
            self.found(),
            [
                "ERROR:ENODEUSERSCRIPTS:node:node2.example.com:"
                f"user scripts not present or not executable: {script}",
                "ERROR:ENODEOOBPATH:node:node1.example.com:"
                "OOB program /bin/oob is missing or not executable",
            ],
        )
        self.assertEqual(self.nodes.asked[node_uuid(1)][0].programs, (script, "/bin/oob"))
        self.assertEqual(self.nodes.asked[NODE2][0].programs, (script,))

    def test_oses(self) -> None:
        """Definitions are valid, there once, and those of the first node."""
        broken = replace(NOOP, name="broken", valid=False, reason="no scripts")
        other = replace(NOOP, variants=("a",), api_versions=(15, 20), parameters=(("p", "doc"),))
        twice = replace(NOOP, path="/usr/share/ganeti/os/noop")
        self.change(2, oses=(other, broken))
        self.change(3, oses=())
        self.change(1, oses=(NOOP, twice))
        lines = [line.removeprefix("ERROR:ENODEOS:node:") for line in self.found()]
        first, second, third = (f"node{n}.example.com" for n in (1, 2, 3))
        self.assertEqual(
            lines,
            [
                f"{first}:OS 'noop' has multiple entries (only the first one in search order is"
                " used): /srv/ganeti/os/noop, /usr/share/ganeti/os/noop",
                f"{second}:Invalid OS broken (located at /srv/ganeti/os/noop): no scripts",
                f"{second}:OS noop API version differs from reference node {first}:"
                " [20] vs. [15, 20]",
                f"{second}:OS noop variants list differs from reference node {first}: [] vs. [a]",
                f"{second}:OS noop parameters differs from reference node {first}: [] vs. [p]",
                f"{second}:Extra OS broken not present on reference node ({first})",
                f"{third}:OSes present on reference node {first} but missing on this node: noop",
            ],
        )

    def test_not_for_guests(self) -> None:
        """A node that holds no instances is not asked for what these need."""
        self.nodes.config = make_cluster()
        self.set_node(2, vm_capable=False)
        self.assertEqual(self.found(), [])
        [call] = self.nodes.asked[NODE2]
        self.assertEqual((call.hypervisors, call.oses, call.storage), ((), False, ()))
        self.assertTrue(call.certificates and call.machine and call.files and call.peers)


class FileTests(VerifyCase):
    PATH = "/var/lib/ganeti/hmac.key"
    SHOWN = f"/c/node1.example.com{PATH}"

    def files(self, number: int, **changes: str | None) -> None:
        """Change checksums that a node finds; None removes the file."""
        job = self.nodes.job()
        call = VerifyNode(files=())
        self.run_group(job)
        [call] = self.nodes.asked[node_uuid(1)]
        self.nodes.asked.clear()
        files = {path: f"sum of {path}" for path in call.files if "rapi" not in path}
        files = {p: s for p, s in files.items() if "known_hosts" not in p}
        for name, checksum in changes.items():
            path = next(p for p in call.files if p.endswith(name.replace("_", ".")))
            files[path] = checksum or ""
        self.change(number, files={p: s for p, s in files.items() if s})

    def test_missing(self) -> None:
        """A file that all have is missing."""
        self.files(2, hmac_key=None)
        self.assertEqual(
            self.found(),
            [
                f"ERROR:ECLUSTERFILECHECK:cluster:None:File {self.SHOWN} is missing from node(s)"
                " node2.example.com"
            ],
        )

    def test_different(self) -> None:
        """A file differs, and who has which."""
        self.files(2, hmac_key="other")
        self.assertEqual(
            self.found(),
            [
                f"ERROR:ECLUSTERFILECHECK:cluster:None:File {self.SHOWN} found with 2 different"
                " checksums (variant 1 on node1.example.com, node3.example.com; variant 2 on"
                " node2.example.com)"
            ],
        )

    def test_superfluous(self) -> None:
        """Only candidates have the configuration and the authority's key; asked again first."""
        self.set_node(2, master_candidate=False)
        self.nodes.config = with_certificates(self.nodes.config)
        self.files(2)
        found = [line for line in self.found() if "FILECHECK" in line]
        self.assertEqual(len(found), 2)
        self.assertIn("should not exist on node(s) node2.example.com", found[0])
        self.assertGreater(len(self.nodes.asked[NODE2]), 5)

    def test_optional(self) -> None:
        """What need not be there is there for all or for none."""
        self.files(2, rapi_pem="sum")
        [line] = self.found()
        self.assertIn(
            "rapi.pem is optional, but it must exist on all or no nodes"
            " (not found on node1.example.com, node3.example.com)",
            line,
        )

    def test_late(self) -> None:
        """A node that is a little behind gets the time to catch up."""
        self.files(2, config_data="old")
        job = self.nodes.job()
        op = OpClusterVerifyGroup(group_name="default")
        running = Deferred.fromCoroutine(run_unit(ClusterVerifyGroup, op, job))
        self.assertNoResult(running)
        self.nodes.changes.clear()
        job.clock.advance(0.5)
        self.assertTrue(self.successResultOf(running))
        self.assertEqual(problems(job), [])

    def test_silent(self) -> None:
        """A node that does not answer has no checksums."""
        self.nodes.changes[NODE2] = NodeUnreachable("node2.example.com", "refused")
        self.assertEqual(
            self.found()[:2],
            [
                "ERROR:ENODEFILECHECK:node:node2.example.com:"
                "Node did not return file checksum data",
                "ERROR:ENODERPC:node:node2.example.com:while contacting node: refused",
            ],
        )


class InstanceTests(VerifyCase):
    def one(self, code: str, text: str, severity: str = "ERROR", number: int = 2) -> None:
        name = f"inst{number}.example.com"
        self.assertEqual(self.found(), [f"{severity}:{code}:instance:{name}:{text}"])

    def guest(self, number: int, **settings: Any) -> InstanceRuntime:
        name = f"inst{number}.example.com"
        return InstanceRuntime(name=name, memory_mib=128, vcpus=1, **settings)

    def test_down(self) -> None:
        """An instance that should run, and does not; or only its remains are there."""
        for guests in ((), (self.guest(2, state=RunState.SHUTDOWN),)):
            self.change(guests=guests)
            self.one("EINSTANCEDOWN", "instance not running on its primary node node2.example.com")

    def test_user_shutdown(self) -> None:
        """Where users may, an instance that shut itself down is as it should be."""
        cluster = replace(self.nodes.config.cluster, enabled_user_shutdown=True)
        self.nodes.config = self.nodes.config.with_cluster(cluster)
        self.change(guests=(self.guest(2, state=RunState.SHUTDOWN),))
        self.assertEqual(self.found(), [])

    def test_elsewhere(self) -> None:
        """A guest on another node than its own, and one that nobody knows."""
        self.change(3, guests=(self.guest(2), self.guest(3), self.guest(9)))
        self.assertEqual(
            self.found(),
            [
                "ERROR:EINSTANCEWRONGNODE:instance:inst2.example.com:"
                "instance should not run on node node3.example.com",
                "ERROR:ENODEORPHANINSTANCE:node:node3.example.com:"
                "instance inst9.example.com is running on node node3.example.com and is unknown",
            ],
        )

    def test_made_meanwhile(self) -> None:
        """A guest may be made while the nodes are asked: it is known then."""
        later = self.nodes.config.with_disk(make_disk(9)).with_instance(make_instance(9, 3))
        self.change(3, guests=(self.guest(3), self.guest(9)))
        job = self.nodes.job()
        answer = job.rpc.answers[VerifyNode]

        def made(uuid: str, call: VerifyNode) -> Any:
            job.state = self.nodes.job().state.__class__(config=later)
            return answer(uuid, call)

        job.rpc.answers[VerifyNode] = made
        self.run_group(job)
        self.assertEqual(problems(job), [])

    def test_offline(self) -> None:
        """An instance that should run on a node out of service."""
        self.set_node(2, master_candidate=False, offline=True)
        self.nodes.config = with_certificates(self.nodes.config)
        self.one(
            "EINSTANCEBADNODE",
            "instance is marked as running and lives on offline node node2.example.com",
        )

    def test_bad_node(self) -> None:
        """An instance of a node that is not meant for any."""
        self.set_node(2, vm_capable=False)
        self.assertIn(
            "ERROR:EINSTANCEBADNODE:instance:inst2.example.com:"
            "instance lives on node node2.example.com, which is not vm_capable",
            self.found(),
        )

    def test_disks(self) -> None:
        """A disk that is missing, and one that cannot be looked at."""
        path = "/srv/ganeti/file-storage/inst2/disk0"
        self.change(disks=(DiskFinding(uuid=disk_uuid(2)),))
        self.one("EINSTANCEMISSINGDISK", f"disk/0 ({path}) is missing on node node2.example.com")
        self.change(disks=(DiskFinding(uuid=disk_uuid(2), problem="I/O error"),))
        self.one(
            "EINSTANCEFAULTYDISK",
            "couldn't retrieve status for disk/0 on node2.example.com: I/O error",
        )
        self.change(disks=())
        self.one(
            "EINSTANCEFAULTYDISK",
            "couldn't retrieve status for disk/0 on node2.example.com: the node did not tell",
        )

    def test_policy(self) -> None:
        """An instance outside of its group's policy is a warning."""
        self.set_instance(beparams=PartialBeParams(maxmem=1 << 20))
        self.one(
            "EINSTANCEPOLICY",
            "memory-size value 1048576 is not in range [128, 32768]",
            "WARNING",
        )

    def test_layout(self) -> None:
        """Disks on nodes of two groups, or of more than two nodes."""
        config = self.nodes.config.with_group(NodeGroup(uuid=SECOND, name="alpha"))
        nodes = (node_uuid(2), node_uuid(3), node_uuid(1))
        config = config.with_disk(make_disk(2, nodes=nodes))
        self.nodes.config = config.with_node(replace(config.nodes[node_uuid(3)], group=SECOND))
        found = [line for line in self.found() if "inst2" in line]
        self.assertEqual(
            [line.partition("inst2.example.com:")[2] for line in found],
            [
                "instance has multiple secondary nodes: node3.example.com, node1.example.com",
                "instance has primary and secondary nodes in different groups: alpha, default",
            ],
        )

    def test_exclusive_storage(self) -> None:
        """Where spindles are given away whole, templates and disks must fit that."""
        group = self.nodes.config.groups[GROUP_UUID]
        group = replace(group, ndparams=PartialNdParams(exclusive_storage=True))
        self.nodes.config = self.nodes.config.with_group(group)
        codes = [line.split(":")[1] for line in self.found()]
        self.assertEqual(codes, ["EINSTANCEUNSUITABLENODE", "EINSTANCEMISSINGCFGPARAMETER"] * 3)


class RemainsTests(VerifyCase):
    PLACE = "/srv/ganeti/file-storage/gone/disk0"
    LINE = f"WARNING:ENODEORPHANLV:node:node2.example.com:volume {PLACE} is unknown"

    def leave(self) -> None:
        own = "/srv/ganeti/file-storage/inst2/disk0"
        self.change(places=(own, self.PLACE))

    def owed(self) -> Debt:
        disk = make_disk(8, logical_id=("loop", self.PLACE))
        call = CreateDisk(disk=disk, instance_uuid="u", instance_name="gone")
        return Debt(
            uuid="d",
            node_uuid=NODE2,
            job_id=12,
            op=0,
            reason="it was out of reach",
            created=1,
            action=OnNode(node_uuid=NODE2, call=Raw(encode_call(call))),
        )

    def test_orphans(self) -> None:
        """A disk that nobody knows is a warning."""
        self.leave()
        self.assertEqual(self.found(), [self.LINE])
        self.assertTrue(self.result)

    def test_open_work(self) -> None:
        """What a node still has to tidy up is known, and listed as what it owes."""
        self.leave()
        job = self.nodes.job()
        job.state = job.state.__class__(
            config=job.state.config, debts=job.state.debts.set("d", self.owed())
        )
        self.run_group(job)
        self.assertEqual(problems(job), [])
        self.assertIn(
            "  - NOTICE: node node2.example.com owes since job 12: it was out of reach",
            job.said(),
        )

    def mirrored(self) -> None:
        """inst1 is mirrored from node1 to node2."""
        nodes = (node_uuid(1), NODE2)
        disk = make_disk(
            1,
            dev_type=DiskTemplate.DRBD,
            logical_id=(*nodes, 11000, 0, 0, "secret"),
            nodes=nodes,
        )
        self.nodes.config = self.nodes.config.with_disk(disk)
        self.set_instance(1, beparams=PartialBeParams(minmem=2048, maxmem=2048))

    def test_memory(self) -> None:
        """Each node has room for the mirrored instances of any one other."""
        self.mirrored()
        self.change(memory_free=1024)
        [line] = [line for line in self.found() if "ENODEN1" in line]
        self.assertEqual(
            line,
            "ERROR:ENODEN1:node:node2.example.com:not enough memory to accomodate instance"
            " failovers should node node1.example.com fail (2048MiB needed, 1024MiB available)",
        )
        job = self.run_group(skip_checks=frozenset({OptionalCheck.NPLUSONE_MEM}))
        self.assertFalse([line for line in problems(job) if "ENODEN1" in line])
        self.assertNotIn("* Verifying N+1 Memory redundancy", job.said())

    def test_notes(self) -> None:
        """Counts of what is not mirrored, not balanced, put away."""
        self.mirrored()
        self.set_instance(1, beparams=PartialBeParams(auto_balance=False))
        self.set_instance(3, admin_state=AdminState.OFFLINE)
        said = self.run_group().said()
        notes = [line for line in said if "NOTICE" in line]
        self.assertEqual(
            notes,
            [
                "  - NOTICE: 2 non-redundant instance(s) found.",
                "  - NOTICE: 1 non-auto-balanced instance(s) found.",
                "  - NOTICE: 1 offline instance(s) found.",
            ],
        )

    def test_exclusion_tags(self) -> None:
        """Instances that should be apart are on one node."""
        config = self.nodes.config
        cluster = replace(config.cluster, tags=("htools:iextags:service",))
        config = config.with_cluster(cluster).with_disk(make_disk(4))
        self.nodes.config = config.with_instance(make_instance(4, 2))
        for number in (2, 4):
            self.set_instance(number, tags=("service:dns", "other:x"))
        self.assertEqual(
            self.found(),
            [
                "WARNING:EEXTAGS:node:node2.example.com:Tag conflict: service:dns is on"
                " inst2.example.com, inst4.example.com"
            ],
        )


class OddAnswerTests(VerifyCase):
    """Nodes may say anything; it never does more than fill a few lines."""

    def guests(self, names: list[str]) -> tuple[InstanceRuntime, ...]:
        return tuple(InstanceRuntime(name=name, memory_mib=0, vcpus=0) for name in names)

    def test_many(self) -> None:
        """What there is too much of is counted."""
        self.change(places=tuple(map(str, range(100000))))
        found = self.found()
        self.assertEqual(len(found), MOST_ALIKE + 1)
        self.assertEqual(
            found[-1],
            f"WARNING:ENODEORPHANLV:node:node2.example.com:and {100000 - MOST_ALIKE} more problems"
            " of this kind",
        )
        self.assertTrue(self.result)
        self.change(guests=self.guests(["ghost"] * 1000))
        self.assertEqual(len(self.found()), MOST_ALIKE + 2)  # and an instance is down

    def test_terminal(self) -> None:
        """A name is one line, and does nothing to a terminal."""
        own = "inst2.example.com"
        self.change(guests=self.guests([own, "x\x1b[2J\n  - ERROR: cluster: gone\r\u2028"]))
        [line] = self.found()
        self.assertIn(r":instance x\x1b[2J   - ERROR: cluster: gone   is running on", line)

    def test_long(self) -> None:
        """A line has an end."""
        self.change(release="9" * 10**6)
        [line] = self.found()
        self.assertLess(len(line), LINE_LIMIT + 10)

    def test_hooks(self) -> None:
        """Neither does what hooks print; there the end is what counts."""
        output = "\x1b[2J" * 10**5 + "\x07the end\n\n"
        self.nodes.hooks[NODE2] = (
            HookResult(script="a\x1b", status=HookStatus.ERROR, output=output),
        )
        said = "\n".join(self.run_group().said())
        self.assertTrue(said.endswith(r"\x07the end"), said[-20:])
        self.assertNotIn("\x1b", said)
        self.assertLess(len(said), 10 * OUTPUT_LIMIT)

    def test_numbers(self) -> None:
        """Numbers that nothing can have make the answer unusable."""
        good = {"protocol": 1, "release": "1", "time_ns": 1}
        for name in (*good, "memory_free"):
            for value in ("-1", "9" * 400, "1.5", "true"):
                fields = {**good, name: "?"}
                text = str(fields).replace("'?'", value).replace("'", '"')
                with self.assertRaisesRegex(ParseError, "NodeFindings"):
                    decode(text.encode(), NodeFindings)


class QuestionTests(SynchronousTestCase):
    def test_peers(self) -> None:
        """Each node tries all others; in a huge group as many as try it."""
        names = [f"node{number}" for number in range(MOST_PEERS + 40)]
        circle = [Peer(name=name, addresses=("192.0.2.1",)) for name in names]
        tried = Counter(peer.name for name in names for peer in peers(circle, name))
        self.assertEqual(tried, dict.fromkeys(names, MOST_PEERS))
        self.assertEqual([p.name for p in peers(circle[:3], "node1")], ["node2", "node0"])

    def test_addresses(self) -> None:
        """Both addresses of a node that has two."""
        first, second = make_config(nodes=2).group_nodes(GROUP_UUID)
        second = replace(second, secondary_ip="198.51.100.2")
        self.assertEqual(
            [peer.addresses for peer in circle_of([first, second])],
            [(first.primary_ip,), (second.primary_ip, "198.51.100.2")],
        )

    def test_real_guests(self) -> None:
        """Guests with a network need their bridge, and the files that their parameters name."""
        config = make_config(nodes=1, instances=1)
        instance = config.find_instance("inst1.example.com")
        hvparams = {"kernel_path": "/boot/vmlinuz", "mem_path": "/dev/hugepages"}
        real = replace(instance, hypervisor=HypervisorName.KVM, hvparams=hvparams)
        nodes = Nodes(with_certificates(config.with_instance(real)))
        job = nodes.job()
        job.paths = job.paths._replace(root="", hostname="")
        op = OpClusterVerifyGroup(group_name="default")
        self.successResultOf(Deferred.fromCoroutine(run_unit(ClusterVerifyGroup, op, job)))
        [call] = nodes.asked[node_uuid(1)]
        self.assertEqual(call.bridges, ("xen-br0",))
        named = {each.parameter: each.path for each in call.parameter_files}
        self.assertEqual(named["kernel_path"], "/boot/vmlinuz")
        directories = {each.path for each in call.parameter_files if each.directory}
        self.assertEqual(directories, {"/dev/hugepages"})
        op = replace(op, skip_checks=frozenset({OptionalCheck.HVPARAM_ASSESSMENT}))
        self.successResultOf(Deferred.fromCoroutine(run_unit(ClusterVerifyGroup, op, nodes.job())))
        virtual = nodes.asked[node_uuid(1)][1]
        self.assertEqual((virtual.bridges, virtual.parameter_files), ((), ()))
