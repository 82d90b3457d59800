"""
Commands that are run as the original's were, and what they print differently.

A record is run again in this process, against a master daemon that answers with what the record
was printed from.
"""

from __future__ import annotations

import contextlib
import difflib
import json
import re
from collections.abc import Iterator
from pathlib import Path

from ganeti import version
from ganeti.cli.main import load_program
from ganeti.cli.session import Clock
from support import recorded
from support.commands import Ran, VirtualNode
from support.recorded import CUT, INTERFACE, Record
from support.recordmaster import RecordMaster

BUILT = (
    "gnt-cluster",
    "gnt-debug",
    "gnt-group",
    "gnt-instance",
    "gnt-job",
    "gnt-node",
    "gnt-os",
)
PROGRAMS = tuple(sorted(path.stem for path in (INTERFACE / "outputs").glob("g*.json")))

_COMMANDS = {
    program: {*table["commands"], *table["aliases"]}
    for program, table in json.loads((INTERFACE / "cli.json").read_text())["gnt"].items()
}
_OUR_VERSION = f"(ganeti {version.RELEASE}) {version.RELEASE}"
_THEIR_VERSION = "(ganeti 3.0.2-3) 3.0.2"
_HOSTS = "".join(f"10.77.0.{9 + number} node{number}\n" for number in (1, 2, 3))
_NEW = (
    '{"mode": "create", "instance_name": "%s", "disk_template": "diskless", "os_type": "noop",'
    ' "pnode": "node1", "disks": [], "nics": [], "start": %s}'
)
_FILES = {
    "job.json": '[{"OP_ID": "OP_TEST_DELAY", "duration": 0.1}]',
    "batch.json": f"[{_NEW % ('instance11', 'true')}, {_NEW % ('instance12', 'false')}]",
    "bad.json": "[{not json",
    "bad2.json": '[{"nosuch": 1}]',
}
"""What the recorded runs were given to read."""


def subcommand(record: Record) -> str:
    """The sub-command that was run; "" for the program's own help, version and errors."""
    known = record.command in _COMMANDS.get(record.program, ())
    return record.command if known else ""


def is_built(record: Record) -> bool:
    """Whether there is such a command by now."""
    if record.program not in BUILT:
        return False
    name = subcommand(record)
    return not name or load_program(record.program).find(name) is not None


def is_cut(record: Record) -> bool:
    """Whether the record was shortened, so that only what is before the cut can be compared."""
    return CUT in record.stdout + record.stderr


class _ThreeRounds:
    """Interrupts a command that repeats itself for ever, at its third pause."""

    def __init__(self) -> None:
        self._left = 3

    def sleep(self, _seconds: float) -> None:
        self._left -= 1
        if not self._left:
            raise KeyboardInterrupt


def run_again(record: Record, folder: Path) -> Ran:
    """Run a recorded command once more; C{folder} is empty, and becomes its cluster."""
    master = _recorded_master(record)
    node = VirtualNode(folder, record.node, master)
    _prepare(folder)
    words = record.argv[1:]
    if words[:2] == ["add", "--readd"]:  # what is done on the node prints nothing
        words = [*words, "--no-node-setup"]
    clock = Clock(sleep=_ThreeRounds().sleep)
    with _master(node, record, serves=master == record.node), contextlib.chdir(folder):
        return node.run(record.program, *words, typed=record.typed, clock=clock)


def _prepare(folder: Path) -> None:
    (folder / "hosts").write_text(_HOSTS)
    for number in (1, 2, 3):
        (folder / f"node{number}").mkdir(exist_ok=True)
    write_files(folder)


def write_files(folder: Path) -> None:
    """The files that commands were given, as TMP/name below C{folder}."""
    (folder / "TMP").mkdir()
    for name, text in _FILES.items():
        (folder / "TMP" / name).write_text(text)


@contextlib.contextmanager
def _master(node: VirtualNode, record: Record, *, serves: bool) -> Iterator[None]:
    server = node.serve(RecordMaster(record)) if serves else None
    try:
        yield
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


def differences(record: Record, ran: Ran, cluster: str) -> list[str]:
    """What a command printed otherwise than the record, as lines; C{cluster} is its folder."""
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
    """Ours, with the names and the version of the recorded cluster."""
    return text.replace(cluster, "CLUSTER").replace(_OUR_VERSION, _THEIR_VERSION)


def _without_durations(text: str) -> str:
    """What C{--timing-stats} measured is never the same."""
    return re.sub(r"^(T:\w+ +)\d+\.\d{4}$", r"\1*", text, flags=re.M)


def _same(wanted: str, got: str) -> bool:
    """Equal; where a record was shortened, in the whole lines before the cut."""
    return wanted == got if CUT not in wanted else got.startswith(recorded.uncut(wanted))
