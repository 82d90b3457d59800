"""
What the commands print, against the recorded output of the original's.

Every record of the sub-commands that exist here is run again, against a master daemon that
answers with what the record was printed from. It must print the same bytes and end with the
same status, or stand in C{DIFFERENT} with the reason.
"""

from __future__ import annotations

import contextlib
import difflib
import re
import shutil
import tempfile
from collections.abc import Iterator
from pathlib import Path

import pytest
from support import recorded
from support.commands import Ran, VirtualNode
from support.recorded import CUT, Record
from support.recordmaster import RecordMaster

from ganeti import version
from ganeti.cli.main import load_program
from ganeti.cli.session import Clock

PROGRAMS = (
    "gnt-cluster",
    "gnt-debug",
    "gnt-group",
    "gnt-instance",
    "gnt-job",
    "gnt-node",
    "gnt-os",
)
TOP_LEVEL = ("", "--help", "-h", "--version", "--nosuchoption", "nosuchcommand", "list-fields")

OUR_VERSION = f"(ganeti {version.RELEASE}) {version.RELEASE}"
THEIR_VERSION = "(ganeti 3.0.2-3) 3.0.2"

HOSTS = "".join(f"10.77.0.{9 + number} node{number}\n" for number in (1, 2, 3))
JOB = '[{"OP_ID": "OP_TEST_DELAY", "duration": 0.1}]'

NO_TRACEBACK = "a clear message where the original shows a traceback"
ARBITRARY_ORDER = "the original writes sets and dictionaries in any order, ours are sorted"
UNKNOWN_IS_SAID = "an unknown name is said on standard error"

NO_CHECK_OPTIONS = "3.1 has no such option for this command: names are not checked by default"

DIFFERENT: dict[tuple[str, int], str] = {
    ("gnt-cluster", 8): ARBITRARY_ORDER,
    ("gnt-cluster", 80): "a wrong NIC mode is no corrupt configuration file",
    ("gnt-cluster", 149): ARBITRARY_ORDER,
    ("gnt-debug", 8): NO_TRACEBACK,
    ("gnt-debug", 11): NO_TRACEBACK,
    ("gnt-debug", 27): "--debug shows our own requests",
    ("gnt-debug", 40): NO_TRACEBACK,
    ("gnt-debug", 43): "the original ends with a traceback, ours runs the jobs",
    ("gnt-group", 11): NO_TRACEBACK,
    ("gnt-group", 20): UNKNOWN_IS_SAID,
    ("gnt-group", 51): NO_TRACEBACK,
    ("gnt-group", 55): UNKNOWN_IS_SAID,
    ("gnt-group", 60): NO_TRACEBACK,
    ("gnt-instance", 11): NO_TRACEBACK,
    ("gnt-instance", 43): ARBITRARY_ORDER,
    ("gnt-instance", 49): "the error has a type too",
    ("gnt-instance", 51): "the message says which size is wrong, and what would be right",
    ("gnt-instance", 61): "the error has a type too",
    ("gnt-instance", 101): NO_TRACEBACK,
    ("gnt-instance", 134): NO_TRACEBACK,
    ("gnt-instance", 277): NO_CHECK_OPTIONS,
    ("gnt-instance", 280): NO_CHECK_OPTIONS,
    ("gnt-instance", 281): NO_CHECK_OPTIONS,
    ("gnt-job", 3): "the record is cut: its column widths come from what is missing",
    ("gnt-job", 11): NO_TRACEBACK,
    ("gnt-job", 42): "the original does not align columns that hold lists",
    ("gnt-job", 72): NO_TRACEBACK,
    ("gnt-node", 11): NO_TRACEBACK,
    ("gnt-node", 46): "names come from the virtual cluster's hosts file, which is said",
    ("gnt-node", 44): UNKNOWN_IS_SAID,
}


def _built(record: Record) -> bool:
    if record.command in TOP_LEVEL:
        return True
    return load_program(record.program).find(record.command) is not None


RECORDS = [record for name in PROGRAMS for record in recorded.load(name) if _built(record)]


class ThreeRounds:
    """Interrupts a command that repeats itself for ever, at its third pause."""

    def __init__(self) -> None:
        self._left = 3

    def sleep(self, _seconds: float) -> None:
        self._left -= 1
        if not self._left:
            raise KeyboardInterrupt


