"""
Recorded runs once more, with real daemons: what the master daemon says is the original's, too.

test/compat compares the commands, with a master that answers from the record. Here all is ours.
What cannot be the same stands in C{OTHERWISE}: names, times, sizes and uuids are left out anyway.
"""

from __future__ import annotations

import contextlib
import difflib
import io
import re
import shlex
import shutil
from collections.abc import Iterator
from pathlib import Path

import pytest
from support import outputs, recorded
from support.commands import TypingTerminal
from support.differences import ARBITRARY_ORDER, DIFFERENT
from support.osdirs import make_os
from support.ready import make_cluster
from support.recorded import CUT, Record
from support.virtualcluster import VirtualCluster, wait_for

from ganeti.cli.main import main
from ganeti.paths import NODED

PHASES = ("empty", "errors", "cluster", "add", "inst", "adderr", "ops", "ops2", "group")
NOT_MOVED = "failover and migrate are not built yet, so instances are on other nodes"
THIS_MACHINE = "plain sizes are those of the machine"
OTHERWISE = {
    ("gnt-cluster", 9): "paths are as on a real machine",
    ("gnt-cluster", 102): "the tag came later",
    ("gnt-group", 3): ARBITRARY_ORDER,
    ("gnt-group", 4): ARBITRARY_ORDER,
    ("gnt-group", 34): ARBITRARY_ORDER,
    ("gnt-group", 35): ARBITRARY_ORDER,
    ("gnt-group", 54): ARBITRARY_ORDER,
    ("gnt-group", 56): ARBITRARY_ORDER,
    ("gnt-instance", 47): "names are not checked by default since 3.1",
    ("gnt-instance", 57): "an address that is none is told before a mode that does not fit",
    ("gnt-instance", 85): "what is installed comes into the configuration last",
    ("gnt-instance", 115): "an addition writes its instance once",
    ("gnt-instance", 142): ARBITRARY_ORDER,
    ("gnt-instance", 154): "the watcher had started what was dead",
    ("gnt-instance", 157): THIS_MACHINE,
    ("gnt-instance", 159): NOT_MOVED,
    ("gnt-instance", 165): "the name is looked at before the nodes",
    ("gnt-instance", 176): "the name is looked at before the disks",
    ("gnt-instance", 250): "what can be done instead is said, too",
    ("gnt-instance", 252): "an operating system that the node lacks is refused",
    ("gnt-instance", 278): NOT_MOVED,
    ("gnt-instance", 316): NOT_MOVED,
    ("gnt-job", 4): "fields that were not set are left out",
    ("gnt-node", 2): THIS_MACHINE,
    ("gnt-node", 4): THIS_MACHINE,
    ("gnt-node", 12): THIS_MACHINE,
    ("gnt-node", 13): THIS_MACHINE,
    ("gnt-node", 19): THIS_MACHINE,
    ("gnt-node", 71): THIS_MACHINE,
    ("gnt-node", 29): "the fake hypervisor keeps one processor for the node",
    ("gnt-os", 3): "definitions are below the node's own root",
}
_PREPARE = {
    "empty": (),
    "errors": (
        "gnt-cluster modify -N mode=routed,link=main --ipolicy-bounds-specs "
        "min:cpu-count=1,disk-count=0,disk-size=0,memory-size=4,nic-count=0,spindle-use=0"
        "/max:cpu-count=8,disk-count=16,disk-size=1048576,memory-size=32768,nic-count=8,spindle-use=12",
    ),
    "cluster": (),
    "add": ("gnt-cluster modify --mac-prefix=aa:00:01",),
    "inst": (),
    "adderr": (),
    "ops": ("gnt-instance startup --all --force-multiple",),
    "ops2": (),
    "group": ("gnt-group remove 'bad name'", "gnt-instance remove -f instance12"),
}
"""What makes the cluster as the records had it."""
_LEFT = (
    (r"\.example\.com", ""),
    (r"\w{8}(-\w{4}){3}-\w{12}", "UUID"),
    (r"\w{3} \w{3} [ \d]\d [\d:]{8} \d{4}", "TIME"),
    (r"\d{4}-\d\d-\d\d [\d:]{8}(\.\d+)?", "TIME"),
    (r"\b([Jj]ob|JobID:|jobs) \d+(, \d+)*", r"\1 N"),
    (r"\b\d+(\.\d)?[MGT]\b", "SIZE"),
    (r"\b(127|10)(\.\d+){3}\b", "ADDRESS"),
    (r"\baa:00:0[01](:\w\w){3}", "MAC"),
    (r"Serial number: \d+", "Serial number: N"),
    (r"(?m)^\d+: (?=instance)", "N: "),
    (r"(?m)^\d+$", "N"),
    (r"[ \t]+", " "),
    (r"\n user-id: .*", ""),  # came with 3.1
)
"""What is never the same, and what becomes of it."""


