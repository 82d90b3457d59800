"""Changes of the cluster's settings."""

from __future__ import annotations

import os
import shutil
import tempfile
from pathlib import Path
from typing import Any

from msgspec.structs import replace
from support.fakejob import FakeJob, plan_unit, run_unit
from support.samples import (
    make_config,
    make_disk,
    make_instance,
    node_uuid,
    uuid_of,
)
from twisted.internet.defer import Deferred
from twisted.trial.unittest import SynchronousTestCase

from ganeti.errors import (
    ErrorCode,
    GanetiError,
    HypervisorError,
    NodeUnreachable,
    OpExecError,
    OpPrereqError,
    RemoteFailure,
    TypeEnforcementError,
)
from ganeti.model.cluster import Cluster
from ganeti.model.config import Configuration
from ganeti.model.hypervisors import HypervisorName
from ganeti.model.live import NodeResources, OsInfo, StorageSpace
from ganeti.model.locks import LOCKSET, Level, shared
from ganeti.model.network import Network
from ganeti.model.parameters import NicMode, PartialBeParams, PartialNicParams
from ganeti.model.policy import Spec
from ganeti.model.secret import Secret
from ganeti.model.templates import DiskTemplate
from ganeti.opcodes.cluster import ListAction, OpClusterSetParams
from ganeti.opcodes.instance import NicKey
from ganeti.operations.cluster.modify import ClusterSetParams
from ganeti.paths import Paths
from ganeti.rpc.calls import CheckFileStorage, GetNodeInfo, GetOs, NodeVersion, VersionInfo
from ganeti.version import PROTOCOL_VERSION

FILE, DISKLESS, PLAIN, DRBD = (
    DiskTemplate.FILE,
    DiskTemplate.DISKLESS,
    DiskTemplate.PLAIN,
    DiskTemplate.DRBD,
)
FAKE, KVM, XEN = HypervisorName.FAKE, HypervisorName.KVM, HypervisorName.XEN_PVM


def version(node: str, _call: NodeVersion) -> VersionInfo:
    return VersionInfo(
        protocol=PROTOCOL_VERSION,
        release="4",
        name=node,
        uuid=node,
        term=1,
        certificate_digest=f"digest of {node}",
    )


def fit(config: Configuration) -> Configuration:
    """With a policy that allows just the enabled templates, as every new cluster's."""
    cluster = config.cluster
    allowed = tuple(sorted(cluster.enabled_disk_templates))
    return config.with_cluster(
        replace(cluster, ipolicy=replace(cluster.ipolicy, disk_templates=allowed))
    )


class ModifyCase(SynchronousTestCase):
    def setUp(self) -> None:
        self.set_config(fit(make_config(nodes=3, instances=2)))

    def set_config(self, config: Configuration) -> None:
        self.job = FakeJob(config, {NodeVersion: version, GetOs: None, CheckFileStorage: ""})

    def change_cluster(self, **fields: Any) -> None:
        """As another cluster."""
        self.set_config(self.job.config.with_cluster(replace(self.cluster, **fields)))

    @property
    def cluster(self) -> Cluster:
        return self.job.config.cluster

    def modify(self, **settings: Any) -> Cluster:
        running = run_unit(ClusterSetParams, OpClusterSetParams(**settings), self.job)
        self.assertIsNone(self.successResultOf(Deferred.fromCoroutine(running)))
        return self.cluster

    def refused(
        self, text: str, code: ErrorCode | None = ErrorCode.WRONG_INPUT, **settings: Any
    ) -> None:
        """Planning ends in an error and has changed nothing."""
        index = self.job.state.index
        planning = plan_unit(ClusterSetParams, OpClusterSetParams(**settings), self.job)
        error = self.failureResultOf(Deferred.fromCoroutine(planning), GanetiError).value
        self.assertEqual(str(error), text)
        self.assertIsInstance(error, TypeEnforcementError if code is None else OpPrereqError)
        if code is not None:
            self.assertEqual(error.code, code)
        self.assertEqual(self.job.state.index, index)


