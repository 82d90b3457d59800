"""What the words of a command line mean. All raise L{BadValue}."""

from __future__ import annotations

from typing import NamedTuple

from ganeti.htools.numbers import BadValue, parse_natural, parse_ratio, parse_size


class SizeSpec(NamedTuple):
    """The size of an instance, as --standard-alloc and --tiered-alloc tell it."""

    disk: int
    memory: int
    cpus: int


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


def parse_positive(text: str, what: str) -> float:
    """A number above 0."""
    number = parse_ratio(text, what)
    if not number:
        raise BadValue(f"{what}: expected more than 0")
    return number


def parse_size_spec(text: str, what: str) -> SizeSpec:
    """The size of an instance, as "disk,ram,cpu"."""
    parts = text.split(",")
    if len(parts) < 3:
        raise BadValue(f"Invalid {what} specification: '{text}', expected disk,ram,cpu")
    disk = parse_size(parts[0], f"{what} disk")
    memory = parse_size(parts[1], f"{what} memory")
    return SizeSpec(disk, memory, parse_natural(parts[2], f"{what} cpus"))
