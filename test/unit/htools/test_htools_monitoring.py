"""--mond: processor loads as monitoring daemons measure them."""

from __future__ import annotations

import io
import json
import os
import threading
import time
from collections.abc import Callable
from pathlib import Path
from typing import Any, NamedTuple

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from support.fakemond import a_report, busy, monitored
from support.placement import make_cluster

from ganeti.cli.htools.main import main
from ganeti.errors import ResolverError
from ganeti.htools.cluster import Cluster, prepare
from ganeti.htools.cpuloads import share_totals, take_loads
from ganeti.htools.errors import InputError
from ganeti.htools.loaders.mond import LARGEST_REPORT, ask_nodes
from ganeti.htools.loaders.mondreports import PROCESSORS, XEN, parse_report, parse_reports
from ganeti.htools.score import metrics
from ganeti.htools.status import node_status

POLICY = "128,1,1024,1,1,1|128,1,1024,1,1,1;32768,8,1048576,16,8,12|drbd,plain|4.0|32.0"
# Nobody else's: tests run in several processes at once.
NETWORK = f"127.{os.getpid() % 200 + 20}.{os.getpid() // 200 % 250}"
NODES = tuple(f"{NETWORK}.{number}" for number in (1, 2, 3, 4))
TOTALS = dict(zip(NODES, (3.0, 1.0, 0.5, 0.0), strict=True))


class Ran(NamedTuple):
    status: int
    out: str
    err: str


@pytest.fixture
def data(tmp_path: Path) -> str:
    """Four nodes; all instances are on the first two, with 1 to 4 virtual CPUs."""
    lines = ["default|g|preferred||", ""]
    for node in NODES:
        free = 31744 - (4096 if node == NODES[0] else 0)
        disk = 1048576 - (4 * 1152 if node in NODES[:2] else 0)
        role = "M" if node == NODES[0] else "N"
        lines.append(f"{node}|32768|1024|{free}|1048576|{disk}|16|{role}|g|1||N|0|1|1.0")
    lines.append("")
    for number in (1, 2, 3, 4):
        where = f"{NODES[0]}|{NODES[1]}|drbd||1|-|N"
        lines.append(f"inst{number}|1024|1152|{number}|running|Y|{where}")
    path = tmp_path / "cluster.data"
    path.write_text("\n".join([*lines, "", "", f"|{POLICY}", ""]))
    return str(path)


def run(*words: str) -> Ran:
    out, err = io.StringIO(), io.StringIO()
    status = main("hinfo" if "-pname,cload" in words else "hbal", words, {}, stdout=out, stderr=err)
    return Ran(status, out.getvalue(), err.getvalue())


def loads(ran: Ran) -> dict[str, float]:
    """By node, what --print-nodes told."""
    rows = [line.split() for line in ran.err.splitlines() if line.startswith(f" {NETWORK}")]
    return {name: float(load) for name, load in rows}


def recorded(folder: Path, nodes: Any) -> str:
    path = folder / "mond.json"
    path.write_text(json.dumps(nodes))
    return f"--mond-data={path}"


def everybody(**changes: Any) -> list[dict[str, Any]]:
    return [
        {"node": node, "reports": [a_report("cpu-avg-load", busy(total))]} | changes
        for node, total in TOTALS.items()
    ]


def cpu_load_cv(cluster: Cluster) -> float:
    return next(each.value for each in metrics(cluster) if each.name == "cpu_load_cv")


def test_shares() -> None:
    """Virtual CPUs get equal parts; the node's own part stays there, and the total is kept."""
    cluster = prepare(make_cluster(3, per_node=2))
    totals = {node.name: 2.0 + place for place, node in enumerate(cluster.nodes)}
    shared = share_totals(cluster, totals)
    for status in node_status(shared):
        assert status.l_cpu == pytest.approx(totals[status.name])
    one = shared.instances[0]
    used = 1 + sum(each.vcpus for each in cluster.instances if each.primary == one.primary)
    assert one.load.cpu == pytest.approx(totals[one.primary] * one.vcpus / used)
    assert (one.load.memory, one.load.disk, one.load.net) == (1.0, 1.0, 1.0)
    node = shared.nodes[shared.node_index[one.primary]]
    assert node.cpu_load == pytest.approx(totals[node.name] / used)


def test_loads_of_instances() -> None:
    """What is known of each instance is taken as it is; nothing stays on the nodes."""
    cluster = prepare(make_cluster(2, per_node=2))
    measured = take_loads(cluster, {one.name: 0.25 for one in cluster.instances})
    assert {node.cpu_load for node in measured.nodes} == {0.0}
    assert cpu_load_cv(measured) == pytest.approx(cpu_load_cv(cluster) / 4)


