"""
The lines of the text format, cut at the bars.

What is wrong in a line is told with the file, the line and the name of the column.
"""

from __future__ import annotations

from collections.abc import Callable
from typing import TypeVar

from ganeti.htools.errors import InputError

T = TypeVar("T")

LARGEST = 2**53  # what a float still holds exactly
MOST_WORDS = 2_000_000
MOST_CELLS = 32
_SHOWN = 60  # characters of a wrong value: a hostile one may have millions


def shown(value: object) -> str:
    """A value as it may be put into an error: in one line, without controls, not too long."""
    text = repr(value[: _SHOWN + 1] if isinstance(value, str) else value)
    return text if len(text) <= _SHOWN else f"{text[:_SHOWN]}..."


def misplaced(source: str, line: int, column: str, what: str) -> InputError:
    """What to raise when something in a file is wrong."""
    return InputError(f"{source}: line {line}, {column}: {what}")


def natural(text: str) -> int:
    """
    A whole number that is not negative.

    @raise ValueError: it is none, or too large.
    """
    if not (text.isascii() and text.isdecimal()):
        raise ValueError(_why_no_number(text))
    if len(text) > 16 or int(text) > LARGEST:
        raise ValueError(f"{shown(text)} is too large")
    return int(text)


def integer(text: str) -> int:
    """A whole number, also a negative one."""
    return -natural(text[1:]) if text.startswith("-") and text[1:].isdecimal() else natural(text)


def rounded(text: str) -> int:
    """A number that is not negative; Ganeti's tools read a fraction, but write none."""
    return round(amount(text))


def amount(text: str) -> float:
    """A number that is not negative, perhaps with a fraction."""
    if text.isascii() and text.isdecimal():
        return float(natural(text))
    if not text or text[0] not in "0123456789" or text[-1] not in "0123456789" or "_" in text:
        raise ValueError(_why_no_number(text))
    try:
        value = float(text)
    except ValueError as err:
        raise ValueError(_why_no_number(text)) from err
    if value > LARGEST:
        raise ValueError(f"{shown(text)} is too large")
    return value


def _why_no_number(text: str) -> str:
    if text.startswith("-") and text[1:].replace(".", "", 1).isdecimal():
        return f"{shown(text)} is negative"
    return f"{shown(text)} is no number"


def words(text: str) -> tuple[str, ...]:
    """
    A list with commas; the empty text is no word.

    @raise ValueError: there are far too many.
    """
    if text.count(",") >= MOST_WORDS:
        raise ValueError(f"there are more than {MOST_WORDS} of them")
    return tuple(text.split(",")) if text else ()


class Row:
    """One line, with the names of its columns."""

    __slots__ = ("cells", "columns", "line", "source")

    def __init__(self, source: str, line: int, text: str, columns: tuple[str, ...]) -> None:
        self.source = source
        self.line = line
        self.columns = columns
        self.cells = text.split("|", MOST_CELLS)

    def need(self, count: int) -> None:
        """
        Refuse a line with too few columns.

        @raise InputError: as all the others here.
        """
        if len(self.cells) < count:
            there = len(self.cells)
            raise self.error(there, f"it is missing: there are {there} of at least {count} columns")

    def error(self, column: int, what: str) -> InputError:
        """What to raise when a column is wrong."""
        return misplaced(self.source, self.line, self.columns[column], what)

    def parse(self, column: int, parser: Callable[[str], T]) -> T:
        """The value of a column."""
        try:
            return parser(self.cells[column])
        except ValueError as err:
            raise self.error(column, str(err)) from err

    def optional(self, column: int, parser: Callable[[str], T], default: T) -> T:
        """The value of a column that older files do not have."""
        return self.parse(column, parser) if column < len(self.cells) else default

    def choice(self, column: int, choices: tuple[str, ...]) -> str:
        """The word of a column, which must be one of these."""
        word = self.cells[column]
        if word not in choices:
            raise self.error(column, f"{shown(word)} is none of {', '.join(choices)}")
        return word

    def flag(self, column: int, default: bool | None = None) -> bool:
        """Y or N."""
        if default is not None and column >= len(self.cells):
            return default
        return self.choice(column, ("Y", "N")) == "Y"
