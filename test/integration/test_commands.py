"""Each command once, on a virtual cluster of real daemons with a very long path."""

from __future__ import annotations

import json
import re
import shutil
import tempfile
from collections.abc import Iterator
from pathlib import Path

import pytest
from support.virtualcluster import ROOT, Ran, VirtualCluster, wait_for
from support.waiting import end_waiting, waiting

from ganeti.paths import MASTERD

INSTANCE = "instance1.example.com"
DEEP = "a-folder-whose-name-alone-is-longer-than-most-of-those-that-unix-sockets-can-have-" * 2


@pytest.fixture(scope="module")
def cluster() -> Iterator[VirtualCluster]:
    top = Path(tempfile.mkdtemp(prefix="cli-commands-", dir="/tmp"))
    (top / DEEP).mkdir()
    made = VirtualCluster(top / DEEP / "vc", nodes=3)
    try:
        made.setup()
        for number in (1, 2, 3):
            system = Path(made.paths(number).os_search_path[0], "busybox")
            shutil.copytree(ROOT / "ganeti/share/os/busybox", system, dirs_exist_ok=True)
        made.run("gnt-cluster", "init", "cluster.example.com").good()
        for number in (2, 3):
            made.run("gnt-node", "add", made.name(number)).good()
        yield made
    finally:
        made.remove()
        shutil.rmtree(top)


def _gnt(cluster: VirtualCluster, words: str, *more: str) -> Ran:
    return cluster.run(*words.split(), *more)


def test_cluster(cluster: VirtualCluster) -> None:
    """The cluster shows itself."""
    assert _gnt(cluster, "gnt-cluster getmaster").good().stdout == "node1.example.com\n"
    assert "Software version: 4." in _gnt(cluster, "gnt-cluster version").good().stdout
    info = _gnt(cluster, "gnt-cluster info").good().stdout
    assert "Cluster name: cluster.example.com\n" in info
    assert "Master node: node1.example.com\n" in info
    assert "enabled disk templates: diskless, file\n" in info


def test_queue(cluster: VirtualCluster) -> None:
    """A drained queue takes no jobs."""
    _gnt(cluster, "gnt-cluster queue drain").good()
    assert _gnt(cluster, "gnt-cluster queue info").stdout == "The drain flag is set\n"
    refused = _gnt(cluster, "gnt-debug delay 0")
    assert refused.status == 1
    assert "drain" in refused.stderr
    _gnt(cluster, "gnt-cluster queue undrain").good()
    _gnt(cluster, "gnt-debug delay 0").good()


def test_nodes(cluster: VirtualCluster) -> None:
    """Nodes are listed with what they have."""
    listed = _gnt(cluster, "gnt-node list --no-headers --separator=| -o name,role,mfree").good()
    rows = [line.split("|") for line in listed.stdout.splitlines()]
    assert [row[:2] for row in rows] == [
        ["node1.example.com", "M"],
        ["node2.example.com", "C"],
        ["node3.example.com", "C"],
    ]
    assert all(int(row[2]) > 0 for row in rows)
    info = _gnt(cluster, "gnt-node info node2").good().stdout
    assert info.startswith("- Node name: node2.example.com\n  primary ip: 127.")
    assert "mfree" in _gnt(cluster, "gnt-node list-fields").good().stdout
    assert _gnt(cluster, "gnt-node list -o name,nosuch").status == 14


def test_readd(cluster: VirtualCluster) -> None:
    """A node is set up again."""
    ran = _gnt(cluster, "gnt-node add --readd node3").good()
    assert "Readding a node, the offline/drained flags were reset" in ran.stdout


def test_systems(cluster: VirtualCluster) -> None:
    """Operating systems are listed and diagnosed."""
    assert "busybox+default\n" in _gnt(cluster, "gnt-os list").good().stdout
    diagnosed = _gnt(cluster, "gnt-os diagnose").good().stdout
    assert diagnosed.startswith("OS: busybox [global status: valid]\n")
    assert diagnosed.count("  Node: ") == 3


