"""What C{gnt-instance info} is told."""

from __future__ import annotations

from typing import Any

from msgspec.structs import replace
from support.fakejob import FakeJob, run_unit
from support.samples import (
    GROUP_UUID,
    disk_uuid,
    instance_uuid,
    make_config,
    node_uuid,
    uuid_of,
)
from twisted.internet.defer import Deferred
from twisted.trial.unittest import SynchronousTestCase

from ganeti.errors import ErrorCode, NodeUnreachable, OpExecError, OpPrereqError
from ganeti.model.live import InstanceRuntime, RunState
from ganeti.model.locks import Level, shared
from ganeti.model.parameters import PartialBeParams
from ganeti.model.templates import DiskTemplate
from ganeti.opcodes.instance import OpInstanceQueryData
from ganeti.operations.instance.info import InstanceQueryData, run_state
from ganeti.rpc.calls import FoundDisk, ListDisks, ListInstances

PLACE = "/srv/ganeti/file-storage/inst1/disk0"
RUNNING = InstanceRuntime(name="inst1.example.com", memory_mib=128, vcpus=1)


class InfoTests(SynchronousTestCase):
    def setUp(self) -> None:
        self.job = FakeJob(
            make_config(nodes=3, instances=2),
            {
                ListInstances: lambda node, call: (RUNNING,) if node == node_uuid(1) else (),
                ListDisks: lambda node, call: (
                    (FoundDisk(dev_type=DiskTemplate.FILE, place=PLACE),)
                    if node == node_uuid(1)
                    else ()
                ),
            },
        )

    def query(self, *names: str, **settings: Any) -> dict[str, dict[str, Any]]:
        op = OpInstanceQueryData(instances=names, **settings)
        running = run_unit(InstanceQueryData, op, self.job)
        found: dict[str, dict[str, Any]] = self.successResultOf(Deferred.fromCoroutine(running))
        return found

    def test_everything(self) -> None:
        """One instance, with all there is to say."""
        own = replace(self.job.config.find_instance("inst1"), beparams=PartialBeParams(vcpus=2))
        self.job.state = replace_config(self.job, self.job.config.with_instance(own))
        found = self.query("inst1")
        filled = {
            "always_failover": False,
            "auto_balance": True,
            "maxmem": 128,
            "minmem": 128,
            "spindle_use": 1,
            "vcpus": 2,
        }
        self.assertEqual(
            found,
            {
                instance_uuid(1): {
                    "name": "inst1.example.com",
                    "uuid": instance_uuid(1),
                    "config_state": "up",
                    "run_state": "up",
                    "pnode": "node1.example.com",
                    "pnode_group_uuid": GROUP_UUID,
                    "pnode_group_name": "default",
                    "snodes": [],
                    "snodes_group_uuids": [],
                    "snodes_group_names": [],
                    "os": "busybox",
                    "nics": [
                        [
                            None,
                            uuid_of(5, 1),
                            None,
                            "aa:00:00:00:00:01",
                            "bridged",
                            "xen-br0",
                            "",
                            None,
                            None,
                        ]
                    ],
                    "disk_template": "file",
                    "disks": [
                        {
                            "iv_name": "disk/0",
                            "uuid": disk_uuid(1),
                            "name": None,
                            "dev_type": "file",
                            "logical_id": ["loop", PLACE],
                            "mode": "rw",
                            "size": 1024,
                            "spindles": None,
                            "pstatus": [PLACE, None, None, None, None, False, 1],
                            "sstatus": None,
                            "children": [],
                        }
                    ],
                    "hypervisor": "fake",
                    "network_port": None,
                    "hv_instance": {},
                    "hv_actual": {},
                    "be_instance": {"vcpus": 2},
                    "be_actual": {**filled, "memory": 128},
                    "os_instance": {},
                    "os_actual": {},
                    "serial_no": 1,
                    "ctime": 0.0,
                    "mtime": 0.0,
                }
            },
        )

    def test_down_and_missing_disk(self) -> None:
        """An instance that does not run is down; a disk that is not there has no status."""
        found = self.query("inst2")[instance_uuid(2)]
        self.assertEqual((found["run_state"], found["disks"][0]["pstatus"]), ("down", None))

    def test_all(self) -> None:
        """Without names all are described, each once."""
        self.assertEqual(set(self.query()), {instance_uuid(1), instance_uuid(2)})
        self.assertEqual(set(self.query("inst1", instance_uuid(1))), {instance_uuid(1)})

    def test_static(self) -> None:
        """Static information asks no node."""
        found = self.query("inst1", static=True)[instance_uuid(1)]
        self.assertEqual((found["run_state"], found["disks"][0]["pstatus"]), (None, None))
        self.assertEqual(self.job.rpc.calls, [])

    def test_locks(self) -> None:
        """Locks are taken only when that is asked for."""
        unit = InstanceQueryData(OpInstanceQueryData(instances=("inst1",)), self.job)
        self.assertEqual(unit.locks(self.job.state), ())
        op = OpInstanceQueryData(instances=("inst1",), use_locking=True)
        self.assertEqual(
            InstanceQueryData(op, self.job).locks(self.job.state),
            shared(Level.INSTANCE, "inst1.example.com"),
        )

    def test_offline_node(self) -> None:
        """Of an instance on an offline node only the static part is told, which is said."""
        node = replace(self.job.config.nodes[node_uuid(1)], offline=True, master_candidate=False)
        self.job.state = replace_config(self.job, self.job.config.with_node(node))
        found = self.query("inst1", "inst2")
        self.assertIsNone(found[instance_uuid(1)]["run_state"])
        self.assertEqual(found[instance_uuid(2)]["run_state"], "down")
        self.assertEqual(
            self.job.lines,
            [
                " - WARNING: Primary node node1.example.com is marked offline,"
                " returning static information only for instance inst1.example.com"
            ],
        )

    def test_node_down(self) -> None:
        """A node that does not answer is an error that names it."""
        self.job.rpc.answers[ListInstances] = NodeUnreachable("node1", "nothing listens")
        running = run_unit(InstanceQueryData, OpInstanceQueryData(instances=("inst1",)), self.job)
        failure = self.failureResultOf(Deferred.fromCoroutine(running), OpExecError)
        self.assertEqual(
            str(failure.value),
            "Error checking node node1.example.com: nothing listens",
        )

    def test_unknown(self) -> None:
        """All names are known."""
        op = OpInstanceQueryData(instances=("inst1", "nosuch"))
        running = run_unit(InstanceQueryData, op, self.job)
        failure = self.failureResultOf(Deferred.fromCoroutine(running), OpPrereqError)
        self.assertEqual(
            (str(failure.value), failure.value.code),
            ("Instance 'nosuch' not known", ErrorCode.NOT_FOUND),
        )

    def test_run_states(self) -> None:
        """A paused guest is up, one that ended itself is down."""
        states = {state: run_state(replace(RUNNING, state=state)) for state in RunState}
        self.assertEqual(
            states,
            {
                RunState.RUNNING: "up",
                RunState.PAUSED: "up",
                RunState.SHUTDOWN: "down",
                RunState.CRASHED: "down",
            },
        )


def replace_config(job: FakeJob, config: Any) -> Any:
    return type(job.state)(config=config, index=job.state.index, term=1)
