"""Disks that are files."""

from __future__ import annotations

import errno
import os
import shutil
import stat
import subprocess
import sys
import tempfile
from pathlib import Path
from typing import Any

from contracts.blockdevice import BlockDeviceContract
from msgspec.structs import replace
from support.specs import file_disk
from twisted.internet import reactor
from twisted.internet.defer import Deferred
from twisted.trial.unittest import SynchronousTestCase, TestCase

from ganeti.errors import FileStoragePathError, StorageError
from ganeti.model.disk import Disk
from ganeti.model.templates import DiskTemplate
from ganeti.paths import Paths
from ganeti.storage.file import FileBlockDevices, thd_check_directory, thd_list_files
from ganeti.utils import failpoints
from ganeti.utils.threads import NoThreads, ReactorThreads

ALLOWED = "/srv/ganeti/file-storage\n/srv/ganeti/shared-file-storage\n/srv/ganeti/file\n"

MOVED = file_disk(
    1,
    logical_id=("loop", str(file_disk(1).logical_id[1]).replace("inst1.", "web1.")),
)


class Node:
    """Directories of a node that may have file disks."""

    def __init__(self, test: Any) -> None:
        self.root = tempfile.mkdtemp(prefix="ganeti-test-")
        test.addCleanup(shutil.rmtree, self.root)
        self.paths = Paths(root=self.root)
        for name in ("file-storage", "shared-file-storage", "file", "sharedfile"):
            self.path(f"/srv/ganeti/{name}").mkdir(parents=True)
        self.path("/etc/ganeti").mkdir(parents=True)
        self.allow(ALLOWED)

    def path(self, path: str) -> Path:
        return Path(self.root + path)

    def of(self, disk: Disk) -> Path:
        return self.path(str(disk.logical_id[1]))

    def allow(self, text: str) -> None:
        Path(self.paths.file_storage_paths_file).write_text(text)

    def files(self) -> list[str]:
        return list(thd_list_files(self.paths))


class _FileContract(BlockDeviceContract):
    template = DiskTemplate.FILE

    def setUp(self: Any) -> None:
        self.node = Node(self)
        self.storage = self.restarted()

    def restarted(self: Any) -> FileBlockDevices:
        return FileBlockDevices(self.template, self.node.paths, ReactorThreads(reactor))

    def disk(self, number: int, place: int = 0) -> Disk:
        return file_disk(number, place, dev_type=self.template)


class FileTests(_FileContract, TestCase):
    """Template file, in threads."""


class SharedFileTests(_FileContract, TestCase):
    """Template sharedfile, in threads."""

    template = DiskTemplate.SHAREDFILE


class _Cut(BaseException):
    """As SIGKILL: nothing cleans up."""


