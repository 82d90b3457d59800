"""A clone stands alone."""

from __future__ import annotations

import re
import subprocess
from pathlib import Path

import pytest

ROOT = Path(__file__).parents[2]

# Places and words of the workshop, written so that this file does not match.
_WORKSHOP = re.compile(r"(?<![\w.])/wor[k]/|\.\./share[d]\b|/LABDI[R]\b")


def tracked() -> list[Path]:
    done = subprocess.run(["git", "ls-files", "-z"], cwd=ROOT, capture_output=True, timeout=30)
    if done.returncode != 0:
        pytest.skip("not a git checkout: there is no list of files")
    return [ROOT / name for name in done.stdout.decode().split("\0") if name]


def test_no_reference_to_a_workplace() -> None:
    """No file names a place that exists on one machine only."""
    wrong = []
    for path in tracked():
        if path.is_file():
            text = path.read_bytes().decode("utf-8", errors="replace")
            wrong += [f"{path.relative_to(ROOT)}: {found}" for found in _WORKSHOP.findall(text)]
    assert not wrong, "\n".join(wrong)


def test_programs_are_executable() -> None:
    """What is to be typed can be typed."""
    programs = [ROOT / "quickstart", ROOT / "runtests", ROOT / ".ci/run", *(ROOT / "bin").iterdir()]
    assert [path for path in programs if not path.stat().st_mode & 0o111] == []