def test_instance(cluster: VirtualCluster) -> None:
    """An instance's life, from add to remove."""
    add = "gnt-instance add -t file -s 64M -o busybox+default -B memory=128M --ignore-ipolicy"
    added = _gnt(cluster, f"{add} -n node2 {INSTANCE}").good()
    assert "* creating instance disks..." in added.stdout
    assert _gnt(cluster, f"{add} -n node2 {INSTANCE}").status == 1
    assert _row(cluster) == ["node2.example.com", "running", "128"]
    shown = _gnt(cluster, "gnt-instance info instance1").good().stdout
    assert "State: configured to be up, actual state is up" in shown
    assert re.search(r"on primary: /\S+\.file\.disk0 \(N/A:N/A\)", shown)
    stopped = _gnt(cluster, "gnt-instance shutdown instance1").good()
    assert re.fullmatch(rf"Waiting for job \d+ for {INSTANCE} \.\.\.\n", stopped.stdout)
    assert _row(cluster) == ["node2.example.com", "ADMIN_down", "-"]
    _gnt(cluster, "gnt-instance startup --force-multiple --primary node2").good()
    assert _row(cluster)[1] == "running"
    assert _gnt(cluster, "gnt-instance remove instance1").status == 1  # nobody says yes
    _gnt(cluster, "gnt-instance remove -f instance1").good()
    assert _gnt(cluster, "gnt-instance list --no-headers").good().stdout == ""


def _row(cluster: VirtualCluster) -> list[str]:
    fields = "pnode,status,oper_ram"
    listed = _gnt(cluster, f"gnt-instance list --no-headers --separator=| -o {fields}").good()
    (line,) = listed.stdout.splitlines()
    return line.split("|")


def _submit(cluster: VirtualCluster, words: str) -> str:
    return _gnt(cluster, f"gnt-debug delay --submit {words}").good().stderr.split()[1]


def test_placed(cluster: VirtualCluster) -> None:
    """hail chooses where no node is named: side by side, too; what fits nowhere is told why."""
    assert "default instance allocator: hail\n" in _gnt(cluster, "gnt-cluster info").stdout
    add = "gnt-instance add -o busybox+default -B memory=128M"
    done = _gnt(cluster, f"{add} -t file -s 1G web1.example.com").good()
    node = _gnt(cluster, "gnt-instance list --no-headers -o pnode web1").good().stdout.strip()
    said = f"Selected nodes for instance web1.example.com via iallocator hail: {node}\n"
    assert f" - INFO: {said}" in done.stdout
    names = [f"web{number}.example.com" for number in range(2, 7)]
    ids = [
        _gnt(cluster, f"{add} -t diskless --no-install -I . --submit --print-jobid", name)
        .good()
        .stdout.strip()
        for name in names
    ]
    for job_id in ids:
        _gnt(cluster, "gnt-job wait", job_id).good()
    listed = _gnt(cluster, "gnt-instance list --no-headers -o pnode web1", *names).good().stdout
    assert sorted(listed.split().count(cluster.name(number)) for number in (1, 2, 3)) == [2, 2, 2]
    refused = _gnt(cluster, f"{add} -t file -s 1G -B memory=900T web7.example.com")
    assert refused.status == 1
    for words in ("Can't compute nodes using iallocator 'hail'", "FailMem: 3", "fits nowhere"):
        assert words in refused.stderr
    for name in ("web1.example.com", *names):
        _gnt(cluster, "gnt-instance remove -f", name).good()


def test_jobs(cluster: VirtualCluster) -> None:
    """Jobs hold and wait for locks, are canceled, and are shown."""
    first = _submit(cluster, "-n node2 1000")
    second = _submit(cluster, "-n node2 0.1")
    assert wait_for(lambda: f"exclusive:{second}" in _locks(cluster), 60)
    assert _gnt(cluster, "gnt-job list --running --no-headers -o id").stdout == f"{first}\n"
    canceled = _gnt(cluster, f"gnt-job cancel {second}").good()
    assert canceled.stdout == "Job successfully cancelled\n"
    assert _gnt(cluster, f"gnt-job watch {second}").status == 1
    info = _gnt(cluster, f"gnt-job info {second}").good().stdout
    assert f"- Job ID: {second}\n  Status: canceled\n" in info
    refused = _gnt(cluster, f"gnt-job cancel {first}")
    assert refused.status == 1
    _gnt(cluster, f"gnt-job cancel --kill --yes-do-it {first}").good()
    assert wait_for(lambda: "exclusive" not in _locks(cluster), 60)


