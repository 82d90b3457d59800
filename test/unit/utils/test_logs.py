"""Lines of a daemon's log."""

import io
from pathlib import Path

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


def test_file(tmp_path: Path) -> None:
    """The log file is for its owner."""
    path = tmp_path / "d.log"
    stream = logs.open_log(str(path))
    Logger("ganeti.x", observer=logs.stream_observer(stream)).info("kept")
    stream.close()
    assert path.read_text().endswith("kept\n")
    assert path.stat().st_mode & 0o777 == 0o600
