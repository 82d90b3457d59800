"""Instance policies in the text format."""

from __future__ import annotations

from ganeti.htools.records import Policy, Range, Spec
from ganeti.htools.rows import Row, amount, natural, shown, words
from ganeti.model.templates import DiskTemplate

POLICY_COLUMNS = (
    "policy owner",
    "standard size",
    "size ranges",
    "disk templates",
    "VCPU ratio",
    "spindle ratio",
)


def parse_policy(row: Row) -> Policy:
    """The policy in one line."""
    return Policy(
        standard=row.parse(1, _spec),
        ranges=row.parse(2, _ranges),
        templates=row.parse(3, _templates),
        vcpu_ratio=row.parse(4, amount),
        spindle_ratio=row.parse(5, amount),
    )


def _spec(text: str) -> Spec:
    cells = text.split(",")
    if len(cells) != 6:
        wanted = "memory, CPUs, disk, disks, NICs, spindle use"
        raise ValueError(f"{shown(text)} has {len(cells)} of 6 numbers ({wanted})")
    memory, cpus, disk, disk_count, nic_count, spindle_use = map(natural, cells)
    return Spec(
        memory=memory,
        cpus=cpus,
        disk=disk,
        disk_count=disk_count,
        nic_count=nic_count,
        spindle_use=spindle_use,
    )


def _ranges(text: str) -> tuple[Range, ...]:
    if not text:
        return ()
    specs = [_spec(each) for each in text.split(";")]
    if len(specs) % 2:
        raise ValueError(f"{len(specs)} sizes make no pairs of least and most")
    pairs = zip(specs[::2], specs[1::2], strict=True)
    return tuple(Range(least=least, most=most) for least, most in pairs)


def _templates(text: str) -> tuple[DiskTemplate, ...]:
    return tuple(parse_template(name) for name in words(text))


def parse_template(name: str) -> DiskTemplate:
    """
    A disk template by its name.

    @raise ValueError: there is none of that name.
    """
    try:
        return DiskTemplate(name)
    except ValueError as err:
        raise ValueError(f"{shown(name)} is no disk template") from err


def format_policy(owner: str, policy: Policy) -> str:
    """The line of a policy."""
    ranges = ";".join(
        f"{_format_spec(each.least)};{_format_spec(each.most)}" for each in policy.ranges
    )
    cells = (
        owner,
        _format_spec(policy.standard),
        ranges,
        ",".join(policy.templates),
        format_float(policy.vcpu_ratio),
        format_float(policy.spindle_ratio),
    )
    return "|".join(cells)


def _format_spec(spec: Spec) -> str:
    numbers = (spec.memory, spec.cpus, spec.disk, spec.disk_count, spec.nic_count)
    return ",".join(map(str, (*numbers, spec.spindle_use)))


def format_float(value: float) -> str:
    """A float as Ganeti's tools write it: 0.5, 1.0e-2, 1.0e7."""
    if value == 0 or 0.1 <= abs(value) < 10_000_000:
        return repr(float(value))
    digits, _e, exponent = _scientific(value).partition("e")
    return f"{digits if '.' in digits else digits + '.0'}e{int(exponent)}"


def _scientific(value: float) -> str:
    """The shortest digits that give the value again, with an exponent."""
    return next(
        text for text in (f"{value:.{places}e}" for places in range(18)) if float(text) == value
    )