def _locks(cluster: VirtualCluster) -> str:
    return _gnt(cluster, "gnt-debug locks --no-headers").good().stdout


def test_ended_jobs(cluster: VirtualCluster) -> None:
    """Jobs wait with a priority, are waited for, found by filters, and archived."""
    first = _submit(cluster, "-n node2 1")
    second = _submit(cluster, "-n node2 0.1")
    changed = _gnt(cluster, f"gnt-job change-priority --priority=high {second}").good()
    assert changed.stdout.endswith(f"job {second} have been changed to -10\n")
    assert _gnt(cluster, f"gnt-job wait {second}").good().stdout == ""
    found = _gnt(cluster, "gnt-job list --finished --no-headers -o id", f"id >= {first}").good()
    assert found.stdout == f"{first}\n{second}\n"
    _gnt(cluster, f"gnt-job archive {first}").good()
    assert re.match(r"Archived \d+ jobs", _gnt(cluster, "gnt-job autoarchive all").good().stdout)
    listed = "gnt-job list --no-headers --separator=| -o id,status"
    assert _gnt(cluster, listed).good().stdout == ""
    archived = _gnt(cluster, f"{listed} --archived {first} {second}").good().stdout
    assert archived == f"{first}|success|Y\n{second}|success|Y\n"


def test_written_jobs(cluster: VirtualCluster, tmp_path: Path) -> None:
    """Jobs are submitted as they are written down in a file."""
    file = tmp_path / "delays.json"
    file.write_text('[{"OP_ID": "OP_TEST_DELAY", "duration": 0.0}]')
    ran = _gnt(cluster, f"gnt-debug submit-job --job-repeat=2 --timing-stats {file}").good()
    assert "C:job       2\n" in ran.stdout


def test_groups(cluster: VirtualCluster) -> None:
    """A group's life, with a node in it for a while."""
    _gnt(cluster, "gnt-group add --alloc-policy=last_resort rack2").good()
    _gnt(cluster, "gnt-group assign-nodes rack2 node3").good()
    changed = _gnt(cluster, "gnt-group modify --node-parameters=spindle_count=4 rack2").good()
    assert changed.stdout == "Modified node group rack2\n - ndparams -> {'spindle_count': 4}\n"
    assert "spindle_count: 4\n" in _gnt(cluster, "gnt-group info rack2").good().stdout
    assert _gnt(cluster, "gnt-group show-ispecs-cmd rack2").stdout == "gnt-group add rack2\n"
    _gnt(cluster, "gnt-group rename rack2 cellar").good()
    listed = _gnt(cluster, "gnt-group list --no-headers --separator=| -o name,node_list").good()
    assert listed.stdout.splitlines()[0] == "cellar|node3.example.com"
    assert "not empty" in _gnt(cluster, "gnt-group remove cellar").stderr
    _gnt(cluster, "gnt-group assign-nodes default node3").good()
    planned = _gnt(cluster, "gnt-group remove --dry-run cellar").good()
    assert planned.stderr.endswith("  remove node group cellar\n")
    _gnt(cluster, "gnt-group remove cellar").good()
    assert _gnt(cluster, "gnt-group list --no-headers -o name").good().stdout == "default\n"


