"""Making instances: plans, steps, what a failure leaves, and every refusal."""

from __future__ import annotations

import dataclasses
from typing import Any

from msgspec.structs import replace
from support.fakejob import FakeJob, plan_unit, run_unit
from support.samples import GROUP_UUID, make_config, node_uuid
from twisted.internet.defer import Deferred
from twisted.trial.unittest import SynchronousTestCase

from ganeti.errors import (
    ErrorCode,
    HypervisorError,
    NodeUnreachable,
    OpExecError,
    OpPrereqError,
    RemoteFailure,
    StorageError,
    TagError,
    TypeEnforcementError,
)
from ganeti.model.config import Configuration
from ganeti.model.disk import DiskMode
from ganeti.model.findings import NodeFindings, ParameterFinding
from ganeti.model.group import NodeGroup
from ganeti.model.hypervisors import HypervisorName
from ganeti.model.instance import AdminState
from ganeti.model.live import NodeResources, OsInfo
from ganeti.model.locks import Level, exclusive, shared
from ganeti.model.network import Network
from ganeti.model.parameters import NicMode, NicParams, PartialNicParams
from ganeti.model.policy import PartialPolicy
from ganeti.model.recovery import Debt, RemoveInstance, UndoCall
from ganeti.model.reservation import Reservation, ReservationKind
from ganeti.model.secret import Secret
from ganeti.model.templates import DiskTemplate
from ganeti.opcodes.instance import CreateMode, NicKey, OpInstanceCreate
from ganeti.operations.instance.create import InstanceCreate
from ganeti.operations.unit import END
from ganeti.rpc.calls import (
    CheckFileStorage,
    CreateDisk,
    GetNodeInfo,
    GetOs,
    RemoveDisk,
    RunOsCreate,
    StartInstance,
    StopInstance,
    VerifyNode,
)

NOOP = OsInfo(name="noop", path="/os/noop", valid=True, api_versions=(10, 20))

ANSWERS: dict[type, Any] = {
    GetOs: NOOP,
    GetNodeInfo: NodeResources(memory_free=4096),
    CheckFileStorage: "",
    CreateDisk: "/path",
    RunOsCreate: None,
    StartInstance: None,
}


def make_op(**settings: Any) -> OpInstanceCreate:
    """A request for C{web1} on node2 with one file disk and one NIC."""
    values: dict[str, Any] = {
        "instance_name": "web1",
        "mode": CreateMode.CREATE,
        "pnode": "node2",
        "os_type": "noop",
        "disk_template": DiskTemplate.FILE,
        "disks": ({"size": 1024},),
        "nics": ({},),
    }
    return OpInstanceCreate(**values | settings)


def with_cluster(config: Configuration, **settings: Any) -> Configuration:
    return config.with_cluster(replace(config.cluster, **settings))


def with_node2(config: Configuration, **settings: Any) -> Configuration:
    return config.with_node(replace(config.nodes[node_uuid(2)], **settings))


