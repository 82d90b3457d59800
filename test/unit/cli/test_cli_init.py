"""A new cluster: its settings, and its files when init is killed anywhere."""

from __future__ import annotations

import os
import socket
import stat
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import pytest
from support.newcluster import check_whole, create_cluster, init_options, virtual_folder

from ganeti.cli import clusterfiles, machine
from ganeti.cli.commands import cluster_init
from ganeti.cli.newcluster import build_settings, parse_uid_pool
from ganeti.errors import GanetiError
from ganeti.model.cluster import Cluster, default_cluster
from ganeti.paths import Paths
from ganeti.utils.hosts import Host

NOW_NS = 1_800_000_000 * 10**9


class Killed(BaseException):
    """The command is killed here."""


@pytest.fixture
def paths() -> Iterator[Paths]:
    with virtual_folder() as found:
        yield found


def test_create(paths: Paths) -> None:
    """A new cluster is whole, and its secrets are for its owner."""
    assert not clusterfiles.in_cluster(paths)
    create_cluster(paths)
    assert clusterfiles.in_cluster(paths)
    check_whole(paths)
    for secret in (paths.ca_key, paths.server_pem, paths.hmac_key, paths.cluster_domain_secret):
        assert not stat.S_IMODE(os.stat(secret).st_mode) & 0o007, secret


def test_forget(paths: Paths) -> None:
    """Nothing of a cluster is left, but folders; it may be said twice."""
    create_cluster(paths)
    clusterfiles.forget_cluster(paths)
    clusterfiles.forget_cluster(paths)
    assert not clusterfiles.in_cluster(paths)
    left = [name for _folder, _dirs, names in os.walk(paths.root) for name in names]
    assert left == []


# -- Checks


@pytest.mark.parametrize(
    ("hosts", "text"),
    [
        ("127.9.9.2 node1.example.com\n", "(cluster.example.com) does not resolve"),
        ("127.9.9.1 cluster.example.com\n", "(node1.example.com) does not resolve"),
        ("127.9.9.1 cluster.example.com node1.example.com\n", "an address of its own"),
        ("::2 cluster.example.com\n127.9.9.2 node1.example.com\n", "not an IPv4 address"),
    ],
)
def test_addresses(paths: Paths, hosts: str, text: str) -> None:
    """Names must have fitting addresses."""
    Path(paths.hosts_file).write_text(hosts)
    with pytest.raises(GanetiError) as caught:
        create_cluster(paths)
    assert text in str(caught.value)
    assert not clusterfiles.in_cluster(paths)


def _settings(paths: Paths, *words: str) -> Cluster:
    names = {"uuid": "u", "cluster_name": "c", "master_node": "n", "master_ip": "1.2.3.4"}
    return default_cluster(**names, **build_settings(init_options(*words), paths))


def test_defaults() -> None:
    """On a real machine the defaults are Ganeti's."""
    cluster = _settings(Paths())
    assert cluster.enabled_hypervisors == ("xen-pvm",)
    assert cluster.enabled_disk_templates == ("drbd", "plain")
    assert (cluster.volume_group_name, cluster.drbd_usermode_helper) == ("xenvg", "/bin/true")
    assert (cluster.master_netdev, cluster.master_netmask) == ("xen-br0", 32)
    assert (cluster.modify_etc_hosts, cluster.modify_ssh_setup) == (True, True)
    assert cluster.gluster_storage_dir == "/var/run/ganeti/gluster"
    assert cluster.candidate_pool_size == 10
    assert cluster.ipolicy.disk_templates == ("drbd", "plain")


def test_virtual_defaults(paths: Paths) -> None:
    """In a virtual cluster they are what works there, and the machine is left alone."""
    cluster = _settings(paths)
    assert cluster.enabled_hypervisors == ("fake",)
    assert cluster.enabled_disk_templates == ("diskless", "file")
    assert (cluster.volume_group_name, cluster.drbd_usermode_helper) == (None, None)
    assert cluster.master_netdev == "lo"
    assert (cluster.modify_etc_hosts, cluster.modify_ssh_setup) == (False, False)


