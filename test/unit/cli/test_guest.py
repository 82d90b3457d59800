"""What a small real guest boots from, and how it is found and read: pure parts and fakes."""

from __future__ import annotations

import gzip
import lzma
import os
import shutil
import subprocess
import sys
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path

import pytest

from ganeti.cli.guest import console_log, tree
from ganeti.cli.guest.cpio import build_archive, directory, link, program, regular
from ganeti.cli.guest.initrd import build_initrd
from ganeti.cli.guest.modules import ModuleError, find_modules, load_closure, parse_depends
from ganeti.cli.guest.processes import Guest, find_emulators, find_guests, kill_emulators
from ganeti.cli.guest.support import is_static
from ganeti.utils.flock import lock_within


@pytest.mark.skipif(not shutil.which("cpio"), reason="cpio is not installed")
def test_archive(tmp_path: Path) -> None:
    """cpio unpacks an archive to what was put in."""
    entries = [
        *(directory("bin"), program("bin/busybox", b"\x7fELF"), link("bin/sh", "busybox")),
        regular("empty", b""),
    ]
    done = subprocess.run(
        ["cpio", "-i", "--quiet"], input=build_archive(entries), cwd=tmp_path, timeout=60
    )
    assert done.returncode == 0
    assert os.readlink(tmp_path / "bin/sh") == "busybox"
    assert (tmp_path / "bin/busybox").read_bytes() == b"\x7fELF"
    assert os.access(tmp_path / "bin/busybox", os.X_OK)
    assert (tmp_path / "empty").read_bytes() == b""


def test_initrd() -> None:
    """It tells the order of its modules, and is the same each time."""
    packed = build_initrd(b"busybox", {"virtio": b"one", "virtio_blk": b"two"}, b"#!/bin/sh\n")
    assert b"virtio\nvirtio_blk\n" in gzip.decompress(packed)
    assert packed == build_initrd(
        b"busybox", {"virtio": b"one", "virtio_blk": b"two"}, b"#!/bin/sh\n"
    )


def _module(needs: str) -> bytes:
    return b"\x7fELF\0license=GPL\0depends=" + needs.encode() + b"\0name=x\0"


def test_modules(tmp_path: Path) -> None:
    """Each comes after what it needs, packed or not; what is built in is left out."""
    (tmp_path / "virtio-blk.ko").write_bytes(_module("virtio,virtio-ring"))
    (tmp_path / "virtio.ko.xz").write_bytes(lzma.compress(_module("virtio_ring")))
    (tmp_path / "virtio_ring.ko").write_bytes(_module(""))
    loaded = load_closure(find_modules(str(tmp_path)), ["virtio_blk", "built_in"])
    assert list(loaded) == ["virtio_ring", "virtio", "virtio_blk"]
    assert loaded["virtio"] == _module("virtio_ring")
    assert parse_depends(b"no section") == []


def test_missing_module(tmp_path: Path) -> None:
    """One that another needs and that is not there is named."""
    (tmp_path / "a.ko").write_bytes(_module("b"))
    with pytest.raises(ModuleError, match="Kernel module b is missing"):
        load_closure(find_modules(str(tmp_path)), ["a"])


def test_static() -> None:
    """Programs that ask for an interpreter are not static."""
    assert not is_static(Path(sys.executable).resolve().read_bytes()[: 1 << 20])
    assert not is_static(b"#!/bin/sh\n")


GREETING = "Hello from web1 (boot 1, up after 3 s)."


@pytest.mark.parametrize(
    "text, lines",
    [
        ("", []),
        ("kernel\r\nmotd\r\n", []),
        (f"kernel\r\n{GREETING}\r\nweb1 count", [GREETING]),
        (
            f"{GREETING}\r\nweb1 counter 1\r\nweb1 counter 3\r\nweb1 counter 4\r\n",
            [GREETING, "web1 counter 1", "web1 counter 3"],
        ),
    ],
)
def test_parse_greeting(text: str, lines: list[str]) -> None:
    """From the greeting to the third step of the counter, whole lines only."""
    assert console_log.parse_greeting(text.encode()) == lines


