"""The filter language: reading it, and what it selects."""

from __future__ import annotations

import re

import pytest
from hypothesis import given
from hypothesis import strategies as st

from ganeti.errors import ParameterError, QueryFilterParseError, RequestError
from ganeti.query.fields import NODATA, UNAVAILABLE, Field, Kind, Matching, Need
from ganeti.query.filter import parse_filter
from ganeti.query.predicate import build_predicate


@pytest.mark.parametrize(
    ("text", "found"),
    [
        ('name == "x"', ["==", "name", "x"]),
        ("name = 'x y'", ["=", "name", "x y"]),
        ('name != "it\\"s"', ["!=", "name", 'it"s']),
        ("be/maxmem >= 512", [">=", "be/maxmem", 512]),
        ("disk.size/0<-1", ["<", "disk.size/0", -1]),
        ("oper_state", ["?", "oper_state"]),
        ("notes", ["?", "notes"]),
        ("not offline", ["!", ["?", "offline"]]),
        ("not not offline", ["!", ["!", ["?", "offline"]]]),
        ("name =~ m/^a|b/", ["=~", "name", "^a|b"]),
        ("name =~ m#a/b#is", ["=~", "name", "(?is)a/b"]),
        ("name !~ m^a^", ["!", ["=~", "name", "a"]]),
        ('"t1" in tags', ["=[]", "tags", "t1"]),
        ("5 not in disk.sizes", ["!", ["=[]", "disk.sizes", 5]]),
        ("a and b or c", ["|", ["&", ["?", "a"], ["?", "b"]], ["?", "c"]]),
        ("a and (b or c)", ["&", ["?", "a"], ["|", ["?", "b"], ["?", "c"]]]),
        ("(((a)))", ["?", "a"]),
        (" a\n and\tb ", ["&", ["?", "a"], ["?", "b"]]),
    ],
)
def test_parse(text, found):
    """Each construct has its list form."""
    assert parse_filter(text) == found


def test_globs():
    """A shell pattern becomes an expression that fits the whole text."""
    operator, field, pattern = parse_filter('name =* "web*.example.??m"')
    assert (operator, field) == ("=~", "name")
    assert re.search(pattern, "web12.example.com")
    assert not re.search(pattern, "aweb12.example.com")
    assert not re.search(pattern, "web12.example.com.org")
    assert parse_filter('name !* "a"')[0] == "!"


@pytest.mark.parametrize(
    ("text", "place", "reason"),
    [
        ("bad (", 4, "Expected end of text, found '('"),
        ("name ==", 5, "Expected end of text, found '='"),
        ("", 0, "Expected a condition"),
        ("and", 0, "Expected a condition, found 'a'"),
        ("a or", 2, "Expected end of text, found 'o'"),
        ("name =~ m/x", 5, "Expected end of text, found '='"),
        ("name =~ m/x/q", 5, "Expected end of text, found '='"),
        ("name == 3x", 5, "Expected end of text, found '='"),
        ('name == "a', 5, "Expected end of text, found '='"),
    ],
)
def test_errors(text, place, reason):
    """The message says where reading ended, in the original's words."""
    with pytest.raises(QueryFilterParseError) as caught:
        parse_filter(text)
    detail = f"{reason}  (at char {place}), (line:1, col:{place + 1})"
    assert caught.value.args == (
        f"Failed to parse query filter {text!r}: {detail}",
        text,
        " " * place + "^",
        detail,
    )


def test_error_on_a_later_line():
    """The line that is shown is the one where reading ended."""
    with pytest.raises(QueryFilterParseError) as caught:
        parse_filter("a and\nb c")
    assert caught.value.args[1:3] == ("b c", "  ^")
    assert "(line:2, col:3)" in caught.value.args[3]


@pytest.mark.parametrize("text", ["(" * 5000, "not " * 5000 + "a"])
def test_deep_nesting(text):
    """A filter nested absurdly deep is refused."""
    with pytest.raises(QueryFilterParseError, match="deeper"):
        parse_filter(text)


@given(st.text("ab =~!<>()\"'/m*\\ inotrd1\n", max_size=30))
def test_garbage(text):
    """Whatever is typed gives a filter or a typed error."""
    try:
        found = parse_filter(text)
    except QueryFilterParseError:
        return
    assert isinstance(found, list)


def field(name, matching=Matching.PLAIN, needs=Need.NONE):
    """A field that takes its value from a dict."""
    return Field(name, name, Kind.OTHER, "", lambda row: row[name], needs, matching)


FIELDS = {
    one.name: one
    for one in (
        field("name", Matching.HOSTNAME),
        field("text"),
        field("number"),
        field("flag"),
        field("list"),
        field("time", Matching.SECONDS),
        field("id", Matching.NUMBER),
        field("nodata", needs=Need.INSTANCES),
        field("unavailable"),
        field("null"),
    )
}
ROW = {
    "name": "web1.Example.com",
    "text": "hello",
    "number": 5,
    "flag": True,
    "list": ["a", 1],
    "time": [100, 999999],
    "id": 12,
    "nodata": NODATA,
    "unavailable": UNAVAILABLE,
    "null": None,
}


