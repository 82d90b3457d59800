"""OS definitions that are broken, fail, hang, print without end, or leave children behind."""

from __future__ import annotations

import re
import shutil
import subprocess
import time
from collections.abc import Iterator
from pathlib import Path

import pytest
from support.misbehaviour import NEW, add_file_argv, alive, memory_growth, pids, refused, unharmed
from support.osdirs import make_os
from support.ready import make_cluster
from support.virtualcluster import VirtualCluster, wait_for

from ganeti.noded.os_scripts import LOG_LIMIT
from ganeti.paths import MASTERD, NODED

NODE = "node2.example.com"
ADD = add_file_argv("-s", "1G", "-o", "odd")
GIGABYTE = "yes 'a line of output of a talkative script' | head -c 1073741824"
FORKS = "for i in 1 2 3; do sh -c 'sleep 1000; touch never' & done; setsid -f true"
PACKAGE = "ganeti-os-noop"


@pytest.fixture(scope="module")
def cluster(tmp_path_factory: pytest.TempPathFactory) -> Iterator[VirtualCluster]:
    found = make_cluster(tmp_path_factory.mktemp("os") / "c", nodes=2)
    try:
        yield found
    finally:
        found.remove()


def place(cluster: VirtualCluster) -> Path:
    """Where node2 looks for OS definitions first."""
    return Path(cluster.paths(2).os_search_path[0])


@pytest.fixture
def odd(cluster: VirtualCluster) -> Iterator[Path]:
    """A definition C{odd} on node2, to be made odd, in an otherwise calm cluster."""
    with unharmed(cluster):
        definition = make_os(place(cluster), "odd")
        yield definition
        shutil.rmtree(definition)


def set_create(odd: Path, body: str) -> None:
    (odd / "create").write_text(f"#!/bin/sh\n{body}\n")


def log_of(cluster: VirtualCluster, text: str) -> Path:
    """The log file that an error names."""
    found = re.search(r"log file (\S+\.log)", text)
    assert found is not None, text
    assert found[1].startswith(cluster.paths(2).os_log_dir)
    return Path(found[1])


def test_create_missing(cluster: VirtualCluster, odd: Path) -> None:
    (odd / "create").unlink()
    refused(cluster, ADD, NODE, "OS odd is not valid", "'create'", "found")


def test_create_not_executable(cluster: VirtualCluster, odd: Path) -> None:
    (odd / "create").chmod(0o644)
    refused(cluster, ADD, NODE, "OS odd is not valid", "'create'", "is not executable")


def test_strange_files(cluster: VirtualCluster, odd: Path) -> None:
    """Files that are of no use make the definition invalid, and say which."""
    for name, data in {
        "ganeti_api_version": b"many\n",
        "variants.list": b"\xff\xfe",
        "parameters.list": b"x" * (1 << 20),
    }.items():
        before = (odd / name).read_bytes() if (odd / name).exists() else None
        (odd / name).write_bytes(data)
        refused(cluster, ADD, NODE, "OS odd is not valid", name)
        (odd / name).unlink() if before is None else (odd / name).write_bytes(before)


def test_no_interpreter(cluster: VirtualCluster, odd: Path) -> None:
    (odd / "create").write_text("#!/no/such/interpreter\n")
    refused(cluster, ADD, NODE, NEW, "create script of 'odd'")


def test_failing(cluster: VirtualCluster, odd: Path) -> None:
    """Its status, its last words and its log are in the error; the disk is removed."""
    set_create(odd, "echo first; echo no kernel for you >&2; exit 3")
    ran = refused(
        cluster, ADD, NODE, NEW, "create script of 'odd'", "status 3", "no kernel for you"
    )
    assert log_of(cluster, ran.stderr).read_text() == "first\nno kernel for you\n"


def test_killing_itself(cluster: VirtualCluster, odd: Path) -> None:
    """Also with its whole process group, which is nobody's but its own."""
    for suicide in ("kill -KILL $$", "kill -KILL 0", "kill -SEGV $$"):
        set_create(odd, f"echo goodbye; {suicide}; sleep 1000")
        refused(cluster, ADD, NODE, NEW, "create script of 'odd'", "died of signal", "goodbye")