class GeneralTests(ModifyCase):
    def test_locks(self) -> None:
        """Instances, groups and nodes stay as they are."""
        unit = ClusterSetParams(OpClusterSetParams(), self.job)
        wanted = [
            lock
            for level in (Level.INSTANCE, Level.NODEGROUP, Level.NODE)
            for lock in shared(level, LOCKSET)
        ]
        self.assertEqual(unit.locks(self.job.state), tuple(wanted))

    def test_nothing(self) -> None:
        """Without a setting nothing changes."""
        serial_no = self.cluster.serial_no
        self.assertEqual(self.modify().serial_no, serial_no)

    def test_plan(self) -> None:
        """A dry run shows what would change."""
        planning = plan_unit(
            ClusterSetParams,
            OpClusterSetParams(max_running_jobs=7, mac_prefix="AA:00:01"),
            self.job,
        )
        plan = self.successResultOf(Deferred.fromCoroutine(planning))
        self.assertEqual(plan.settings, {"max_running_jobs": 7, "mac_prefix": "aa:00:01"})

    def test_description(self) -> None:
        """It also says so in words, value by value, without secrets."""
        self.change_cluster(candidate_pool_size=1)
        node = replace(self.job.config.nodes[node_uuid(2)], master_candidate=False)
        self.set_config(self.job.config.with_node(node))
        op = OpClusterSetParams(
            beparams={"vcpus": 2},
            candidate_pool_size=3,
            hidden_os=((ListAction.ADD, "x"),),
            osparams_private_cluster={"a": {"b": Secret("hush")}},
        )
        planning = plan_unit(ClusterSetParams, op, self.job)
        plan = self.successResultOf(Deferred.fromCoroutine(planning))
        self.assertEqual(
            ClusterSetParams(op, self.job).describe(plan),
            (
                "set beparams/default/vcpus of the cluster to 2",
                "set candidate_pool_size of the cluster to 3",
                "set hidden_os of the cluster to ['x']",
                "set osparams_private_cluster/a/b of the cluster to <redacted>",
                "make node node2.example.com a master candidate",
            ),
        )

    def test_hooks(self) -> None:
        """The new volume group is told; C{None} when it stays."""
        for vg_name, told in ((None, "None"), ("", "")):
            op = OpClusterSetParams(vg_name=vg_name)
            plan = self.successResultOf(
                Deferred.fromCoroutine(plan_unit(ClusterSetParams, op, self.job))
            )
            hooks = ClusterSetParams(op, self.job).hooks(plan)
            self.assertEqual(hooks.env, {"OP_TARGET": "cluster.example.com", "NEW_VG_NAME": told})
            self.assertEqual((hooks.pre_nodes, hooks.post_nodes), ((node_uuid(1),),) * 2)

    def test_meanwhile(self) -> None:
        """What others change between plan and execution stays."""
        op = OpClusterSetParams(beparams={"vcpus": 2})
        unit = ClusterSetParams(op, self.job)
        plan = self.successResultOf(Deferred.fromCoroutine(unit.plan()))
        self.modify(beparams={"spindle_use": 3}, max_running_jobs=5)
        self.successResultOf(Deferred.fromCoroutine(unit.execute(plan)))
        be = self.cluster.beparams["default"]
        self.assertEqual((be.vcpus, be.spindle_use, self.cluster.max_running_jobs), (2, 3, 5))

    def test_plain(self) -> None:
        """Simple values are taken as they are."""
        settings: dict[str, Any] = {
            "candidate_pool_size": 4,
            "max_running_jobs": 3,
            "max_tracked_jobs": 9,
            "maintain_node_health": True,
            "prealloc_wipe_disks": True,
            "default_iallocator": "hail",
            "default_iallocator_params": {"ignore-soft-errors": "yes"},
            "master_netdev": "eth7",
            "master_netmask": 24,
            "use_external_mip_script": True,
            "install_image": "/srv/image",
            "zeroing_image": "http://example.com/zero",
            "enabled_user_shutdown": True,
            "reserved_lvs": ("xenvg/a.*", "xenvg/b"),
            "compression_tools": ("gzip", "lzop"),
            "mac_prefix": "aa:bb:cc",
            "uid_pool": ((10, 20), (5, 5)),
        }
        cluster = self.modify(**settings)
        settings["uid_pool"] = ((5, 5), (10, 20))
        self.assertEqual({name: getattr(cluster, name) for name in settings}, settings)
        cluster = self.modify(default_iallocator="", reserved_lvs=(), install_image="")
        self.assertEqual(
            (cluster.default_iallocator, cluster.reserved_lvs, cluster.install_image), ("", (), "")
        )

    def test_wrong_plain(self) -> None:
        """What makes no sense is refused."""
        for settings, text in (
            ({"mac_prefix": "zz"}, "Invalid MAC address prefix 'zz'"),
            ({"mac_prefix": "01:00:00"}, "Invalid MAC address prefix '01:00:00'"),
            ({"master_netmask": 33}, "Invalid netmask (33): use 1 to 32"),
            ({"master_netmask": 0}, "Invalid netmask (0): use 1 to 32"),
            (
                {"reserved_lvs": ("[",)},
                "Invalid pattern of reserved volumes '[': unterminated character set at position 0",
            ),
            (
                {"install_image": "a"},
                "Install image 'a' must be an absolute normalized path or a URL",
            ),
            (
                {"zeroing_image": "/a/../b"},
                "Zeroing image '/a/../b' must be an absolute normalized path or a URL",
            ),
            (
                {"compression_tools": ("a b",)},
                "Invalid compression tool 'a b': use names of programs",
            ),
            (
                {"compression_tools": ("none",)},
                "Invalid compression tool 'none': use names of programs",
            ),
            ({"compression_tools": ()}, "At least one compression tool is needed"),
            ({"enabled_hypervisors": ()}, "At least one hypervisor must be enabled"),
            ({"enabled_disk_templates": ()}, "At least one disk template must be enabled"),
            (
                {"modify_etc_hosts": True},
                "In a virtual cluster the machine's /etc/hosts is left alone",
            ),
            (
                {"default_iallocator": "nosuch"},
                "Invalid default iallocator script 'nosuch' specified",
            ),
            ({"default_iallocator": "../x"}, "Invalid default iallocator script '../x' specified"),
        ):
            self.refused(text, **settings)

    def test_allocator(self) -> None:
        """A program in the search path is an allocator."""
        top = tempfile.mkdtemp(prefix="modify-", dir="/tmp")
        self.addCleanup(shutil.rmtree, top)
        paths = Paths(f"{top}/node1", "node1")
        self.job.paths = paths
        program = Path(paths.iallocator_search_path[1], "mine")
        program.parent.mkdir(parents=True)
        program.write_text("#!/bin/sh\n")
        self.refused(
            "Invalid default iallocator script 'mine' specified", default_iallocator="mine"
        )
        os.chmod(program, 0o755)
        self.assertEqual(self.modify(default_iallocator="mine").default_iallocator, "mine")

    def test_network(self) -> None:
        """The network of the metadata service exists."""
        self.refused(
            "Network 'nosuch' not found",
            ErrorCode.NOT_FOUND,
            instance_communication_network="nosuch",
        )
        network = Network(uuid=uuid_of(6, 1), name="net1", network="192.0.2.0/24")
        self.set_config(self.job.config.with_network(network))
        cluster = self.modify(instance_communication_network="net1")
        self.assertEqual(cluster.instance_communication_network, "net1")
        cluster = self.modify(instance_communication_network="")
        self.assertEqual(cluster.instance_communication_network, "")

    def test_uids(self) -> None:
        """Ids are added to the pool and taken from it, also from the middle of a range."""
        self.modify(uid_pool=((100, 199),))
        self.modify(add_uids=((300, 300),), remove_uids=((120, 129), (100, 100)))
        self.assertEqual(self.cluster.uid_pool, ((101, 119), (130, 199), (300, 300)))
        self.modify(remove_uids=((300, 300),))
        self.assertEqual(self.cluster.uid_pool, ((101, 119), (130, 199)))
        self.refused("The user ids 120-121 are not in the pool", remove_uids=((120, 121),))
        self.refused("The user ids 101-119 and 110 overlap", add_uids=((110, 110),))
        self.refused("Invalid user ids 5-4: use N or N-M, up to 4294967295", uid_pool=((5, 4),))

    def test_os_lists(self) -> None:
        """Systems are hidden and blacklisted, and come back."""
        add, remove = ListAction.ADD, ListAction.REMOVE
        self.modify(hidden_os=((add, "a"), (add, "b")), blacklisted_os=((add, "a"),))
        self.assertEqual(
            (self.cluster.hidden_os, self.cluster.blacklisted_os), (("a", "b"), ("a",))
        )
        self.assertEqual(self.job.lines, [])
        self.modify(hidden_os=((remove, "a"), (add, "b"), (remove, "c")))
        self.assertEqual(self.cluster.hidden_os, ("b",))
        self.assertEqual(
            self.job.lines,
            [" - INFO: OS b is hidden already", " - INFO: OS c is not hidden"],
        )
        self.refused(
            "An OS can be added or removed, not attached: a",
            hidden_os=((ListAction.ATTACH, "a"),),
        )

    def test_collectors(self) -> None:
        """Collectors are switched on and off, and collect as often as told."""
        cluster = self.modify(
            enabled_data_collectors={"lv": False}, data_collector_interval={"drbd": 1000000}
        )
        self.assertFalse(cluster.data_collectors["lv"].active)
        self.assertEqual(cluster.data_collectors["drbd"].interval, 1_000_000)
        self.assertTrue(cluster.data_collectors["drbd"].active)
        self.refused(
            "Unknown data collector 'cow': there are cpu-avg-load, diskstats, drbd,"
            " inst-status-xen, lv, xen-cpu-avg-load",
            enabled_data_collectors={"cow": True},
        )
        self.refused(
            "The interval of data collector lv must be positive", data_collector_interval={"lv": 0}
        )


