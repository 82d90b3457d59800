"""Where the tools' output goes."""

from __future__ import annotations

from collections.abc import Callable, Mapping
from typing import TYPE_CHECKING, NoReturn, TextIO

from ganeti.cli.htools.options import Options

if TYPE_CHECKING:
    from ganeti.cli.progress import Progress


class Abort(Exception):
    """The program ends with exit status 1; its text, if any, goes to standard error."""


class Console:
    """
    Results go to standard output; lists and what is told besides go to standard error, so that
    output for programs stays readable for them (hspace(1)).
    """

    def __init__(self, stdout: TextIO, stderr: TextIO, options: Options) -> None:
        self._stdout = stdout
        self._stderr = stderr
        self.options = options

    def out(self, text: str = "") -> None:
        """A line of the result."""
        print(text, file=self._stdout)

    def note(self, text: str = "") -> None:
        """A line besides the result."""
        print(text, file=self._stderr)

    def verbose(self, level: int, text: Callable[[], str] | str) -> None:
        """A line of the result when -v was given often enough; level 1 is without -v."""
        if self.options.verbosity >= level:
            self.out(text if isinstance(text, str) else text())

    def write(self, text: str) -> None:
        """Text without a line's end, shown at once."""
        self._stdout.write(text)
        self._stdout.flush()

    def progress(self, environ: Mapping[str, str]) -> Progress:
        """Who is told what is waited for: the user, at a terminal."""
        from ganeti.cli.progress import progress_for  # only those that wait need it

        return progress_for(self._stdout, self._stderr, environ)

    def flush(self) -> None:
        """Show everything now."""
        self._stdout.flush()
        self._stderr.flush()


def abort(text: str = "") -> NoReturn:
    """End the program with exit status 1."""
    raise Abort(f"Error: {text}" if text else "")