def test_nodes_are_asked(data: str) -> None:
    """Each node is asked once, for one collector."""
    with monitored({n: {"cpu-avg-load": busy(t)} for n, t in TOTALS.items()}) as daemons:
        ran = run("-t", data, "--mond", "-pname,cload")
        asked = [daemon.asked for daemon in daemons.values()]
    assert asked == [["/1/report/default/cpu-avg-load"]] * 4
    assert (ran.status, loads(ran)) == (0, TOTALS)


def test_xen(data: str) -> None:
    """With --mond-xen the loads of instances are asked for, instead."""
    domains = {"inst1": 0.5, "inst2": 0.25, "inst3": 0.1, "inst4": 0.9, "Domain-0": 3}
    nodes = {node: {"xen-cpu-avg-load": domains if node == NODES[0] else {}} for node in NODES}
    with monitored(nodes):
        ran = run("-t", data, "--mond", "--mond-xen", "-l0", "-vv")
    assert (ran.status, ran.err) == (0, "")
    assert "cpu_load_cv              0.75777223" in ran.out


def test_not_asked(data: str) -> None:
    """--mond=no and --ignore-dynu: nobody is asked."""
    for words in (["--mond=no"], [], ["--mond", "--ignore-dynu"]):
        assert "MonD" not in run("-t", data, *words, "-l0").err


@pytest.mark.parametrize(
    ("answer", "told"),
    [
        (None, "Failed to contact node's {} MonD for DC cpu-avg-load: it answers with status 404"),
        ({"error": "too few samples"}, "says of cpu-avg-load: too few samples"),
        ({"cpu_total": "much"}, "says of cpu-avg-load: Expected `float`, got `str`"),
        ({"cpu_total": -1}, "says of cpu-avg-load: cpu_total: -1.0 is no load"),
        (b"garbage", "Not understood what node {} says of cpu-avg-load: JSON is malformed"),
        (b'{"name": "lv"}', "it is a report of 'lv'"),
        (b"x" * (LARGEST_REPORT + 1), "MonD for DC cpu-avg-load: its answer is longer than 1 MiB"),
    ],
)
def test_bad_answers(data: str, answer: Any, told: str) -> None:
    """A daemon that says nothing useful is told, and what the others say is ignored, too."""
    nodes = {node: {"cpu-avg-load": busy(total)} for node, total in TOTALS.items()}
    nodes[NODES[1]] = {"cpu-avg-load": answer}
    ignored = "Didn't receive an answer by all MonDs, cpu-avg-load's data will be ignored.\n"
    with monitored(nodes):
        ran = run("-t", data, "--mond", "-l0")
        strict = run("-t", data, "--mond", "-l0", "--exit-on-missing-mond-data")
    assert ran.status == 0
    assert told.format(NODES[1]) in ran.err
    assert ran.err.endswith(ignored)
    assert len(ran.err.splitlines()) == 2
    assert strict.status == 1
    assert strict.err.endswith("\nError: Not all required data available\n")


def test_no_daemon(data: str) -> None:
    """Nobody listens: the reason is told for each node."""
    ran = run("-t", data, "--mond", "-l0")
    told = "Failed to contact node's {} MonD for DC cpu-avg-load: Connection refused"
    assert ran.err.splitlines()[:4] == [told.format(node) for node in NODES]


@pytest.mark.slow
def test_slow_daemon() -> None:
    """A daemon that takes its time is not waited for longer than the limit."""
    never = threading.Event()
    with monitored({NODES[0]: {"cpu-avg-load": busy(1)}, NODES[1]: {"cpu-avg-load": never}}):
        start = time.monotonic()
        answers = ask_nodes(NODES[:2], "cpu-avg-load", str, limit_s=3.0)
        assert time.monotonic() - start < 20
        never.set()
    assert isinstance(answers[NODES[0]], bytes)
    assert str(answers[NODES[1]]) == "no answer within 3 seconds"


@pytest.mark.slow
def test_slow_resolver() -> None:
    """Nor is one whose name is looked up for ever; an unknown name is told."""
    never = threading.Event()

    def resolve(name: str) -> str:
        if name == "slow":
            never.wait(10)
        raise ResolverError(name, 2, "unknown name")

    answers = ask_nodes(["slow", "nobody"], "cpu-avg-load", resolve, limit_s=1.0)
    never.set()
    assert "no answer within" in str(answers["slow"])
    assert "unknown name" in str(answers["nobody"])


