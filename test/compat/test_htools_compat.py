"""Placement's tools say what Ganeti 3.0.2's say, and read each other's files."""

from __future__ import annotations

import io
import json
import re
from pathlib import Path

import pytest
from compat.htools_cases import CASES, FOLDER, RECORDED
from support.originals import WHY_NOT, Outcome, find_original, run_tool
from support.placement import make_cluster
from support.randomclusters import random_cluster

from ganeti.cli.htools.main import main
from ganeti.htools.text import parse_text
from ganeti.htools.textwriter import format_text
from ganeti.model.templates import DiskTemplate

KNOWN = json.loads(RECORDED.read_text())
NEEDS_ORIGINAL = pytest.mark.skipif(find_original("hinfo") is None, reason=WHY_NOT)


def ours(tool: str, *words: str) -> Outcome:
    out, err = io.StringIO(), io.StringIO()
    status = main(tool, words, {}, stdout=out, stderr=err)
    return Outcome(0, status, out.getvalue(), err.getvalue())


def score(outcome: Outcome) -> str:
    found = re.search(r"Cluster score: (\S+)", outcome.out)
    assert found, outcome
    return found[1]


def told(out: str) -> list[str]:
    """The lines but the one with the policy, which the original prints in its language."""
    return [line for line in out.split("\n") if not line.startswith("Loaded cluster ipolicy")]


@pytest.mark.parametrize("case", CASES)
def test_recorded(case: str, monkeypatch: pytest.MonkeyPatch) -> None:
    """The output and the exit status are the recorded ones; lists, too, where nothing moves."""
    monkeypatch.chdir(FOLDER)
    tool, *words = case.split()
    outcome, known = ours(tool, *words), KNOWN[case]
    assert told(outcome.out) == told(known["out"])
    assert outcome.status == known["status"]
    if tool == "hinfo":
        assert outcome.err == known["err"]


@NEEDS_ORIGINAL
@pytest.mark.parametrize("template", [DiskTemplate.DRBD, DiskTemplate.PLAIN, DiskTemplate.RBD])
def test_original_reads_ours(template: DiskTemplate, tmp_path: Path) -> None:
    """The original reads a file that was written here, and finds the same score."""
    path = tmp_path / "cluster.data"
    path.write_text(format_text(make_cluster(7, template=template, groups=2, seed=3)))
    theirs = run_tool(str(find_original("hinfo")), ["-t", str(path)], 60)
    assert theirs.status == 0, theirs.err
    assert score(theirs) == score(ours("hinfo", "-t", str(path)))


@NEEDS_ORIGINAL
@pytest.mark.parametrize("seed", range(9))
def test_random_clusters(seed: int, tmp_path: Path) -> None:
    """Tags, states, templates, exclusive storage, offline nodes: both find the same in a file."""
    path = tmp_path / "cluster.data"
    path.write_text(format_text(random_cluster(seed).data()))
    theirs = run_tool(str(find_original("hinfo")), ["-t", str(path)], 60)
    mine = ours("hinfo", "-t", str(path))
    assert told(mine.out) == told(theirs.out)


@NEEDS_ORIGINAL
def test_ours_reads_original(tmp_path: Path) -> None:
    """What the original saves is read here, written again byte for byte, and has the same score."""
    words = ["-t", str(FOLDER / "small.data"), "-l", "3", "-S", str(tmp_path / "saved")]
    assert run_tool(str(find_original("hbal")), words, 60).status == 0
    for kind in ("original", "balanced"):
        path = tmp_path / f"saved.{kind}"
        text = path.read_text()
        assert format_text(parse_text(text, path.name)) == text
        theirs = run_tool(str(find_original("hinfo")), ["-t", str(path)], 60)
        assert score(theirs) == score(ours("hinfo", "-t", str(path)))


@NEEDS_ORIGINAL
def test_saved_is_balanced(tmp_path: Path) -> None:
    """A cluster that was balanced and saved here has, for both, the score that was reached."""
    words = ("-t", str(FOLDER / "small.data"), "-S", str(tmp_path / "saved"))
    outcome = ours("hbal", *words)
    reached = re.findall(r"improved from \S+ to (\S+)", outcome.out)
    path = str(tmp_path / "saved.balanced")
    theirs = run_tool(str(find_original("hinfo")), ["-t", path], 60)
    assert [score(theirs)] == [score(ours("hinfo", "-t", path))] == reached
