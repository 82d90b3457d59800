"""Instance allocators that are programs, on a real cluster: the original's, and hostile ones."""

from __future__ import annotations

import json
import time
from collections.abc import Iterator
from pathlib import Path

import pytest
from support.misbehaviour import NEW, alive, memory_growth, pids, refused, unharmed
from support.originals import WHY_NOT, find_original
from support.osdirs import write_script
from support.ready import make_cluster
from support.virtualcluster import VirtualCluster, wait_for

from ganeti.paths import MASTERD, NODED

ADD = ("gnt-instance", "add", "-t", "diskless", "-o", "busybox+default")
MIB = {1: 4096, 2: 3000, 3: 2000}
"""Memory of the nodes."""
SLEEPS = "trap '' TERM HUP INT; echo $$ > {pid}; sleep 1000 & sleep 1000; sleep 1000"

HOSTILE: dict[str, tuple[str, tuple[str, ...]]] = {
    "silent": ("exit 0", ("'silent'", "it was empty")),
    "fails": ("echo 'no idea'; exit 3", ("'fails'", "exited with status 3", "no idea")),
    "talks": ("echo 'hello, world'", ("'talks'", "hello, world")),
    "huge": ("head -c 100000000 /dev/zero", ("'huge'", "printed more than 5242880 bytes")),
    "dies": ("kill -SEGV $$", ("'dies'", "died of signal 11")),
    "gone": (
        'echo \'{"success": true, "info": "", "result": ["node9.example.com"]}\'',
        ("'gone'", "there is no node 'node9.example.com'"),
    ),
    "many": (
        'echo \'{"success": true, "info": "", "result": ["node1.example.com",'
        ' "node2.example.com"]}\'',
        ("'many'", "it names 2 nodes, and 1 are wanted"),
    ),
    "none": ('echo \'{"success": true, "info": "", "result": []}\'', ("'none'", "names 0 nodes")),
    "refuses": (
        'echo \'{"success": false, "info": "not today", "result": []}\'',
        ("'refuses'", "not today"),
    ),
    "eats": ('rm "$1"; cat > "$1"; echo "[]"', ("'eats'", "it was: []")),
}


@pytest.fixture(scope="module")
def cluster(tmp_path_factory: pytest.TempPathFactory) -> Iterator[VirtualCluster]:
    found = make_cluster(tmp_path_factory.mktemp("allocators") / "c", nodes=3)
    try:
        for node, memory in MIB.items():
            behaviour = Path(found.paths(node).fake_hypervisor_dir, "behaviour.json")
            behaviour.write_text(json.dumps({"memory_total_mib": memory}))
        place(found).mkdir(parents=True)
        yield found
    finally:
        found.remove()


def place(cluster: VirtualCluster) -> Path:
    """Where admins put their allocators."""
    return Path(cluster.paths(1).iallocator_search_path[0])


def inputs(cluster: VirtualCluster) -> list[str]:
    """Input files that are left."""
    run_dir = Path(cluster.paths(1).run_dir)
    return [path.name for path in run_dir.iterdir() if "iallocator" in path.name]


def answer(cluster: VirtualCluster, allocator: str, *words: str) -> object:
    """What an allocator answers: whether it found something, and what."""
    argv = ("gnt-debug", "allocator", "--dir=out", "-I", allocator, *words)
    found = json.loads(cluster.run(*argv).good().stdout)
    return found["success"], found["result"]


def test_original(cluster: VirtualCluster) -> None:
    """The original's hail, given our input, chooses as ours does, and is obeyed."""
    original = find_original("hail")
    if original is None:
        pytest.skip(WHY_NOT)
    write_script(place(cluster) / "original", f'exec {original} "$@"')
    new = ("-m", "allocate", "-t", "diskless", "-o", "busybox")
    several = ("-m", "multi-allocate", "--count=4", "-t", "diskless", "-o", "busybox")
    cases = [(*new, f"--memory={memory}", "web") for memory in (128, 1500, 2500, 9000)]
    cases += [(*several, "--memory=700", "web"), (*several, "--memory=1500", "web")]
    for words in cases:
        assert answer(cluster, "original", *words) == answer(cluster, "hail", *words), words
    for number, memory in enumerate((1500, 1000, 500)):
        name = f"web{number}.example.com"
        (wanted,) = answer(cluster, "hail", *new, f"--memory={memory}", name)[1]  # type: ignore[index]
        ran = cluster.run(*ADD, "-B", f"memory={memory}", "-I", "original", name).good()
        assert f"Selected nodes for instance {name} via iallocator original: {wanted}" in ran.stdout
        there = cluster.run("gnt-instance", "list", "--no-headers", "-o", "pnode", name).good()
        assert there.stdout.strip() == wanted
    cluster.run("gnt-node", "modify", "--drained=yes", "node3").good()
    assert answer(cluster, "original", *cases[-1]) == answer(cluster, "hail", *cases[-1])
    cluster.run("gnt-node", "modify", "--drained=no", "node3").good()
    moves = ("-m", "node-evacuate", "web0.example.com")
    assert answer(cluster, "original", *moves) == answer(cluster, "hail", *moves)
    cluster.run("gnt-instance", "remove", "-f", *["web0.example.com"]).good()