class CreateTests(SynchronousTestCase):
    def setUp(self) -> None:
        self.job = FakeJob(make_config(nodes=3, instances=1), dict(ANSWERS))

    def run_create(self, **settings: Any) -> Any:
        running = run_unit(InstanceCreate, make_op(**settings), self.job)
        return self.successResultOf(Deferred.fromCoroutine(running))

    def fail_create(self, error: type[Exception], **settings: Any) -> Any:
        running = run_unit(InstanceCreate, make_op(**settings), self.job)
        return self.failureResultOf(Deferred.fromCoroutine(running), error).value

    def refused(self, text: str, code: ErrorCode, **settings: Any) -> None:
        """Refused with exactly this text and code, and nothing was done."""
        error = self.fail_create(OpPrereqError, **settings)
        self.assertEqual((str(error), error.code), (text, code))
        self.assertEqual(self.job.steps, [])

    def set_config(self, config: Configuration) -> None:
        self.job = FakeJob(config, dict(ANSWERS))

    # -- what is done

    def test_locks(self) -> None:
        """The new name for itself, the node shared."""
        locks = InstanceCreate(make_op(), self.job).locks(self.job.state)
        self.assertEqual(
            locks, (*exclusive(Level.INSTANCE, "web1"), *shared(Level.NODE, node_uuid(2)))
        )

    def test_steps_and_their_undo(self) -> None:
        """Disk, OS and start are steps, each with what takes it back; the result names the node."""
        self.job.clock.advance(1234.5)
        result = self.run_create()
        self.assertEqual(result, ["node2.example.com"])
        instance = self.job.config.find_instance("web1")
        disk = self.job.config.disks[instance.disks[0]]
        create, install, start = self.job.steps
        self.assertEqual({step.node for step in self.job.steps}, {node_uuid(2)})
        self.assertEqual(
            create.call,
            CreateDisk(
                disk=replace(disk, serial_no=1, ctime=0.0, mtime=0.0),
                instance_uuid=instance.uuid,
                instance_name="web1",
            ),
        )
        self.assertEqual(create.undo, RemoveDisk(disk=create.call.disk))
        self.assertEqual((install.call.os_name, install.undo), ("noop", END))
        told = install.call.spec.instance
        self.assertEqual((told.ctime, told.mtime), (1234.5, 1234.5))
        self.assertIsInstance(start.call, StartInstance)
        self.assertEqual(
            start.undo,
            StopInstance(
                name="web1", uuid=instance.uuid, hypervisor=HypervisorName.FAKE, force=True
            ),
        )

    def test_configuration(self) -> None:
        """The instance is up, its disk lies in a folder of its name, its MAC has the prefix."""
        self.run_create()
        instance = self.job.config.find_instance("web1")
        disk = self.job.config.disks[instance.disks[0]]
        self.assertEqual(instance.admin_state, AdminState.UP)
        self.assertTrue(instance.disks_active)
        self.assertEqual(
            disk.logical_id,
            ("loop", f"/srv/ganeti/file-storage/web1/{disk.uuid}.file.disk0"),
        )
        self.assertEqual((disk.size, disk.nodes), (1024, (node_uuid(2),)))
        self.assertTrue(instance.nics[0].mac.startswith("aa:00:00:"))
        self.assertEqual(instance.nics[0].nicparams, PartialNicParams())

    def test_log(self) -> None:
        """The log says what is done, with sizes for people."""
        self.run_create(disks=({"size": 128}, {"size": 1024}), ignore_ipolicy=True)
        self.assertEqual(
            [line for line in self.job.lines if "WARNING" not in line],
            [
                "* disk 0, size 128M",
                "* disk 1, size 1.0G",
                "* creating instance disks...",
                "* running the instance OS create scripts...",
                "adding instance web1 to cluster config",
                "adding disks to cluster config",
                "* starting instance...",
            ],
        )

    def test_diskless_installs_nothing(self) -> None:
        """Without disks there is nothing for a create script to do."""
        self.run_create(disk_template=DiskTemplate.DISKLESS, disks=())
        self.assertEqual([type(step.call) for step in self.job.steps], [StartInstance])

    def test_no_install_does_not_start(self) -> None:
        """An instance without an OS stays down, and the log says why."""
        self.run_create(no_install=True)
        self.assertEqual([type(step.call) for step in self.job.steps], [CreateDisk])
        self.assertEqual(self.job.config.find_instance("web1").admin_state, AdminState.DOWN)
        self.assertIn(" - INFO: No-installation mode selected, disabling startup", self.job.lines)

    def test_no_install_needs_no_os(self) -> None:
        """Whoever installs nothing need not say what."""
        self.run_create(no_install=True, os_type=None)
        self.assertEqual(self.job.config.find_instance("web1").os, "")

    def test_down(self) -> None:
        """Without start the instance is down, and no memory is asked for."""
        self.run_create(start=False)
        instance = self.job.config.find_instance("web1")
        self.assertEqual((instance.admin_state, instance.disks_active), (AdminState.DOWN, False))
        self.assertNotIn(GetNodeInfo, [type(call) for _, call in self.job.rpc.calls])

    def test_disk_settings(self) -> None:
        """Mode, name and size with a unit are taken as wished."""
        self.run_create(disks=({"size": "1g", "mode": "ro", "name": "root"},))
        instance = self.job.config.find_instance("web1")
        disk = self.job.config.disks[instance.disks[0]]
        self.assertEqual((disk.size, disk.mode, disk.name), (1024, DiskMode.READ_ONLY, "root"))

    def test_shared_file(self) -> None:
        """A disk on shared storage belongs to no node."""
        self.set_config(
            with_cluster(
                make_config(),
                enabled_disk_templates=(DiskTemplate.SHAREDFILE,),
                shared_file_storage_dir="/srv/shared",
            )
        )
        self.run_create(disk_template=None, file_storage_dir="here")
        disk = next(iter(self.job.config.disks.values()))
        self.assertEqual(disk.nodes, ())
        self.assertEqual(disk.logical_id[1], f"/srv/shared/here/web1/{disk.uuid}.sharedfile.disk0")

    def test_nic_settings(self) -> None:
        """An interface is kept as wished, with values that only it has."""
        nic = {
            NicKey.MODE: "routed",
            NicKey.LINK: "main",
            NicKey.IP: "192.0.2.77",
            NicKey.MAC: "AA:00:00:12:34:56",
            NicKey.NAME: "n0",
        }
        self.run_create(nics=(nic,))
        made = self.job.config.find_instance("web1").nics[0]
        self.assertEqual((made.ip, made.mac, made.name), ("192.0.2.77", "aa:00:00:12:34:56", "n0"))
        self.assertEqual(made.nicparams, PartialNicParams(mode=NicMode.ROUTED, link="main"))

    def test_identify_defaults(self) -> None:
        """Values that equal the defaults are not kept."""
        self.run_create(
            identify_defaults=True,
            beparams={"memory": 128, "vcpus": 2},
            nics=({NicKey.LINK: "xen-br0"},),
        )
        instance = self.job.config.find_instance("web1")
        own = instance.beparams
        self.assertEqual(own.vcpus, 2)
        self.assertEqual((own.minmem, own.maxmem), (type(own)().minmem, type(own)().maxmem))
        self.assertEqual(instance.nics[0].nicparams, PartialNicParams())

    def test_ignored_secondary(self) -> None:
        """A secondary node is of no use to files, which is said."""
        self.run_create(snode="node3")
        self.assertIn(
            " - WARNING: Secondary node will be ignored on non-mirrored disk template",
            self.job.lines,
        )

    def test_unknown_secondary(self) -> None:
        """One that does not exist is refused, ignored or not."""
        self.refused("Node 'node9' not known", ErrorCode.NOT_FOUND, snode="node9")

    def test_name_check_gives_the_address(self) -> None:
        """With a name check the address of the name may be used for an interface."""
        self.job.resolver.hosts["web1"] = "192.0.2.50"
        self.run_create(name_check=True, ip_check=True, nics=({NicKey.IP: "auto"},))
        self.assertEqual(self.job.config.find_instance("web1").nics[0].ip, "192.0.2.50")

    def test_secrets_reach_the_script_only(self) -> None:
        """Private parameters are kept, secret ones only handed to the script."""
        oses = replace(NOOP, parameters=(("a", ""), ("b", ""), ("c", "")))
        self.job.rpc.answers[GetOs] = oses
        self.run_create(
            osparams={"a": "1"},
            osparams_private={"b": Secret("2")},
            osparams_secret={"c": Secret("3")},
        )
        instance = self.job.config.find_instance("web1")
        self.assertEqual(instance.osparams_private, {"b": Secret("2")})
        install = next(s.call for s in self.job.steps if isinstance(s.call, RunOsCreate))
        self.assertEqual(install.secret_osparams, {"b": Secret("2"), "c": Secret("3")})
        self.assertEqual(install.spec.osparams, {"a": "1"})

    def test_dry_result(self) -> None:
        """A dry run answers what the operation would."""
        unit = InstanceCreate(make_op(), self.job)
        plan = self.successResultOf(
            Deferred.fromCoroutine(plan_unit(InstanceCreate, make_op(), self.job))
        )
        self.assertEqual(unit.dry_result(plan), ["node2.example.com"])

    def test_reservations(self) -> None:
        """Name, MAC, address, disk and memory are kept from other jobs."""
        self.run_create(nics=({NicKey.IP: "192.0.2.77"},))
        held = self.job.reservations.held("job 7")
        self.assertEqual(
            [r.kind for r in held],
            [
                ReservationKind.NAME,
                ReservationKind.IP,
                ReservationKind.MAC,
                ReservationKind.DISK,
                ReservationKind.NODE_MEMORY,
            ],
        )
        self.assertEqual((held[-1].node_uuid, held[-1].amount), (node_uuid(2), 128))

    def test_hooks(self) -> None:
        """Hooks run on the master and the node, and know the instance to be."""
        unit = InstanceCreate(make_op(), self.job)
        plan = self.successResultOf(
            Deferred.fromCoroutine(plan_unit(InstanceCreate, make_op(), self.job))
        )
        hooks = unit.hooks(plan)
        self.assertEqual(
            (hooks.path, hooks.object_type, hooks.pre_nodes, hooks.post_nodes),
            (
                "instance-add",
                "INSTANCE",
                (node_uuid(1), node_uuid(2)),
                (node_uuid(1), node_uuid(2)),
            ),
        )
        self.assertEqual(
            (hooks.env["ADD_MODE"], hooks.env["INSTANCE_STATUS"], hooks.env["INSTANCE_NAME"]),
            ("create", "True", "web1"),
        )

    # -- what a failure leaves

    def nothing_is_left(self) -> None:
        self.assertNotIn("web1", self.job.config.instance_by_name)
        self.assertEqual(len(self.job.config.disks), 1)

    def test_failing_disk(self) -> None:
        """The second disk fails: both are removed, nothing is configured."""
        failures = iter(["/path", RemoteFailure("node2", StorageError("disk full"))])
        self.job.rpc.answers[CreateDisk] = lambda node, call: next(failures)
        error = self.fail_create(RemoteFailure, disks=({"size": 1024}, {"size": 1024}))
        self.assertEqual(str(error), "Node node2: disk full")
        self.assertEqual([type(undo) for _, undo in self.job.undone], [RemoveDisk, RemoveDisk])
        self.nothing_is_left()

    def test_failing_script(self) -> None:
        """The create script fails: the script is ended and the disk removed."""
        self.job.rpc.answers[RunOsCreate] = RemoteFailure("node2", OpExecError("status 1"))
        error = self.fail_create(OpExecError)
        self.assertEqual(
            str(error),
            "Could not add os for instance web1 on node node2.example.com: status 1",
        )
        self.assertEqual(next(undo for _, undo in self.job.undone), END)
        self.nothing_is_left()

    def test_failing_start(self) -> None:
        """The start fails: stopped, unconfigured, removed, in this order."""
        self.job.rpc.answers[StartInstance] = RemoteFailure("node2", HypervisorError("no room"))
        error = self.fail_create(OpExecError)
        self.assertEqual(str(error), "Could not start instance 'web1': Node node2: no room")
        kinds = [type(u[1]) if isinstance(u, tuple) else type(u) for u in self.job.undone]
        self.assertEqual(kinds, [StopInstance, RemoveInstance, type(END), RemoveDisk])
        self.nothing_is_left()

    # -- what is refused

    def test_existing(self) -> None:
        """A name is given once."""
        self.refused(
            "Instance 'inst1.example.com' is already in the cluster",
            ErrorCode.EXISTS,
            instance_name="inst1.example.com",
        )

    def test_name_being_taken(self) -> None:
        """Two jobs do not make one name."""
        self.job.reservations.reserve(
            "job 3", [Reservation(kind=ReservationKind.NAME, key="web1", job_id=3)]
        )
        self.refused("Instance 'web1' is being created by another job", ErrorCode.EXISTS)

    def test_name_kept_by_a_debt(self) -> None:
        """What a node has not cleaned up yet keeps the name; it is said for how long."""
        kept = Reservation(kind=ReservationKind.NAME, key="web1", job_id=3)
        end = UndoCall(op=0, step=1, node_uuid=node_uuid(2), undoes="3/0/1")
        debt = Debt(
            uuid="d1",
            node_uuid=node_uuid(2),
            job_id=3,
            op=0,
            reason="",
            created=1,
            action=end,
            reservations=(kept,),
        )
        self.job.state = dataclasses.replace(
            self.job.state, debts=self.job.state.debts.set(debt.uuid, debt)
        )
        self.job.reservations.reserve("debt d1", [kept])
        self.refused(
            "The name 'web1' is free again when node node2.example.com has cleaned up"
            " what job 3 left there",
            ErrorCode.EXISTS,
        )

    def test_bad_name(self) -> None:
        """A name is a host name."""
        self.refused("Invalid hostname 'bad name'", ErrorCode.WRONG_INPUT, instance_name="bad name")

    def test_unresolvable_name(self) -> None:
        """With a name check the name resolves."""
        self.refused(
            "The given name (nohost.invalid) does not resolve: Name or service not known",
            ErrorCode.RESOLVER,
            instance_name="nohost.invalid",
            name_check=True,
        )

    def test_address_in_use(self) -> None:
        """With an address check nothing answers at the instance's address."""
        self.job.resolver.hosts["web1"] = "192.0.2.50"
        self.job.resolver.taken.add("192.0.2.50")
        self.refused(
            "IP 192.0.2.50 of instance web1 already in use",
            ErrorCode.NOT_UNIQUE,
            name_check=True,
            ip_check=True,
        )

    def test_address_check_without_name_check(self) -> None:
        """There is no address to check without looking the name up."""
        self.refused(
            "Cannot do IP address check without a name check", ErrorCode.WRONG_INPUT, ip_check=True
        )

    def test_unknown_node(self) -> None:
        """The node exists."""
        self.refused("Node 'nosuch' not known", ErrorCode.NOT_FOUND, pnode="nosuch")

    def test_unusable_nodes(self) -> None:
        """Nodes that are offline, drained or not for instances get none."""
        for flag, value, word in (
            ("offline", True, "offline"),
            ("drained", True, "drained"),
            ("vm_capable", False, "non-vm_capable"),
        ):
            self.set_config(with_node2(make_config(), **{flag: value, "master_candidate": False}))
            self.refused(
                f"Cannot use {word} primary node 'node2.example.com'", ErrorCode.WRONG_STATE
            )

    def test_template_not_enabled(self) -> None:
        """Disk templates are enabled by the cluster."""
        self.refused(
            "Disk template 'plain' is not enabled in cluster."
            " Enabled disk templates are: file,diskless",
            ErrorCode.WRONG_INPUT,
            disk_template=DiskTemplate.PLAIN,
        )

    def test_template_not_available(self) -> None:
        """What nodes have no driver for is refused, even if it is enabled."""
        self.set_config(with_cluster(make_config(), enabled_disk_templates=(DiskTemplate.PLAIN,)))
        self.refused(
            "Disk template 'plain' is not available yet; there are diskless, file, sharedfile",
            ErrorCode.WRONG_INPUT,
            disk_template=DiskTemplate.PLAIN,
        )

    def test_bad_disks(self) -> None:
        """Impossible disks are refused, each with its own words."""
        cases: list[tuple[tuple[dict[str, Any], ...], str]] = [
            ((), "No disk information specified"),
            (({},), "Missing size or adoption source for disk 0"),
            (({"size": 1}, {"mode": "rw"}), "Missing size or adoption source for disk 1"),
            (({"size": 0},), "Invalid size of disk 0: 0 is not positive"),
            (({"size": -5},), "Invalid size of disk 0: -5 is not positive"),
            (
                ({"size": 1 << 43},),
                f"Invalid size of disk 0: {1 << 43} MiB is more than there can be",
            ),
            (
                ({"size": "abc"},),
                "Invalid size of disk 0: Invalid size 'abc': use a number with M, G or T,"
                " as in 1.5G",
            ),
            (
                ({"size": 1, "mode": "bad"},),
                "Invalid disk access mode 'bad' of disk 0: it is rw or ro",
            ),
            (({"size": 1, "nosuch": "1"},), "Unknown parameter 'nosuch' of disk 0"),
            (
                ({"adopt": "lv"},),
                "Disk adoption is not supported for the 'file' disk template",
            ),
            (
                ({"size": 1, "spindles": 2},),
                "Spindles in instance disks cannot be specified when exclusive storage is not"
                " active",
            ),
            (({"size": 1, "name": "a\nb"},), "Invalid disk name 'a\nb'"),
            (({"size": 1},) * 17, "An instance can have at most 16 disks, not 17"),
        ]
        for disks, text in cases:
            self.refused(text, ErrorCode.WRONG_INPUT, disks=disks)

    def test_diskless_with_disks(self) -> None:
        """Diskless is without disks."""
        self.refused(
            "Diskless instance but disk information passed",
            ErrorCode.WRONG_INPUT,
            disk_template=DiskTemplate.DISKLESS,
        )

    def test_storage_folder(self) -> None:
        """File disks stay in the cluster's folder."""
        for given, text in (
            ("/etc", "File storage directory '/etc' must be relative to /srv/ganeti/file-storage"),
            (
                "../../etc",
                "File storage directory '../../etc' leads out of /srv/ganeti/file-storage",
            ),
        ):
            self.refused(text, ErrorCode.WRONG_INPUT, file_storage_dir=given)

    def test_no_storage_folder(self) -> None:
        """A cluster without a folder has no file disks."""
        self.set_config(with_cluster(make_config(), file_storage_dir=""))
        self.refused(
            "Cluster file storage dir for 'file' storage type not defined", ErrorCode.WRONG_STATE
        )

    def test_storage_not_allowed(self) -> None:
        """The node has the last word on where files may be."""
        self.job.rpc.answers[CheckFileStorage] = "'/srv' is not allowed"
        self.refused("Node node2.example.com: '/srv' is not allowed", ErrorCode.ENVIRONMENT)

    def test_bad_nics(self) -> None:
        """Impossible interfaces are refused, each with its own words."""
        cases: list[tuple[dict[NicKey, str | None], str, ErrorCode]] = [
            (
                {NicKey.MODE: "routed"},
                "Routed nic mode requires an ip address if not attached to a network",
                ErrorCode.WRONG_INPUT,
            ),
            (
                {NicKey.IP: "999.1.1.1"},
                "Invalid IP address '999.1.1.1'",
                ErrorCode.WRONG_INPUT,
            ),
            (
                {NicKey.IP: "auto"},
                "IP address set to auto but name checks have been skipped",
                ErrorCode.WRONG_INPUT,
            ),
            (
                {NicKey.IP: "pool"},
                "If ip=pool, parameter network must be passed too",
                ErrorCode.WRONG_INPUT,
            ),
            ({NicKey.MAC: "zz"}, "Invalid MAC address 'zz'", ErrorCode.WRONG_INPUT),
            (
                {NicKey.MAC: "AA:00:00:00:00:01"},
                "MAC address aa:00:00:00:00:01 already in use in cluster",
                ErrorCode.NOT_UNIQUE,
            ),
            (
                {NicKey.MODE: "bad"},
                "Invalid NIC mode 'bad': it is one of bridged, routed, openvswitch, ext",
                ErrorCode.WRONG_INPUT,
            ),
            (
                {NicKey.LINK: "a", NicKey.BRIDGE: "b"},
                "Cannot pass 'bridge' and 'link' at the same time",
                ErrorCode.WRONG_INPUT,
            ),
            (
                {NicKey.NETWORK: "net1"},
                "Network 'net1': connecting instances to networks is not available yet",
                ErrorCode.WRONG_INPUT,
            ),
        ]
        for nic, text, code in cases:
            self.refused(text, code, nics=(nic,))
        self.refused(
            "An instance can have at most 8 NICs, not 9", ErrorCode.WRONG_INPUT, nics=({},) * 9
        )

    def test_group_mac(self) -> None:
        """An address of a group of interfaces cannot be that of one."""
        self.refused(
            "MAC address 01:00:5e:00:00:01 is one of a group, not of an interface",
            ErrorCode.WRONG_INPUT,
            nics=({NicKey.MAC: "01:00:5E:00:00:01"},),
        )

    def test_duplicate_mac_in_request(self) -> None:
        """One MAC for two interfaces of one request is refused, too."""
        nic = {NicKey.MAC: "aa:00:00:12:34:56"}
        self.refused(
            "MAC address aa:00:00:12:34:56 already in use in cluster",
            ErrorCode.NOT_UNIQUE,
            nics=(nic, nic),
        )

    def test_duplicate_address_in_request(self) -> None:
        """One address for two interfaces on one link is refused; on two links it is fine."""
        nic: dict[NicKey, str | None] = {NicKey.IP: "192.0.2.77"}
        self.refused(
            "IP address 192.0.2.77 is given to two NICs on link xen-br0",
            ErrorCode.NOT_UNIQUE,
            nics=(nic, nic),
        )
        self.run_create(nics=(nic, {**nic, NicKey.LINK: "br1"}))

    def test_address_of_another_instance(self) -> None:
        """An address is used once on a link, and given to one job at a time."""
        old = self.job.config.find_instance("inst1")
        nic = replace(old.nics[0], ip="192.0.2.77")
        self.set_config(self.job.config.with_instance(replace(old, nics=(nic,))))
        wish = {NicKey.IP: "192.0.2.77"}
        self.refused(
            "IP address 192.0.2.77 is already in use by instance 'inst1.example.com'"
            " on link xen-br0",
            ErrorCode.NOT_UNIQUE,
            nics=(wish,),
        )
        self.run_create(nics=({**wish, NicKey.LINK: "br1"},))

    def test_address_being_given(self) -> None:
        """An address that another job is about to use is not free."""
        self.job.reservations.reserve(
            "job 3", [Reservation(kind=ReservationKind.IP, key="192.0.2.77", job_id=3)]
        )
        self.refused(
            "IP address 192.0.2.77 is being given to an instance by another job",
            ErrorCode.NOT_UNIQUE,
            nics=({NicKey.IP: "192.0.2.77"},),
        )

    def test_conflicting_address(self) -> None:
        """An address of a network of the group needs the network to be named, or no check."""
        config = make_config()
        network = Network(uuid="net", name="net1", network="192.0.2.0/24")
        group = replace(config.groups[GROUP_UUID], networks={"net": PartialNicParams()})
        self.set_config(config.with_network(network).with_group(group))
        wish = {NicKey.IP: "192.0.2.77"}
        self.refused(
            "Conflicting IP address found: '192.0.2.77' belongs to network net1 of group default",
            ErrorCode.WRONG_STATE,
            nics=(wish,),
        )
        self.run_create(nics=(wish,), conflicts_check=False)

    def test_hypervisor(self) -> None:
        """The hypervisor is enabled, and its parameters are its own."""
        self.refused(
            "Selected hypervisor (kvm) not enabled in the cluster (fake)",
            ErrorCode.WRONG_STATE,
            hypervisor=HypervisorName.KVM,
        )
        error = self.fail_create(TypeEnforcementError, hvparams={"a": "b"})
        self.assertEqual(str(error), "Unknown parameter 'a'")

    def test_hypervisor_parameters(self) -> None:
        """They go together, and with the number of processors."""
        config = make_config()
        cluster = replace(config.cluster, enabled_hypervisors=(HypervisorName.KVM,))
        self.set_config(config.with_cluster(cluster))
        error = self.fail_create(HypervisorError, hvparams={"disk_aio": "native"})
        self.assertIn("native needs disk_cache=none", str(error))
        self.refused(
            "Hypervisor parameter 'cpu_mask': '0:1' is for 2 processors, but the instance has 1",
            ErrorCode.WRONG_INPUT,
            hvparams={"cpu_mask": "0:1"},
        )

    def test_parameter_files(self) -> None:
        """What they name must be on the node."""
        config = make_config()
        cluster = replace(config.cluster, enabled_hypervisors=(HypervisorName.KVM,))
        self.set_config(config.with_cluster(cluster))
        finding = ParameterFinding(
            source="request", hypervisor=HypervisorName.KVM, problem="parameter 'x': no file"
        )
        findings = NodeFindings(protocol=1, release="1", time_ns=0, parameters=(finding,))
        self.job.rpc.answers[VerifyNode] = findings
        error = self.fail_create(OpExecError)
        self.assertEqual(
            str(error),
            "Hypervisor parameter validation failed on node node2.example.com:"
            " parameter 'x': no file",
        )

    def test_beparams(self) -> None:
        """Backend parameters are known, and the memory bounds in order."""
        error = self.fail_create(TypeEnforcementError, beparams={"nosuch": 1})
        self.assertEqual(str(error), "Unknown parameter 'nosuch'")
        self.refused(
            "Value of minmem (512, from the instance) must be lower or"
            " equal to the value of maxmem (256, from the instance)",
            ErrorCode.WRONG_INPUT,
            beparams={"minmem": 512, "maxmem": 256},
        )

    def test_policy(self) -> None:
        """Sizes follow the group's policy, unless it is to be ignored, which is said."""
        text = (
            f"Instance allocation to group {GROUP_UUID} (default) violates policy:"
            " memory-size value 101376 is not in range [128, 32768]"
        )
        self.refused(text, ErrorCode.WRONG_INPUT, beparams={"memory": 101376})
        self.run_create(beparams={"memory": 101376}, ignore_ipolicy=True, start=False)
        self.assertIn(f" - WARNING: {text}", self.job.lines)

    def test_group_policy(self) -> None:
        """The group's own policy counts."""
        config = make_config()
        group = replace(
            config.groups[GROUP_UUID],
            ipolicy=PartialPolicy(disk_templates=(DiskTemplate.DISKLESS,)),
        )
        self.set_config(config.with_group(group))
        self.refused(
            f"Instance allocation to group {GROUP_UUID} (default) violates policy:"
            " Disk template file is not allowed (allowed templates: diskless)"
            " (limits from the node group)",
            ErrorCode.WRONG_INPUT,
        )

    def test_memory(self) -> None:
        """What the node has free, less what others keep there, is enough."""
        text = (
            "Not enough memory on node node2.example.com for creating instance web1:"
            " needed 4000 MiB, available 3896 MiB"
        )
        self.job.reservations.reserve(
            "job 3",
            [
                Reservation(
                    kind=ReservationKind.NODE_MEMORY,
                    key="other",
                    job_id=3,
                    node_uuid=node_uuid(2),
                    amount=200,
                )
            ],
        )
        self.refused(text, ErrorCode.NO_RESOURCES, beparams={"memory": 4000})

    def test_memory_unknown(self) -> None:
        """A node that does not say what it has gets nothing."""
        self.job.rpc.answers[GetNodeInfo] = NodeResources()
        self.refused(
            "Can't compute free memory on node node2.example.com for creating instance web1:"
            " hypervisor fake does not report it",
            ErrorCode.ENVIRONMENT,
        )

    def test_node_down(self) -> None:
        """A node that does not answer is named."""
        self.job.rpc.answers[GetNodeInfo] = NodeUnreachable("node2", "connection refused")
        self.refused(
            "Error checking node node2.example.com: connection refused",
            ErrorCode.ENVIRONMENT,
        )

    def test_no_node(self) -> None:
        """Without a node and an allocator there is nowhere to go."""
        self.refused(
            "No iallocator or node given and no cluster-wide default iallocator found;"
            " please specify either an iallocator or a node, or set a cluster-wide default"
            " iallocator",
            ErrorCode.WRONG_INPUT,
            pnode=None,
        )

    def test_wrong_group(self) -> None:
        """The node is in the group that is named."""
        other = NodeGroup(uuid="g2", name="other")
        self.set_config(make_config().with_group(other))
        self.refused(
            "Node node2.example.com does not belong to node group other",
            ErrorCode.WRONG_INPUT,
            group_name="other",
        )

    def test_what_is_not_there_yet(self) -> None:
        """Requests for later parts are refused, naming the part."""
        cases: list[tuple[dict[str, Any], str]] = [
            (
                {"mode": CreateMode.IMPORT},
                "Creating instances with mode 'import' is not available yet; use 'create'",
            ),
            ({"forthcoming": True}, "Forthcoming instances are not available yet"),
            ({"commit": True}, "Forthcoming instances are not available yet"),
            ({"instance_communication": True}, "Instance communication is not available yet"),
            ({"iallocator": "hail"}, "Do not specify both, iallocator and node"),
            (
                {"opportunistic_locking": True},
                "Opportunistic locking is only available in combination with an instance allocator",
            ),
            ({"os_type": None}, "No guest OS or OS image specified"),
        ]
        for settings, text in cases:
            self.refused(text, ErrorCode.WRONG_INPUT, **settings)

    def test_tags(self) -> None:
        """Tags are well-formed."""
        error = self.fail_create(TagError, tags=("bad tag",))
        self.assertEqual(str(error), "Tag contains invalid characters")

    def test_os_parameter_type(self) -> None:
        """OS parameters are texts."""
        self.refused(
            "OS parameter 'p' must be a text, not 3", ErrorCode.WRONG_INPUT, osparams={"p": 3}
        )

    def test_os(self) -> None:
        """The OS is on the node and valid, and knows the parameters."""
        prefix = "OS Parameters validation failed on node node2.example.com: "
        for answer, settings, text in (
            (None, {"os_type": "nosuch"}, "Directory for OS nosuch not found in search path"),
            (replace(NOOP, valid=False, reason="no create"), {}, "OS noop is not valid: no create"),
            (
                NOOP,
                {"osparams": {"p": "1"}},
                "The following parameters are not supported by the OS noop: p",
            ),
        ):
            self.job.rpc.answers[GetOs] = answer
            error = self.fail_create(OpExecError, **settings)
            self.assertEqual(str(error), prefix + text)
            self.assertEqual(self.job.steps, [])

    def test_variants(self) -> None:
        """A variant is named when there are some, and is one of them unless it is forced."""
        with_variants = replace(NOOP, variants=("a", "b"))
        for answer, os_type, text in (
            (NOOP, "noop+a", "OS 'noop' does not support variants ('a' passed)"),
            (
                with_variants,
                "noop",
                "OS name 'noop' must include a variant: one of noop+a, noop+b",
            ),
            (
                with_variants,
                "noop+c",
                "Unsupported variant 'c' of OS 'noop': it is one of a, b",
            ),
        ):
            self.job.rpc.answers[GetOs] = answer
            self.refused(text, ErrorCode.WRONG_INPUT, os_type=os_type)
        self.run_create(os_type="noop+c", force_variant=True)

    def test_untrusted_os(self) -> None:
        """An OS that must be installed in a helper VM is refused."""
        self.job.rpc.answers[GetOs] = replace(NOOP, trusted=False)
        self.refused(
            "OS noop is untrusted (it has a create_untrusted script);"
            " installing in a helper VM is not available yet",
            ErrorCode.WRONG_INPUT,
        )

    def test_name_taken_meanwhile(self) -> None:
        """Somebody took the MAC before the commit: it fails and all is undone."""
        mac = "aa:00:00:12:34:56"
        other = self.job.config.find_instance("inst1")

        def take(node: str, call: RunOsCreate) -> None:
            nic = replace(other.nics[0], mac=mac)
            config = self.job.config.with_instance(replace(other, nics=(nic,)))
            self.job.state = type(self.job.state)(config=config, index=2, term=1)

        self.job.rpc.answers[RunOsCreate] = take
        error = self.fail_create(OpPrereqError, nics=({NicKey.MAC: mac},))
        self.assertEqual(str(error), f"Cannot add 'web1': MAC address '{mac}' already in use")
        self.nothing_is_left()

    def test_mac_space_used_up(self) -> None:
        """When no free MAC is found the error says so."""
        self.job.random.mac = lambda prefix: "aa:00:00:00:00:01"  # type: ignore[method-assign]
        self.refused("No free MAC address with prefix aa:00:00 found", ErrorCode.NO_RESOURCES)

    def test_routed_default(self) -> None:
        """The cluster's default mode counts for interfaces that say nothing."""
        routed = {"default": NicParams(mode=NicMode.ROUTED, link="main")}
        self.set_config(with_cluster(make_config(), nicparams=routed))
        self.refused(
            "Routed nic mode requires an ip address if not attached to a network",
            ErrorCode.WRONG_INPUT,
        )
