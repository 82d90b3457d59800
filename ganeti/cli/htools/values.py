"""What the words of a command line mean. All raise L{BadValue}."""

from __future__ import annotations

import re
from typing import NamedTuple

_INTEGER = re.compile(r"-?[0-9]{1,15}")
_NUMBER = re.compile(r"-?[0-9]{1,15}(\.[0-9]+)?(e-?[0-9]{1,2})?")
_SIZE = re.compile(r"([0-9]{1,12}) *([a-zA-Z]*)")

# How many bytes are one of a unit: m and MiB are binary, M and MB are of the SI system.
_UNITS = {
    "": 1024**2,
    "m": 1024**2,
    "g": 1024**3,
    "t": 1024**4,
    "mib": 1024**2,
    "gib": 1024**3,
    "tib": 1024**4,
    "M": 1000**2,
    "G": 1000**3,
    "T": 1000**4,
    "mb": 1000**2,
    "gb": 1000**3,
    "tb": 1000**4,
}


class BadValue(ValueError):
    """An option was given something that it cannot be; the text says what, and which."""


class SizeSpec(NamedTuple):
    """The size of an instance, as --standard-alloc and --tiered-alloc tell it."""

    disk: int
    memory: int
    cpus: int


def parse_integer(text: str, what: str) -> int:
    """A whole number."""
    if not _INTEGER.fullmatch(text):
        raise BadValue(f"{what}: cannot parse string '{text}'")
    return int(text)


def parse_natural(text: str, what: str) -> int:
    """A whole number that is not negative."""
    number = parse_integer(text, what)
    if number < 0:
        raise BadValue(f"{what}: '{text}' is negative")
    return number


def parse_number(text: str, what: str) -> float:
    """A number, perhaps with a fraction."""
    if not _NUMBER.fullmatch(text):
        raise BadValue(f"{what}: cannot parse string '{text}'")
    return float(text)


def parse_ratio(text: str, what: str) -> float:
    """A number that is not negative."""
    number = parse_number(text, what)
    if number < 0:
        raise BadValue(f"{what}: '{text}' is negative")
    return number


def parse_choice(text: str | None, what: str) -> bool:
    """An option that means yes when it is given without a word (--machine-readable)."""
    if text not in (None, "yes", "no"):
        raise BadValue(f"{what}: Invalid choice '{text}', pass one of 'yes' or 'no'")
    return text != "no"


def parse_words(text: str, _what: str) -> tuple[str, ...]:
    """Words with commas between them."""
    return tuple(word for word in text.split(",") if word)


def parse_fields(text: str | None, _what: str) -> str:
    """The fields of --print-nodes as they were given: empty is the default list."""
    return text or ""


def parse_word(text: str, _what: str) -> str:
    """Any word."""
    return text


def parse_optional_word(text: str | None, _what: str) -> str:
    """A word that may be left out: empty then."""
    return text or ""


def parse_priority(text: str, _what: str) -> str:
    """The priority of jobs."""
    if text not in ("low", "normal", "high"):
        raise BadValue(f"Unknown priority '{text}': use low, normal or high")
    return text


def parse_template(text: str, _what: str) -> str:
    """The name of a disk template."""
    from ganeti.model.templates import DiskTemplate

    if text not in tuple(DiskTemplate):
        raise BadValue(f"'{text}' is no disk template: use one of {', '.join(DiskTemplate)}")
    return text


def parse_size(text: str, what: str) -> int:
    """A size in MiB; without a unit it is MiB already (htools(1), Units)."""
    match = _SIZE.fullmatch(text)
    if match is None:
        raise BadValue(f"{what}: cannot parse string '{text}'")
    unit = match[2]
    factor = _UNITS.get(unit) or _UNITS.get(unit.lower() if len(unit) > 1 else unit)
    if factor is None:
        raise BadValue(f"{what}: Unknown unit '{unit}'")
    return int(match[1]) * factor // 1024**2


def parse_size_spec(text: str, what: str) -> SizeSpec:
    """The size of an instance, as "disk,ram,cpu"."""
    parts = text.split(",")
    if len(parts) < 3:
        raise BadValue(f"Invalid {what} specification: '{text}', expected disk,ram,cpu")
    disk = parse_size(parts[0], f"{what} disk")
    memory = parse_size(parts[1], f"{what} memory")
    return SizeSpec(disk, memory, parse_natural(parts[2], f"{what} cpus"))
