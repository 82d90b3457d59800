"""Placement's tools on a real cluster: what they load, what they save, what they submit."""

from __future__ import annotations

import re
import shutil
import subprocess
import tempfile
from collections.abc import Iterator
from pathlib import Path

import pytest
from support.misbehaviour import refused, unharmed
from support.originals import WHY_NOT, find_original
from support.ready import make_cluster
from support.virtualcluster import Ran, VirtualCluster, wait_for

from ganeti.htools.loaders import Hints, Source, load
from ganeti.htools.records import ClusterData
from ganeti.paths import NODED

TEMPLATES = "diskless,file,sharedfile"
ADD = "gnt-instance add --no-name-check --no-ip-check -o busybox+empty -B memory=128M"
WEBS = tuple(f"web{number}.example.com" for number in (1, 2, 3))


@pytest.fixture(scope="module")
def cluster() -> Iterator[VirtualCluster]:
    """Three nodes; shared files, that any node can run, are all on the first."""
    top = Path(tempfile.mkdtemp(prefix="place-", dir="/tmp"))  # sockets have short paths
    made = make_cluster(top / "c", nodes=3)
    try:
        enabled = f"--enabled-disk-templates={TEMPLATES} --ipolicy-disk-templates={TEMPLATES}"
        run(made, f"gnt-cluster modify {enabled}")
        run(made, "gnt-group add second")
        for name in WEBS:
            run(made, f"{ADD} -t sharedfile -s 1G -n node1 {name}")
        run(made, f"{ADD} -t file -s 1G -n node2 --no-start down.example.com")
        run(made, f"{ADD} -t diskless -n node3 thin.example.com")
        run(made, "gnt-cluster add-tags htools:iextags:web")
        run(made, "gnt-instance add-tags web1 web:a")
        yield made
    finally:
        made.remove()
        shutil.rmtree(top)


def run(cluster: VirtualCluster, words: str) -> Ran:
    return cluster.run(*words.split()).good()


def scanned(cluster: VirtualCluster, folder: Path) -> Path:
    """The file that hscan writes."""
    run(cluster, f"hscan -L -d {folder}")
    return folder / "LOCAL.data"


def loaded(cluster: VirtualCluster, folder: Path) -> ClusterData:
    return load(Source("text", str(scanned(cluster, folder))), Hints())


def test_what_is_saved(cluster: VirtualCluster, tmp_path: Path) -> None:
    """Everything that placement needs to know is in the file that hscan writes."""
    data = loaded(cluster, tmp_path)
    assert [group.name for group in data.groups] == ["default", "second"]
    assert [node.name for node in data.nodes] == [cluster.name(n) for n in (1, 2, 3)]
    assert [node.master for node in data.nodes] == [True, False, False]
    assert all(node.total_memory > 0 and not node.offline for node in data.nodes)
    found = {one.name: one for one in data.instances}
    assert {found[name].primary for name in WEBS} == {cluster.name(1)}
    assert found["down.example.com"].status == "ADMIN_down"
    assert (found["web1.example.com"].memory, found["web1.example.com"].disk) == (128, 1024)
    assert (data.tags, found["web1.example.com"].tags) == (("htools:iextags:web",), ("web:a",))


def test_summary(cluster: VirtualCluster, tmp_path: Path) -> None:
    """The line that hscan prints agrees with what hinfo tells of the file."""
    line = run(cluster, f"hscan --no-headers -d {tmp_path}").stdout.split()
    assert line[:5] == ["LOCAL", "3", "5", "0", "0"]
    told = run(cluster, f"hinfo -t {tmp_path}/LOCAL.data").stdout
    assert f"Cluster score: {line[-1]}\n" in told
    assert "Loaded 3 nodes, 5 instances, 2 node groups\n" in run(cluster, "hinfo -L").stdout


def original(tool: str, *words: str) -> str:
    path = find_original(tool)
    if path is None:
        pytest.skip(WHY_NOT)
    ran = subprocess.run([path, *words], capture_output=True, text=True, timeout=60, check=False)
    assert ran.returncode == 0, ran.stderr
    return ran.stdout