class ParameterTests(ModifyCase):
    def test_backend(self) -> None:
        """Backend parameters are merged; C{memory} sets both bounds."""
        be = self.modify(beparams={"memory": "1g", "vcpus": "2"}).beparams["default"]
        self.assertEqual((be.minmem, be.maxmem, be.vcpus), (1024, 1024, 2))
        be = self.modify(beparams={"memory": "default", "vcpus": None}).beparams["default"]
        self.assertEqual((be.minmem, be.maxmem, be.vcpus), (128, 128, 1))

    def test_wrong_backend(self) -> None:
        """They are checked by name, type, range and against each other."""
        for given, text in (
            ({"nosuch": 1}, "Unknown parameter 'nosuch'"),
            ({"memory": "abc"}, "'memory' (value abc) is not a valid size. error: Invalid format"),
            ({"vcpus": 0}, "'vcpus' (value 0) is not valid: expected `int` >= 1"),
        ):
            self.refused(text, None, beparams=given)
        self.refused(
            "Value of minmem (512, from cluster defaults) must be lower or equal to the value of"
            " maxmem (128, from cluster defaults)",
            beparams={"minmem": 512},
        )
        self.refused(
            "'memory' cannot be given together with 'minmem' or 'maxmem'",
            None,
            beparams={"memory": 512, "minmem": 128},
        )

    def test_backend_of_instances(self) -> None:
        """An instance with one bound of its own must not get an impossible other one."""
        instance = make_instance(1, beparams=PartialBeParams(minmem=256, maxmem=512))
        config = self.job.config.with_instance(instance)
        self.set_config(config)
        self.modify(beparams={"memory": 1024})
        half = replace(instance, beparams=PartialBeParams(maxmem=1024))
        self.set_config(self.job.config.with_instance(half))
        self.refused(
            "Instance inst1.example.com: Value of minmem (2048, from cluster defaults) must be"
            " lower or equal to the value of maxmem (1024, from the instance)",
            ErrorCode.WRONG_STATE,
            beparams={"memory": 2048},
        )

    def test_nics(self) -> None:
        """NIC parameters are merged and checked."""
        nic = self.modify(nicparams={NicKey.LINK: "br7"}).nicparams["default"]
        self.assertEqual((nic.link, nic.mode), ("br7", NicMode.BRIDGED))
        nic = self.modify(nicparams={NicKey.LINK: "default", NicKey.VLAN: "5"}).nicparams["default"]
        self.assertEqual((nic.link, nic.vlan), ("xen-br0", "5"))
        self.refused(
            "Invalid NIC mode 'bad': it is one of bridged, routed, openvswitch, ext",
            nicparams={NicKey.MODE: "bad"},
        )
        self.refused("NICs of mode bridged need a link", nicparams={NicKey.LINK: ""})
        self.refused("Unknown parameter 'ip'", None, nicparams={NicKey.IP: "192.0.2.1"})

    def test_routed(self) -> None:
        """NICs without an address, which would become routed ones, are in the way."""
        self.refused(
            "Instance inst1.example.com: nic/0 has no IP address, which NICs of mode routed"
            " (from cluster defaults) need",
            ErrorCode.WRONG_STATE,
            nicparams={NicKey.MODE: "routed"},
        )
        config = self.job.config
        for number in (1, 2):
            instance = make_instance(number, number)
            (nic,) = instance.nics
            own = replace(nic, nicparams=PartialNicParams(mode=NicMode.BRIDGED))
            config = config.with_instance(replace(instance, nics=(own,)))
        self.set_config(config)
        self.modify(nicparams={NicKey.MODE: "routed"})

    def test_nodes(self) -> None:
        """Node parameters are merged and checked."""
        nd = self.modify(ndparams={"spindle_count": "2", "exclusive_storage": "yes"}).ndparams
        self.assertEqual((nd.spindle_count, nd.exclusive_storage), (2, True))
        nd = self.modify(ndparams={"spindle_count": "default"}).ndparams
        self.assertEqual((nd.spindle_count, nd.exclusive_storage), (1, True))
        self.refused(
            "'ssh_port' (value 0) is not valid: expected `int` >= 1", None, ndparams={"ssh_port": 0}
        )

    def test_disks(self) -> None:
        """Disk parameters are merged and checked."""
        disk = self.modify(diskparams={DRBD: {"metavg": "x", "resync-rate": "5"}}).diskparams
        self.assertEqual((disk[DRBD]["metavg"], disk[DRBD]["resync-rate"]), ("x", 5))
        disk = self.modify(diskparams={DRBD: {"metavg": "default"}}).diskparams
        self.assertEqual((disk[DRBD]["metavg"], disk[DRBD]["resync-rate"]), ("xenvg", 5))
        self.refused("Unknown parameter 'x'", None, diskparams={FILE: {"x": 1}})
        self.refused(
            "Disk parameter 'gluster:port': value '0' is out of range",
            diskparams={DiskTemplate.GLUSTER: {"port": 0}},
        )

    def test_policy(self) -> None:
        """The policy is merged and checked; instances outside of it are named."""
        policy = self.modify(ipolicy={"std": {"memory-size": "512"}, "vcpu-ratio": 2.0}).ipolicy
        self.assertEqual((policy.std, policy.vcpu_ratio), (Spec(memory_size=512), 2))
        self.refused(
            "Invalid parameter memory-size (abc) in std instance specs: Invalid format",
            ipolicy={"std": {"memory-size": "abc"}},
        )
        self.refused(
            "The instance policy allows disk templates that are not enabled: drbd; change it in"
            " the same command",
            ipolicy={"disk-templates": ["drbd", "file"]},
        )
        self.assertEqual(self.job.lines, [])
        self.modify(ipolicy={"disk-templates": ["diskless"]})
        violation = "Disk template file is not allowed (allowed templates: diskless)"
        self.assertEqual(
            self.job.lines,
            [
                " - WARNING: After the ipolicy change the following instances violate it:"
                f" inst1.example.com ({violation}), inst2.example.com ({violation})"
            ],
        )
        policy = self.modify(ipolicy={"disk-templates": "default"}).ipolicy
        self.assertEqual(policy.disk_templates, (DISKLESS, FILE))

    def test_states(self) -> None:
        """Static states are merged and checked."""
        self.modify(hv_state={"fake": {"cpu_node": 1}})
        self.modify(
            hv_state={"fake": {"mem_node": 2}}, disk_state={"plain": {"vg": {"disk_total": 3}}}
        )
        self.assertEqual(self.cluster.hv_state_static, {"fake": {"cpu_node": 1, "mem_node": 2}})
        self.assertEqual(self.cluster.disk_state_static, {"plain": {"vg": {"disk_total": 3}}})
        self.refused("Invalid hypervisor(s) in hypervisor state: cow", hv_state={"cow": {}})