@pytest.fixture
def cluster_dir() -> Iterator[Path]:
    folder = Path(tempfile.mkdtemp(prefix="cli-outputs-", dir="/tmp"))
    yield folder
    shutil.rmtree(folder)


def _run_again(record: Record, cluster_dir: Path) -> Ran:
    master = _recorded_master(record)
    node = VirtualNode(cluster_dir, record.node, master)
    (cluster_dir / "hosts").write_text(HOSTS)
    for number in (1, 2, 3):
        (cluster_dir / f"node{number}").mkdir(exist_ok=True)
    (cluster_dir / "TMP").mkdir()
    (cluster_dir / "TMP" / "job.json").write_text(JOB)
    server = node.serve(RecordMaster(record)) if master == record.node else None
    words = record.argv[1:]
    if words[:2] == ["add", "--readd"]:  # what is done on the node prints nothing
        words = [*words, "--no-node-setup"]
    try:
        clock = Clock(sleep=ThreeRounds().sleep)
        with contextlib.chdir(cluster_dir):
            return node.run(record.program, *words, typed=record.typed, clock=clock)
    finally:
        if server:
            server.stop()


def _recorded_master(record: Record) -> str | None:
    """The name of the master as this node knew it; None when it knew no cluster."""
    if "Cluster not initialized" in record.stderr or "Can't read ssconf" in record.stderr:
        return None
    if "This is not the master node" in record.stderr:
        return record.stderr.partition("node '")[2].partition("'")[0]
    if record.command == "getmaster" and record.status == 0:
        return record.stdout.strip()
    return record.node


def _differences(record: Record, ran: Ran, cluster: str) -> list[str]:
    found = []
    for name, wanted, got in (
        ("stdout", record.stdout, ran.stdout),
        ("stderr", record.stderr, ran.stderr),
        ("terminal", (record.shown or "").replace("\r\n", "\n"), ran.shown),
    ):
        wanted, got = _without_durations(wanted), _without_durations(_normal(got, cluster))
        if name == "stderr" and not isinstance(record.status, int):
            continue  # it was killed
        if not _same(wanted, got):
            lines = wanted.splitlines(), got.splitlines()
            found += difflib.unified_diff(*lines, f"{name} recorded", f"{name} ours", lineterm="")
    if isinstance(record.status, int) and record.status != ran.status:
        found.append(f"status {record.status}, ours {ran.status}")
    return found


def _normal(text: str, cluster: str) -> str:
    """Ours, with the names of the recorded cluster; a node's search paths are below its root."""
    text = re.sub(rf"{re.escape(cluster)}/node\d(/\S*/(os|extstorage)\b)", r"\1", text)
    return text.replace(cluster, "CLUSTER").replace(OUR_VERSION, THEIR_VERSION)


def _without_durations(text: str) -> str:
    """What C{--timing-stats} measured is never the same."""
    return re.sub(r"^(T:\w+ +)\d+\.\d{4}$", r"\1*", text, flags=re.M)


def _same(wanted: str, got: str) -> bool:
    """Equal; where a record was shortened, in the whole lines before the cut."""
    if CUT not in wanted:
        return wanted == got
    before, _, _ = wanted.partition(CUT)
    return got.startswith(before[: before.rfind("\n") + 1])


@pytest.mark.parametrize("record", RECORDS, ids=lambda r: f"{r.program}-{r.index}-{r.command}")
def test_output(record: Record, cluster_dir: Path) -> None:
    """A command prints what was recorded, or differs for a reason that is written down."""
    differences = _differences(record, _run_again(record, cluster_dir), str(cluster_dir))
    if record.key in DIFFERENT:
        assert differences, f"equal by now, remove it from the table: {DIFFERENT[record.key]}"
    else:
        assert not differences, "\n".join([" ".join(record.argv), *differences])


def test_table() -> None:
    """The table of differences names existing records; it is printed."""
    keys = {record.key for record in RECORDS}
    assert not DIFFERENT.keys() - keys
    print(f"\n{len(keys) - len(DIFFERENT)} of {len(keys)} records equal; different:")
    for (program, index), reason in sorted(DIFFERENT.items()):
        print(f"  {program} {index:3}: {reason}")
