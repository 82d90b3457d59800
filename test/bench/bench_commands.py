"""
Time the commands on a virtual cluster of real daemons, and weigh the idle daemons.

Run: C{.venv/bin/python test/bench/bench_commands.py}. Prints figures, asserts nothing.
"""

from __future__ import annotations

import statistics
import sys
import tempfile
import time
from collections.abc import Callable
from pathlib import Path

sys.path[:0] = [str(Path(__file__).resolve().parents[2]), str(Path(__file__).resolve().parents[1])]

from support.ready import make_cluster
from support.virtualcluster import VirtualCluster, wait_for

from ganeti.luxi.client import Client
from ganeti.paths import MASTERD, NODED

DELAY = {"OP_ID": "OP_TEST_DELAY", "duration": 0.0, "on_master": True, "reason": []}
ADD = (
    "gnt-instance",
    "add",
    "-t",
    "diskless",
    "-o",
    "busybox+default",
    "--no-install",
    "--no-start",
)
ANYWAY = "--force-multiple"
ADD_TO = ("--ignore-ipolicy", "--no-nics", "-B", "memory=128M", "-n", "node2.example.com")


def main() -> None:
    with tempfile.TemporaryDirectory(prefix="gnt-bench-") as folder:
        begin = time.perf_counter()
        cluster = make_cluster(Path(folder) / "cluster")
        try:
            show("set up, init, two nodes added", [time.perf_counter() - begin], "")
            measure(cluster)
        finally:
            cluster.end()


def measure(cluster: VirtualCluster) -> None:
    idle(cluster)
    client = Client(cluster.paths(1).query_socket)
    jobs(client)
    commands(cluster)
    verification(cluster)
    many_startups(cluster, client)
    many_instances(cluster, client)
    client.close()


def show(what: str, seconds: list[float], goal: str) -> None:
    """Print the median and the extremes in milliseconds."""
    median, low, high = statistics.median(seconds), min(seconds), max(seconds)
    print(
        f"{what:52} {median * 1000:9.1f} ms  ({low * 1000:.1f}..{high * 1000:.1f},"
        f" n={len(seconds)})  {goal}",
        flush=True,
    )


def timed(action: Callable[[], object], times: int) -> list[float]:
    found = []
    for _ in range(times):
        begin = time.perf_counter()
        action()
        found.append(time.perf_counter() - begin)
    return found


def idle(cluster: VirtualCluster) -> None:
    """Proportional set size of a masterd and three noded that have nothing to do."""
    pids = [cluster.pid(1, MASTERD), *(cluster.pid(node, NODED) for node in (1, 2, 3))]
    sizes = [pss_mib(pid) for pid in pids if pid is not None]
    parts = " + ".join(f"{size:.0f}" for size in sizes)
    print(f"{'idle masterd and three noded, PSS':52} {sum(sizes):9.1f} MiB ({parts})  [220]")


def pss_mib(pid: int) -> float:
    for line in Path(f"/proc/{pid}/smaps_rollup").read_text().splitlines():
        if line.startswith("Pss:"):
            return int(line.split()[1]) / 1024
    raise ValueError(pid)


def jobs(client: Client) -> None:
    def one() -> None:
        wait_final(client, client.call("SubmitJob", [[DELAY]]))

    one()
    show("one no-op job through LUXI", timed(one, 200), "[6 ms]")
    rates = []
    for _ in range(5):
        begin = time.perf_counter()
        answers = client.call("SubmitManyJobs", [[[DELAY]] * 300])
        for _, job_id in answers:
            wait_final(client, job_id)
        rates.append(300 / (time.perf_counter() - begin))
    what = "300 no-op jobs in one SubmitManyJobs"
    print(f"{what:52} {statistics.median(rates):9.0f} jobs/s  [700]")


def wait_final(client: Client, job_id: int) -> None:
    """Wait until a job has ended well."""
    known = None
    while True:
        values, _ = client.call("WaitForJobChange", [job_id, ["status"], known, 0, 60])
        known = values
        if values[0] in ("success", "error", "canceled"):
            break
    if values[0] != "success":
        raise AssertionError(f"job {job_id}: {values}")


