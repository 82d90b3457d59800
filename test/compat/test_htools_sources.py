"""What the original's tools load, submit and ask for, beside ours: same answers, same results."""

from __future__ import annotations

import json
import os
import shutil
import tempfile
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import pytest
from support.clustermaster import (
    NO_DATA,
    OFFLINE,
    UNAVAILABLE,
    ClusterMaster,
    Unknown,
    a_cluster,
    a_group,
    a_node,
    a_silent_node,
    an_instance,
    rapi_answers,
)
from support.fakemaster import FakeMaster
from support.fakemond import a_report, busy, monitored
from support.fakerapi import serving_rapi
from support.originals import OURS, WHY_NOT, Outcome, find_original, run_tool

from ganeti.model.templates import DiskTemplate

pytestmark = pytest.mark.skipif(find_original("hbal") is None, reason=WHY_NOT)

LIMIT_S = 60
DATA = Path(__file__).parent / "htools"
HEAD = ("comment", "reason")
EXCLUSIVE = {"spindle_count": 3, "exclusive_storage": True, "cpu_speed": 1.0}
STATUSES = ("ADMIN_down", "ADMIN_offline", "ERROR_down", "ERROR_nodedown", "ERROR_up", "USER_down")


@pytest.fixture
def folder() -> Iterator[Path]:
    """Sockets in it have short paths."""
    made = Path(tempfile.mkdtemp(prefix="sources-", dir="/tmp"))
    yield made
    shutil.rmtree(made)


def run_both(tool: str, *words: str) -> tuple[Outcome, Outcome]:
    """The original's, and ours."""
    original = find_original(tool)
    assert original is not None
    return run_tool(original, list(words), LIMIT_S), run_tool(OURS / tool, list(words), LIMIT_S)


def varied() -> ClusterMaster:
    """Nodes and instances of all sorts, in two groups."""
    policy = a_cluster()["ipolicy"] | {"disk-templates": list(DiskTemplate)}
    cluster = a_cluster(ipolicy=policy, tags=["htools:iextags:x", "other"])
    group = a_group(ipolicy=policy)
    second = a_group("second", alloc_policy="last_resort", tags=["t"], ipolicy=dict(policy))
    second["ipolicy"]["vcpu-ratio"] = 2.5
    nodes = [
        a_node("node1", mfree=20000, dfree=900000),
        a_node("node2", mnode=500, cnos=3),
        a_node("node3", drained=True),
        a_silent_node("node4", OFFLINE, offline=True),
        a_silent_node("node5", NO_DATA, vm_capable=False),
        a_node("node6", vm_capable=False),
        a_node("node7", ndparams=EXCLUSIVE, sptotal=10, spfree=7, tags=["a", "b"]),
        a_node("node8", ndparams=EXCLUSIVE, sptotal=10, spfree=Unknown(NO_DATA)),
        a_node("node9", **{"group.uuid": "second-uuid"}),
        a_node("node10", dtotal=Unknown(UNAVAILABLE), dfree=Unknown(UNAVAILABLE)),
    ]
    instances = [
        an_instance(f"of-{template}", "node1", "node2" if template == "drbd" else "")
        | {"disk_template": str(template)}
        for template in DiskTemplate
    ]
    instances += [an_instance(f"is-{s}", "node1", "node2", status=s) for s in STATUSES]
    instances += [
        an_instance("bare", "node2", **{"disk.sizes": [], "disk.spindles": []}),
        an_instance("spun", "node7", **{"disk.sizes": [5, 6], "disk.spindles": [2, 3]}),
        an_instance("tagged", "node9", tags=["x:1", "y"], **{"be/auto_balance": False}),
    ]
    return ClusterMaster(cluster=cluster, groups=[group, second], nodes=nodes, instances=instances)


