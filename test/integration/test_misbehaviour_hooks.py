"""Hook scripts that fail, hang, print without end, or kill."""

from __future__ import annotations

import os
import shutil
from collections.abc import Iterator
from pathlib import Path

import pytest
from support.misbehaviour import NEW, add_argv, alive, memory_growth, pids, refused, unharmed
from support.osdirs import write_script
from support.ready import make_cluster
from support.virtualcluster import VirtualCluster, wait_for

from ganeti.paths import MASTERD, NODED

NODE = "node2.example.com"
ADD = add_argv()
REMOVE = ("gnt-instance", "remove", "-f", NEW)
GIGABYTE = "yes 'a line of output of a talkative hook' | head -c 1073741824"
LIMIT_S = 2.0
LATER_S = 30.0
"""What a busy machine may take beside that; the scripts that hang would take longer."""


@pytest.fixture(scope="module")
def cluster(tmp_path_factory: pytest.TempPathFactory) -> Iterator[VirtualCluster]:
    """Hooks on node2 have two seconds."""
    found = make_cluster(tmp_path_factory.mktemp("hooks") / "c", nodes=2)
    try:
        found.stop(2, NODED)
        found.run(NODED, "--hook-timeout", f"{LIMIT_S:g}", node=2).good()
        listing = ("gnt-node", "list", "--no-headers", "-o", "mfree")
        assert wait_for(lambda: "?" not in found.run(*listing).good().stdout, 20, every_s=0.2)
        yield found
    finally:
        found.remove()


@pytest.fixture
def hooks(cluster: VirtualCluster) -> Iterator[Path]:
    """The folder for hooks of node2, in an otherwise calm cluster."""
    folder = Path(cluster.paths(2).hooks_dir)
    with unharmed(cluster):
        yield folder
        shutil.rmtree(folder)


def write_hook(hooks: Path, phase: str, name: str, body: str, mode: int = 0o755) -> Path:
    folder = hooks / f"instance-add-{phase}.d"
    folder.mkdir(parents=True, exist_ok=True)
    write_script(folder / name, body, mode)
    return folder / name


def test_failing_pre(cluster: VirtualCluster, hooks: Path) -> None:
    """Nothing is done, and who forbade it says why; the other scripts run all the same."""
    write_hook(hooks, "pre", "10-forbid", "echo not on a Friday; exit 1")
    write_hook(hooks, "pre", "20-mute", "exit 7")
    write_hook(hooks, "pre", "30-fine", f"touch {hooks}/ran")
    ran = refused(cluster, ADD, "hooks execution failed", NODE, "10-forbid", "not on a Friday")
    assert "20-mute exited with status 7" in ran.stderr
    assert "30-fine" not in ran.stderr
    assert (hooks / "ran").exists()
    assert cluster.run("gnt-instance", "list", "--no-headers").good().stdout == ""


def test_failing_post(cluster: VirtualCluster, hooks: Path) -> None:
    """It is done already: a warning, with the node, the script and what it said."""
    write_hook(hooks, "post", "sulk", "echo too late >&2; exit 1")
    ran = cluster.run(*ADD).good()
    assert f"On {NODE} script instance-add-post.d/sulk failed, output: too late" in ran.stdout
    cluster.run(*REMOVE).good()


def test_hanging(cluster: VirtualCluster, hooks: Path) -> None:
    """It is ended at its limit with all that it started, and counts as failed."""
    marker = hooks / "pids"
    body = f"trap '' TERM INT HUP; sleep 1000 & echo $! $$ > {marker}; wait"
    write_hook(hooks, "pre", "hang", body)
    ran = refused(cluster, ADD, NODE, "hang", f"did not end within {LIMIT_S:g} s and was killed")
    assert ran.seconds < LIMIT_S + LATER_S
    assert alive(marker) == []


def test_hanging_post(cluster: VirtualCluster, hooks: Path) -> None:
    """The operation ends well, a little later."""
    write_hook(hooks, "post", "hang", "sleep 1000")
    ran = cluster.run(*ADD).good()
    assert f"did not end within {LIMIT_S:g} s and was killed" in ran.stdout
    assert ran.seconds < LIMIT_S + LATER_S
    cluster.run(*REMOVE).good()


