"""Places where a test may fail the process."""

import subprocess
import sys
import threading
from collections.abc import Iterator
from concurrent.futures import ThreadPoolExecutor
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


@pytest.fixture
def hasty() -> Iterator[None]:
    """Threads take turns as often as they can."""
    before = sys.getswitchinterval()
    sys.setswitchinterval(1e-6)
    yield
    sys.setswitchinterval(before)


@pytest.mark.usefixtures("hasty")
def test_threads(tmp_path: Path) -> None:
    """Of places that threads reach at once, just the nth acts, also when it was armed just now."""
    source, threads = tmp_path / "armed", 4
    failpoints.configure(f"@{source}")
    together = threading.Barrier(threads)

    def reach_together(_: int) -> int:
        together.wait(20)
        try:
            reach("x")
        except FailpointError:
            return 1
        return 0

    with ThreadPoolExecutor(threads) as pool:
        for _ in range(100):
            arm(source, "x:3=error:now")
            assert sum(pool.map(reach_together, range(threads))) == 1


@pytest.mark.usefixtures("hasty")
def test_disarmed_meanwhile(tmp_path: Path) -> None:
    """A file that is removed while a place looks into it arms nothing."""
    source, over = tmp_path / "armed", threading.Event()
    failpoints.configure(f"@{source}")

    def rearm() -> None:
        while not over.is_set():
            arm(source, "y:1=kill")
            source.unlink()

    with ThreadPoolExecutor(1) as pool:
        arming = pool.submit(rearm)
        try:
            for _ in range(2000):
                reach("x")
        finally:
            over.set()
        arming.result()


def arm(source: Path, spec: str) -> None:
    """As a whole, as tests of daemons do."""
    draft = source.with_suffix(".new")
    draft.write_text(spec)
    draft.rename(source)
