"""Numbers and sizes as people write them (htools(1), Units). All raise L{BadValue}."""

from __future__ import annotations

import re

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
