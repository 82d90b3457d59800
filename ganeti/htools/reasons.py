"""Many places that are refused for the same reason, as one line."""

from __future__ import annotations

import numpy as np

from ganeti.htools.candidates import Candidates
from ganeti.htools.newcomer import Code
from ganeti.htools.shortage import UNITS, number
from ganeti.htools.tables import Flags

SHORT_OF = {
    Code.MEMORY: "memory",
    Code.N1: "memory for N+1 (for instances of nodes that fail)",
    Code.SOON: "memory besides stopped and forthcoming instances",
    Code.DISK: "disk",
    Code.DISK_SOFT: "disk that may be used",
    Code.SPINDLES: "spindles",
    Code.SPINDLE_USE: "spindle use that the policy allows",
    Code.CPU: "virtual CPUs that the policy allows",
}
NAMES = 3


def reason_lines(found: Candidates) -> list[str]:
    """A line for each reason, with how many places it refuses, the most frequent first."""
    lines: list[tuple[int, str]] = []
    many = len(found.cluster.groups) > 1
    for index, group in enumerate(found.cluster.groups):
        mine = found.groups == index
        where = f" in the group {group.name}" if many else ""
        if found.refusals[index]:
            if mine.any():
                text = found.refusals[index][0].text
                lines.append((int(mine.sum()), f"{counted(found, mine)}: {text}"))
            continue
        for code in Code:
            for second in (False, True):
                same = mine & (found.survey.codes == code) & (found.survey.at_second == second)
                if code is not Code.FITS and same.any():
                    text = reason(found, code, second, same)
                    lines.append((int(same.sum()), f"{counted(found, same)}{where}: {text}"))
    return [line for _count, line in sorted(lines, key=lambda each: -each[0])]


def counted(found: Candidates, places: Flags) -> str:
    """How many places of what kind."""
    count = int(places.sum())
    what = "pair" if found.places.pairs else "node"
    return f"{count} {what}{'' if count == 1 else 's'}"


def reason(found: Candidates, code: Code, second: bool, places: Flags) -> str:
    """What is wrong with these, how much, and on which nodes."""
    nodes = (found.places.secondary if second else found.places.primary)[places]
    names = node_names(found, nodes)
    role = ""
    if found.places.pairs:
        role = "secondary " if second else "primary "
    match code:
        case Code.OFFLINE:
            return f"the {role}node is offline, drained or cannot have instances ({names})"
        case Code.MIGRATION:
            return f"the {role}node takes no instances from there (migration tags, {names})"
        case Code.TAGS:
            return f"the {role}node runs an instance with the same exclusion tag ({names})"
        case _:
            short = found.survey.short[places]
            low, high = number(float(short.min())), number(float(short.max()))
            amount = low if low == high else f"{low}..{high}"
            unit = " MiB" if "MiB" in UNITS[code] else ""
            return f"the {role}node is short of {SHORT_OF[code]} by {amount}{unit} ({names})"


def node_names(found: Candidates, nodes: np.ndarray) -> str:
    """The first few names, and how many more."""
    different = np.unique(nodes)
    names = ", ".join(found.names[node] for node in different[:NAMES])
    more = len(different) - NAMES
    return f"{names} and {more} more" if more > 0 else names
