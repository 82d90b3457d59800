"""Run a command in this process, on a virtual node in a folder of its own."""

from __future__ import annotations

import io
from collections.abc import Mapping
from pathlib import Path
from typing import NamedTuple

from ganeti.cli.main import main
from ganeti.cli.session import Clock
from ganeti.cli.terminal import Terminal
from ganeti.paths import Paths
from support.fakemaster import Answer, FakeMaster


class Ran(NamedTuple):
    """What a command did."""

    status: int
    stdout: str
    stderr: str
    shown: str = ""


class TypingTerminal(Terminal):
    """
    A terminal at which a text has been typed; keeps what it shows. None is no terminal.
    """

    def __init__(self, typed: str | None) -> None:
        super().__init__(self._opens)
        self._lines = None if typed is None else typed.splitlines(keepends=True)
        self.shown = ""

    def _opens(self) -> tuple[io.StringIO, io.StringIO]:
        if self._lines is None:
            raise OSError("no terminal")
        return _Keyboard(self), _Screen(self)

    def read(self) -> str:
        line = self._lines.pop(0) if self._lines else ""
        self.shown += line
        return line


class _Keyboard(io.StringIO):
    def __init__(self, terminal: TypingTerminal) -> None:
        super().__init__()
        self._terminal = terminal

    def readline(self, _size: int | None = -1, /) -> str:
        return self._terminal.read()


class _Screen(io.StringIO):
    def __init__(self, terminal: TypingTerminal) -> None:
        super().__init__()
        self._terminal = terminal

    def write(self, text: str, /) -> int:
        self._terminal.shown += text
        return len(text)


class VirtualNode:
    """A node's folder, as far as commands look at it."""

    def __init__(
        self, folder: Path, name: str = "node1.example.com", master: str | None = ""
    ) -> None:
        """@param master: what the node believes; "" is the node itself, None no cluster."""
        self.paths = Paths(root=str(folder / name), hostname=name)
        self.environ = {"GANETI_ROOTDIR": self.paths.root, "GANETI_HOSTNAME": name, "COLUMNS": "80"}
        Path(self.paths.data_dir).mkdir(parents=True)
        Path(self.paths.socket_dir).mkdir(parents=True)
        if master is not None:
            Path(self.paths.ssconf("master_node")).write_text(f"{master or name}\n")

    def run(
        self,
        program: str,
        *words: str,
        typed: str | None = None,
        environ: Mapping[str, str] | None = None,
        clock: Clock | None = None,
        stdin: str = "",
    ) -> Ran:
        """Run a command line there."""
        stdout, stderr = io.StringIO(), io.StringIO()
        terminal = TypingTerminal(typed)
        status = main(
            program,
            words,
            {**self.environ, **(environ or {})},
            stdout=stdout,
            stderr=stderr,
            terminal=terminal,
            clock=clock,
            stdin=io.StringIO(stdin),
        )
        return Ran(status, stdout.getvalue(), stderr.getvalue(), terminal.shown)

    def serve(self, answer: Answer) -> FakeMaster:
        """Let a master daemon answer here."""
        return FakeMaster(self.paths.query_socket, answer)