@pytest.mark.parametrize(
    ("words", "fields"),
    [
        (["--enabled-hypervisors=kvm,fake,kvm"], {"enabled_hypervisors": ("kvm", "fake")}),
        (["--enabled-disk-templates=file"], {"enabled_disk_templates": ("file",)}),
        (["--enabled-disk-templates=plain", "--vg-name=vg0"], {"volume_group_name": "vg0"}),
        (
            ["--enabled-disk-templates=drbd", "--drbd-usermode-helper=/x"],
            {"drbd_usermode_helper": "/x", "volume_group_name": "xenvg"},
        ),
        (["-m", "AA:BB:CC"], {"mac_prefix": "aa:bb:cc"}),
        (["-C", "3"], {"candidate_pool_size": 3}),
        (["--master-netmask=24", "--master-netdev=br0"], {"master_netmask": 24}),
        (["--primary-ip-version=6"], {"primary_ip_family": 10, "master_netmask": 128}),
        (["--uid-pool=5,1-3"], {"uid_pool": ((1, 3), (5, 5))}),
        ([], {"default_iallocator": "hail", "default_iallocator_params": {}}),
        (["-I", ""], {"default_iallocator": ""}),
        (
            ["-I", "hail", "--default-iallocator-params=ignore-soft-errors"],
            {"default_iallocator_params": {"ignore-soft-errors": True}},
        ),
        (["--maintain-node-health=yes"], {"maintain_node_health": True}),
        (["--prealloc-wipe-disks=yes", "--user-shutdown=yes"], {"enabled_user_shutdown": True}),
        (["--compression-tools=gzip,lzop"], {"compression_tools": ("gzip", "lzop")}),
        (["--install-image=/i", "--zeroing-image=/z"], {"zeroing_image": "/z"}),
        (["--ssh-key-type=ecdsa", "--ssh-key-bits=521"], {"ssh_key_type": "ecdsa"}),
        (["--ssh-key-type=dsa"], {"ssh_key_type": "dsa", "ssh_key_bits": 1024}),
        (["--ssh-key-bits=2049"], {"ssh_key_type": "rsa", "ssh_key_bits": 2049}),
        (["--use-external-mip-script=yes"], {"use_external_mip_script": True}),
        (["--file-storage-dir=/f"], {"file_storage_dir": "/f"}),
        (["--enabled-disk-templates=diskless", "--file-storage-dir="], {"file_storage_dir": ""}),
        (
            ["--hypervisor-state=kvm:cpu_total=4,mem_node=512"],
            {"hv_state_static": {"kvm": {"cpu_total": 4, "mem_node": 512}}},
        ),
        (
            ["--disk-state=plain/vg0:disk_total=9"],
            {"disk_state_static": {"plain": {"vg0": {"disk_total": 9}}}},
        ),
    ],
)
def test_settings(paths: Paths, words: list[str], fields: dict[str, Any]) -> None:
    """Each option has its place in the cluster's record."""
    cluster = _settings(paths, *words)
    assert {name: getattr(cluster, name) for name in fields} == fields


def test_parameters(paths: Paths) -> None:
    """Parameters change the defaults, by type."""
    words = ["-H", "kvm:acpi=no,kernel_path=/k", "-B", "memory=256,vcpus=2", "-N", "mode=routed"]
    words += ["-D", "drbd:resync-rate=9,dynamic-resync=yes", "--node-parameters=ssh_port=2222"]
    cluster = _settings(paths, *words)
    assert cluster.hvparams["kvm"]["acpi"] is False
    assert cluster.hvparams["kvm"]["kernel_path"] == "/k"
    assert (cluster.beparams["default"].minmem, cluster.beparams["default"].maxmem) == (256, 256)
    assert cluster.nicparams["default"].mode == "routed"
    assert cluster.diskparams["drbd"]["resync-rate"] == 9
    assert cluster.diskparams["drbd"]["dynamic-resync"] is True
    assert cluster.ndparams.ssh_port == 2222


def test_policy(paths: Paths) -> None:
    """Bounds in the new way, in the old way, and the rest of the policy."""
    low = "cpu-count=1,disk-count=0,disk-size=0,memory-size=4,nic-count=0,spindle-use=0"
    high = "cpu-count=8,disk-count=16,disk-size=1t,memory-size=32g,nic-count=8,spindle-use=12"
    words = [f"--ipolicy-bounds-specs=min:{low}/max:{high}", "--ipolicy-std-specs=cpu-count=2"]
    words += ["--ipolicy-vcpu-ratio=2.5", "--ipolicy-disk-templates=file"]
    policy = _settings(paths, *words).ipolicy
    (bounds,) = policy.minmax
    assert (bounds.min.disk_size, bounds.max.disk_size) == (0, 1048576)
    assert (policy.std.cpu_count, policy.vcpu_ratio) == (2, 2.5)
    assert policy.disk_templates == ("file",)
    old = _settings(paths, "--specs-mem-size=min=64,max=1g,std=128").ipolicy
    (bounds,) = old.minmax
    assert (bounds.min.memory_size, bounds.max.memory_size) == (64, 1024)


