"""The variables of OS scripts, and the other facts of the OS interface, are Ganeti's."""

from __future__ import annotations

import json
import re
from pathlib import Path
from typing import Any

from msgspec.structs import replace
from support.samples import node_uuid, uuid_of
from support.specs import file_disk, make_spec
from twisted.trial.unittest import SynchronousTestCase

from ganeti.model.disk import DiskMode
from ganeti.model.live import InstanceSpec, NicSpec, OsInfo
from ganeti.model.network import Network
from ganeti.model.nic import Nic
from ganeti.model.parameters import NicMode, NicParams
from ganeti.model.templates import DiskTemplate
from ganeti.noded.os_environment import build_os_environment, build_verify_environment
from ganeti.noded.os_scripts import log_name
from ganeti.paths import Paths
from ganeti.version import OS_API_VERSIONS

TABLE = json.loads((Path(__file__).parent / "interface" / "os_interface.json").read_text())

OS = OsInfo(
    name="debian",
    path="/srv/ganeti/os/debian",
    valid=True,
    variants=("bookworm", "trixie"),
    api_versions=(10, 20, 99),
)
NETWORK = Network(
    uuid=uuid_of(6, 1),
    name="lan",
    network="192.0.2.0/24",
    gateway="192.0.2.1",
    network6="2001:db8::/64",
    gateway6="2001:db8::1",
    mac_prefix="aa:bb:cc",
    tags=("office", "slow"),
)
NIC = Nic(uuid=uuid_of(5, 1), mac="aa:00:00:00:00:01", ip="192.0.2.7", name="eth0")
PATHS = ("/srv/a", "/dev/b")


def full_spec() -> InstanceSpec:
    """An instance that has everything."""
    disks = (
        file_disk(1, 0, name="root"),
        file_disk(
            1, 1, dev_type=DiskTemplate.PLAIN, logical_id=("xenvg", "lv"), mode=DiskMode.READ_ONLY
        ),
    )
    return replace(
        make_spec(1, disks=disks, ctime=1.5, mtime=2.5),
        nics=(
            NicSpec(nic=NIC, params=NicParams(link="br0"), network=NETWORK),
            NicSpec(nic=Nic(uuid="n2", mac="m2"), params=NicParams(mode=NicMode.ROUTED, link="")),
        ),
        hvparams={"disk_type": "paravirtual", "nic_type": "e1000", "acpi": True, "root_path": None},
    )


def full_environment() -> dict[str, str]:
    osparams = {"dhcp": "yes", "root-password": "hidden"}
    return build_os_environment(OS, "debian+trixie", full_spec(), PATHS, osparams, debug=1)


def table_names(section: str) -> set[str]:
    return set(TABLE[section])


def generic(name: str) -> str:
    """The name as the table writes it."""
    for pattern, written in (
        (r"^(DISK|NIC)_\d+_", r"\1_%d_"),
        (r"^INSTANCE_(BE|HV)_.*", r"INSTANCE_\1_<param>"),
        (r"^OSP_.*", "OSP_<NAME>"),
    ):
        name = re.sub(pattern, written, name)
    return name