class HypervisorTests(ModifyCase):
    def kvm_instance(self, **hvparams: Any) -> None:
        """inst1 runs on KVM, which is enabled."""
        instance = make_instance(1, hypervisor=KVM, hvparams=hvparams)
        config = self.job.config.with_instance(instance)
        cluster = replace(self.cluster, enabled_hypervisors=(FAKE, KVM))
        self.set_config(config.with_cluster(cluster))

    def test_parameters(self) -> None:
        """Hypervisor parameters are merged, typed and checked."""
        hv = self.modify(hvparams={"kvm": {"acpi": "no", "vnc_bind_address": "::"}}).hvparams[KVM]
        self.assertEqual((hv["acpi"], hv["vnc_bind_address"]), (False, "::"))
        hv = self.modify(hvparams={"kvm": {"acpi": "default"}}).hvparams[KVM]
        self.assertEqual((hv["acpi"], hv["vnc_bind_address"]), (True, "::"))
        self.refused("Unknown parameter 'a'", None, hvparams={"kvm": {"a": "b"}})
        self.refused(
            "Unknown hypervisor 'cow': there are chroot, fake, kvm, lxc, xen-hvm, xen-pvm",
            hvparams={"cow": {}},
        )

    def test_impossible(self) -> None:
        """What an enabled hypervisor cannot take is refused, with where it is set."""
        self.kvm_instance()
        self.refused(
            "kvm: Hypervisor parameter 'disk_cache': must be one of default, none, writeback,"
            " writethrough (current value: 'x', from cluster defaults)",
            hvparams={"kvm": {"disk_cache": "x"}},
        )

    def test_together(self) -> None:
        """Nor are parameters that do not go together, also across levels."""
        self.kvm_instance()
        text = "Hypervisor parameter 'disk_aio': native needs disk_cache=none"
        self.refused(
            f"kvm: {text} (current value: 'native', from cluster defaults)",
            hvparams={"kvm": {"disk_aio": "native"}},
        )
        self.modify(hvparams={"kvm": {"disk_aio": "native", "disk_cache": "none"}})
        self.modify(os_hvp={"busybox": {"kvm": {"acpi": False}}})
        self.refused(
            f"kvm: {text} (current value: 'native', from cluster defaults)",
            os_hvp={"busybox": {"kvm": {"disk_cache": "writeback"}}},
        )
        self.modify(os_hvp={"busybox": {"kvm": {"disk_aio": "native"}}})
        self.refused(
            f"kvm: {text} (current value: 'native', from cluster defaults for the OS)",
            os_hvp={"busybox+default": {"kvm": {"disk_cache": "writeback"}}},
        )
        self.kvm_instance(disk_cache="none", disk_aio="native")
        self.modify(hvparams={"kvm": {"disk_aio": "threads"}})
        self.kvm_instance(spice_bind="::")
        self.refused(
            "Instance inst1.example.com: Hypervisor parameter 'spice_bind': cannot be used"
            " together with vnc_bind_address (current value: '::', from the instance)",
            ErrorCode.WRONG_STATE,
            hvparams={"kvm": {"vnc_bind_address": "::"}},
        )

    def test_disabled_is_not_checked(self) -> None:
        """Parameters of a hypervisor that nobody uses may wait to be completed."""
        hv = self.modify(hvparams={"xen-pvm": {"kernel_path": ""}}).hvparams[XEN]
        self.assertEqual(hv["kernel_path"], "")
        self.job.rpc.answers[GetNodeInfo] = NodeResources()
        self.refused(
            "xen-pvm: Hypervisor parameter 'kernel_path': must be an absolute normalized path"
            " (current value: 'x', from cluster defaults)",
            enabled_hypervisors=(FAKE, XEN),
            hvparams={"xen-pvm": {"kernel_path": "x"}},
        )

    def test_enable(self) -> None:
        """Each node can drive a hypervisor that is enabled."""
        self.job.rpc.answers[GetNodeInfo] = NodeResources()
        cluster = self.modify(enabled_hypervisors=(KVM, FAKE, KVM))
        self.assertEqual(cluster.enabled_hypervisors, (KVM, FAKE))
        asked = [node for node, call in self.job.rpc.calls if isinstance(call, GetNodeInfo)]
        self.assertEqual(set(asked), {node_uuid(number) for number in (1, 2, 3)})

    def test_node_cannot(self) -> None:
        """A node that cannot is in the way, unless forced; one that is away is left out."""

        def answer(node: str, _call: GetNodeInfo) -> Any:
            if node == node_uuid(2):
                return RemoteFailure("node2", HypervisorError("no libvirt"))
            return NodeUnreachable("node", "nothing listens")

        self.job.rpc.answers[GetNodeInfo] = answer
        self.refused(
            "Node node2.example.com: hypervisor kvm cannot be used there: no libvirt",
            ErrorCode.ENVIRONMENT,
            enabled_hypervisors=(FAKE, KVM),
        )
        self.job.lines.clear()
        self.modify(enabled_hypervisors=(FAKE, KVM), force=True)
        away = "was not asked, it does not answer: nothing listens"
        texts = (away, "hypervisor kvm cannot be used there: no libvirt", away)
        self.assertEqual(
            [line.partition("example.com")[2].lstrip(": ") for line in self.job.lines],
            list(texts),
        )

    def test_in_use(self) -> None:
        """A hypervisor with instances stays."""
        self.kvm_instance()
        self.refused(
            "Cannot disable hypervisor kvm: instance inst1.example.com uses it",
            ErrorCode.WRONG_STATE,
            enabled_hypervisors=(FAKE,),
        )

    def test_instances(self) -> None:
        """What instances inherit is checked, with where it comes from."""
        self.kvm_instance(disk_type="ide")
        self.modify(hvparams={"kvm": {"disk_cache": "none"}})
        self.refused(
            "kvm: Hypervisor parameter 'disk_cache': must be one of default, none, writeback,"
            " writethrough (current value: 'x', from cluster defaults for the OS)",
            os_hvp={"busybox": {"kvm": {"disk_cache": "x"}}},
        )

    def test_not_enabled_but_in_use(self) -> None:
        """So it is for instances of a hypervisor that is not enabled any more."""
        self.set_config(self.job.config.with_instance(make_instance(1, hypervisor=KVM)))
        self.refused(
            "Instance inst1.example.com: Hypervisor parameter 'disk_cache': must be one of"
            " default, none, writeback, writethrough (current value: 'x', from cluster defaults)",
            ErrorCode.WRONG_STATE,
            hvparams={"kvm": {"disk_cache": "x"}},
        )


