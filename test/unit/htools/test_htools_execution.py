"""hbal -X and hsqueeze -X: which jobs are submitted, and what happens when one fails."""

from __future__ import annotations

import io
import os
import signal
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import Any, NamedTuple

import pytest
from support.clustermaster import ClusterMaster, a_cluster, a_node, an_instance
from support.fakemaster import FakeMaster, HangUp

from ganeti.cli.htools.main import main
from ganeti.errors import JobLost, JobQueueDrainError, OpExecError, encode_error
from ganeti.version import RELEASE

MIGRATE = {
    "OP_ID": "OP_INSTANCE_MIGRATE",
    "allow_runtime_changes": False,
    "ignore_ipolicy": False,
    "cleanup": False,
    "allow_failover": True,
    "ignore_hvversions": True,
}
REPLACE = {
    "OP_ID": "OP_INSTANCE_REPLACE_DISKS",
    "early_release": False,
    "ignore_ipolicy": False,
    "mode": "replace_new_secondary",
    "disks": [],
}


class Ran(NamedTuple):
    status: int
    out: str
    err: str


def balancing(**how: Any) -> ClusterMaster:
    """Four nodes, and all instances on the first two: four job sets of one job each."""
    used = 4 * 1152
    nodes = [
        a_node("node1", mfree=31744 - 4 * 1024, dfree=1048576 - used),
        a_node("node2", dfree=1048576 - used),
        a_node("node3"),
        a_node("node4"),
    ]
    instances = [an_instance(f"inst{i}", "node1", "node2") for i in range(1, 5)]
    return ClusterMaster(nodes=nodes, instances=instances, **how)


@contextmanager
def serving(folder: Path, answer: Callable[[str, list[Any]], Any]) -> Iterator[str]:
    server = FakeMaster(str(folder / "query"), answer)
    try:
        yield str(folder / "query")
    finally:
        server.stop()


def run(folder: Path, master: Callable[[str, list[Any]], Any], *words: str) -> Ran:
    out, err = io.StringIO(), io.StringIO()
    with serving(folder, master) as socket:
        program, *rest = words
        status = main(program, [f"-L{socket}", *rest], {}, stdout=out, stderr=err)
    return Ran(status, out.getvalue(), err.getvalue())


def told(master: ClusterMaster) -> list[list[dict[str, Any]]]:
    """The opcodes of each job, without what they have in common."""
    common = ("reason", "priority", "comment")
    return [
        [{name: value for name, value in op.items() if name not in common} for op in ops]
        for ops in master.jobs.values()
    ]


def test_jobs_of_hbal(tmp_path: Path) -> None:
    """Each step is a job; one set is submitted after the other."""
    master = balancing()
    ran = run(tmp_path, master, "hbal", "-X")
    assert (ran.status, ran.err) == (0, "")
    assert ran.out.splitlines()[-4:] == [f"Got job IDs {number}" for number in (1, 2, 3, 4)]
    jobs = told(master)
    move = MIGRATE | {"instance_name": "inst1"}
    assert jobs[0] == [move, REPLACE | {"instance_name": "inst1", "remote_node": "node3"}, move]
    assert [op["OP_ID"] for op in jobs[1]] == ["OP_INSTANCE_REPLACE_DISKS", "OP_INSTANCE_MIGRATE"]
    first = master.jobs[1][0]
    assert first["comment"] == f"rebalancing via hbal (ganeti) version {RELEASE}"
    assert first["priority"] == 0
    assert first["reason"][0][:2] == ["hbal", f"hbal (ganeti) version {RELEASE} called"]


def test_reason_and_priority(tmp_path: Path) -> None:
    """They go with each opcode; --first-job-group ends after the first set."""
    master = balancing()
    options = ("--first-job-group", "--reason=too hot", "--priority=low")
    assert run(tmp_path, master, "hbal", "-X", *options).status == 0
    assert list(master.jobs) == [1]
    assert {(op["priority"], op["reason"][0][1]) for op in master.jobs[1]} == {(10, "too hot")}


def test_external_storage(tmp_path: Path) -> None:
    """Instances that any node can run are migrated to a named one."""
    instances = [an_instance(f"i{n}", "node1", disk_template="rbd") for n in (1, 2)]
    nodes = [a_node("node1", mfree=31744 - 2048), a_node("node2")]
    master = ClusterMaster(nodes=nodes, instances=instances)
    assert run(tmp_path, master, "hbal", "-X").status == 0
    assert told(master) == [[MIGRATE | {"instance_name": "i1", "target_node": "node2"}]]