class FileDetailsTests(SynchronousTestCase):
    def setUp(self) -> None:
        self.node = Node(self)
        self.storage = FileBlockDevices(DiskTemplate.FILE, self.node.paths, NoThreads())
        self.addCleanup(failpoints.on_reach, None)

    def do(self, coroutine: Any) -> Any:
        return self.successResultOf(self.begin(coroutine))

    def begin(self, coroutine: Any) -> Deferred[Any]:
        return Deferred.fromCoroutine(coroutine)

    def refused(self, coroutine: Any, *errors: type[Exception]) -> str:
        return str(self.failureResultOf(self.begin(coroutine), *errors).value)

    def test_sparse_and_private(self) -> None:
        """A disk is a sparse file whose first block is allocated, for its owner only."""
        disk = file_disk(1, size=64)
        self.do(self.storage.create(disk))
        status = self.node.of(disk).stat()
        self.assertEqual(status.st_size, 64 << 20)
        self.assertEqual(stat.S_IMODE(status.st_mode), 0o600)
        self.assertGreater(status.st_blocks, 0)
        self.assertLess(status.st_blocks * 512, 1 << 20)
        self.assertEqual(stat.S_IMODE(self.node.of(disk).parent.stat().st_mode), 0o700)

    def test_data_is_kept(self) -> None:
        """Making and growing a disk again keep its data."""
        disk = file_disk(1)
        self.do(self.storage.create(disk))
        with self.node.of(disk).open("r+b") as stream:
            stream.write(b"data")
        self.do(self.storage.create(disk))
        self.do(self.storage.grow(disk, 8))
        content = self.node.of(disk).read_bytes()
        self.assertEqual((content[:4], len(content)), (b"data", 8 << 20))

    def test_size_zero(self) -> None:
        """A disk without room is possible."""
        self.do(self.storage.create(file_disk(1, size=0)))
        self.assertEqual(self.do(self.storage.size(file_disk(1))), 0)

    def test_directory_goes_with_last_disk(self) -> None:
        """The instance's directory is removed with its last disk, the allowed one never."""
        disks = [file_disk(1, 0), file_disk(1, 1)]
        for disk in disks:
            self.do(self.storage.create(disk))
        self.do(self.storage.remove(disks[0]))
        self.assertTrue(self.node.of(disks[0]).parent.is_dir())
        self.do(self.storage.remove(disks[1]))
        self.assertFalse(self.node.of(disks[0]).parent.exists())
        self.assertTrue(self.node.path("/srv/ganeti/file-storage").is_dir())

    def test_directory_with_foreign_files_stays(self) -> None:
        """What an admin put beside a disk is not touched."""
        disk = file_disk(1)
        self.do(self.storage.create(disk))
        note = self.node.of(disk).parent / "note"
        note.write_text("mine")
        self.do(self.storage.remove(disk))
        self.assertEqual(note.read_text(), "mine")
        self.assertEqual(self.do(self.storage.list()), ())
        self.assertEqual(self.node.files(), ["/srv/ganeti/file-storage/inst1.example.com/note"])

    def test_foreign_file_is_kept(self) -> None:
        """A file of another name pattern at the place is not overwritten, nor taken back."""
        path = "/srv/ganeti/file-storage/inst1.example.com/important"
        disk = file_disk(1, logical_id=("loop", path))
        self.node.path(path).parent.mkdir()
        self.node.path(path).write_text("important")
        self.assertIn("File exists", self.refused(self.storage.create(disk), StorageError))
        self.do(self.storage.remove(disk, own_only=True))
        self.assertEqual(self.node.path(path).read_text(), "important")

    def test_imported_disk(self) -> None:
        """A disk of an older cluster, named by another uuid, is used and removed by its path."""
        disk = file_disk(1)
        renamed = replace(disk, uuid=file_disk(2).uuid)
        self.do(self.storage.create(disk))
        self.do(self.storage.activate(renamed))
        self.do(self.storage.remove(renamed))
        self.assertEqual(self.node.files(), [])

    def test_not_allowed(self) -> None:
        """Nothing is made, found or removed outside the allowed directories."""
        outside = self.node.path("/srv/other/x")
        outside.parent.mkdir()
        outside.write_text("x")
        disk = file_disk(1, logical_id=("loop", "/srv/other/x"))
        for refused in (
            self.storage.create(disk),
            self.storage.activate(disk),
            self.storage.size(disk),
            self.storage.grow(disk, 8),
            self.storage.remove(disk),
        ):
            self.assertIn("'/srv/other/x' is not", self.refused(refused, FileStoragePathError))
        self.do(self.storage.remove(disk, own_only=True))
        self.assertEqual(outside.read_text(), "x")

    def test_nothing_is_allowed_without_the_file(self) -> None:
        """No list of directories, no file storage."""
        os.unlink(self.node.paths.file_storage_paths_file)
        self.refused(self.storage.create(file_disk(1)), FileStoragePathError)
        self.assertEqual(self.do(self.storage.list()), ())

    def test_bad_list(self) -> None:
        """A list that cannot be understood allows nothing, and says why."""
        self.node.allow("/etc\n")
        text = self.refused(self.storage.create(file_disk(1)), FileStoragePathError)
        self.assertIn("belongs to the system", text)
        Path(self.node.paths.file_storage_paths_file).write_bytes(b"\xff\xfe")
        self.refused(self.storage.create(file_disk(1)), FileStoragePathError)

    def test_allowed_directory_is_missing(self) -> None:
        """It is not made: a file system may not be mounted. Removing finds nothing there."""
        shutil.rmtree(self.node.path("/srv/ganeti/file-storage"))
        text = self.refused(self.storage.create(file_disk(1)), StorageError)
        self.assertIn("the allowed directory does not exist", text)
        self.do(self.storage.remove(file_disk(1), own_only=True))
        self.assertFalse(self.node.path("/srv/ganeti/file-storage").exists())

    def test_symbolic_links_lead_nowhere(self) -> None:
        """Neither an instance's directory nor a disk may be a link; what it points to stays."""
        disk = file_disk(1)
        outside = self.node.path("/outside")
        outside.mkdir()
        (outside / self.node.of(disk).name).write_text("secret")
        self.node.of(disk).parent.symlink_to(outside)
        self.attack(disk)
        self.node.of(disk).parent.unlink()
        self.node.of(disk).parent.mkdir()
        self.node.of(disk).symlink_to(outside / self.node.of(disk).name)
        self.attack(disk)
        self.assertEqual((outside / self.node.of(disk).name).read_text(), "secret")

    def attack(self, disk: Disk) -> None:
        for refused in (
            self.storage.create(disk),
            self.storage.activate(disk),
            self.storage.grow(disk, 8),
            self.storage.remove(disk),
        ):
            self.refused(refused, StorageError, FileStoragePathError)

    def test_allowed_directory_may_be_a_link(self) -> None:
        """The allowed directory itself is the admin's word."""
        real = self.node.path("/big/disk")
        real.mkdir(parents=True)
        self.node.path("/srv/ganeti/file-storage").rmdir()
        self.node.path("/srv/ganeti/file-storage").symlink_to(real)
        self.do(self.storage.create(file_disk(1)))
        self.assertEqual(len(list(real.rglob("*.file.disk0"))), 1)

    def test_not_a_file(self) -> None:
        """A directory or a pipe at the place is left alone; a pipe does not block."""
        disk = file_disk(1)
        self.node.of(disk).parent.mkdir()
        for make, remove in ((os.mkdir, os.rmdir), (os.mkfifo, os.unlink)):
            make(self.node.of(disk))
            self.attack(disk)
            remove(self.node.of(disk))

    def test_malformed(self) -> None:
        """A disk that is not described as a file is refused."""
        self.refused(self.storage.create(file_disk(1, logical_id=("vg", "lv", "x"))), StorageError)

    def test_too_large(self) -> None:
        """A size that the file system cannot have is a clean error, and nothing is left."""
        text = self.refused(self.storage.create(file_disk(1, size=1 << 40)), StorageError)
        self.assertIn(str(1 << 40), text)
        self.assertEqual(self.node.files(), [])

    def test_full(self) -> None:
        """No space at any point of making a disk: an error that says so, and nothing is left."""
        for at in ("disk.create.before", "disk.create.made"):
            self.fail_at(at, OSError(errno.ENOSPC, os.strerror(errno.ENOSPC)))
            text = self.refused(self.storage.create(file_disk(1)), StorageError)
            self.assertIn("No space left on device", text)
            self.assertEqual(self.node.files(), [])

    def fail_at(self, at: str, error: BaseException) -> None:
        def reached(name: str, detail: str) -> None:
            if name == at:
                raise error

        failpoints.on_reach(reached)

    def test_killed_anywhere(self) -> None:
        """Cut off at any failpoint, making and removing are completed by repeating, or undone."""
        for step in ("create.before", "create.made", "create.after"):
            for ending, wanted in (("create", 1), ("remove", 0)):
                with self.subTest(step=step, ending=ending):
                    self.cut(f"disk.{step}", "create")
                    self.do(self.call(ending))
                    self.assertEqual(len(self.node.files()), wanted)
                    self.do(self.call("remove"))
        for step in ("remove.before", "remove.unlinked", "remove.after"):
            with self.subTest(step=step):
                self.do(self.call("create"))
                self.cut(f"disk.{step}", "remove")
                self.do(self.call("remove"))
                self.assertEqual(self.node.files(), [])

    def test_rename_killed_anywhere(self) -> None:
        """Cut off at any failpoint, a move is completed by repeating, or taken back."""
        for step in ("rename.before", "rename.moved", "rename.after"):
            for ending, wanted in (("rename", MOVED), ("rename back", file_disk(1))):
                with self.subTest(step=step, ending=ending):
                    self.do(self.call("create"))
                    self.cut(f"disk.{step}", "rename")
                    self.do(self.call(ending))
                    self.assertEqual(self.node.files(), [wanted.logical_id[1]])
                    self.do(self.storage.remove(wanted))

    def test_rename_refused(self) -> None:
        """A refused move keeps the disk where it is, and makes no directory."""
        self.do(self.call("create"))
        for wrong in ("/etc/passwd", "/srv/ganeti/file-storage/../x"):
            moved = replace(MOVED, logical_id=("loop", wrong))
            self.refused(self.storage.rename(file_disk(1), moved), FileStoragePathError)
        self.node.path("/srv/ganeti/file-storage/web1.example.com").symlink_to("/tmp")
        self.refused(self.storage.rename(file_disk(1), MOVED), StorageError)
        self.node.path("/srv/ganeti/file-storage/web1.example.com").unlink()
        self.assertEqual(self.node.files(), [file_disk(1).logical_id[1]])

    def call(self, method: str) -> Any:
        if method == "create":
            return self.storage.create(file_disk(1))
        if method == "rename":
            return self.storage.rename(file_disk(1), MOVED)
        if method == "rename back":
            return self.storage.rename(MOVED, file_disk(1))
        return self.storage.remove(file_disk(1), own_only=True)

    def cut(self, at: str, method: str) -> None:
        self.fail_at(at, _Cut())
        self.failureResultOf(self.begin(self.call(method)), _Cut)
        failpoints.on_reach(None)

    def test_space(self) -> None:
        """Room is that of the file system; a directory that is not there is an error."""
        space = self.do(self.storage.space("/srv/ganeti/file-storage"))
        real = shutil.disk_usage(self.node.root)
        self.assertEqual(space.name, "/srv/ganeti/file-storage")
        self.assertEqual(space.size_mib, real.total >> 20)
        self.assertIn("/no/such", self.refused(self.storage.space("/no/such"), StorageError))

    def test_list_tells_templates_apart(self) -> None:
        """Each template lists its own disks, though they share directories."""
        self.node.allow("/srv/ganeti/file-storage\n")
        disk = file_disk(1)
        shared = replace(
            disk,
            dev_type=DiskTemplate.SHAREDFILE,
            logical_id=("loop", str(disk.logical_id[1]).replace(".file.", ".sharedfile.")),
        )
        other = FileBlockDevices(DiskTemplate.SHAREDFILE, self.node.paths, NoThreads())
        self.do(self.storage.create(disk))
        self.do(other.create(shared))
        self.assertEqual(self.do(self.storage.list()), (disk.logical_id[1],))
        self.assertEqual(self.do(other.list()), (shared.logical_id[1],))

    def test_empty_directories_are_listed(self) -> None:
        """An audit sees what was left, also an empty directory."""
        self.node.path("/srv/ganeti/file-storage/web1/sub").mkdir(parents=True)
        self.assertEqual(self.node.files(), ["/srv/ganeti/file-storage/web1/sub/"])

    def test_check_directory(self) -> None:
        """A directory is usable when it is listed (or below one that is) and is there."""

        def check(path: str) -> str:
            return thd_check_directory(self.node.paths, path)

        self.assertEqual(check("/srv/ganeti/file-storage"), "")
        self.node.path("/srv/ganeti/file-storage/fast").mkdir()
        self.assertEqual(check("/srv/ganeti/file-storage/fast"), "")
        self.assertEqual(check(self.node.root + "/srv/ganeti/file-storage"), "")
        self.assertIn("not a directory", check("/srv/ganeti/file-storage/slow"))
        for path in ("/srv/other", "/srv/ganeti/file-storage/../../other"):
            self.assertIn("not listed", check(path))
        self.node.allow("/etc\n")
        self.assertIn("belongs to the system", check("/srv/ganeti/file-storage"))