class OsTests(ModifyCase):
    def test_hypervisor_parameters(self) -> None:
        """An OS has hypervisor parameters of its own, by hypervisor."""
        self.modify(os_hvp={"a": {"kvm": {"acpi": "no"}, "fake": {}}, "b": {"kvm": {}}})
        self.assertEqual(self.cluster.os_hvp, {"a": {"kvm": {"acpi": False}}})
        self.modify(os_hvp={"a": {"kvm": {"acpi": None, "use_localtime": True}}})
        self.assertEqual(self.cluster.os_hvp, {"a": {"kvm": {"use_localtime": True}}})
        self.modify(os_hvp={"a": {"kvm": {"use_localtime": "default"}}})
        self.assertEqual(self.cluster.os_hvp, {})
        self.refused(
            "The following parameters can be set for the whole cluster only, not for OS a:"
            " migration_port",
            os_hvp={"a": {"kvm": {"migration_port": 5}}},
        )
        self.refused("Unknown parameter 'x'", None, os_hvp={"a": {"kvm": {"x": 1}}})
        self.refused("Parameters of hypervisor kvm are no object: 5", os_hvp={"a": {"kvm": 5}})

    def test_parameters(self) -> None:
        """OS parameters are merged; an OS without any is forgotten."""
        self.modify(osparams={"a": {"x": "1"}, "a+v": {"y": "2"}})
        self.modify(osparams={"a": {"z": "3", "x": None}, "a+v": {"y": "default"}})
        self.assertEqual(self.cluster.osparams, {"a": {"z": "3"}})
        self.refused("OS parameter 'x' must be a text, not 5", osparams={"a": {"x": 5}})

    def test_private(self) -> None:
        """Private parameters are merged alike, and are never public at the same time."""
        self.modify(osparams_private_cluster={"a": {"x": Secret("1"), "y": Secret("2")}})
        self.modify(osparams_private_cluster={"a": {"x": Secret("default")}})
        self.assertEqual(self.cluster.osparams_private_cluster, {"a": {"y": Secret("2")}})
        self.refused(
            "OS parameters are either public or private, not both: y"
            " (the value 'default' takes one away)",
            osparams={"a": {"y": "1"}},
        )

    def test_definition(self) -> None:
        """Where the master has the OS, it must know the parameters."""
        found = OsInfo(
            name="a",
            path="/os/a",
            valid=True,
            api_versions=(20,),
            parameters=(("x", ""),),
            trusted=True,
        )
        self.job.rpc.answers[GetOs] = found
        self.modify(osparams={"a": {"x": "1"}})
        planning = plan_unit(
            ClusterSetParams, OpClusterSetParams(osparams={"a": {"z": "1"}}), self.job
        )
        error = self.failureResultOf(Deferred.fromCoroutine(planning), OpExecError).value
        self.assertIn("not supported by the OS a: z", str(error))


