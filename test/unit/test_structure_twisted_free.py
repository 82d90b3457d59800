"""What must start fast does not load Twisted."""

from __future__ import annotations

import subprocess
import sys
from pathlib import Path

import pytest

ROOT = Path(__file__).parents[2]

MODULES = [
    *("ganeti.errors", "ganeti.paths", "ganeti.version", "ganeti.model", "ganeti.opcodes"),
    *("ganeti.query", "ganeti.luxi.client", "ganeti.luxi.codec", "ganeti.store.database"),
    *("ganeti.rpc.certificates", "ganeti.cli.vcluster", "ganeti.cli.daemons"),
    "ganeti.cli.quickstart.__main__",
    *(f"ganeti.utils.{name}" for name in ("durable", "failpoints", "hosts", "pidfile", "procfs")),
    *(f"ganeti.utils.{name}" for name in ("randomness", "sockets", "text")),
]
PACKAGES = ["ganeti.model", "ganeti.opcodes", "ganeti.query", "ganeti.cli"]
COMMANDS = sorted(path.name for path in (ROOT / "bin").glob("gnt-*"))

# One after another in one process: Twisted is loaded when the first that needs it is.
_RUN = """
import pkgutil, sys
from importlib import import_module

def check(what):
    if "twisted" in sys.modules:
        sys.exit(f"Twisted is loaded by {what}")

def module(name):
    import_module(name)

def package(name):
    for found in pkgutil.walk_packages(import_module(name).__path__, name + "."):
        import_module(found.name)
        check(found.name)

def command(name):
    from ganeti.cli.main import load_program
    for each in load_program(name).commands:
        import_module("ganeti.cli.commands." + each.function.partition(":")[0])

for name in sys.argv[2:]:
    globals()[sys.argv[1]](name)
    check(name)
"""


@pytest.mark.parametrize(
    ("kind", "names"), [("module", MODULES), ("package", PACKAGES), ("command", COMMANDS)]
)
def test_no_twisted(kind: str, names: list[str]) -> None:
    """Not by importing a module or all of a package, nor by the code of any sub-command."""
    argv = [sys.executable, "-c", _RUN, kind, *names]
    done = subprocess.run(argv, capture_output=True, text=True, timeout=60, cwd=ROOT)
    assert done.returncode == 0, done.stderr


def test_it_is_told() -> None:
    """The test above can fail, and has something to test."""
    argv = [sys.executable, "-c", _RUN, "module", "ganeti.errors", "ganeti.utils.process"]
    done = subprocess.run(argv, capture_output=True, text=True, timeout=60, cwd=ROOT)
    assert done.stderr == "Twisted is loaded by ganeti.utils.process\n"
    assert "gnt-cluster" in COMMANDS
