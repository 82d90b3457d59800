"""
Placement side by side with the original's tools: whole processes, the same input files.

Run: C{PYTHONPATH=.:test .venv/bin/python test/bench/bench_htools.py [--limit SECONDS]
[--only WORD]}; prints a table, asserts nothing. What is not done within the limit is killed.
"""

from __future__ import annotations

import json
import re
import tempfile
from argparse import ArgumentParser, Namespace
from collections.abc import Iterator
from pathlib import Path
from typing import Any, NamedTuple

from support.originals import OURS, WHY_NOT, Outcome, find_original, run_tool
from support.placement import allocation, make_cluster, request_text

from ganeti.htools.textwriter import format_text
from ganeti.model.templates import DiskTemplate


class Case(NamedTuple):
    """
    One line of the table.

    @ivar most_s: what the project wants; None: nothing said.
    @ivar alone: the original is not even tried: it would not be done in hours.
    @ivar limit_s: for ours, where it is more than the one for all.
    """

    title: str
    tool: str
    words: tuple[str, ...]
    most_s: float | None = None
    alone: bool = False
    limit_s: float = 0.0


class Inputs:
    """Input files, made when they are first needed."""

    def __init__(self, folder: Path) -> None:
        self._folder = folder

    def text(
        self,
        nodes: int,
        template: DiskTemplate = DiskTemplate.DRBD,
        per_node: int = 10,
        alike: bool = True,
    ) -> str:
        path = self._folder / f"{nodes}-{template}-{per_node}-{alike}.data"
        if not path.exists():
            size = per_node // 10
            data = make_cluster(
                nodes,
                template=template,
                per_node=per_node,
                memory=size << 16,
                disk=size << 20,
                alike=alike,
            )
            path.write_text(format_text(data))
        return str(path)

    def request(self, nodes: int, name: str, request: dict[str, Any]) -> str:
        path = self._folder / f"{nodes}-{name}.json"
        if not path.exists():
            path.write_text(request_text(make_cluster(nodes), request))
        return str(path)


def cases(inputs: Inputs) -> Iterator[Case]:
    yield from hail_cases(inputs)
    yield from hbal_cases(inputs)
    yield from other_cases(inputs)
    yield from hspace_cases()


def hail_cases(inputs: Inputs) -> Iterator[Case]:
    for nodes, most_s in ((20, 0.3), (40, 0.3), (100, 0.5), (400, 1.5)):
        path = inputs.request(nodes, "allocate", allocation())
        yield Case(f"hail allocate, {nodes} nodes", "hail", (path,), most_s)
    path = inputs.request(400, "allocate", allocation())
    words = ("--no-capacity-checks", path)
    yield Case("hail allocate, 400 nodes, no capacity checks", "hail", words, 0.6)
    first = make_cluster(400).instances[0]
    relocate = {
        "type": "relocate",
        "name": first.name,
        "required_nodes": 1,
        "disk_space_total": first.disk,
        "relocate_from": [first.secondary],
    }
    path = inputs.request(400, "relocate", relocate)
    yield Case("hail relocate, 400 nodes", "hail", (path,), 0.5)
    evacuate = {"type": "node-evacuate", "evac_mode": "all", "instances": [first.name]}
    path = inputs.request(400, "evacuate", evacuate)
    yield Case("hail node-evacuate, 400 nodes", "hail", (path,), 0.5)
    multi = {"type": "multi-allocate", "instances": [allocation(f"new{n}") for n in range(20)]}
    path = inputs.request(20, "multi", multi)
    yield Case("hail multi-allocate of 20, 20 nodes", "hail", (path,), 0.6)


def hbal_cases(inputs: Inputs) -> Iterator[Case]:
    for nodes, most_s in ((20, 0.5), (40, 1.0), (100, 3.0), (400, 20.0)):
        words = ("-t", inputs.text(nodes), "-l", "20")
        yield Case(f"hbal 20 steps, {nodes} nodes", "hbal", words, most_s)
    yield Case("hbal to the end, 40 nodes", "hbal", ("-t", inputs.text(40)), 4.0)
    yield Case("hbal to the end, 100 nodes", "hbal", ("-t", inputs.text(100)))
    words = ("-t", inputs.text(400))
    yield Case("hbal to the end, 400 nodes", "hbal", words, alone=True, limit_s=120)
    words = ("-t", inputs.text(1000, per_node=20))
    title = "hbal to the end, 1000 nodes, 20000 instances"
    yield Case(title, "hbal", words, 120.0, alone=True, limit_s=600)
    words = ("-t", inputs.text(1000, per_node=20, alike=False))
    yield Case(f"{title}, all different", "hbal", words, 120.0, alone=True, limit_s=600)