def test_tags(cluster: VirtualCluster, tmp_path: Path) -> None:
    """Tags are added from words and files, listed, searched for and removed."""
    (tmp_path / "tags").write_text("cold\n\ndry\n")
    for object in ("gnt-cluster {} ", "gnt-node {} node2 ", "gnt-group {} default "):
        _gnt(cluster, object.format(f"add-tags --from={tmp_path}/tags") + "old").good()
        assert _gnt(cluster, object.format("list-tags")).good().stdout == "cold\ndry\nold\n"
        _gnt(cluster, object.format("remove-tags") + "dry old").good()
    found = _gnt(cluster, "gnt-cluster search-tags ^c.*d$").good().stdout
    assert found == "/cluster cold\n/nodes/node2.example.com cold\n/nodegroup/default cold\n"


def test_settings(cluster: VirtualCluster) -> None:
    """The cluster's settings are planned, changed and sent again."""
    planned = _gnt(cluster, "gnt-cluster modify --dry-run=json -B vcpus=2").good()
    (plan,) = json.loads(planned.stdout)
    assert plan["steps"] == ["set beparams/default/vcpus of the cluster to 2"]
    _gnt(cluster, "gnt-cluster modify -B vcpus=2").good()
    assert "    vcpus: 2\n" in _gnt(cluster, "gnt-cluster info").good().stdout
    _gnt(cluster, "gnt-cluster modify -B vcpus=1").good()
    assert _gnt(cluster, "gnt-cluster redist-conf").good().stdout == ""
    _gnt(cluster, "gnt-os modify --hidden=yes busybox").good()
    assert "busybox" not in _gnt(cluster, "gnt-os list").good().stdout
    submitted = _gnt(cluster, "gnt-os modify --submit --hidden=no busybox").good()
    _gnt(cluster, f"gnt-job wait {submitted.stderr.split()[1]}").good()
    assert "busybox" in _gnt(cluster, "gnt-os list").good().stdout


def test_lines_come_as_they_are_written(cluster: VirtualCluster) -> None:
    """The log of a running job is printed while it runs."""
    with cluster.spawn("gnt-debug", "delay", "-r", "2", "1000") as command:
        assert command.stdout is not None
        line = command.stdout.readline()
        running = _gnt(cluster, "gnt-job list --no-headers -o id --running").good().stdout
        _gnt(cluster, f"gnt-job cancel --kill --yes-do-it {running}").good()
        _, errors = command.communicate(timeout=60)
    assert "Test delay iteration 0/1" in line
    assert (command.returncode, "was canceled" in errors) == (1, True)


def test_master_restarted(cluster: VirtualCluster) -> None:
    """A command that waits for a job outlives the master daemon."""
    with waiting(cluster) as command:
        cluster.kill(1, MASTERD)
        silent = _gnt(cluster, "gnt-node list")
        assert silent.status == 1
        assert "ganeti-masterd does not run on this node" in silent.stderr
        assert silent.seconds < 20
        cluster.start(1, MASTERD)
        end_waiting(cluster)
        _, errors = command.communicate(timeout=60)
    assert command.returncode in (0, 1), errors
    assert "Traceback" not in errors
    ended = _gnt(cluster, "gnt-job list --no-headers -o status").good().stdout.split()
    assert set(ended) <= {"success", "error", "canceled"}


def test_other_node(cluster: VirtualCluster) -> None:
    """On another node the master is named, once ssconf is there."""
    assert cluster.run("gnt-cluster", "getmaster", node=2).stdout == "node1.example.com\n"
    refused = cluster.run("gnt-node", "list", node=2)
    assert "please connect to node 'node1.example.com'" in refused.stderr


def test_end(cluster: VirtualCluster) -> None:
    """A cluster is ended only when nothing is left in it; then it can be made again."""
    refused = _gnt(cluster, "gnt-cluster destroy --yes-do-it")
    assert refused.stderr.endswith("There are still 2 node(s) in this cluster.\n")
    for name in ("node2.example.com", "node3.example.com"):
        _gnt(cluster, f"gnt-node remove {name}").good()
    _gnt(cluster, "gnt-cluster destroy --yes-do-it").good()
    assert "Cluster not initialized" in _gnt(cluster, "gnt-cluster info").stderr
    _gnt(cluster, "gnt-cluster init cluster.example.com").good()
    _gnt(cluster, "gnt-cluster destroy --yes-do-it").good()
