"""A locked pid file tells whether a daemon lives."""

import os
import subprocess
import sys
from pathlib import Path

import pytest

from ganeti.errors import PidFileLockError
from ganeti.utils.pidfile import PidFile, holder

_HOLD = (
    "import sys; from ganeti.utils.pidfile import PidFile;"
    "PidFile(sys.argv[1]).acquire(); print('held', flush=True); sys.stdin.read()"
)


def test_held_by_another_process(tmp_path: Path) -> None:
    """While it lives its pid is told, and nobody else gets the file; then anybody."""
    path = str(tmp_path / "d.pid")
    assert holder(path) is None
    with subprocess.Popen(
        [sys.executable, "-c", _HOLD, path], stdin=subprocess.PIPE, stdout=subprocess.PIPE
    ) as other:
        assert other.stdout is not None
        assert other.stdout.readline() == b"held\n"
        assert holder(path) == other.pid
        assert Path(path).read_text() == f"{other.pid}\n"
        with pytest.raises(PidFileLockError, match="running already"):
            PidFile(path).acquire()
        other.kill()
    assert holder(path) is None  # although the file says otherwise
    mine = PidFile(path)
    mine.acquire()
    assert Path(path).read_text() == f"{os.getpid()}\n"
    mine.release()
    mine.release()
    assert Path(path).read_text() == ""
