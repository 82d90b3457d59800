"""The OS definition that comes with Ganeti, on a disk file."""

from __future__ import annotations

import os
import shutil
import subprocess
from collections.abc import Iterator
from pathlib import Path

import pytest

SHIPPED = Path(__file__).parents[2] / "ganeti" / "share" / "os" / "busybox"
DEBUGFS = "/sbin/debugfs"
_MIB = 1 << 20

pytestmark = pytest.mark.skipif(
    not os.path.exists(DEBUGFS), reason="e2fsprogs is not installed: no file system is made"
)


class Installation:
    """A copy of the definition, a disk, and scripts run as a node runs them."""

    def __init__(self, top: Path) -> None:
        self.definition = top / "a folder"
        shutil.copytree(SHIPPED, self.definition)
        self.disk = top / "disk"
        self.empty(self.disk)
        self.scratch = top / "scratch"
        self.scratch.mkdir()

    def empty(self, disk: Path) -> None:
        disk.write_bytes(b"")
        os.truncate(disk, 32 * _MIB)

    def run(self, script: str, *, status: int = 0, stdin: bytes = b"", **env: str) -> str:
        environ = {
            "PATH": "/sbin:/bin:/usr/sbin:/usr/bin",
            "TMPDIR": str(self.scratch),
            "INSTANCE_NAME": "web1",
            "DISK_COUNT": "1",
            "DISK_0_PATH": str(self.disk),
        }
        done = subprocess.run(
            [f"./{script}"],
            cwd=self.definition,
            env=environ | env,
            input=stdin,
            stdout=subprocess.PIPE,
            stderr=subprocess.STDOUT,
            timeout=30,
        )
        assert done.returncode == status, done.stdout
        assert os.listdir(self.scratch) == []
        return done.stdout.decode()

    def read(self, path: str) -> str:
        argv = [DEBUGFS, "-R", f"cat {path}", str(self.disk)]
        return subprocess.run(argv, capture_output=True, text=True, timeout=30).stdout

    def check(self) -> None:
        """The file system is sound."""
        argv = ["/sbin/e2fsck", "-fn", str(self.disk)]
        assert subprocess.run(argv, capture_output=True, timeout=30).returncode == 0


@pytest.fixture
def installation(tmp_path: Path) -> Iterator[Installation]:
    yield Installation(tmp_path)


@pytest.mark.parametrize("variant", ["default", "empty"])
@pytest.mark.parametrize("filesystem", ["ext4", "ext2"])
def test_create(installation: Installation, variant: str, filesystem: str) -> None:
    """A file system with the instance's name, by variant and parameters."""
    installation.run("create", OS_VARIANT=variant, OSP_FILESYSTEM=filesystem, OSP_MOTD="a  b")
    installation.check()
    assert installation.read("/etc/hostname") == "web1\n"
    assert installation.read("/etc/os-release") == f"ID=busybox\nVARIANT_ID={variant}\n"
    assert installation.read("/etc/motd") == "a  b\n"
    assert installation.read("/init").startswith("#!") == (variant == "default")


def test_reinstall(installation: Installation) -> None:
    """Installing again begins anew."""
    installation.run("create", OSP_MOTD="old")
    installation.run("create", INSTANCE_REINSTALL="1")
    assert installation.read("/etc/motd") == "Installed by Ganeti\n"


def test_without_file_system(installation: Installation) -> None:
    """Only the name is written, and kept when it changes."""
    installation.run("create", OSP_FILESYSTEM="none")
    assert installation.disk.read_bytes()[:5] == b"web1\n"
    assert "keeps the old name" in installation.run("rename", INSTANCE_NAME="web2")


def test_diskless(installation: Installation) -> None:
    """There is nothing to do, and that is no failure."""
    for script in ("create", "rename"):
        installation.run(script, DISK_COUNT="0")
    assert installation.disk.read_bytes() == bytes(32 * _MIB)


def test_too_small(installation: Installation) -> None:
    """A disk without room is an error with a text."""
    os.truncate(installation.disk, 100 << 10)
    assert "too small" in installation.run("create", status=1)


def test_rename(installation: Installation) -> None:
    """The new name is on the disk."""
    installation.run("create")
    installation.run("rename", INSTANCE_NAME="web2.example.com", OLD_INSTANCE_NAME="web1")
    installation.check()
    assert installation.read("/etc/hostname") == "web2.example.com\n"


def test_export_and_import(installation: Installation) -> None:
    """What is exported is what is imported, and its size was told before."""
    installation.run("create")
    original = installation.disk.read_bytes()
    reader, writer = os.pipe()
    argv = [installation.definition / "export"]
    env = {"PATH": "/sbin:/bin:/usr/sbin:/usr/bin", "EXPORT_DEVICE": str(installation.disk)}
    env["EXP_SIZE_FD"] = str(writer)
    dump = subprocess.run(argv, env=env, pass_fds=[writer], stdout=subprocess.PIPE, timeout=30)
    os.close(writer)
    with open(reader, "rb") as told:
        assert told.read() == b"%d\n" % len(original)
    installation.empty(installation.disk)
    installation.run("import", stdin=dump.stdout, IMPORT_DEVICE=str(installation.disk))
    assert installation.disk.read_bytes() == original


def test_verify(installation: Installation) -> None:
    """Parameters are checked."""
    installation.run("verify")
    installation.run("verify", OSP_FILESYSTEM="ext2")
    assert "not 'xfs'" in installation.run("verify", status=1, OSP_FILESYSTEM="xfs")
