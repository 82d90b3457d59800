"""
Completion in the shells themselves, typed at a terminal.

What a line has become is seen by putting C{echo} before it. Shells that are not there are skipped,
but bash.
"""

from __future__ import annotations

import os
import pty
import re
import select
import shutil
import subprocess
import time
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import pytest
from support.commands import VirtualNode

from ganeti.cli.completionshells import programs, script

ROOT = Path(__file__).parents[2]
LIMIT_S = 90.0
TAB, HOME = "\t", "\x01"


def _answer(_method: str, args: list[Any]) -> Any:
    names = {"node": ["node1.example.com", "node2.example.com"], "instance": ["web1"]}
    data = [[[0, name], [0, "there"]] for name in names.get(args[0], ())]
    if args[0] == "job":
        data = [[[0, 42], [0, "running"], [0, ["A(x)"]]]]
    return {"fields": [], "data": data}


@pytest.fixture
def environ(tmp_path: Path) -> Iterator[dict[str, str]]:
    node = VirtualNode(tmp_path / "cluster")
    server = node.serve(_answer)
    home = tmp_path / "home"
    (home / "here").mkdir(parents=True)
    (home / "here" / "delays.json").touch()
    for shell in ("bash", "zsh", "fish"):
        (home / shell).mkdir()
        (home / shell / "_ganeti").write_text(script(shell, programs()))
    yield {
        **node.environ,
        "HOME": str(home),
        "PATH": f"{ROOT / 'bin'}:/usr/bin:/bin",
        "TERM": "xterm",
        "COLUMNS": "200",
    }
    server.stop()


class Shell:
    """An interactive shell at a terminal of its own."""

    def __init__(self, argv: list[str], environ: dict[str, str]) -> None:
        ours, theirs = pty.openpty()
        self._terminal = ours
        self._process = subprocess.Popen(
            argv,
            env=environ,
            cwd=f"{environ['HOME']}/here",
            stdin=theirs,
            stdout=theirs,
            stderr=theirs,
            start_new_session=True,
        )
        os.close(theirs)
        self._seen = ""

    def type(self, text: str) -> None:
        os.write(self._terminal, text.encode())

    def until(self, pattern: str) -> str:
        """Wait until it shows something; what that is."""
        end = time.monotonic() + LIMIT_S
        while not (match := re.search(pattern, self._seen)):
            left = end - time.monotonic()
            assert left > 0 and select.select([self._terminal], [], [], left)[0], self._seen
            self._seen += os.read(self._terminal, 65536).decode(errors="replace")
        self._seen = self._seen[match.end() :]
        return match[0]

    def completed(self, line: str) -> str:
        """What a line becomes by a tab at its end."""
        self.type(f"{line}{TAB}{HOME}echo 'b'egin {HOME}\x05 'e'nd\n")
        return self.until(r"\bbegin .* end\r").removeprefix("begin ").removesuffix("end\r").rstrip()

    def end(self) -> None:
        self._process.kill()
        self._process.wait()
        os.close(self._terminal)


@pytest.fixture
def bash(environ: dict[str, str]) -> Iterator[Shell]:
    shell = Shell(["bash", "--norc", "--noprofile", "-i"], environ)
    shell.type("PS1='> '; source ~/bash/_ganeti; echo rea''dy\n")
    shell.until("ready\r")
    yield shell
    shell.end()


@pytest.fixture
def zsh(environ: dict[str, str]) -> Iterator[Shell]:
    found = shutil.which("zsh")
    if found is None:
        pytest.skip("zsh is not installed")
    shell = Shell([found, "-f", "-i"], environ)
    shell.type("PS1='> '; fpath=(~/zsh $fpath); autoload -U compinit; compinit -u -D\n")
    shell.type("unsetopt AUTO_MENU BEEP; echo rea''dy\n")
    shell.until("ready\r")
    yield shell
    shell.end()


LINES = [
    ("gnt-job wat", "gnt-job watch"),
    ("gnt-job watch ", "gnt-job watch 42"),
    ("gnt-instance info we", "gnt-instance info web1"),
    ("gnt-node info n", "gnt-node info node"),
    ("gnt-node info node2", "gnt-node info node2.example.com"),
    ("gnt-debug delay --priority=l", "gnt-debug delay --priority=low"),
    ("gnt-debug delay --repe", "gnt-debug delay --repeat="),
    ("gnt-instance add -n node1.example.com:node2",
     "gnt-instance add -n node1.example.com:node2.example.com"),
    ("gnt-debug submit-job de", "gnt-debug submit-job delays.json"),
    ("gnt-node list --nosuch=x", "gnt-node list --nosuch=x"),
]  # fmt: skip


def test_bash(bash: Shell) -> None:
    """In bash a tab completes sub-commands, options, values, names and files."""
    assert {line: bash.completed(line) for line, _wanted in LINES} == dict(LINES)


def test_bash_path(bash: Shell) -> None:
    """A command may be typed with its path."""
    typed = f"{ROOT}/bin/gnt-job wat"
    assert bash.completed(typed) == f"{typed}ch"


def test_bash_list(bash: Shell) -> None:
    """The first tab goes as far as all agree, two more show what there is."""
    bash.type(f"gnt-node info {TAB}{TAB}{TAB}")
    bash.until(r"node1\.example\.com +node2\.example\.com")


def test_zsh(zsh: Shell) -> None:
    """In zsh, too."""
    assert {line: zsh.completed(line) for line, _wanted in LINES} == dict(LINES)


def test_zsh_list(zsh: Shell) -> None:
    """There with a text for each."""
    zsh.type(f"gnt-job w{TAB}{TAB}")
    zsh.until(r"wait +-- Wait for the end of a job")


FISH = [
    ("gnt-job wat", ["watch\tShow the log of a job, and follow it to its end"]),
    ("gnt-job watch ", ["42\trunning, A(x)"]),
    ("gnt-node info node2", ["node2.example.com\tthere"]),
    ("gnt-debug delay --priority=l", ["--priority=low"]),
    ("gnt-debug submit-job de", ["delays.json"]),
]


@pytest.mark.parametrize(("line", "wanted"), FISH)
def test_fish(environ: dict[str, str], line: str, wanted: list[str]) -> None:
    """And in fish."""
    found = shutil.which("fish")
    if found is None:
        pytest.skip("fish is not installed")
    done = subprocess.run(
        [found, "--no-config", "-c", f"source ~/fish/_ganeti; complete -C '{line}'"],
        env=environ,
        cwd=f"{environ['HOME']}/here",
        capture_output=True,
        stdin=subprocess.DEVNULL,
        text=True,
        timeout=60,
    )
    assert (done.returncode, done.stderr) == (0, "")
    assert [each.rstrip() for each in done.stdout.splitlines()] == wanted