def test_many_nodes() -> None:
    """More nodes than threads: all are asked."""

    def resolve(name: str) -> str:
        raise ResolverError(name, 2, "unknown name")

    assert len(ask_nodes([str(n) for n in range(250)], "x", resolve)) == 250


def test_recorded(data: str, tmp_path: Path) -> None:
    """A file takes the place of the network; other nodes and reports in it do no harm."""
    nodes = everybody()
    nodes[0]["reports"] = [a_report("lv", []), *nodes[0]["reports"]]
    nodes.append({"node": "stranger", "reports": []})
    assert loads(run("-t", data, "--mond", recorded(tmp_path, nodes), "-pname,cload")) == TOTALS


@pytest.mark.parametrize("change", [{"reports": []}, {"node": "stranger"}])
def test_incomplete_recording(data: str, tmp_path: Path, change: dict[str, Any]) -> None:
    """Nodes that are missing are treated as those that do not answer."""
    nodes = everybody()
    nodes[1] |= change
    ran = run("-t", data, "--mond", recorded(tmp_path, nodes), "-l0")
    assert ran.status == 0
    assert ran.err.startswith("Didn't receive an answer by all MonDs, cpu-avg-load's data")


def test_instances_without_load(data: str, tmp_path: Path) -> None:
    """What Xen's daemons say is used when every instance is in it."""
    report = a_report("xen-cpu-avg-load", {"inst1": 0.5, "inst2": 1})
    words = ("-t", data, "--mond", "--mond-xen", recorded(tmp_path, everybody(reports=[report])))
    ran = run(*words, "-l0")
    told = "No CPU information available for inst3, inst4: all of it is ignored.\n"
    assert (ran.status, ran.err) == (0, told)
    assert run(*words, "--exit-on-missing-mond-data").status == 1


@pytest.mark.parametrize(
    ("content", "told"),
    [
        ("", "Input data was truncated"),
        ("{}", "Expected `array`, got `object`"),
        ("[{}]", "Object missing required field `node`"),
        ('[{"node": "x"}]', "Object missing required field `reports`"),
        ('[{"node": "x", "reports": [{}]}]', "Object missing required field `name`"),
        ("[" * 100000, "can't parse MonD data"),
    ],
)
def test_wrong_recording(data: str, tmp_path: Path, content: str, told: str) -> None:
    """A file that is no recording is refused in one line."""
    path = tmp_path / "mond.json"
    path.write_text(content)
    ran = run("-t", data, "--mond", f"--mond-data={path}")
    assert ran.status == 1
    assert ran.err.startswith(f"Error: can't parse MonD data: {path}: ")
    assert told in ran.err
    assert len(ran.err.splitlines()) == 1


def test_missing_recording(data: str) -> None:
    """A file that is not there is named."""
    ran = run("-t", data, "--mond", "--mond-data=/nowhere")
    assert ran.status == 1
    assert ran.err.endswith("aborting: /nowhere: No such file or directory\n")


def test_measured_before_assumed(data: str, tmp_path: Path) -> None:
    """Processor loads of a file with loads give way; its other loads stay."""
    path = tmp_path / "loads"
    path.write_text("".join(f"inst{n} 9 0.5 0.6 0.7\n" for n in (1, 2, 3, 4)))
    ran = run("-t", data, "-U", str(path), "--mond", recorded(tmp_path, everybody()), "-l0", "-vv")
    assert "cpu_load_cv              1.13880420" in ran.out
    assert "mem_load_cv              0.86602540" in ran.out


JSON = st.recursive(
    st.none() | st.booleans() | st.integers() | st.floats() | st.text(max_size=4),
    lambda part: st.lists(part, max_size=3) | st.dictionaries(st.text(max_size=9), part),
    max_leaves=8,
)
BODIES = st.binary(max_size=40) | JSON.map(lambda value: json.dumps(value).encode())


@settings(deadline=None)
@given(body=BODIES | JSON.map(lambda v: json.dumps(a_report("cpu-avg-load", v)).encode()))
@pytest.mark.parametrize(
    "parse",
    [parse_reports, lambda b: parse_report(b, PROCESSORS), lambda b: parse_report(b, XEN)],
)
def test_hostile_reports(parse: Callable[[bytes], object], body: bytes) -> None:
    """Whatever daemons and files say: it is understood, or refused in one line."""
    try:
        parse(body)
    except InputError as err:
        assert len(str(err).splitlines()) == 1
