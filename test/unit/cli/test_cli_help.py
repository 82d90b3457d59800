"""Help on every level, with examples that can be typed."""

from __future__ import annotations

import os
import shlex
import subprocess
from pathlib import Path

import pytest
from support.commands import VirtualNode

from ganeti.cli import parser
from ganeti.cli.completionshells import programs
from ganeti.cli.main import load_program
from ganeti.cli.program import Command

ROOT = Path(__file__).parents[3]
PROGRAMS = programs()
COMMANDS = [(name, command) for name in PROGRAMS for command in load_program(name).commands]
OTHERS = sorted(path.name for path in (ROOT / "bin").iterdir() if path.name not in PROGRAMS)


def _ids(item: str | Command) -> str:
    return item if isinstance(item, str) else item.name


@pytest.fixture
def node(tmp_path: Path) -> VirtualNode:
    return VirtualNode(tmp_path)


@pytest.mark.parametrize("name", PROGRAMS)
def test_program(node: VirtualNode, name: str) -> None:
    """A program shows its sub-commands, and an example."""
    ran = node.run(name, "--help")
    assert (ran.status, ran.stderr) == (0, "")
    for command in load_program(name).commands:
        assert f"\n {command.name} " in ran.stdout
    assert f"\nExample: {name} " in ran.stdout
    before = ran.stdout.partition("\nExample: ")[0]
    assert max(map(len, before.splitlines())) <= 80


@pytest.mark.parametrize(("name", "command"), COMMANDS, ids=_ids)
def test_command(node: VirtualNode, name: str, command: Command) -> None:
    """A sub-command shows how it is called, each of its options, and an example."""
    ran = node.run(name, command.name, "--help")
    assert (ran.status, ran.stderr) == (0, "")
    assert ran.stdout.startswith(f"Usage\n=====\n  {name} {command.name} ")
    assert command.description.split()[0] in ran.stdout
    for option in (*command.options, *parser.EVERYWHERE):
        assert all(flag in ran.stdout for flag in option.flags), option
    assert f"\nExample\n=======\n  {command.example}\n" in ran.stdout


@pytest.mark.parametrize(("name", "command"), COMMANDS, ids=_ids)
def test_example(name: str, command: Command) -> None:
    """An example is a command line that is understood, and of this sub-command."""
    program, word, *rest = shlex.split(command.example)
    assert (program, word) == (name, command.name)
    parser.parse(name, command, rest, 80)


@pytest.mark.parametrize(("name", "command"), COMMANDS, ids=_ids)
def test_help_in_the_middle(node: VirtualNode, name: str, command: Command) -> None:
    """Help may be asked for when half of a line is typed, and in short."""
    assert node.run(name, command.name, "something", "-h").status == 0


@pytest.mark.parametrize("name", PROGRAMS)
def test_aliases(node: VirtualNode, name: str) -> None:
    """Another name of a sub-command has the same help."""
    for alias, command in load_program(name).aliases.items():
        assert node.run(name, alias, "--help") == node.run(name, command, "--help")


@pytest.mark.parametrize("name", OTHERS)
def test_other_programs(name: str, tmp_path: Path) -> None:
    """So have daemons and tools; to tell it they make nothing."""
    node = {"GANETI_ROOTDIR": f"{tmp_path}/n1", "GANETI_HOSTNAME": "n1"}
    done = subprocess.run(
        [str(ROOT / "bin" / name), "--help"],
        capture_output=True,
        env={"PATH": os.environ["PATH"], **node},
        stdin=subprocess.DEVNULL,
        text=True,
        timeout=60,
    )
    assert (done.returncode, done.stderr) == (0, "")
    first, *rest = done.stdout.splitlines()
    usage = rest[0] if " version " in first else first
    assert usage.startswith("Usage: ")
    assert name in usage
    assert "example" in done.stdout.lower()
    assert os.listdir(tmp_path) == []
