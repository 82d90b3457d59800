"""Files that are written whole or not at all."""

import errno
import os
import subprocess
import sys
from collections.abc import Iterator
from concurrent.futures import ThreadPoolExecutor
from pathlib import Path

import pytest

from ganeti.errors import ConfigurationError
from ganeti.paths import Paths
from ganeti.utils import durable, failpoints


@pytest.fixture(autouse=True)
def _disarm() -> Iterator[None]:
    yield
    failpoints.configure()


def test_write(tmp_path: Path) -> None:
    """The file has the content and the mode, whatever the umask; nothing else is left."""
    target = tmp_path / "f"
    old = os.umask(0o077)
    try:
        durable.write_atomic(str(target), b"one", mode=0o644)
        durable.write_atomic(str(target), b"two", mode=0o640)
    finally:
        os.umask(old)
    assert target.read_bytes() == b"two"
    assert target.stat().st_mode & 0o777 == 0o640
    assert os.listdir(tmp_path) == ["f"]


def test_failure_keeps_the_old(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    """When the disk is full the old content stays, and no leftovers."""
    target = tmp_path / "f"
    durable.write_atomic(str(target), b"old")

    def full(fd: int) -> None:
        raise OSError(errno.ENOSPC, "No space left on device")

    monkeypatch.setattr(os, "fsync", full)
    with pytest.raises(OSError, match="No space"):
        durable.write_atomic(str(target), b"new")
    assert target.read_bytes() == b"old"
    assert os.listdir(tmp_path) == ["f"]


@pytest.mark.parametrize(
    ("point", "content"), [("before", b"old"), ("written", b"old"), ("after", b"new")]
)
def test_killed(tmp_path: Path, point: str, content: bytes) -> None:
    """Killed at any point there is the old content or the new; the next write works."""
    target = str(tmp_path / "f")
    durable.write_atomic(target, b"old")
    code = (
        "import sys; from ganeti.utils import durable, failpoints as f;"
        "f.configure(sys.argv[2]); durable.write_atomic(sys.argv[1], b'new')"
    )
    argv = [sys.executable, "-c", code, target, f"file.write.{point}[f]:1=kill"]
    assert subprocess.run(argv, timeout=60).returncode == -9
    assert Path(target).read_bytes() == content
    durable.write_atomic(target, b"again")
    assert os.listdir(tmp_path) == ["f"]


def test_read_limited(tmp_path: Path) -> None:
    """A file that is larger than anybody would make it is not read into memory."""
    target = tmp_path / "f"
    target.write_bytes(b"12345")
    assert durable.read_limited(str(target), 5) == b"12345"
    with pytest.raises(ConfigurationError, match="larger than 4 bytes"):
        durable.read_limited(str(target), 4)


def test_remove(tmp_path: Path) -> None:
    """Removing twice is fine."""
    target = tmp_path / "f"
    target.write_bytes(b"")
    durable.remove(str(target))
    durable.remove(str(target))
    assert not target.exists()


def test_make_directories(tmp_path: Path) -> None:
    """A node's directories are made with their modes; existing ones are left alone."""
    paths = Paths(root=str(tmp_path / "n1"), hostname="n1")
    durable.make_directories(paths)
    os.chmod(paths.data_dir, 0o700)
    durable.make_directories(paths)
    modes = {path: os.stat(path).st_mode & 0o777 for path, _ in paths.directories()}
    assert modes == dict(paths.directories()) | {paths.data_dir: 0o700}


def test_threads(tmp_path: Path) -> None:
    """Threads that write the same file at once write one after another: it is always whole."""
    target = tmp_path / "f"
    contents = [bytes([65 + number]) * 50_000 for number in range(4)]
    durable.write_atomic(str(target), contents[0])

    def write(data: bytes) -> list[bytes]:
        seen = []
        for _ in range(20):
            durable.write_atomic(str(target), data)
            seen.append(target.read_bytes())
        return seen

    with ThreadPoolExecutor(len(contents)) as pool:
        found = [each for seen in pool.map(write, contents) for each in seen]
    assert set(found) <= set(contents)
    assert os.listdir(tmp_path) == ["f"]
