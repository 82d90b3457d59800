"""Lines of a daemon's log."""

import io
import subprocess
import sys
from pathlib import Path
from signal import SIGSEGV

import pytest
from twisted.logger import Logger, LogPublisher
from twisted.python.failure import Failure

from ganeti.utils import logs


def logger(*, debug: bool = False) -> tuple[Logger, io.StringIO]:
    stream = io.StringIO()
    publisher = LogPublisher(logs.stream_observer(stream, debug))
    return Logger("ganeti.x", observer=publisher), stream


def test_line_with_job() -> None:
    """A line tells time, level, job, place and text."""
    log, stream = logger()
    log.info("Hello {who}", who="you")
    token = logs.job_id.set(12)
    log.warn("two\nlines")
    logs.job_id.reset(token)
    first, second, rest = stream.getvalue().splitlines()
    assert first.split(" ", 1)[1] == "INFO [ganeti.x] Hello you"
    assert second.split(" ", 1)[1] == "WARN job 12 [ganeti.x] two"
    assert rest == "\tlines"


def test_levels() -> None:
    """Debug lines appear only when asked for."""
    for debug, lines in ((False, 0), (True, 1)):
        log, stream = logger(debug=debug)
        log.debug("x")
        assert len(stream.getvalue().splitlines()) == lines


def test_failure() -> None:
    """A traceback follows, indented."""
    log, stream = logger()
    try:
        raise KeyError("x")
    except KeyError:
        log.failure("Went wrong", failure=Failure())
    lines = stream.getvalue().splitlines()
    assert lines[0].endswith("CRITICAL [ganeti.x] Went wrong")
    assert "\tbuiltins.KeyError: 'x'" in lines
    assert all(line.startswith("\t") for line in lines[1:])


# In a process of its own: a log takes the process's last words.
_OPEN = """
import faulthandler, sys
from twisted.logger import Logger
from ganeti.utils import logs
stream = logs.open_log(sys.argv[1])
Logger("ganeti.x", observer=logs.stream_observer(stream)).info("kept")
"""


def run(path: Path, what: str) -> int:
    """The status of a process that logs to C{path}, and then does something else."""
    argv = [sys.executable, "-c", _OPEN + what, str(path)]
    return subprocess.run(argv, timeout=60, check=False).returncode


def test_file(tmp_path: Path) -> None:
    """The log file is for its owner."""
    path = tmp_path / "d.log"
    assert run(path, "stream.close()") == 0
    assert path.read_text().endswith("kept\n")
    assert path.stat().st_mode & 0o777 == 0o600


@pytest.mark.parametrize("rotates", [False, True])
def test_crash(tmp_path: Path, rotates: bool) -> None:
    """When the process crashes, its log says where, also after a part was full."""
    path = tmp_path / "d.log"
    rotate = "stream.rotate()\n" if rotates else ""
    assert run(path, f"{rotate}def badly(): faulthandler._sigsegv()\nbadly()") == -SIGSEGV
    said = path.read_text()
    assert said.startswith("Fatal Python error") if rotates else "kept\nFatal Python error" in said
    assert "in badly\n" in said