def test_killed_job(cluster: VirtualCluster, hooks: Path) -> None:
    """A job can be killed while its hook hangs; the hook is ended."""
    marker = hooks / "pid"
    write_hook(hooks, "pre", "hang", f"echo $$ > {marker}; exec sleep 1000")
    with cluster.spawn(*ADD) as adding:
        assert wait_for(lambda: marker.exists() and marker.read_text().endswith("\n"), 60)
        listed = cluster.run("gnt-job", "list", "--no-headers", "-o", "id", "--running").good()
        cluster.run("gnt-job", "cancel", "--kill", "--yes-do-it", *listed.stdout.split()).good()
        assert adding.wait(60) == 1
        assert "was canceled" in adding.stderr.read()
    assert wait_for(lambda: not alive(marker), 60)


def test_gigabyte(cluster: VirtualCluster, hooks: Path) -> None:
    """
    It may print what it likes, as long as its time lasts; the last of it is reported.

    Here that is until its limit: what counts is that nobody takes much of it.
    """
    write_hook(hooks, "pre", "talk", f"{GIGABYTE}; echo the end; exit 1")
    running = pids(cluster)
    with memory_growth(running[f"{NODED} 2"]) as node, memory_growth(running[MASTERD]) as master:
        ran = refused(cluster, ADD, NODE, "talk")
    assert "the end" in ran.stderr or "did not end within" in ran.stderr
    assert len(ran.stderr) < 64 << 10
    assert node.mib < 64
    assert master.mib < 64


def test_skipped(cluster: VirtualCluster, hooks: Path) -> None:
    """What is not executable, or not called like a script, or none, is skipped."""
    write_hook(hooks, "pre", "sleeping", "exit 1", mode=0o644)
    write_hook(hooks, "pre", "backup~", "exit 1")
    write_hook(hooks, "pre", "name.with.dots", "exit 1")
    folder = write_hook(hooks, "pre", "works", f"touch {hooks}/ran").parent
    (folder / "folder").mkdir()
    (folder / "dangling").symlink_to("/no/such/script")
    os.mkfifo(folder / "fifo", 0o755)
    cluster.run(*ADD).good()
    assert (hooks / "ran").exists()
    cluster.run(*REMOVE).good()


def test_killing(cluster: VirtualCluster, hooks: Path) -> None:
    """A script that kills its process group kills itself, and no daemon."""
    write_hook(hooks, "pre", "a-kill", "kill -KILL 0; sleep 1000")
    write_hook(hooks, "pre", "b-kill", "kill -KILL -$$; sleep 1000")
    refused(cluster, ADD, NODE, "a-kill was ended by signal 9", "b-kill was ended by signal 9")


def test_leaving_children(cluster: VirtualCluster, hooks: Path) -> None:
    """What a script leaves running is ended with it, and delays nothing."""
    write_hook(hooks, "pre", "fork", f"(sleep 3; touch {hooks}/late) & exit 0")
    cluster.run(*ADD).good()
    cluster.run(*REMOVE).good()
    assert not (hooks / "late").exists()


def test_no_interpreter(cluster: VirtualCluster, hooks: Path) -> None:
    """A script that cannot be started has failed."""
    write_hook(hooks, "pre", "odd", "").write_text("#!/no/such/interpreter\n")
    refused(cluster, ADD, NODE, "instance-add-pre.d/odd", "No such file")


def test_unreadable_folder(cluster: VirtualCluster, hooks: Path) -> None:
    """As with a node that is away: a warning says so."""
    hooks.mkdir(exist_ok=True)
    (hooks / "instance-add-pre.d").write_text("this is no folder")
    told = f"WARNING: Hooks could not be run: Node {NODE}: Cannot look for hooks"
    assert told in cluster.run(*ADD).good().stdout
    cluster.run(*REMOVE).good()