def _chosen(record: Record) -> bool:
    return (
        record.phase in PHASES
        and record.node == "node1"
        and record.typed is None
        and outputs.is_built(record)
        and outputs.subcommand(record) not in ("", "verify", "version", "list-fields")
        and record.key not in DIFFERENT
    )


RECORDS = [r for program in outputs.BUILT for r in recorded.load(program) if _chosen(r)]


@pytest.fixture(scope="module")
def cluster(tmp_path_factory: pytest.TempPathFactory) -> Iterator[VirtualCluster]:
    found = make_cluster(tmp_path_factory.mktemp("recorded") / "c", nodes=3)
    try:
        outputs.write_files(found.folder)
        for node in (1, 2, 3):
            systems = Path(found.paths(node).os_search_path[0])
            shutil.rmtree(systems / "busybox")
            make_os(systems, "noop", api="5\n10\n", parameters=None)
        yield found
    finally:
        found.remove()


@pytest.mark.parametrize("phase", PHASES)
def test_recorded_runs(cluster: VirtualCluster, phase: str) -> None:
    """In the order of the records, whose effects later ones need."""
    if phase == "inst":
        _let_die(cluster)
    for command in _PREPARE[phase]:
        program, *words = shlex.split(command)
        status, _, errors = _run(program, words, cluster)
        assert status == 0, errors
    wrong = []
    for record in RECORDS:
        if record.phase == phase:
            found = _differences(record, cluster)
            if bool(found) != (record.key in OTHERWISE):
                wrong += ["", f"{record.key} {' '.join(record.argv)}", *found]
    assert not wrong, "\n".join(wrong)


def _let_die(cluster: VirtualCluster) -> None:
    """The guest of instance4, which the records have as found dead."""
    cluster.kill(3, NODED)
    Path(cluster.paths(3).fake_hypervisor_dir, "guests/instance4.json").unlink()
    cluster.start(3, NODED)
    assert wait_for(lambda: "?" not in _run("gnt-node", ["list"], cluster)[1], 90)


def _run(program: str, words: list[str], cluster: VirtualCluster) -> tuple[int, str, str]:
    paths = cluster.paths(1)
    environ = {"GANETI_ROOTDIR": paths.root, "GANETI_HOSTNAME": paths.hostname, "COLUMNS": "80"}
    stdout, stderr = io.StringIO(), io.StringIO()
    terminal = TypingTerminal(None)
    status = main(program, words, environ, stdout=stdout, stderr=stderr, terminal=terminal)
    folder = str(cluster.folder)
    out, err = (each.getvalue().replace(folder, "CLUSTER") for each in (stdout, stderr))
    return status, out, err


def _differences(record: Record, cluster: VirtualCluster) -> list[str]:
    with contextlib.chdir(cluster.folder):
        status, stdout, stderr = _run(record.program, record.argv[1:], cluster)
    found = [] if status == record.status else [f"status {record.status}, ours {status}"]
    for submitted in re.finditer(r"(?m)^JobID: (\d+)$|^(\d+): instance", stdout + stderr):
        _run("gnt-job", ["wait", submitted[1] or submitted[2]], cluster)
    found += _lines_that_differ(record.stdout, stdout)
    return found + _lines_that_differ(record.stderr, stderr)


def _lines_that_differ(wanted: str, got: str) -> list[str]:
    if CUT in wanted:
        wanted = recorded.uncut(wanted)
        got = "".join(got.splitlines(keepends=True)[: wanted.count("\n")])
    both = _left(wanted).splitlines(), _left(got).splitlines()
    return list(difflib.unified_diff(*both, "recorded", "ours", n=0, lineterm=""))


def _left(text: str) -> str:
    for pattern, becomes in _LEFT:
        text = re.sub(pattern, becomes, text)
    return text
