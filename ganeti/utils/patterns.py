"""
Regular expressions from users: searched in time linear in the text, whatever they are.

They are RE2's, since one such as C{(a+)+$} could hold a daemon for ever else. What RE2
leaves out: look-around and references to what was matched before.
"""

from __future__ import annotations

import re
from functools import lru_cache
from typing import Any, Protocol

MAX_PATTERN = 10_000
"""Characters."""
_MAX_MEMORY = 1 << 20
"""Bytes that a compiled pattern and its automaton may take."""


class Pattern(Protocol):
    """A compiled pattern."""

    def search(self, text: str) -> object | None:
        """Something if the pattern is found anywhere in C{text}, else None."""


@lru_cache(maxsize=128)
def compile_pattern(text: str) -> Pattern:
    """
    Compile a pattern.

    @raise ValueError: it is none; the text says why.
    """
    import re2

    if len(text) > MAX_PATTERN:
        raise ValueError(f"longer than {MAX_PATTERN} characters")
    try:
        pattern: Pattern = re2.compile(_as_re2(text), _options(re2))
    except re2.error as err:
        raise ValueError(_complaint(text, err)) from err
    except UnicodeEncodeError as err:
        raise ValueError("no valid Unicode") from err
    return pattern


def _as_re2(text: str) -> str:
    """With the end of the text written as RE2 writes it: scripts know Python's C{\\Z}."""
    return re.sub(r"\\(.)", lambda m: r"\z" if m[1] == "Z" else m[0], text, flags=re.DOTALL)


def _complaint(text: str, err: Exception) -> str:
    """In the words of Python, as scripts know them, unless Python has nothing to say."""
    try:
        re.compile(text)
    except (re.error, RecursionError, OverflowError) as python_err:
        return str(python_err)
    return str(err.args[0], "utf-8", "replace")


def _options(re2: Any) -> Any:
    options = re2.Options()
    options.log_errors = False
    options.never_capture = True
    options.max_mem = _MAX_MEMORY
    return options