def test_own_hail(cluster: VirtualCluster) -> None:
    """A hail that the admin installed is asked instead of ours."""
    script = place(cluster) / "hail"
    body = '{"success": true, "info": "mine", "result": ["node3.example.com"]}'
    write_script(script, f"echo '{body}'")
    try:
        ran = cluster.run(*ADD, "-B", "memory=128", "-I", "hail", NEW).good()
    finally:
        script.unlink()
    assert "via iallocator hail: node3.example.com" in ran.stdout
    cluster.run("gnt-instance", "remove", "-f", NEW).good()


def test_parameters(cluster: VirtualCluster) -> None:
    """The default allocator gets the cluster's parameters behind its file's name."""
    write_script(place(cluster) / "told", 'cat "$1" | head -c 10; shift; echo "$@"; exit 1')
    modify = ("gnt-cluster", "modify")
    cluster.run(*modify, "--default-iallocator=told", "--default-iallocator-params=a=1,b=x").good()
    refused(cluster, (*ADD, NEW), "'told' failed", "--a=1 --b=x")
    cluster.run(*modify, "--default-iallocator-params=", "--default-iallocator=hail").good()


def test_hostile(cluster: VirtualCluster) -> None:
    """Whatever a program does, the job fails and says why, and nothing is left behind."""
    with unharmed(cluster), memory_growth(cluster.pid(1, NODED)) as growth:
        for name, (body, words) in HOSTILE.items():
            write_script(place(cluster) / name, body)
            refused(cluster, (*ADD, "-I", name, NEW), *words)
        refused(cluster, (*ADD, "-I", "nosuch", NEW), "no instance allocator 'nosuch'")
        refused(cluster, (*ADD, "-I", "../hail", NEW), "no instance allocator '../hail'")
        assert inputs(cluster) == []
    assert growth.mib < 64


def sleeping(cluster: VirtualCluster) -> tuple[int, Path]:
    """A job whose program sleeps for ever and cannot be asked to end; and the program's pid."""
    noted = cluster.folder / "pid"
    noted.unlink(missing_ok=True)
    write_script(place(cluster) / "sleeps", SLEEPS.format(pid=noted))
    ran = cluster.run(*ADD, "--submit", "-I", "sleeps", NEW).good()
    assert wait_for(lambda: noted.exists() and noted.read_text().endswith("\n"), 60)
    return int(ran.stderr.removeprefix("JobID: ")), noted


def ended(cluster: VirtualCluster, noted: Path) -> bool:
    """Is the program gone, with its input?"""
    return wait_for(lambda: not alive(noted) and inputs(cluster) == [], 60)


def test_cancelled(cluster: VirtualCluster) -> None:
    """A job that waits for a program can be cancelled, and its program ends."""
    with unharmed(cluster):
        job, noted = sleeping(cluster)
        begin = time.monotonic()
        cluster.run("gnt-job", "cancel", str(job)).good()
        assert time.monotonic() - begin < 60
        assert ended(cluster, noted)
    assert status(cluster, job) == "canceled"


@pytest.mark.parametrize("daemon", [MASTERD, NODED])
def test_killed(cluster: VirtualCluster, daemon: str) -> None:
    """When a daemon is killed meanwhile, the program ends, the job fails, and others go on."""
    job, noted = sleeping(cluster)
    cluster.kill(1, daemon)
    cluster.start(1, daemon)
    assert wait_for(lambda: status(cluster, job) == "error", 90)
    assert ended(cluster, noted)
    assert all(pids(cluster).values())
    with unharmed(cluster):
        cluster.run(*ADD, "-B", "memory=128", NEW).good()
        cluster.run("gnt-instance", "remove", "-f", NEW).good()


def status(cluster: VirtualCluster, job: int) -> str:
    """Of a job."""
    argv = ("gnt-job", "list", "--no-headers", "-o", "status", str(job))
    return cluster.run(*argv).good().stdout.strip()


def test_batch(cluster: VirtualCluster, tmp_path: Path) -> None:
    """Many instances at once: each where the allocator says; when one fits nowhere, none."""
    names = [f"batch{number}.example.com" for number in range(4)]
    one = {"disk_template": "diskless", "os_type": "busybox+default", "disks": [], "nics": [{}]}

    def create(memory: int) -> tuple[str, ...]:
        sizes = {"maxmem": memory, "minmem": memory}
        wanted = [one | {"instance_name": name, "beparams": sizes} for name in names]
        path = tmp_path / "batch.json"
        path.write_text(json.dumps(wanted))
        return "gnt-instance", "batch-create", "-I", "hail", str(path)

    with unharmed(cluster):
        refused(cluster, create(1500), "Can't compute nodes using iallocator 'hail'")
        said = cluster.run(*create(256)).good().stdout
        assert said.endswith("All instances created successfully.\n")
        listed = cluster.run("gnt-instance", "list", "--no-headers", "-o", "name,pnode").good()
        for line in listed.stdout.splitlines():
            name, node = line.split()
            if name in names:
                assert f"Selected nodes for instance {name} via iallocator hail: {node}" in said
        assert all(name in listed.stdout for name in names)
        again = cluster.run(*create(256))
        assert (again.status, "already in the cluster" in again.stderr) == (1, True)


def test_explained(cluster: VirtualCluster) -> None:
    """An instance that fits nowhere: why, and what would help."""
    words = ("-m", "allocate", "-t", "diskless", "-o", "busybox", "--memory=9000", "--explain")
    said = cluster.run("gnt-debug", "allocate", *words, "huge.example.com").good().stdout
    assert said.startswith("huge.example.com fits nowhere: ")
    for node in (1, 2, 3):
        assert f"node{node}" in said