def test_failed_job(tmp_path: Path) -> None:
    """After a job that fails nothing more is submitted; its error is told."""
    failure = encode_error(OpExecError("disk is on fire"))
    master = balancing(endings={2: ("error", [failure, None])})
    ran = run(tmp_path, master, "hbal", "-X")
    assert ran.status == 1
    assert list(master.jobs) == [1, 2]
    assert ran.err == (
        "Error: job 2 has failed: disk is on fire\n"
        "Aborting: 2 job sets not submitted (move inst3; move inst1)\n"
    )


def test_canceled_job(tmp_path: Path) -> None:
    """A job that somebody cancels is a failure, too."""
    ran = run(tmp_path, balancing(endings={4: ("canceled", [None])}), "hbal", "-X")
    assert (ran.status, ran.err) == (1, "Error: job 4 was canceled\n")


def test_refused_job(tmp_path: Path) -> None:
    """What the master daemon does not take is told with its reason."""
    refused = {"OP_INSTANCE_MIGRATE": "Unknown opcode 'OP_INSTANCE_MIGRATE'"}
    master = balancing(refused=refused)
    ran = run(tmp_path, master, "hbal", "-X", "-l1")
    assert ran.status == 1
    assert ran.err == (
        "Error: cannot move inst1: job not taken: Unknown opcode 'OP_INSTANCE_MIGRATE'\n"
    )
    assert "Got job IDs" not in ran.out


def test_refused_request(tmp_path: Path) -> None:
    """A request that the master daemon refuses as a whole has submitted nothing."""
    master = balancing()

    def answer(method: str, args: list[Any]) -> Any:
        if method == "SubmitManyJobs":
            raise JobQueueDrainError("Job queue is drained, refusing job")
        return master(method, args)

    ran = run(tmp_path, answer, "hbal", "-X", "-l1")
    told = "Error: cannot move inst1: job not taken: Job queue is drained, refusing job\n"
    assert (ran.status, ran.err) == (1, told)


def test_lost_job(tmp_path: Path) -> None:
    """How a job ended that is gone is not known."""
    master = balancing()

    def answer(method: str, args: list[Any]) -> Any:
        if method == "WaitForJobChange":
            raise JobLost("Job with id 1 lost")
        return master(method, args)

    ran = run(tmp_path, answer, "hbal", "-X")
    assert ran.status == 1
    assert ran.err.startswith("Error: job 1 is not in the queue any more")
    assert list(master.jobs) == [1]


def test_master_ends_while_jobs_are_submitted(tmp_path: Path) -> None:
    """Nobody knows then whether they were taken: it is said, and not tried again."""
    master = balancing()

    def answer(method: str, args: list[Any]) -> Any:
        if method == "SubmitManyJobs":
            raise HangUp
        return master(method, args)

    ran = run(tmp_path, answer, "hbal", "-X")
    assert ran.status == 1
    assert "it is not known whether it was carried out" in ran.err
    assert "'gnt-job list' tells if they were" in ran.err


@pytest.mark.parametrize(
    ("method", "answer"),
    [
        ("SubmitManyJobs", 5),
        ("SubmitManyJobs", [[True, "x"]]),
        ("SubmitManyJobs", [[True]]),
        ("WaitForJobChange", 7),
        ("WaitForJobChange", [5, []]),
        ("WaitForJobChange", [[], []]),
        ("WaitForJobChange", [["running"], [["x"]]]),
    ],
)
def test_strange_answers(tmp_path: Path, method: str, answer: Any) -> None:
    """What cannot be understood ends the program; what may go on is told."""
    ran = run(tmp_path, balancing(other={method: answer}), "hbal", "-X")
    assert ran.status == 1
    assert ran.err.startswith("Error: Not understood what the master daemon answered: ")
    assert ran.err.splitlines()[1].startswith("Ended")
    assert len(ran.err.splitlines()) == 2


@pytest.mark.parametrize("program", ["hbal", "hsqueeze"])
def test_only_on_a_cluster(program: str) -> None:
    """What was read from a file cannot be carried out."""
    data = Path(__file__).parents[2] / "compat" / "htools" / "shared.data"
    out, err = io.StringIO(), io.StringIO()
    assert main(program, ["-t", str(data), "-X"], {}, stdout=out, stderr=err) == 1
    told = f"Error: {program}: Execution of commands possible only on LUXI\n"
    assert err.getvalue().endswith(told)