def test_last_start(tmp_path: Path) -> None:
    """The last greeting is found; one that is to come will be; one that is gone is not awaited."""
    log = tmp_path / "log"
    assert (console_log.size(str(log)), console_log.last_start(str(log))) == (0, 0)
    log.write_text(f"{GREETING}\nweb1 counter 3\n{GREETING}\n")
    assert console_log.last_start(str(log)) == log.read_text().rindex(GREETING)
    assert console_log.has_greeted(str(log), 0)
    log.write_text("web1 counter 1000000\n")
    assert console_log.last_start(str(log)) is None


def test_greeting_that_does_not_come(tmp_path: Path) -> None:
    """The wait for it ends."""
    assert list(console_log.greeting(str(tmp_path / "log"), 0, 0.01)) == []


@contextmanager
def emulator(*words: str) -> Iterator[int]:
    """A process that calls itself QEMU, and is none."""
    code = "import sys; print(flush=True); sys.stdin.read()"
    with subprocess.Popen(
        ["any-qemu", "-c", code, "-no-user-config", *words],
        executable=sys.executable,
        stdin=subprocess.PIPE,
        stdout=subprocess.PIPE,
    ) as process:
        assert process.stdout is not None
        process.stdout.readline()
        try:
            yield process.pid
        finally:
            process.kill()


def test_emulators(tmp_path: Path) -> None:
    """Those of a folder are found by its short name, and are ended with their link."""
    folder, other = tmp_path / "libvirt", tmp_path / "other"
    folder.mkdir()
    short = tmp_path / "gnt-1"
    short.symlink_to(folder)
    (folder / "short-path").write_text(f"{short}\n")
    named = ("-name", "guest=web1,debug-threads=on")
    with (
        emulator(*named, f"file={short}/master-key") as guest,
        emulator(f"unix:{short}/qmp") as probe,
        emulator(*named, f"unix:{other}/qmp") as foreign,
    ):
        assert find_guests(str(folder)) == [Guest("web1", guest)]
        assert sorted(find_emulators(str(folder))) == sorted([Guest("web1", guest), ("", probe)])
        kill_emulators(str(folder))
        assert find_emulators(str(folder)) == []
        assert find_emulators(str(other)) == [Guest("web1", foreign)]
    assert not short.is_symlink()
    kill_emulators(str(folder))


def test_kernel_of_the_machine(tmp_path: Path) -> None:
    """A kernel counts when it is there with its modules."""
    with pytest.raises(tree.KernelError, match="there is no kernel"):
        tree.tree_of("6.1", str(tmp_path))
    (tmp_path / "boot").mkdir()
    (tmp_path / "boot/vmlinuz-6.1").touch()
    with pytest.raises(tree.KernelError, match="has no modules"):
        tree.tree_of("6.1", str(tmp_path))
    (tmp_path / "usr/lib/modules/6.1").mkdir(parents=True)
    assert tree.tree_of("6.1", str(tmp_path)).modules == f"{tmp_path}/usr/lib/modules/6.1"


def test_kernel_that_cannot_be_had(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    """The error is what apt says."""
    for name in ("apt-get", "apt-cache"):
        (tmp_path / name).write_text("#!/bin/sh\necho 'E: no network' >&2\nexit 100\n")
        (tmp_path / name).chmod(0o755)
    monkeypatch.setenv("PATH", f"{tmp_path}:{os.environ['PATH']}")
    monkeypatch.setattr("platform.release", lambda: "no-such-kernel")
    (tmp_path / "work").mkdir()
    with (tmp_path / "lock").open("w") as lock:
        work = tree.Work(str(tmp_path / "work"), lock.fileno())
        with pytest.raises(tree.KernelError, match="apt-get failed: E: no network"):
            tree.find_tree(work)


def test_lock(tmp_path: Path) -> None:
    """A lock is had once; it ends with who has it."""
    path = tmp_path / "lock"
    with path.open("w") as first:
        assert lock_within(first.fileno(), 0)
        with path.open("w") as second:
            assert not lock_within(second.fileno(), 0)
    with path.open("w") as third:
        assert lock_within(third.fileno(), 0)