def test_hanging(cluster: VirtualCluster, odd: Path) -> None:
    """The job of a script that hangs can be killed; nothing of its process group is left."""
    marker = odd / "pids"
    set_create(odd, f"trap '' TERM INT HUP; sleep 1000 & echo $! $$ > {marker}; wait")
    with cluster.spawn(*ADD, "--print-jobid") as adding:
        assert wait_for(lambda: marker.exists() and marker.read_text().endswith("\n"), 60)
        assert len(alive(marker)) == 2
        job = _current_job(cluster)
        mild = cluster.run("gnt-job", "cancel", job)
        assert (mild.status, "can't cancel" in mild.stdout + mild.stderr) == (1, True)
        begun = time.monotonic()
        cluster.run("gnt-job", "cancel", "--kill", "--yes-do-it", job).good()
        assert adding.wait(60) == 1
        print(f"killed after {time.monotonic() - begun:.2f} s")
        assert "was canceled" in adding.stderr.read()
    assert alive(marker) == []
    assert cluster.run("gnt-instance", "list", "--no-headers").good().stdout == ""


def _current_job(cluster: VirtualCluster) -> str:
    listed = cluster.run("gnt-job", "list", "--no-headers", "-o", "id", "--running").good()
    (job,) = listed.stdout.split()
    return job


def test_gigabyte(cluster: VirtualCluster, odd: Path) -> None:
    """It may print what it likes and still succeed; little of it is kept anywhere."""
    set_create(odd, f"{GIGABYTE}; echo all of it")
    running = pids(cluster)
    with memory_growth(running[f"{NODED} 2"]) as node, memory_growth(running[MASTERD]) as master:
        ran = cluster.run(*ADD).good()
    print(f"a gigabyte: {ran.seconds:.1f} s, noded +{node.mib:.0f}, masterd +{master.mib:.0f} MiB")
    assert len(ran.stdout) < 1 << 20
    assert max(log.stat().st_size for log in _logs(cluster)) < LOG_LIMIT + 1000
    assert node.mib < 64
    assert master.mib < 64
    cluster.run("gnt-instance", "remove", "-f", NEW).good()


def _logs(cluster: VirtualCluster) -> list[Path]:
    return list(Path(cluster.paths(2).os_log_dir).iterdir())


def test_much_then_failure(cluster: VirtualCluster, odd: Path) -> None:
    """What it says last is told, however much came before."""
    much = "head -c 100000000 /dev/zero | tr '\\0' x >&2; echo >&2"
    set_create(odd, f"{much}; echo no space for the system >&2; exit 3")
    ran = refused(cluster, ADD, NODE, NEW, "status 3", "no space for the system")
    assert len(ran.stdout) + len(ran.stderr) < 1 << 20


def test_leaving_children(cluster: VirtualCluster, odd: Path) -> None:
    """What it leaves running is ended with it, and delays nothing."""
    for leave in (FORKS, f"({FORKS}) >/dev/null 2>&1 </dev/null"):
        set_create(odd, f"{leave}; exit 0")
        assert cluster.run(*ADD).good().seconds < 60
        assert not (odd / "never").exists()
        cluster.run("gnt-instance", "remove", "-f", NEW).good()


def test_odd_output(cluster: VirtualCluster, odd: Path) -> None:
    """Output that is no text, or commands a terminal, hurts neither job nor terminal."""
    set_create(odd, "head -c 100000 /dev/urandom; printf '\\n\\033[2J\\000\\377\\n'; exit 1")
    ran = refused(cluster, ADD, NODE, NEW, "status 1", r"\x1b[2J\x00")
    assert not set("\x00\x07\x1b\x9b") & set(ran.stdout + ran.stderr)


def test_noop(cluster: VirtualCluster, tmp_path: Path) -> None:
    """Debian's ganeti-os-noop, as it is, installs an instance."""
    target = place(cluster) / "noop"
    with unharmed(cluster):
        shutil.copytree(unpacked(tmp_path), target, symlinks=True)
        noop = add_file_argv("-s", "1G", "-o", "noop")
        cluster.run(*noop).good()
        listed = cluster.run("gnt-instance", "list", "--no-headers", "-o", "name,os,status").good()
        assert listed.stdout.split() == [NEW, "noop", "running"]
        cluster.run("gnt-instance", "remove", "-f", NEW).good()
        shutil.rmtree(target)


def unpacked(directory: Path) -> Path:
    """The definition in the package, which is fetched when it is not installed."""
    installed = Path("/usr/share/ganeti/os/noop")
    if installed.is_dir():
        return installed
    try:
        run = {"cwd": directory, "check": True, "capture_output": True, "timeout": 60}
        subprocess.run(["apt-get", "download", "-q", PACKAGE], **run)
        subprocess.run(["dpkg", "-x", *map(str, directory.glob("*.deb")), "."], **run)
    except (OSError, subprocess.SubprocessError) as err:
        pytest.skip(f"the package {PACKAGE} cannot be had: {err}")
    return directory / "usr/share/ganeti/os/noop"
