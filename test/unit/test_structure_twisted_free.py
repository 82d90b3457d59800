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

_CHECK = """
import sys
sys.exit("Twisted is loaded" if "twisted" in sys.modules else 0)
"""

_IMPORT_ALL = """
import pkgutil, sys
from importlib import import_module
package = import_module(sys.argv[1])
for module in pkgutil.walk_packages(package.__path__, package.__name__ + "."):
    import_module(module.name)
"""

_LOAD_COMMAND = """
import sys
from importlib import import_module
from ganeti.cli.main import load_program
for command in load_program(sys.argv[1]).commands:
    import_module("ganeti.cli.commands." + command.function.partition(":")[0])
"""


def run(code: str, *args: str) -> None:
    done = subprocess.run(
        [sys.executable, "-c", code, *args], capture_output=True, text=True, timeout=60, cwd=ROOT
    )
    assert done.returncode == 0, done.stderr


@pytest.mark.parametrize("module", MODULES)
def test_module(module: str) -> None:
    """Importing the module loads no Twisted."""
    run(f"import {module}\n{_CHECK}")


@pytest.mark.parametrize("package", PACKAGES)
def test_whole_package(package: str) -> None:
    """Nor does importing each module of the package."""
    run(_IMPORT_ALL + _CHECK, package)


@pytest.mark.parametrize("command", COMMANDS)
def test_command(command: str) -> None:
    """Nor does running any sub-command, as far as importing all its code tells."""
    run(_LOAD_COMMAND + _CHECK, command)


def test_there_are_commands() -> None:
    """The test above tested something."""
    assert "gnt-cluster" in COMMANDS