def test_files_of_the_master(folder: Path) -> None:
    """hscan writes the same file of what the master daemon tells."""
    master = varied()
    master.rows["instance"].append(an_instance("planned", "node1", "node2", forthcoming=True))
    server = FakeMaster(str(folder / "query"), master)
    for name in ("theirs", "ours"):
        (folder / name).mkdir()
        program = find_original("hscan") if name == "theirs" else str(OURS / "hscan")
        ran = run_tool(str(program), [f"-L{folder}/query", "-d", str(folder / name)], LIMIT_S)
        assert ran.status == 0, ran.err
    server.stop()
    theirs, ours = ((folder / name / "LOCAL.data").read_text() for name in ("theirs", "ours"))
    assert theirs == ours


@pytest.mark.parametrize("words", [(), ("-p",), ("--no-headers", "-pname,fmem,plist")])
def test_scan(folder: Path, words: tuple[str, ...]) -> None:
    """hscan prints the same."""
    master = varied()
    master.rows["node"] = [row for row in master.rows["node"] if row["name"] != "node10"]
    server = FakeMaster(str(folder / "query"), master)
    theirs, ours = run_both("hscan", f"-L{folder}/query", "-d", str(folder), *words)
    server.stop()
    assert (theirs.status, theirs.out) == (ours.status, ours.out)
    assert ours.err == ""


def test_files_of_the_remote_api(folder: Path) -> None:
    """And of what the remote API tells."""
    answers = rapi_answers(varied())
    answers["/2/instances?bulk=1"][0]["oper_ram"] = 700
    files = []
    with serving_rapi(answers) as url:
        for program in (find_original("hscan"), OURS / "hscan"):
            ran = run_tool(str(program), ["-d", str(folder), url], LIMIT_S)
            assert ran.status == 0, ran.err
            files.append((folder / f"{url.replace('/', '_')}.data").read_text())
    assert files[0] == files[1]


def submitted(tool: str, folder: Path, *words: str, **described: Any) -> list[list[Any]]:
    """The jobs of the original and ours."""
    found = []
    for program in (find_original(tool), OURS / tool):
        master = ClusterMaster(**described)
        server = FakeMaster(str(folder / "query"), master)
        ran = run_tool(str(program), [f"-L{folder}/query", "-X", *words], LIMIT_S)
        server.stop()
        assert ran.status == 0, ran.err
        found.append([ran.out.count("Got job IDs"), *map(_plain, master.jobs.values())])
    return found


def _plain(ops: list[dict[str, Any]]) -> list[dict[str, Any]]:
    """Opcodes without what tells versions and times, and without values that are not there."""
    return [
        {key: value for key, value in op.items() if key not in HEAD and value is not None}
        for op in ops
    ]


@pytest.mark.parametrize("options", [(), ("--first-job-group", "--priority=low")])
def test_jobs_of_hbal(folder: Path, options: tuple[str, ...]) -> None:
    """hbal -X submits the same jobs in the same sets."""
    nodes = [a_node(f"node{n}", mfree=31744 - 4096 * (n == 1)) for n in range(1, 7)]
    instances = [an_instance(f"inst{n}", "node1", "node2") for n in range(1, 5)]
    instances += [an_instance(f"ext{n}", "node3", disk_template="ext") for n in range(1, 4)]
    theirs, ours = submitted("hbal", folder, *options, nodes=nodes, instances=instances)
    assert len(theirs) > 1
    assert theirs == ours


@pytest.mark.parametrize("standby", [False, True])
def test_jobs_of_hsqueeze(folder: Path, standby: bool) -> None:
    """hsqueeze -X submits the same jobs, powering nodes off and on."""
    cluster = a_cluster()
    cluster["ipolicy"]["std"]["memory-size"] = 1024
    cluster["ipolicy"]["disk-templates"] = ["rbd"]
    count = 29 if standby else 2
    spare = a_node("node2", offline=standby, tags=["htools:standby:auto"] if standby else [])
    theirs, ours = submitted(
        "hsqueeze",
        folder,
        cluster=cluster,
        groups=[a_group(ipolicy=cluster["ipolicy"])],
        nodes=[a_node("node1", mfree=31744 - count * 1024), spare],
        instances=[an_instance(f"i{n}", "node1", disk_template="rbd") for n in range(count)],
    )
    assert any(op["OP_ID"] == "OP_OOB_COMMAND" for job in theirs[1:] for op in job)
    assert theirs == ours


