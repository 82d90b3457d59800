"""Why each step of a balancing plan is made, and why there are no more."""

from __future__ import annotations

import io
import re
from pathlib import Path

import pytest
from msgspec.structs import replace
from support.placement import make_cluster
from support.randomclusters import random_cluster
from support.thorough import examples

from ganeti.cli.htools.main import main
from ganeti.htools.balance import BalanceOptions, balance
from ganeti.htools.cluster import Cluster, prepare
from ganeti.htools.endreasons import end_lines
from ganeti.htools.stepreasons import step_lines
from ganeti.htools.textwriter import format_text
from ganeti.model.templates import DiskTemplate

CLUSTER = prepare(make_cluster(6, per_node=4))


def end_of(cluster: Cluster, **options: object) -> list[str]:
    """What is told at the end of a plan."""
    wanted = BalanceOptions(**options)  # type: ignore[arg-type]
    plan = balance(cluster, wanted)
    return list(end_lines(plan.cluster, len(plan.steps), wanted))


def test_terms_of_steps() -> None:
    """The changes of a step's terms are what it gains."""
    for seed in range(examples(6)):
        plan = balance(random_cluster(seed))
        scores = [plan.initial_score, *(step.score for step in plan.steps)]
        text = "\n".join(step_lines(random_cluster(seed), plan.steps, BalanceOptions()))
        parts = re.split(r"^Step \d+: ", text, flags=re.MULTILINE)[1:]
        assert len(parts) == len(plan.steps)
        for part, before, after in zip(parts, scores, scores[1:], strict=False):
            gained = re.search(r"(\S+) gained:", part)
            assert gained
            assert float(gained[1]) == pytest.approx(before - after, abs=1e-7)
            changes = [float(each) for each in re.findall(r"\(([+-]\d+\.\d+)\)", part)]
            assert sum(changes) == pytest.approx(after - before, abs=2e-3)
            for old, new, change in re.findall(r"(\S+) -> (\S+) \(([+-]\S+)\)", part):
                assert float(new) - float(old) == pytest.approx(float(change), abs=2e-4)


def test_next_best() -> None:
    """No other instance's move is better than the step that is made."""
    plan = balance(CLUSTER, BalanceOptions(max_steps=3))
    text = list(step_lines(CLUSTER, plan.steps, BalanceOptions(), runner_up=True))
    worse = [float(line.split()[-2]) for line in text if "next best: " in line]
    assert len(worse) == 3
    assert min(worse) >= -1e-9


def test_no_more_steps() -> None:
    """The limit that ends a plan is named, with the best move that is left."""
    assert "--max-length=1 is reached; the best one left, inst" in end_of(CLUSTER, max_steps=1)[0]
    small = end_of(CLUSTER, min_gain=5.0, min_gain_limit=100.0)[0]
    assert small.endswith("--min-gain-limit=100 a step has to gain --min-gain=5.")
    assert "none lowers the score; the best one left, " in end_of(CLUSTER)[0]
    near = end_of(CLUSTER, min_score=100.0)[0]
    assert "is within --min-score=100 of the lowest there can be" in near


def test_held_instances() -> None:
    """Instances that are not moved are counted by reason."""
    plain = prepare(make_cluster(4, per_node=2, template=DiskTemplate.PLAIN))
    assert end_of(plain) == [
        "No more steps: no move is allowed at all.",
        "Not moved: 8 instances (inst00000, inst00001, inst00002 and 5 more): the disk template "
        "plain has no copy elsewhere.",
    ]
    first, *others = CLUSTER.instances
    kept = [replace(first, auto_balance=False), *(replace(one, movable=False) for one in others)]
    told = end_of(CLUSTER.with_instances(kept))
    assert "Not moved: 1 instance (inst00000): auto_balance is off." in told
    assert any("left out by the options" in line for line in told)
    told = end_of(CLUSTER, evacuate=True)
    assert told[1].endswith("on no offline node (--evac-mode).")


def test_stuck_instances() -> None:
    """What keeps an instance on a node that is offline, and what would help."""
    data = make_cluster(3, per_node=2)
    nodes = [replace(node, free_disk=1000) for node in data.nodes]
    nodes[0] = replace(nodes[0], offline=True)
    told = end_of(prepare(replace(data, nodes=tuple(nodes))), evacuate=True)
    assert any("may be moved, but nothing takes:" in line for line in told)
    assert any("of disk for the copy and has 1000" in line for line in told)
    assert any("Free " in line for line in told)


def test_hbal(tmp_path: Path) -> None:
    """What is told does not change the output."""
    path = tmp_path / "cluster.data"
    path.write_text(format_text(CLUSTER.data()))
    words = ["-t", str(path), "-l", "2", "-C"]
    plain, out, err = io.StringIO(), io.StringIO(), io.StringIO()
    assert main("hbal", words, {}, stdout=plain, stderr=io.StringIO()) == 0
    assert main("hbal", [*words, "--explain"], {}, stdout=out, stderr=err) == 0
    assert out.getvalue() == plain.getvalue()
    assert "Step 2: " in err.getvalue()
    assert "No more steps: --max-length=2 is reached" in err.getvalue()