class Signalled:
    """Jobs end when so many signals have been sent to who waits for them."""

    def __init__(self, master: ClusterMaster, *signals: signal.Signals) -> None:
        self._master = master
        self._signals = list(signals)

    def __call__(self, method: str, args: list[Any]) -> Any:
        if method != "WaitForJobChange" or not self._signals:
            return self._master(method, args)
        os.kill(os.getpid(), self._signals.pop(0))
        return [["running"], []]


def test_first_interrupt(tmp_path: Path) -> None:
    """The job under way is waited for, and no more are submitted."""
    master = balancing()
    ran = run(tmp_path, Signalled(master, signal.SIGINT), "hbal", "-X")
    assert ran.status == 0
    assert list(master.jobs) == [1]
    assert ran.err == (
        "Cancel request registered, will exit at the end of the current job set...\n"
        "Exiting early due to user request: 1 job set submitted, all jobs ended well;"
        " 3 job sets not submitted (move inst2; move inst3; move inst1)\n"
    )


@pytest.mark.parametrize("signals", [[signal.SIGINT, signal.SIGINT], [signal.SIGTERM]])
def test_end_at_once(tmp_path: Path, signals: list[signal.Signals]) -> None:
    """A second interrupt, or SIGTERM, ends the program; the job goes on."""
    master = balancing()
    before = signal.getsignal(signal.SIGINT), signal.getsignal(signal.SIGTERM)
    ran = run(tmp_path, Signalled(master, *signals), "hbal", "-X")
    assert ran.status == 2
    assert ran.err.endswith(
        "Ended; these jobs go on, and can be followed with 'gnt-job watch': 1\n"
    )
    assert before == (signal.getsignal(signal.SIGINT), signal.getsignal(signal.SIGTERM))


def squeezing(free: int, *, standby: bool) -> ClusterMaster:
    """A busy node and one that is spare: empty, or powered off."""
    cluster = a_cluster()
    cluster["ipolicy"]["std"]["memory-size"] = 1024
    instances = [
        an_instance(f"inst{n}", "node1", disk_template="rbd", **{"be/maxmem": 1024})
        for n in range((31744 - free) // 1024)
    ]
    spare = a_node("node2", offline=standby, tags=["htools:standby:auto"] if standby else [])
    return ClusterMaster(
        cluster=cluster, nodes=[a_node("node1", mfree=free), spare], instances=instances
    )


def power(on: bool) -> list[dict[str, Any]]:
    return [
        {
            "OP_ID": "OP_NODE_SET_PARAMS",
            "node_name": "node2",
            "force": False,
            "offline": not on,
            "auto_promote": False,
        },
        {
            "OP_ID": "OP_OOB_COMMAND",
            "node_names": ["node2"],
            "command": "power-on" if on else "power-off",
            "timeout": 60,
            "ignore_status": False,
            "power_delay": 2.0,
        },
    ]


def test_power_off(tmp_path: Path) -> None:
    """A node that is not needed is tagged, then marked offline and powered off by one job."""
    master = squeezing(31744 - 1024, standby=False)
    ran = run(tmp_path, master, "hsqueeze", "-X")
    assert (ran.status, ran.err) == (0, "")
    tags = {"kind": "node", "tags": ["htools:standby:auto"], "name": "node2"}
    assert told(master) == [[{"OP_ID": "OP_TAGS_SET", **tags}], power(on=False)]
    assert master.jobs[1][0]["comment"] == f"condensing by 1 nodes (ganeti) version {RELEASE}"


def test_power_on(tmp_path: Path) -> None:
    """A node that is needed is powered on before instances come."""
    master = squeezing(1024, standby=True)
    ran = run(tmp_path, master, "hsqueeze", "-X")
    assert (ran.status, ran.err) == (0, "")
    jobs = told(master)
    assert jobs[0] == power(on=True)
    assert all(ops[0]["target_node"] == "node2" for ops in jobs[1:])
    assert master.jobs[1][0]["comment"] == f"expanding by 1 nodes (ganeti) version {RELEASE}"


def test_refused_power(tmp_path: Path) -> None:
    """When nothing can be powered off, nothing is marked offline."""
    master = squeezing(31744 - 1024, standby=False)
    master.refused = {"OP_OOB_COMMAND": "Unknown opcode 'OP_OOB_COMMAND'"}
    ran = run(tmp_path, master, "hsqueeze", "-X")
    assert ran.status == 1
    assert ran.err == (
        "Error: cannot power off node2: job not taken: Unknown opcode 'OP_OOB_COMMAND'\n"
    )
    assert [ops[0]["OP_ID"] for ops in master.jobs.values()] == ["OP_TAGS_SET"]
