"""
Time the job queue of a real master daemon, and its start with a large cluster.

Run: C{.venv/bin/python test/bench/bench_jobs.py}. Prints figures, asserts nothing.
"""

from __future__ import annotations

import select
import socket
import statistics
import sys
import tempfile
import time
from pathlib import Path
from typing import Any

sys.path[:0] = [str(Path(__file__).resolve().parents[2]), str(Path(__file__).resolve().parents[1])]

from support.observe import read_store
from support.ready import make_cluster
from support.samples import make_disk, make_instance
from support.virtualcluster import VirtualCluster

from ganeti.luxi.client import Client, encode_request
from ganeti.model import codec
from ganeti.model.job import Job, JobOp, OpStatus
from ganeti.model.state import QueueState, State
from ganeti.paths import MASTERD
from ganeti.store.bootstrap import remove_database, write_state
from ganeti.store.database import Database
from ganeti.store.entry import Position
from ganeti.utils.sockets import connect_unix

DELAY = {"OP_ID": "OP_TEST_DELAY", "duration": 0.0, "reason": []}
PAUSE = [None, 0, [], "PAUSE", []]
INSTANCES, ARCHIVED, LIVE, QUEUED, CLIENTS = 20_000, 10_000, 10_000, 10_000, 1_000


def main() -> None:
    with tempfile.TemporaryDirectory(prefix="gnt-bench-") as folder:
        cluster = make_cluster(Path(folder) / "cluster")
        try:
            with Client(cluster.paths(1).query_socket) as client:
                throughput(client)
                latency(client)
                waiting_clients(cluster, client)
                long_queue(cluster, client)
            large_start(cluster)
        finally:
            cluster.end()


def show(what: str, value: float, unit: str, goal: str = "") -> None:
    print(f"{what:58} {value:9.1f} {unit:7} {goal}", flush=True)


def throughput(client: Client) -> None:
    """Jobs per second, submitted together."""
    for ops, goal in ((1, "[700]"), (3, "")):
        rates = []
        for _ in range(5):
            begin = time.perf_counter()
            answers = client.submit_many_jobs([[DELAY] * ops] * 300)
            for _, job_id in answers:
                wait_final(client, job_id)
            rates.append(300 / (time.perf_counter() - begin))
        show(f"300 no-op jobs of {ops} opcode(s)", statistics.median(rates), "jobs/s", goal)


def latency(client: Client) -> None:
    """One job after another, each waited for."""
    times = []
    for _ in range(200):
        begin = time.perf_counter()
        wait_final(client, client.submit_job([DELAY]))
        times.append((time.perf_counter() - begin) * 1e3)
    show("one no-op job, submitted and waited for, median", statistics.median(times), "ms", "[6]")
    show("the same, 99%", sorted(times)[197], "ms")


def wait_final(client: Client, job_id: int) -> None:
    """Wait until a job has succeeded."""
    known: Any = None
    while known is None or known[0] not in ("success", "error", "canceled"):
        known = client.wait_for_job_change(job_id, ["status"], known, None)[0]
    assert known[0] == "success", known


