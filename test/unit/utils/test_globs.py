"""Shell patterns as regular expressions."""

from __future__ import annotations

import re
from fnmatch import fnmatchcase

import pytest
from hypothesis import given
from hypothesis import strategies as st

from ganeti.utils.globs import glob_expression
from ganeti.utils.patterns import compile_pattern


@given(st.text("ab*?[]!-\\^.& \n", max_size=8), st.text("ab[]!-\\^.& \n", max_size=6))
def test_as_fnmatch_does(glob: str, text: str) -> None:
    """Whatever Python's fnmatch accepts, for RE2 and for Python; an odd range is refused only."""
    wanted = fnmatchcase(text, glob)
    try:
        found = compile_pattern(glob_expression(glob)).search(text) is not None
    except ValueError as err:
        assert "range" in str(err)
        return
    assert found is wanted
    assert (re.search(glob_expression(glob), text) is not None) is wanted


@pytest.mark.parametrize(
    ("glob", "expression"),
    [
        ("node*", r"^(?s:node.*)\Z"),
        ("*ode*", r"^(?s:.*ode.*)\Z"),
        ("[!a]?.x", r"^(?s:[^a].\.x)\Z"),
        ("[a", r"^(?s:\[a)\Z"),
        ("[^a]", r"^(?s:[\^a])\Z"),
    ],
)
def test_expression(glob: str, expression: str) -> None:
    """Simple ones are written as Ganeti's commands write them."""
    assert glob_expression(glob) == expression
