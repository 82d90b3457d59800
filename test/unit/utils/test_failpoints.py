"""Places where a test may fail the process."""

import subprocess
import sys
from collections.abc import Iterator
from pathlib import Path

import pytest

from ganeti.utils import failpoints
from ganeti.utils.failpoints import FailpointError, reach


@pytest.fixture(autouse=True)
def _disarm() -> Iterator[None]:
    yield
    failpoints.configure()


def test_nothing_armed() -> None:
    """Reaching a place does nothing."""
    reach("anything", "at all")


def test_error_at_the_nth_reach() -> None:
    """The second matching reach raises; others do not."""
    failpoints.configure("file.write.before[config]:2=error:no luck")
    reach("file.write.before", "config.data")
    reach("file.write.before", "other")
    reach("file.write.after", "config.data")
    with pytest.raises(FailpointError, match="no luck"):
        reach("file.write.before", "config.data")
    reach("file.write.before", "config.data")


def test_trace(tmp_path: Path) -> None:
    """Each reached place is written down at once."""
    trace = tmp_path / "trace"
    failpoints.configure(trace_path=str(trace))
    reach("a.b", "x")
    reach("c")
    assert trace.read_text() == "a.b x\nc \n"


def test_callback() -> None:
    """A test in the same process sees the places, and may raise there."""
    seen: list[tuple[str, str]] = []
    failpoints.on_reach(lambda name, detail: seen.append((name, detail)))
    reach("a", "b")
    failpoints.on_reach(None)
    reach("a", "c")
    assert seen == [("a", "b")]


def test_kill() -> None:
    """The process is gone before the next statement."""
    code = (
        "from ganeti.utils import failpoints as f; f.configure('x:2=kill');"
        "f.reach('x'); print('first', flush=True); f.reach('x'); print('second')"
    )
    done = subprocess.run([sys.executable, "-c", code], capture_output=True, timeout=60)
    assert done.returncode == -9
    assert done.stdout == b"first\n"


@pytest.mark.parametrize(
    "spec", ["x", "x:0=kill", "x:1=explode", "x:1", "X Y:1=kill", "x:1=error:"]
)
def test_malformed(spec: str) -> None:
    """A test that arms nothing by mistake would prove nothing."""
    with pytest.raises(ValueError, match="Malformed"):
        failpoints.configure(spec)