def commands(cluster: VirtualCluster) -> None:
    def run(*argv: str) -> Callable[[], object]:
        return lambda: cluster.run(*argv).good()

    show("gnt-cluster version", timed(run("gnt-cluster", "version"), 20), "[80 ms]")
    show("gnt-job list", timed(run("gnt-job", "list"), 20), "[80 ms]")
    completing = ("gnt-instance", "--complete", "bash", "=:")
    show("a tab after 'sta'", timed(run(*completing, "gnt-instance sta"), 20), "[80 ms]")
    show("a tab for a name", timed(run(*completing, "gnt-instance info "), 20), "[100 ms]")
    names = iter(f"bench{number}.example.com" for number in range(100))
    add = timed(lambda: run(*ADD, *ADD_TO, next(names))(), 10)
    show("gnt-instance add -t diskless --no-install --no-start", add, "[200 ms]")
    up, down = [], []
    for _ in range(10):
        up += timed(run("gnt-instance", "startup", "bench0.example.com"), 1)
        down += timed(run("gnt-instance", "shutdown", "bench0.example.com"), 1)
    show("gnt-instance startup", up, "[200 ms]")
    show("gnt-instance shutdown", down, "[200 ms]")


def verification(cluster: VirtualCluster) -> None:
    """Of 3 nodes with 20 instances, every other of which runs."""
    client = Client(cluster.paths(1).query_socket)
    names = [f"check{number}.example.com" for number in range(10)]
    create(client, [instance_op(name) for name in names])
    cluster.run("gnt-instance", "startup", ANYWAY, *names).good()
    rest(2.0)
    verify = timed(lambda: cluster.run("gnt-cluster", "verify"), 10)
    show("gnt-cluster verify, 3 nodes, 20 instances", verify, "[500 ms]")
    client.close()


def many_startups(cluster: VirtualCluster, client: Client) -> None:
    """100 in one go; then all are down again."""
    nodes = [f"node{number}.example.com" for number in (1, 2, 3)]
    names = [f"start{number}.example.com" for number in range(100)]
    create(client, [instance_op(name, nodes[at % 3]) for at, name in enumerate(names)])
    up, down = [], []
    for _ in range(3):
        rest(2.0)
        up += timed(lambda: cluster.run("gnt-instance", "startup", ANYWAY, *names).good(), 1)
        rest(2.0)
        down += timed(lambda: cluster.run("gnt-instance", "shutdown", ANYWAY, *names).good(), 1)
    show("gnt-instance startup of 100 instances", up, "[1500 ms]")
    show("gnt-instance shutdown of 100 instances", down, "")


def rest(seconds: float) -> None:
    """Let what follows the jobs come to an end."""
    wait_for(lambda: False, seconds)


def create(client: Client, ops: list[dict[str, object]]) -> float:
    """Make instances, a job for each; the seconds that it took."""
    begin = time.perf_counter()
    for good, job_id in client.call("SubmitManyJobs", [[[op] for op in ops]]):
        assert good, job_id
        wait_final(client, job_id)
    return time.perf_counter() - begin


def many_instances(cluster: VirtualCluster, client: Client) -> None:
    """List 200 instances."""
    rate = 80 / create(client, [instance_op(f"many{number}.example.com") for number in range(80)])
    print(f"{'80 diskless instances created':52} {rate:9.0f} jobs/s")
    rest(2.0)
    listing = timed(lambda: cluster.run("gnt-instance", "list").good(), 20)
    show("gnt-instance list, 200 instances", listing, "[100 ms]")


def instance_op(name: str, node: str = "node3.example.com") -> dict[str, object]:
    return {
        "OP_ID": "OP_INSTANCE_CREATE",
        "reason": [],
        "instance_name": name,
        "mode": "create",
        "disk_template": "diskless",
        "disks": [],
        "nics": [],
        "os_type": "busybox+default",
        "ignore_ipolicy": True,
        "no_install": True,
        "start": False,
        "pnode": node,
        "name_check": False,
        "ip_check": False,
    }


if __name__ == "__main__":
    main()
