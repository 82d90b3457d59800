"""Regular expressions from users."""

from __future__ import annotations

import re
import time

import pytest
from hypothesis import given
from hypothesis import strategies as st

from ganeti.utils.patterns import MAX_PATTERN, compile_pattern


@pytest.mark.parametrize(
    ("pattern", "text", "found"),
    [
        ("web", "my.web.example.com", True),
        ("^web", "my.web.example.com", False),
        (r"^web\d+$", "web12", True),
        ("(?i)WEB", "web", True),
        ("", "", True),
        ("h.llo", "hällo", True),
    ],
)
def test_search(pattern: str, text: str, *, found: bool) -> None:
    assert (compile_pattern(pattern).search(text) is not None) is found


SIMPLE = r"\^?[ab]{0,3}(\.|c\*|\[ab\])?\$?"


@given(st.from_regex(SIMPLE, fullmatch=True), st.text("abc", max_size=8))
def test_search_as_re_does(pattern: str, text: str) -> None:
    assert bool(compile_pattern(pattern).search(text)) is bool(re.search(pattern, text))


def test_time_is_linear() -> None:
    """What makes a backtracking matcher take years is searched at once."""
    began = time.monotonic()
    assert not compile_pattern("(a+)+$").search("a" * 10_000 + "!")
    assert time.monotonic() - began < 5


@pytest.mark.parametrize(
    ("pattern", "why"),
    [
        ("(", "missing ), unterminated subpattern at position 0"),
        ("((a{1000}){1000}){1000}", "repetition"),
        ("(?=a)b", "(?="),
        ("\ud800", "no valid Unicode"),
        ("a" * (MAX_PATTERN + 1), "longer than"),
    ],
)
def test_refused(pattern: str, why: str) -> None:
    with pytest.raises(ValueError, match=re.escape(why)):
        compile_pattern(pattern)