FULL_DISK = """
import sys
from twisted.internet.defer import Deferred
sys.path.insert(0, sys.argv[2]); sys.path.insert(0, sys.argv[2] + "/test")
from support.specs import file_disk
from ganeti.errors import StorageError
from ganeti.model.templates import DiskTemplate
from ganeti.paths import Paths
from ganeti.storage.file import FileBlockDevices, thd_list_files
from ganeti.utils.threads import NoThreads
paths = Paths(root=sys.argv[1])
storage = FileBlockDevices(DiskTemplate.FILE, paths, NoThreads())
failed = []
Deferred.fromCoroutine(storage.create(file_disk(1))).addErrback(failed.append)
failed[0].trap(StorageError)
print(failed[0].value, thd_list_files(paths))
"""


class FullFileSystemTests(SynchronousTestCase):
    def test_full(self) -> None:
        """On a file system that is really full, the error says so and nothing is left."""
        node = Node(self)
        storage = node.path("/srv/ganeti/file-storage")
        mounted = f"mount -t tmpfs -o size=32k none {storage} && "
        enter = ["unshare", "--user", "--map-root-user", "--mount", "sh", "-c"]
        can = subprocess.run([*enter, mounted + "true"], capture_output=True, timeout=30)
        if can.returncode:
            self.skipTest(f"cannot mount a small file system: {can.stderr.decode().strip()}")
        fill = f"cat /dev/zero > {storage}/filler 2>/dev/null; "
        top = Path(__file__).parents[3]
        run = [sys.executable, "-c", FULL_DISK, node.root, str(top)]
        command = [*enter, mounted + f'{{ {fill} exec "$@"; }}', "x", *run]
        done = subprocess.run(command, capture_output=True, text=True, timeout=60)
        self.assertIn("No space left on device", done.stdout, done.stderr)
        self.assertIn("('/srv/ganeti/file-storage/filler',)", done.stdout)