class StorageTests(ModifyCase):
    def test_templates(self) -> None:
        """Templates are enabled and disabled, with the policy."""
        shared_file = DiskTemplate.SHAREDFILE
        self.refused(
            "Disk template sharedfile is enabled: a shared file storage directory is needed",
            enabled_disk_templates=(FILE, DISKLESS, shared_file),
        )
        self.job.rpc.answers[CheckFileStorage] = ""
        cluster = self.modify(
            enabled_disk_templates=(FILE, DISKLESS, shared_file),
            shared_file_storage_dir="/srv/ganeti/shared",
        )
        self.assertEqual(cluster.enabled_disk_templates, (FILE, DISKLESS, shared_file))
        self.assertEqual(
            self.job.lines,
            [
                " - WARNING: The instance policy does not allow disk templates that are enabled"
                " now: sharedfile"
            ],
        )

    def test_disable(self) -> None:
        """A template in use stays, and so does one that the policy allows."""
        self.refused(
            "Cannot disable disk template file: instance inst1.example.com uses it",
            ErrorCode.WRONG_STATE,
            enabled_disk_templates=(DISKLESS,),
            ipolicy={"disk-templates": ["diskless"]},
        )
        self.refused(
            "The instance policy allows disk templates that are not enabled: diskless; change it"
            " in the same command",
            enabled_disk_templates=(FILE,),
        )
        self.modify(enabled_disk_templates=(FILE,), ipolicy={"disk-templates": ["file"]})
        diskless = make_instance(3, disks=())
        self.set_config(fit(make_config()).with_instance(diskless))
        self.refused(
            "Cannot disable disk template diskless: instance inst3.example.com uses it",
            ErrorCode.WRONG_STATE,
            enabled_disk_templates=(FILE,),
            ipolicy={"disk-templates": ["file"]},
        )

    def lvm(self, size_mib: int | None) -> None:
        space = StorageSpace(kind="lvm-vg", name="vg", size_mib=size_mib)
        self.job.rpc.answers[GetNodeInfo] = NodeResources(storage=(space,))

    def test_volume_group(self) -> None:
        """A volume group goes with templates that need it, and is there on every node."""
        lvm = {"enabled_disk_templates": (FILE, DISKLESS, PLAIN)}
        self.refused("An enabled disk template uses LVM: a volume group is needed", **lvm)
        self.refused(
            "A volume group was given, but no enabled disk template uses LVM", vg_name="vg"
        )
        self.lvm(None)
        self.refused(
            "Node node1.example.com: volume group 'vg' was not found",
            ErrorCode.ENVIRONMENT,
            vg_name="vg",
            **lvm,
        )
        self.lvm(1024)
        self.refused(
            "Node node1.example.com: volume group 'vg' is too small (1024 MiB, 20480 are needed)",
            ErrorCode.ENVIRONMENT,
            vg_name="vg",
            **lvm,
        )
        self.lvm(30000)
        self.assertEqual(self.modify(vg_name="vg", **lvm).volume_group_name, "vg")
        self.refused("An enabled disk template uses LVM: a volume group is needed", vg_name="")
        without = {"enabled_disk_templates": (FILE, DISKLESS), "vg_name": ""}
        self.assertIsNone(self.modify(**without).volume_group_name)

    def test_volume_group_in_use(self) -> None:
        """While there are volumes the group stays."""
        disk = make_disk(1, dev_type=PLAIN, logical_id=("vg", "lv"))
        self.set_config(self.job.config.with_disk(disk))
        self.refused(
            "The volume group is in use: instance inst1.example.com has disks on LVM", vg_name=""
        )

    def test_drbd(self) -> None:
        """DRBD and its helper go together."""
        self.change_cluster(volume_group_name="vg")
        drbd = {"enabled_disk_templates": (FILE, DISKLESS, DRBD)}
        self.refused("DRBD is enabled: a DRBD usermode helper is needed", **drbd)
        self.refused(
            "A DRBD usermode helper was given, but DRBD is not enabled", drbd_helper="/bin/true"
        )
        cluster = self.modify(drbd_helper="/bin/true", **drbd)
        self.assertEqual(cluster.drbd_usermode_helper, "/bin/true")
        self.refused("DRBD is enabled: a DRBD usermode helper is needed", drbd_helper="")

    def test_folders(self) -> None:
        """A storage folder is a path that every node allows."""
        self.refused(
            "The file storage directory 'a' is not an absolute, normal path", file_storage_dir="a"
        )
        self.refused(
            "Disk template file is enabled: a file storage directory is needed",
            file_storage_dir="",
        )
        self.job.rpc.answers[CheckFileStorage] = "'/x' is not allowed"
        self.refused(
            "Node node1.example.com: '/x' is not allowed",
            ErrorCode.ENVIRONMENT,
            file_storage_dir="/x",
        )
        self.assertEqual(self.modify(file_storage_dir="/x", force=True).file_storage_dir, "/x")
        self.assertEqual(len(self.job.lines), 3)

    def test_exclusive_storage(self) -> None:
        """Exclusive storage cannot be switched on under disks that cannot live with it."""
        disk = make_disk(
            1,
            dev_type=DRBD,
            logical_id=(node_uuid(1), node_uuid(2), 11000, 0, 0, "s"),
        )
        self.set_config(self.job.config.with_disk(disk))
        self.refused(
            "Exclusive storage cannot be switched on: instance inst1.example.com has disks of"
            " template drbd on node node1.example.com",
            ErrorCode.WRONG_STATE,
            ndparams={"exclusive_storage": True},
        )