def other_cases(inputs: Inputs) -> Iterator[Case]:
    for nodes in (40, 400):
        path = inputs.text(nodes)
        yield Case(f"hinfo, {nodes} nodes", "hinfo", ("-t", path))
        most_s = 1.5 if nodes == 400 else None
        yield Case(f"hcheck, {nodes} nodes", "hcheck", ("-t", path), most_s)
        words = ("-t", path, "--no-simulation")
        yield Case(f"hcheck, {nodes} nodes, no simulation", "hcheck", words, most_s)
        yield Case(f"hroller, {nodes} nodes", "hroller", ("-t", path))
        plain = inputs.text(nodes, DiskTemplate.PLAIN)
        yield Case(f"hroller, {nodes} nodes, plain", "hroller", ("-t", plain))
    shared = inputs.text(20, DiskTemplate.RBD)
    yield Case("hsqueeze, 20 nodes", "hsqueeze", ("-t", shared))


def hspace_cases() -> Iterator[Case]:
    for template, nodes, most_s in (("plain", 40, 2.0), ("drbd", 40, 5.0), ("drbd", 400, 60.0)):
        words = ("--simulate", f"p,{nodes},1t,64g,16", "--disk-template", template)
        sizes = ("--standard-alloc", "20g,2g,2", "--tiered-alloc", "40g,4g,4")
        title = f"hspace --simulate, {template}, {nodes} nodes"
        yield Case(title, "hspace", (*words, *sizes), most_s)


def result(outcome: Outcome) -> str:
    """What the run found, in a few words, to see whether both agree."""
    if outcome.status is None:
        return "not done"
    out = outcome.out
    if out.startswith("{"):
        return str(json.loads(out).get("info", ""))[-60:]
    found = re.findall(r"(?:Cluster score improved from \S+ to|final cluster score:) (\S+)", out)
    found += re.findall(r"Cluster score: (\S+)|Group score: (\S+)", out)[:1]
    steps = re.findall(r"Solution length=(\d+)", out)
    words = ["".join(each) for each in found] + [f"{each} steps" for each in steps]
    if not words:
        words = [f"{len(out.splitlines())} lines"]
    failed = [f"status {outcome.status}"] if outcome.status else []
    return ", ".join(words + failed)


def line(case: Case, options: Namespace) -> str:
    ours = run_tool(OURS / case.tool, list(case.words), max(case.limit_s, options.limit))
    path = None if case.alone else find_original(case.tool)
    theirs = run_tool(path, list(case.words), options.limit) if path else None
    most = f"{case.most_s:6.1f}" if case.most_s is not None else "     -"
    told = f"{_time(theirs):>8} {_time(ours):>8} {ours.user_s:7.2f} {ours.peak_mib:8.0f} {most}"
    same = " = " if theirs and result(theirs) == result(ours) else " | "
    results = [result(each) for each in (theirs, ours) if each and each.status is not None]
    text = results[0] if len(set(results)) == 1 else same.join(results)
    return f"{case.title:<60} {told}  {text}"


def _time(outcome: Outcome | None) -> str:
    if outcome is None:
        return "-"
    if outcome.status is None:
        return f">{outcome.seconds:.0f}"
    return f"{outcome.seconds:.2f}"


def main() -> None:
    parser = ArgumentParser(description="Placement side by side with the original's tools")
    parser.add_argument("--limit", type=float, default=20.0, help="seconds for each run")
    parser.add_argument("--only", default="", help="only lines with this word in their title")
    options = parser.parse_args()
    if find_original("hbal") is None:
        print(WHY_NOT)
    columns = f"{'original':>8} {'ours':>8} {'user':>7} {'peak MiB':>8} {'wanted':>6}"
    print(f"{'seconds, start-up included':<60} {columns}  result")
    with tempfile.TemporaryDirectory(prefix="bench-htools-") as folder:
        for case in cases(Inputs(Path(folder))):
            if options.only in case.title:
                print(line(case, options), flush=True)


if __name__ == "__main__":
    main()
