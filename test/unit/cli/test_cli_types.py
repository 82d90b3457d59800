"""The value syntaxes of options."""

from __future__ import annotations

import pytest
from hypothesis import given
from hypothesis import strategies as st

from ganeti.cli import types


@pytest.mark.parametrize(
    ("text", "value"),
    [
        ("", {}),
        ("a=b", {"a": "b"}),
        ("a=b,c=d=e", {"a": "b", "c": "d=e"}),
        ("a,no_b,-c,d=", {"a": True, "b": False, "c": None, "d": ""}),
        (r"a=1\,2,b=\\x\y", {"a": "1,2", "b": r"\x\y"}),
    ],
)
def test_keyval(text: str, value: dict[str, object]) -> None:
    """Parameters are texts, flags, or taken back."""
    assert types.parse_keyval(text) == value


@pytest.mark.parametrize("text", ["a=1,a=2", "a=1,,b=2", "=x", "no_", "-"])
def test_keyval_refused(text: str) -> None:
    """A name must stand there, and once."""
    with pytest.raises(ValueError):
        types.parse_keyval(text)


@pytest.mark.parametrize(
    ("text", "value"),
    [
        ("0", ("0", {})),
        ("0:size=1G,mode=ro", ("0", {"size": "1G", "mode": "ro"})),
        ("-1:add,size=3", ("-1", {"add": True, "size": "3"})),
        ("-1", ("-1", {})),
        ("no_kvm", ("kvm", False)),
        ("-kernel_path", ("kernel_path", None)),
        ("kvm:-kernel_path,acpi", ("kvm", {"kernel_path": None, "acpi": True})),
    ],
)
def test_identkeyval(text: str, value: object) -> None:
    """Something with parameters, or to be removed; negative indexes are indexes."""
    assert types.parse_identkeyval(text) == value


@pytest.mark.parametrize("text", ["no_kvm:a=b", "-x:a=b"])
def test_identkeyval_refused(text: str) -> None:
    """What is to be removed has no parameters."""
    with pytest.raises(ValueError, match="removed"):
        types.parse_identkeyval(text)


def test_bounds() -> None:
    """Pairs of bounds of a policy."""
    found = types.parse_bounds_specs("min:disk-size=1/max:disk-size=2//min:a=1/max:a=2")
    assert found == [
        {"min": {"disk-size": "1"}, "max": {"disk-size": "2"}},
        {"min": {"a": "1"}, "max": {"a": "2"}},
    ]
    for text in ("min", "min:a=1/min:a=2", "min:a"):
        with pytest.raises(ValueError):
            types.parse_bounds_specs(text)


def test_bool() -> None:
    """Yes and no, in any case."""
    assert types.parse_bool("Yes") is True
    assert types.parse_bool("false") is False
    with pytest.raises(ValueError, match="maybe"):
        types.parse_bool("maybe")


def test_sizes_and_ratios() -> None:
    """Sizes in MiB; ratios may be the default."""
    assert types.parse_size("1.5G") == 1536
    assert types.parse_maybe_float("default") == "default"
    assert types.parse_maybe_float("2.5") == 2.5
    for parse in (types.parse_size, types.parse_maybe_float):
        with pytest.raises(ValueError, match="abc"):
            parse("abc")
    for word in ("nan", "inf", "1e400"):
        with pytest.raises(ValueError, match=word):
            types.parse_maybe_float(word)


@given(st.lists(st.text(), min_size=1))
def test_escaping(words: list[str]) -> None:
    """Whatever is escaped comes back."""
    text = ",".join(word.replace("\\", "\\\\").replace(",", "\\,") for word in words)
    assert types.split_list(text) == words


@given(st.text())
def test_any_text(text: str) -> None:
    """No text does anything but parse or be refused."""
    for parse in types.PARSERS.values():
        try:
            parse(text)
        except ValueError:
            pass