@pytest.mark.parametrize(
    ("words", "text"),
    [
        (["--enabled-hypervisors=nosuch"], "Unknown hypervisor 'nosuch'"),
        (["--enabled-hypervisors="], "At least one hypervisor"),
        (["--enabled-disk-templates=nosuch"], "Unknown disk template 'nosuch'"),
        (["--enabled-disk-templates=,"], "At least one disk template"),
        (["--vg-name=x"], "no enabled disk template uses LVM"),
        (["--enabled-disk-templates=plain", "--vg-name="], "a volume group is needed"),
        (["--drbd-usermode-helper=x"], "DRBD is not enabled"),
        (["--file-storage-dir="], "needs a file storage directory"),
        (["--file-storage-dir=x/y"], "not an absolute, normal path"),
        (["-m", "zz"], "zz"),
        (["-C", "0"], "at least 1"),
        (["--master-netmask=33"], "Invalid netmask"),
        (["--primary-ip-version=5"], "use 4 or 6"),
        (["--ssh-key-bits=512"], "type rsa cannot have 512 bits"),
        (["--ssh-key-type=dsa", "--ssh-key-bits=2048"], "usual is 1024"),
        (["--uid-pool=3-1"], "Invalid user ids"),
        (["--uid-pool=1-3,2"], "overlap"),
        (["-H", "no_fake"], "needs parameters"),
        (["-H", "nosuch:a=b"], "Unknown hypervisor"),
        (["-H", "kvm:nosuch=b"], "Unknown parameter 'nosuch'"),
        (["-B", "vcpus=x"], "not a valid integer"),
        (["-N", "mode=nosuch"], "nosuch"),
        (["-D", "drbd:nosuch=1"], "Unknown parameter"),
        (["--disk-state=file/x:disk_total=1"], "write plain/"),
        (["--hypervisor-state=kvm:nosuch=1"], "Unknown parameter"),
        (["--ipolicy-bounds-specs=min:cpu-count=1/max:cpu-count=2"], "Missing in the min bound"),
        (["--ipolicy-disk-templates=drbd"], "not enabled in the cluster"),
        (["--specs-mem-size=min=64", "--ipolicy-std-specs=cpu-count=1"], "not by both"),
        (["--specs-mem-size=min=2g,max=1g"], "Invalid specification of min/max"),
        (["--specs-mem-size=least=2g"], "Unknown bound 'least'"),
        (["--ipolicy-vcpu-ratio=0"], "greater than zero"),
    ],
)
def test_settings_refused(paths: Paths, words: list[str], text: str) -> None:
    """What cannot be is refused, and said."""
    with pytest.raises(GanetiError) as caught:
        _settings(paths, *words)
    assert text in str(caught.value)


def test_uid_pool() -> None:
    """Ranges are sorted."""
    assert parse_uid_pool("10,1-3") == ((1, 3), (10, 10))


def test_secondary_ip(paths: Paths) -> None:
    """The master may have an address for replication."""
    plan = cluster_init.plan(paths, init_options("-s", "127.9.9.77"), "cluster.example.com")
    assert plan.secondary_ip == "127.9.9.77"
    assert plan.master == Host("node1.example.com", "127.9.9.2")
    for secondary in ("x", "192.0.2.1", "127.9.9.1"):  # no address, not ours, the cluster's
        with pytest.raises(GanetiError, match=secondary):
            cluster_init.plan(paths, init_options("-s", secondary), "cluster.example.com")


def test_cluster_address_in_use(paths: Paths) -> None:
    """An address that something answers at is not taken for a cluster."""
    taken = Paths(root="", hostname="")
    with socket.socket() as listener:
        listener.bind(("127.0.0.1", 0))
        port = listener.getsockname()[1]
        assert not machine.answers(paths, "127.0.0.1", port)
        assert machine.answers(taken, "127.0.0.1", port)  # a machine that refuses is there
        listener.listen()
        assert machine.answers(paths, "127.0.0.1", port)


def test_host_key(tmp_path: Path) -> None:
    """The public SSH key without its comment; none is fine."""
    key = tmp_path / "key.pub"
    assert machine.rsa_host_key(str(key)) == ""
    key.write_text("ssh-rsa AAAA root@host\n")
    assert machine.rsa_host_key(str(key)) == "ssh-rsa AAAA"


def test_own_addresses() -> None:
    """On a real machine the address must be its own, and not a loopback one."""
    with pytest.raises(GanetiError, match="loopback"):
        machine.check_own_address(Paths(), Host("n1", "127.0.0.1"))
    with pytest.raises(GanetiError, match="not one of this host"):
        machine.check_own_address(Paths(), Host("n1", "192.0.2.77"))


def test_no_volume_group() -> None:
    """A volume group that is not there is refused."""
    with pytest.raises(GanetiError, match="volume group 'nosuchvg'"):
        machine.check_volume_group("nosuchvg")