NETWORK = f"127.{os.getpid() % 200 + 20}.{os.getpid() // 200 % 250 + 1}"
NODES = tuple(f"{NETWORK}.{number}" for number in (1, 2, 3, 4))
TOTALS = dict(zip(NODES, (3.0, 1.0, 0.5, 0.0), strict=True))
DOMAINS = {"inst1": 0.5, "inst2": 0.25, "inst3": 0.1, "inst4": 0.9}


@pytest.fixture
def data(folder: Path) -> str:
    """A cluster whose nodes' names are addresses."""
    lines = ["default|g|preferred||", ""]
    for node in NODES:
        role = "M" if node == NODES[0] else "N"
        lines.append(f"{node}|32768|1024|27000|1048576|1040000|16|{role}|g|1||N|0|1|1.0")
    lines.append("")
    for number, status in enumerate(("running", "running", "ADMIN_offline", "running"), 1):
        where = f"{NODES[0]}|{NODES[1]}|drbd||1|-|N"
        lines.append(f"inst{number}|1024|1152|{number}|{status}|Y|{where}")
    spec = "128,1,1024,1,1,1"
    policy = f"|{spec}|{spec};32768,8,1048576,16,8,12|drbd,plain|4.0|32.0"
    path = folder / "cluster.data"
    path.write_text("\n".join([*lines, "", "", policy, ""]))
    return str(path)


def same_balance(*words: str) -> str:
    """Let both balance, and compare all but the line with the policy; what they printed."""
    theirs, ours = run_both("hbal", "-vv", *words)
    assert theirs.status == ours.status == 0, ours.err

    def told(ran: Outcome) -> list[str]:
        return [line for line in ran.out.splitlines() if "ipolicy" not in line]

    assert told(theirs) == told(ours)
    return ours.out


def test_monitoring_daemons(data: str) -> None:
    """What daemons measured changes the balance in the same way."""
    collectors = {
        node: {"cpu-avg-load": busy(total), "xen-cpu-avg-load": DOMAINS}
        for node, total in TOTALS.items()
    }
    with monitored(collectors):
        assert "cpu_load_cv              1.13880420" in same_balance("-t", data, "--mond")
        assert "cpu_load_cv              0.75777223" in same_balance(
            "-t", data, "--mond", "--mond-xen"
        )
        collectors[NODES[2]].clear()
        assert "cpu_load_cv              1.13880420" not in same_balance("-t", data, "--mond")


@pytest.mark.parametrize("missing", [False, True])
@pytest.mark.parametrize("xen", [(), ("--mond-xen",)])
def test_recorded_reports(folder: Path, data: str, xen: tuple[str, ...], missing: bool) -> None:
    """So do files with what daemons said."""
    recorded = [
        {
            "node": node,
            "reports": [
                a_report("cpu-avg-load", {"error": "none"} if missing else busy(total)),
                a_report("xen-cpu-avg-load", {} if missing else DOMAINS),
            ],
        }
        for node, total in TOTALS.items()
    ]
    path = folder / "mond.json"
    path.write_text(json.dumps(recorded))
    same_balance("-t", data, "--mond", f"--mond-data={path}", *xen)


def test_allocation_with_measured_loads(folder: Path) -> None:
    """hail answers the same with what daemons measured."""
    request = (DATA / "allocate.json").read_text()
    names = sorted(json.loads(request)["nodes"])
    addresses = [f"{NETWORK}.{number}" for number in range(1, len(names) + 1)]
    for name, address in zip(names, addresses, strict=True):
        request = request.replace(f'"{name}"', f'"{address}"')
    path = folder / "request.json"
    path.write_text(request)
    loads = {node: {"cpu-avg-load": busy(float(n % 4))} for n, node in enumerate(addresses)}
    with monitored(loads):
        theirs, ours = run_both("hail", "--mond", str(path))
    assert ours.out != run_tool(OURS / "hail", [str(path)], LIMIT_S).out
    assert (theirs.status, theirs.out) == (ours.status, ours.out)