def holds(qfilter):
    """Whether the row passes."""
    return build_predicate(FIELDS, "name", qfilter).test(ROW)


@pytest.mark.parametrize(
    "qfilter",
    [
        None,
        ["=", "text", "hello"],
        ["==", "number", 5],
        ["!=", "number", 6],
        ["<", "number", 6],
        ["<=", "number", 5],
        [">", "text", "abc"],
        [">=", "number", 5],
        ["?", "flag"],
        ["=[]", "list", "a"],
        ["=[]", "list", 1],
        ["=~", "text", "^h.*o$"],
        ["=", "name", "web1"],
        ["==", "name", "WEB1.example"],
        ["=", "time", 100],
        ["=", "id", "12"],
        [">", "id", 3],
        ["&"],
        ["&", ["?", "flag"], ["=", "number", 5]],
        ["|", ["=", "number", 4], ["=", "number", 5]],
        ["!", ["=", "number", 4]],
        ["=", "nodata", 1],
        ["!=", "nodata", 1],
        ["?", "nodata"],
        ["<", "unavailable", 1],
        ["=~", "unavailable", "x"],
        ["=[]", "unavailable", 1],
        ["!=", "null", 3],
    ],
)
def test_holds(qfilter):
    """Conditions that the row fulfils; those on fields without a value keep it."""
    assert holds(qfilter)


@pytest.mark.parametrize(
    "qfilter",
    [
        ["=", "text", "other"],
        ["!=", "number", 5],
        ["=", "name", "web"],
        ["|"],
        ["!", ["&"]],
        ["!", ["?", "nodata"]],
        ["=[]", "list", "b"],
        ["=~", "text", "x"],
        ["=", "null", 3],
        ["=~", "null", "x"],
    ],
)
def test_fails(qfilter):
    """Conditions that the row does not fulfil."""
    assert not holds(qfilter)


@pytest.mark.parametrize(
    ("qfilter", "text"),
    [
        (["=", "nosuch", 1], "Can't find field named 'nosuch'"),
        (["?", "nosuch"], "Can't find field named 'nosuch'"),
        (["?", "text"], "neither true nor false"),
        (["=", "text", 1], "cannot be compared"),
        (["=", "number", "5"], "cannot be compared"),
        (["=", "flag", 1], "cannot be compared"),
        (["=", "name", 1], "cannot be compared"),
        (["=", "id", "x"], "cannot be compared"),
        (["=~", "text", "("], "Invalid regular expression"),
        (["=~", "text", 1], "cannot be compared"),
        (["=~", "number", "1"], "no text"),
        (["=[]", "text", "h"], "no list"),
    ],
)
def test_refused(qfilter, text):
    """Unknown fields and unlike values are refused, saying why."""
    with pytest.raises(ParameterError, match=re.escape(text)):
        holds(qfilter)


@pytest.mark.parametrize(
    ("qfilter", "text"),
    [
        (["=", "text", 1.5], "texts and integers"),
        (["=", "text", True], "texts and integers"),
        (["=", "text", None], "texts and integers"),
        (["~", "text", "h"], "Unknown filter operator"),
        ([], "Malformed"),
        ("name", "Malformed"),
        ({"=": 1}, "Malformed"),
        (["=", "name"], "Malformed"),
        (["!"], "Malformed"),
        (["!", None], "Malformed"),
        (["=", ["name"], "x"], "Malformed"),
        (3, "Malformed"),
    ],
)
def test_malformed(qfilter, text):
    """What is no filter is a request that cannot be read."""
    with pytest.raises(RequestError, match=f"^Failed to parse request: .*{re.escape(text)}"):
        holds(qfilter)


def test_depth():
    """A filter nested absurdly deep is refused."""
    qfilter = ["?", "flag"]
    for _ in range(200):
        qfilter = ["!", qfilter]
    with pytest.raises(ParameterError, match="deeper"):
        holds(qfilter)


@pytest.mark.parametrize(
    ("qfilter", "names"),
    [
        (None, None),
        (["=", "name", "a"], ("a",)),
        (["|", ["=", "name", "a"], ["==", "name", "b"], ["=", "name", "a"]], ("a", "b")),
        (["|"], None),
        (["!=", "name", "a"], None),
        (["|", ["=", "name", "a"], ["=", "text", "b"]], None),
        (["&", ["=", "name", "a"]], None),
    ],
)
def test_names(qfilter, names):
    """A filter that is nothing but names is known as such."""
    assert build_predicate(FIELDS, "name", qfilter).names == names


def test_needs():
    """A filter says what its fields need."""
    assert build_predicate(FIELDS, "name", ["?", "nodata"]).needs is Need.INSTANCES
    assert build_predicate(FIELDS, "name", ["?", "flag"]).needs is Need.NONE