class OsEnvironmentTests(SynchronousTestCase):
    def test_names(self) -> None:
        """A full instance gets every variable of the table, and no other."""
        expected = table_names("env_common") | table_names("env_disk") | table_names("env_nic")
        expected.remove("DISK_%d_URI")  # storage reached from user space: not there yet
        self.assertEqual({generic(name) for name in full_environment()}, expected)

    def test_verify(self) -> None:
        """The verify script gets these alone."""
        env = build_verify_environment(OS, "debian+trixie", {"dhcp": "yes"}, debug=1)
        expected = TABLE["env_script"]["verify"].removeprefix("only ").split()
        self.assertEqual({generic(name) for name in env}, {*expected[:-1], "OSP_<NAME>"})
        self.assertEqual(expected[-1], "OSP_*")
        full = full_environment()
        self.assertEqual(env, {name: full[name] for name in env})

    def test_common(self) -> None:
        """The instance, its OS, and what runs it."""
        env = full_environment()
        expected: dict[str, Any] = {
            "PATH": TABLE["env_common"]["PATH"],
            "OS_API_VERSION": "20",
            "OS_NAME": "debian",
            "OS_VARIANT": "trixie",
            "DEBUG_LEVEL": "1",
            "INSTANCE_NAME": "inst1.example.com",
            "INSTANCE_OS": "debian+trixie",
            "INSTANCE_CTIME": "1.5",
            "INSTANCE_MTIME": "2.5",
            "INSTANCE_PRIMARY_NODE": node_uuid(1),
            "INSTANCE_SECONDARY_NODES": "",
            "HYPERVISOR": "fake",
            "DISK_COUNT": "2",
            "NIC_COUNT": "2",
            "INSTANCE_BE_maxmem": "256",
            "INSTANCE_BE_auto_balance": "True",
            "INSTANCE_HV_acpi": "True",
            "INSTANCE_HV_root_path": "None",
            "OSP_DHCP": "yes",
            "OSP_ROOT_PASSWORD": "hidden",
        }
        self.assertEqual({name: env[name] for name in expected}, expected)

    def test_disks(self) -> None:
        """A file is given as the file that it is, a block device as its device."""
        env = full_environment()
        first = {n.removeprefix("DISK_0_"): v for n, v in env.items() if n.startswith("DISK_0_")}
        self.assertEqual(
            first,
            {
                "ACCESS": "rw",
                "BACKEND_TYPE": "file:loop",
                "FRONTEND_TYPE": "paravirtual",
                "NAME": "root",
                "PATH": "/srv/a",
                "SIZE": "4",
                "UUID": file_disk(1, 0).uuid,
            },
        )
        self.assertEqual(env["DISK_1_BACKEND_TYPE"], "block")
        self.assertEqual(env["DISK_1_ACCESS"], "ro")
        self.assertNotIn("DISK_1_NAME", env)

    def test_nics(self) -> None:
        """What an interface does not have is not set."""
        env = full_environment()
        self.assertEqual(env["NIC_0_BRIDGE"], "br0")
        self.assertEqual(env["NIC_0_NETWORK_TAGS"], "office slow")
        self.assertEqual(env["NIC_0_NETWORK_SUBNET6"], "2001:db8::/64")
        second = {n for n in env if n.startswith("NIC_1_")}
        self.assertEqual(second, {"NIC_1_MAC", "NIC_1_MODE", "NIC_1_UUID", "NIC_1_FRONTEND_TYPE"})

    def test_variant(self) -> None:
        """Without a variant in the name, the first one there is."""
        env = build_os_environment(OS, "debian", make_spec(1), (), {})
        self.assertEqual((env["OS_VARIANT"], env["INSTANCE_OS"]), ("bookworm", "debian"))
        plain = replace(OS, variants=(), api_versions=(10,))
        env = build_os_environment(plain, "debian", make_spec(1), (), {})
        self.assertEqual((env["OS_VARIANT"], env["OS_API_VERSION"]), ("", "10"))


class OsInterfaceTests(SynchronousTestCase):
    def test_versions_and_places(self) -> None:
        """API versions and the search path are Ganeti's."""
        self.assertEqual(OS_API_VERSIONS, tuple(TABLE["api_versions"]))
        self.assertEqual(Paths().os_search_path, tuple(TABLE["search_path"]))

    def test_log_name(self) -> None:
        """Logs are called as Ganeti calls them."""
        self.assertEqual(TABLE["run"]["log_file"].split("/")[1], "os")
        self.assertRegex(
            log_name("add", "debian+trixie", "web1.example.com", 0.0),
            r"^add-debian\+trixie-web1\.example\.com-\d{4}-\d\d-\d\d_\d\d_\d\d_\d\d$",
        )
