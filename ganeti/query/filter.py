"""
The filter language people type, as in C{name =* "web*" and not (offline or "t1" in tags)}.

L{parse_filter} turns it into the list form that travels, such as
C{["&", ["=~", "name", "…"], ["!", …]]} (ganeti(7), Query filters).
"""

from __future__ import annotations

import re
from typing import Any

from ganeti.errors import QueryFilterParseError
from ganeti.utils.globs import glob_expression

Filter = list[Any]

MAX_DEPTH = 100

_BLANK = re.compile(r"\s*")
_FIELD = re.compile(r"[A-Za-z][A-Za-z0-9_/.]*")
_WORD_END = re.compile(r"(?![A-Za-z0-9_/.])")
_INTEGER = re.compile(r"[-+]?\d+(?![A-Za-z0-9_/.])")
_QUOTED = re.compile(r"\"((?:[^\"\\\n]|\\.)*)\"|'((?:[^'\\\n]|\\.)*)'")
_ESCAPED = re.compile(r"\\(.)")
_COMPARISON = re.compile(r"==|!=|<=|>=|=(?![~*])|<|>")
_REGEX_DELIMITERS = "/#^|"
_REGEX_FLAGS = frozenset("is")
_KEYWORDS = frozenset(("not", "and", "or", "in"))


def parse_filter(text: str) -> Filter:
    """
    Read a filter.

    @raise QueryFilterParseError: its arguments are a sentence, the line, a mark below the place,
        and the reason.
    """
    parser = _Parser(text)
    found = parser.either(0)
    parser.skip_blank()
    if found is None or parser.at < len(text):
        raise parser.failure()
    return found


class _Parser:
    """
    Reads from C{at} on.

    Each method but the last few reads one construct and returns its list form; or
    None, with C{at} as it was. What cannot be read further ends the filter, and
    the place where it ends early is what people get told.
    """

    def __init__(self, text: str) -> None:
        self.text = text
        self.at = 0

    def either(self, depth: int) -> Filter | None:
        """Conditions joined by C{or}."""
        return self._joined("or", "|", depth)

    def _joined(self, word: str, operator: str, depth: int) -> Filter | None:
        first = self._part(word, depth)
        if first is None:
            return None
        parts = [first]
        while (back := self.at, self._keyword(word))[1]:
            part = self._part(word, depth)
            if part is None:
                self.at = back
                break
            parts.append(part)
        return first if len(parts) == 1 else [operator, *parts]

    def _part(self, word: str, depth: int) -> Filter | None:
        return self._joined("and", "&", depth) if word == "or" else self._negated(depth)

    def _negated(self, depth: int) -> Filter | None:
        if depth > MAX_DEPTH:
            raise self.failure(f"Nested deeper than {MAX_DEPTH} levels")
        back = self.at
        if self._keyword("not"):
            inner = self._negated(depth + 1)
            if inner is not None:
                return ["!", inner]
            self.at = back
        return self._bracketed(depth) or self._condition()

    def _bracketed(self, depth: int) -> Filter | None:
        back = self.at
        if self._literal("("):
            inner = self.either(depth + 1)
            if inner is not None and self._literal(")"):
                return inner
        self.at = back
        return None

    def _condition(self) -> Filter | None:
        return self._membership() or self._field_condition()

    def _membership(self) -> Filter | None:
        """C{value in field}, C{value not in field}."""
        back = self.at
        value = self._value()
        if value is not None:
            negated = self._keyword("not")
            if self._keyword("in") and (field := self._field()) is not None:
                contains = ["=[]", field, value]
                return ["!", contains] if negated else contains
        self.at = back
        return None

    def _field_condition(self) -> Filter | None:
        field = self._field()
        if field is None:
            return None
        back = self.at
        for read in (self._match, self._glob, self._comparison):
            found = read(field)
            if found is not None:
                return found
            self.at = back
        return ["?", field]

    def _comparison(self, field: str) -> Filter | None:
        operator = self._pattern(_COMPARISON)
        if operator is None:
            return None
        value = self._value()
        return None if value is None else [operator[0], field, value]

    def _match(self, field: str) -> Filter | None:
        """C{field =~ m/expression/flags}, C{field !~ …}."""
        negated = self._signed("~")
        if negated is None:
            return None
        pattern = self._regex_literal()
        return None if pattern is None else _signed(negated, ["=~", field, pattern])

    def _glob(self, field: str) -> Filter | None:
        """C{field =* "web*"}, C{field !* …}."""
        negated = self._signed("*")
        if negated is None:
            return None
        glob = self._string()
        if glob is None:
            return None
        return _signed(negated, ["=~", field, glob_expression(glob)])

    def _signed(self, sign: str) -> bool | None:
        if self._literal("=" + sign):
            return False
        return True if self._literal("!" + sign) else None

    def _regex_literal(self) -> str | None:
        self.skip_blank()
        opening = self.text[self.at : self.at + 2]
        if len(opening) < 2 or opening[0] != "m" or opening[1] not in _REGEX_DELIMITERS:
            return None
        end = self.text.find(opening[1], self.at + 2)
        if end < 0:
            return None
        body = self.text[self.at + 2 : end]
        flags = re.compile(r"[a-z]*").match(self.text, end + 1)
        assert flags is not None
        if not set(flags[0]) <= _REGEX_FLAGS:
            return None
        self.at = flags.end()
        return f"(?{flags[0]}){body}" if flags[0] else body

    def _value(self) -> str | int | None:
        number = self._pattern(_INTEGER)
        return int(number[0]) if number else self._string()

    def _string(self) -> str | None:
        quoted = self._pattern(_QUOTED)
        if quoted is None:
            return None
        body: str = quoted[1] if quoted[1] is not None else quoted[2]
        return _ESCAPED.sub(r"\1", body)

    def _field(self) -> str | None:
        back = self.at
        found = self._pattern(_FIELD)
        if found is None or found[0] in _KEYWORDS:
            self.at = back
            return None
        return found[0]

    def _keyword(self, word: str) -> bool:
        return self._pattern(re.compile(word + _WORD_END.pattern)) is not None

    def _literal(self, text: str) -> bool:
        return self._pattern(re.compile(re.escape(text))) is not None

    def _pattern(self, pattern: re.Pattern[str]) -> re.Match[str] | None:
        back = self.at
        self.skip_blank()
        found = pattern.match(self.text, self.at)
        self.at = back if found is None else found.end()
        return found

    def skip_blank(self) -> None:
        """Go to the next character that is not blank."""
        blank = _BLANK.match(self.text, self.at)
        assert blank is not None
        self.at = blank.end()

    def failure(self, reason: str = "") -> QueryFilterParseError:
        """Why the filter cannot be read beyond C{at}."""
        if not reason:
            found = f", found {self.text[self.at]!r}" if self.at < len(self.text) else ""
            reason = f"Expected {'end of text' if self.at else 'a condition'}{found}"
        line = self.text.count("\n", 0, self.at)
        column = self.at - (self.text.rfind("\n", 0, self.at) + 1)
        place = f"{reason}  (at char {self.at}), (line:{line + 1}, col:{column + 1})"
        return QueryFilterParseError(
            f"Failed to parse query filter {self.text!r}: {place}",
            self.text.split("\n")[line],
            " " * column + "^",
            place,
        )


def _signed(negated: bool, condition: Filter) -> Filter:
    return ["!", condition] if negated else condition