def waiting_clients(cluster: VirtualCluster, client: Client) -> None:
    """How soon many clients hear of the end of the job that they all wait for."""
    job_id = client.submit_job([DELAY | {"duration": 2.0}])
    frame = encode_request("WaitForJobChange", [job_id, ["status"], ["running"], None, 60])
    poller = select.epoll()
    sockets = {}
    for _ in range(CLIENTS):
        one = connected(cluster.paths(1).query_socket)
        sockets[one.fileno()] = one
        poller.register(one, select.EPOLLIN)
        one.sendall(frame)
    ends = []
    while len(ends) < CLIENTS:
        for fd, _ in poller.poll():
            sockets[fd].recv(65536)
            poller.unregister(fd)
            ends.append(time.time())
    [[(seconds, micro)]] = client.query_jobs([job_id], ["end_ts"])
    late = sorted(end - seconds - micro / 1e6 for end in ends)
    show(
        f"{CLIENTS} clients hear of one job's end, 99%", late[-CLIENTS // 100] * 1e3, "ms", "[250]"
    )
    for one in sockets.values():
        one.close()


def connected(path: str) -> socket.socket:
    """Connect, when there is room."""
    while True:
        try:
            return connect_unix(path, 10.0)
        except BlockingIOError:
            time.sleep(0.001)


def long_queue(cluster: VirtualCluster, client: Client) -> None:
    """Submitting while thousands of jobs wait, what they weigh, and how they run."""
    rule = client.call("ReplaceFilter", PAUSE)
    times = []
    for _ in range(QUEUED // 100):
        client.submit_many_jobs([[DELAY]] * 99)
        begin = time.perf_counter()
        client.submit_job([DELAY])
        times.append((time.perf_counter() - begin) * 1e3)
    show(f"submit one job with {QUEUED} queued, 99%", sorted(times)[-1], "ms", "[50]")
    show(f"masterd with {QUEUED} queued jobs, RSS", rss_mib(cluster), "MiB", "[400]")
    begin = time.perf_counter()
    client.query_jobs(None, ["id", "status", "summary"])
    show(f"list {QUEUED} jobs", (time.perf_counter() - begin) * 1e3, "ms")
    begin = time.perf_counter()
    client.call("DeleteFilter", [rule])
    while client.call("Query", ["job", ["id"], ["=", "status", "queued"]])["data"]:
        time.sleep(0.2)
    show(f"run them, {QUEUED} jobs", QUEUED / (time.perf_counter() - begin), "jobs/s")
    begin = time.perf_counter()
    archived, _ = client.auto_archive_jobs(-1, 60)
    show(f"archive {archived} jobs", (time.perf_counter() - begin) * 1e3, "ms")


def rss_mib(cluster: VirtualCluster) -> float:
    """Resident memory of the master daemon."""
    pid = cluster.pid(1, MASTERD)
    for line in Path(f"/proc/{pid}/status").read_text().splitlines():
        if line.startswith("VmRSS"):
            return int(line.split()[1]) / 1024
    raise AssertionError("no VmRSS")


def large_start(cluster: VirtualCluster) -> None:
    """From the start of the daemon until it serves."""
    for live, goal in ((0, "[3000]"), (LIVE, "[5000]")):
        cluster.stop(1, MASTERD)
        grow(cluster, live)
        begin = time.perf_counter()
        cluster.start(1, MASTERD)
        took = (time.perf_counter() - begin) * 1e3
        what = f"masterd start, {INSTANCES} instances, {ARCHIVED} archived, {live} live jobs"
        show(what, took, "ms", goal)
        show("its RSS", rss_mib(cluster), "MiB")


def grow(cluster: VirtualCluster, live: int) -> None:
    """Replace the database by a large one of the same cluster."""
    path = cluster.paths(1).store_db
    config = read_store(cluster.paths(1)).state.config
    nodes = sorted(config.nodes)
    for number in range(len(config.instances) + 1, INSTANCES + 1):
        disk = make_disk(number)
        instance = make_instance(number, primary_node=nodes[number % len(nodes)])
        config = config.with_disk(disk).with_instance(instance)
    jobs = {number: final_job(number) for number in range(1, live + 1)}
    queue = QueueState(last_job_id=ARCHIVED + LIVE)
    state = State(config=config, jobs=State().jobs.update(jobs), queue=queue, index=9, term=1)
    remove_database(path)
    write_state(path, state, Position(index=9, term=1, digest="bench"), {})
    database = Database(path)
    ids = range(LIVE + 1, LIVE + ARCHIVED + 1)
    rows = [(number, codec.encode(final_job(number))) for number in ids]
    database.connection.execute("BEGIN")
    database.connection.executemany("INSERT INTO archive (id, body) VALUES (?, ?)", rows)
    database.connection.execute("COMMIT")
    database.close()


def final_job(number: int) -> Job:
    op = JobOp(input=DELAY, op_id="OP_TEST_DELAY", status=OpStatus.SUCCESS, ended=1)
    return Job(id=number, ops=(op,), received=1, started=1, ended=1)


if __name__ == "__main__":
    main()
