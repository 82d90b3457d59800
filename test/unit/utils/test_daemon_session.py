"""Daemons of a virtual node keep nothing in the folders of the user who runs them."""

from __future__ import annotations

import subprocess
import sys
from pathlib import Path

import pytest

ROOT = Path(__file__).parents[3]
CODE = """
import os, sys
from ganeti.utils.daemon import run
try:
    run("ganeti-noded", ["--help"], os.environ)
except SystemExit:
    sys.stdout.write(os.environ["XDG_RUNTIME_DIR"])
"""


def session_folder(**environ: str) -> str:
    """Where libraries in a daemon keep what belongs to a session."""
    argv = [sys.executable, "-c", CODE]
    env = {"PYTHONPATH": str(ROOT), "XDG_RUNTIME_DIR": "/users", **environ}
    done = subprocess.run(argv, env=env, capture_output=True, text=True, timeout=60)
    return done.stdout.splitlines()[-1]


@pytest.mark.slow
def test_session_folder(tmp_path: Path) -> None:
    """A virtual node has one of its own; a real one has that of its user."""
    root = str(tmp_path / "node1")
    own = session_folder(GANETI_ROOTDIR=root, GANETI_HOSTNAME="node1")
    assert own == f"{root}/var/run/ganeti"
    assert session_folder() == "/users"
