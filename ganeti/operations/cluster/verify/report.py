"""
The report of a verification: which problems are errors, and how they are written.

The lines are those of the original, which programs read.
"""

from __future__ import annotations

from collections import Counter
from collections.abc import Callable, Mapping
from dataclasses import dataclass
from typing import Any, Protocol

from ganeti.errors import ProgrammerError
from ganeti.opcodes.verify import VerifyCode as Code
from ganeti.utils.text import printable_line

MOST_ALIKE = 100
"""Problems of one code and object that are written down one by one."""
TURN = 200
"""Instances looked at before others have their turn in the master."""
LINE_LIMIT = 32 << 10
"""Characters; much of what is written comes from nodes."""

CLUSTER, NODE, GROUP, INSTANCE = "cluster", "node", "group", "instance"

_TARGETS: Mapping[str, str] = {
    "ECLUSTER": CLUSTER,
    "EEXTAGS": NODE,
    "EGROUP": GROUP,
    "EINSTANCE": INSTANCE,
    "ENODE": NODE,
}
_OF_NODES = (Code.ECLUSTERDANGLINGINST, Code.ECLUSTERDANGLINGNODES)


def target_of(code: Code) -> str:
    """What kind of object a problem is about."""
    if code in _OF_NODES:
        return NODE
    for prefix, target in _TARGETS.items():
        if code.startswith(prefix):
            return target
    raise ProgrammerError(f"{code} is about nothing known")


@dataclass(frozen=True)
class Problem:
    """One line of the report."""

    code: Code
    name: str | None
    text: str
    severity: str = "ERROR"

    def line(self, *, with_code: bool) -> str:
        """As it is printed."""
        target = target_of(self.code)
        name = "" if self.name is None else f" {self.name}"
        line = f"{self.severity}: {target}{name}: {self.text}"
        if with_code:
            line = f"{self.severity}:{self.code}:{target}:{self.name}:{self.text}"
        return f"  - {printable_line(line, LINE_LIMIT)}"


class Request(Protocol):
    """What the opcodes of a verification have in common."""

    @property
    def debug_simulate_errors(self) -> bool: ...
    @property
    def error_codes(self) -> bool: ...
    @property
    def ignore_errors(self) -> frozenset[Code]: ...
    @property
    def verbose(self) -> bool: ...


class Report:
    """
    Takes problems and writes them down.

    @ivar good: there was no error.
    """

    def __init__(
        self, op: Request, say: Callable[[str], None], entry: Callable[[str, Any], None]
    ) -> None:
        """
        @param say: takes a plain line.
        @param entry: takes the type and the message of a log entry.
        """
        self._op = op
        self._entry = entry
        self._say = say
        self.good = True
        self._alike: Counter[tuple[Code, str | None, str]] = Counter()

    def say(self, text: str) -> None:
        """A plain line, which ends what is before it."""
        self.end()
        self._say(text)

    def end(self) -> bool:
        """Write down how many problems were only counted; whether all was good."""
        for (code, name, severity), count in self._alike.items():
            if count > MOST_ALIKE:
                text = f"and {count - MOST_ALIKE} more problems of this kind"
                self._write(Problem(code, name, text, severity))
        self._alike.clear()
        return self.good

    def detail(self, text: str) -> None:
        """A line for those who want to know more."""
        if self._op.verbose:
            self.say(text)

    def error(self, bad: object, code: Code, name: str | None, text: str) -> bool:
        """Report C{text} if C{bad} says so (or a simulation wants it); return whether it did."""
        return self._report(bad, Problem(code, name, text))

    def warning(self, bad: object, code: Code, name: str | None, text: str) -> bool:
        """The same, but the verification does not fail for it."""
        return self._report(bad, Problem(code, name, text, "WARNING"))

    def _report(self, bad: object, problem: Problem) -> bool:
        if not bad and not self._op.debug_simulate_errors:
            return False
        if problem.code in self._op.ignore_errors:
            problem = Problem(problem.code, problem.name, problem.text, "WARNING")
        self.good = self.good and problem.severity != "ERROR"
        alike = (problem.code, problem.name, problem.severity)
        self._alike[alike] += 1
        if self._alike[alike] <= MOST_ALIKE:
            self._write(problem)
        return True

    def _write(self, problem: Problem) -> None:
        self._entry("message-list", [problem.line(with_code=self._op.error_codes)])

    def notice(self, text: str) -> None:
        """A line about what is as it should be, and good to know."""
        self.say(f"  - NOTICE: {text}")
