"""Ports of new instances, and what becomes of them when the instances go."""

from __future__ import annotations

from typing import Any

from msgspec.structs import replace
from support.fakejob import FakeJob, run_unit
from support.samples import make_config, make_instance
from twisted.internet.defer import Deferred
from twisted.trial.unittest import SynchronousTestCase

from ganeti.errors import ErrorCode, OpPrereqError, RemoteFailure
from ganeti.model.cluster import FIRST_PORT, LAST_PORT
from ganeti.model.hypervisors import HypervisorName
from ganeti.model.live import NodeResources, OsInfo
from ganeti.model.reservation import Reservation, ReservationKind
from ganeti.model.templates import DiskTemplate
from ganeti.opcodes.instance import CreateMode, OpInstanceCreate, OpInstanceRemove
from ganeti.operations.instance.create import InstanceCreate
from ganeti.operations.instance.remove import InstanceRemove
from ganeti.rpc.calls import GetNodeInfo, GetOs, RunOsCreate, StartInstance, StopInstance
from ganeti.store.checks import cross_check
from ganeti.store.reservations import job_owner

NAME = "web1"


class PortTests(SynchronousTestCase):
    def setUp(self) -> None:
        config = make_config(nodes=2)
        enabled = (HypervisorName.FAKE, HypervisorName.KVM)
        cluster = replace(
            config.cluster,
            enabled_hypervisors=enabled,
            enabled_disk_templates=(DiskTemplate.DISKLESS,),
        )
        self.answers: dict[type, Any] = {
            GetNodeInfo: NodeResources(memory_free=4096, cpus=4),
            StartInstance: None,
            StopInstance: None,
            GetOs: OsInfo(name="noop", path="/os/noop", valid=True, api_versions=(20,)),
            RunOsCreate: None,
        }
        self.job = FakeJob(config.with_cluster(cluster), self.answers)

    def create(self, **settings: Any) -> Deferred[Any]:
        values: dict[str, Any] = {
            "instance_name": NAME,
            "mode": CreateMode.CREATE,
            "pnode": "node2",
            "no_install": True,
            "start": False,
            "disk_template": DiskTemplate.DISKLESS,
            "disks": (),
            "nics": ({},),
            "hypervisor": HypervisorName.KVM,
            "hvparams": {"kernel_path": ""},
        }
        op = OpInstanceCreate(**values | settings)
        return Deferred.fromCoroutine(run_unit(InstanceCreate, op, self.job))

    def port(self) -> int | None:
        return self.job.config.find_instance(NAME).network_port

    def complaints(self) -> list[str]:
        return [text for text in cross_check(self.job.config) if "port" in text]

    def test_taken_and_given_back(self) -> None:
        """A kvm instance has a port as long as it is there."""
        self.successResultOf(self.create())
        self.assertEqual(self.port(), FIRST_PORT)
        self.assertEqual(self.job.config.cluster.highest_used_port, FIRST_PORT)
        self.assertEqual(self.complaints(), [])
        remove = run_unit(InstanceRemove, OpInstanceRemove(instance_name=NAME), self.job)
        self.successResultOf(Deferred.fromCoroutine(remove))
        self.assertEqual(self.job.config.cluster.tcpudp_port_pool, (FIRST_PORT,))
        self.assertEqual(self.complaints(), [])

    def test_fake(self) -> None:
        """A fake one has no use for a port."""
        self.successResultOf(self.create(hypervisor=HypervisorName.FAKE, hvparams={}))
        self.assertIsNone(self.port())

    def test_in_use(self) -> None:
        """Ports of others, and those that other jobs keep, are left out and stay free."""
        config = self.job.config
        other = make_instance(5, disks=(), network_port=FIRST_PORT)
        cluster = replace(config.cluster, highest_used_port=FIRST_PORT)
        self.job = FakeJob(config.with_cluster(cluster).with_instance(other), self.answers)
        kept = Reservation(kind=ReservationKind.PORT, key=str(FIRST_PORT + 1), job_id=99)
        self.job.reservations.reserve(job_owner(99), (kept,))
        self.successResultOf(self.create())
        self.assertEqual(self.port(), FIRST_PORT + 2)
        self.assertEqual(self.job.config.cluster.tcpudp_port_pool, (FIRST_PORT + 1,))

    def test_all_in_use(self) -> None:
        """Without a free port there is no instance."""
        config = self.job.config
        full = replace(config.cluster, highest_used_port=LAST_PORT)
        self.job = FakeJob(config.with_cluster(full), self.answers)
        error = self.failureResultOf(self.create(), OpPrereqError).value
        self.assertEqual(error.code, ErrorCode.NO_RESOURCES)
        self.assertIn("All TCP ports from 11000 to 14999 are in use", str(error))

    def test_failed_start(self) -> None:
        """An instance that goes because it does not start gives its port back."""
        self.answers[StartInstance] = RemoteFailure("node2", OpPrereqError("no"))
        self.job = FakeJob(self.job.config, self.answers)
        self.failureResultOf(self.create(start=True, no_install=False, os_type="noop"))
        self.assertEqual(len(self.job.config.instances), 0)
        self.assertEqual(self.job.config.cluster.tcpudp_port_pool, (FIRST_PORT,))