def test_original_asks_our_master(cluster: VirtualCluster, tmp_path: Path) -> None:
    """The original's hscan, asking our master daemon, writes the same file as ours."""
    theirs = tmp_path / "theirs"
    theirs.mkdir()
    socket = cluster.paths(1).query_socket
    original("hscan", f"-L{socket}", "-d", str(theirs))
    ours = scanned(cluster, tmp_path).read_text()
    assert unmeasured(ours) == unmeasured((theirs / "LOCAL.data").read_text())


def unmeasured(text: str) -> str:
    """Without the used and free memory and disk space of nodes, which change meanwhile."""
    measured = r"^(node[^|]*\|\d+)\|\d+\|\d+\|(\d+)\|\d+\|"
    return re.sub(measured, r"\1|\2|", text, flags=re.MULTILINE)


@pytest.mark.parametrize("tool", ["hinfo", "hcheck", "hbal"])
def test_original_reads_our_file(cluster: VirtualCluster, tmp_path: Path, tool: str) -> None:
    """What hscan wrote is the same cluster with the same score for the original's tools."""
    path = scanned(cluster, tmp_path)
    ours = run(cluster, f"{tool} -t {path}").stdout
    assert scores(ours), ours
    assert scores(ours) == scores(original(tool, "-t", str(path)))


def scores(told: str) -> list[str]:
    return re.findall(r"\d+\.\d{8}", told)


def test_balancing_is_refused(cluster: VirtualCluster) -> None:
    """What the master daemon cannot do yet is told, and nothing is changed."""
    before = run(cluster, "gnt-job list --no-headers -o id").stdout
    with unharmed(cluster):
        ran = refused(cluster, ("hbal", "-L", "-X"), "cannot move web", "'OP_INSTANCE_MIGRATE'")
    assert "Trying to minimize the CV...\n" in ran.stdout
    assert "Got job IDs" not in ran.stdout
    assert run(cluster, "gnt-job list --no-headers -o id").stdout == before


def test_powering_off_is_refused(cluster: VirtualCluster) -> None:
    """No node is marked offline when none can be powered off."""
    for name in ("down", "thin"):
        run(cluster, f"gnt-instance remove -f {name}")
    squeeze = ("hsqueeze", "-L", "-X", "--target-resources=0.1")
    ran = cluster.run(*squeeze)
    assert ran.status == 1
    assert "cannot power off node2.example.com, node3.example.com: job not taken" in ran.stderr
    assert "'OP_OOB_COMMAND'" in ran.stderr
    listed = run(cluster, "gnt-node list --no-headers -o offline,tags --separator=|").stdout
    assert listed.splitlines() == ["N|", "N|htools:standby:auto", "N|htools:standby:auto"]


def test_drained_node(cluster: VirtualCluster, tmp_path: Path) -> None:
    """A drained node takes no instances; what it has is known."""
    run(cluster, "gnt-node modify -D yes node2")
    second = loaded(cluster, tmp_path).nodes[1]
    run(cluster, "gnt-node modify -D no node2")
    assert second.offline
    assert second.total_memory > 0


def test_silent_node(cluster: VirtualCluster, tmp_path: Path) -> None:
    """A node whose daemon does not answer stops planning; one that is marked offline does not."""
    cluster.stop(3, NODED)
    refused(cluster, ("hbal", "-L"), "node3.example.com", "live data is not known", "-O yes")
    refused(cluster, ("hscan", "-L", "-d", str(tmp_path)), "Error for LOCAL", "node3", status=2)
    run(cluster, "gnt-node modify -O yes node3")
    third = loaded(cluster, tmp_path).nodes[2]
    assert (third.offline, third.total_memory) == (True, 0)
    cluster.start(3, NODED)
    run(cluster, "gnt-node add --readd --no-ssh-key-check node3.example.com")
    assert wait_for(lambda: cluster.run("hinfo", "-L").status == 0, 20)