class PoolTests(ModifyCase):
    def setUp(self) -> None:
        config = make_config(nodes=4)
        certs = {node_uuid(1): "digest of the master"}
        for number in (2, 3, 4):
            node = config.nodes[node_uuid(number)]
            config = config.with_node(replace(node, master_candidate=False))
        cluster = replace(config.cluster, candidate_pool_size=1, candidate_certs=certs)
        self.set_config(config.with_cluster(cluster))

    def candidates(self) -> list[str]:
        nodes = self.job.config.nodes.values()
        return sorted(node.name[:5] for node in nodes if node.master_candidate)

    def test_promotion(self) -> None:
        """A larger pool is filled in the same commit."""
        index = self.job.state.index
        self.modify(candidate_pool_size=3)
        self.assertEqual(self.job.state.index, index + 1)
        self.assertEqual(self.candidates(), ["node1", "node2", "node3"])
        self.assertEqual(
            self.cluster.candidate_certs,
            {
                node_uuid(1): "digest of the master",
                **{node_uuid(n): f"digest of {node_uuid(n)}" for n in (2, 3)},
            },
        )
        self.assertEqual(
            self.job.lines,
            [
                " - INFO: Promoted nodes to master candidate role: node2.example.com,"
                " node3.example.com"
            ],
        )

    def test_silent_node(self) -> None:
        """A node that does not answer is passed over, and told of."""

        def answer(node: str, call: NodeVersion) -> Any:
            if node == node_uuid(2):
                return NodeUnreachable("node2.example.com", "nothing listens")
            return version(node, call)

        self.job.rpc.answers[NodeVersion] = answer
        self.modify(candidate_pool_size=2)
        self.assertEqual(self.candidates(), ["node1", "node3"])
        self.assertEqual(
            self.job.lines[0],
            " - WARNING: Node node2.example.com cannot be made a master candidate: nothing listens",
        )

    def test_smaller(self) -> None:
        """A smaller pool demotes nobody."""
        self.modify(candidate_pool_size=3)
        self.job.lines.clear()
        self.modify(candidate_pool_size=1)
        self.assertEqual(self.candidates(), ["node1", "node2", "node3"])
        self.assertEqual(
            self.job.lines,
            [
                " - INFO: There are 3 master candidates, more than the 1 wanted; none of them is"
                " demoted"
            ],
        )

    def test_no_questions(self) -> None:
        """Other changes ask no node."""
        self.modify(max_running_jobs=5)
        self.assertEqual(self.job.rpc.calls, [])
