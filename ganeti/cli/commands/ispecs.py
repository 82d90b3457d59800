"""gnt-cluster and gnt-group show-ispecs-cmd: an instance policy's specs as a command to type."""

from __future__ import annotations

import shlex
from collections.abc import Mapping, Sequence
from typing import TYPE_CHECKING, Any

from ganeti.cli.commands import group_info
from ganeti.cli.table import plain

if TYPE_CHECKING:
    from optparse import Values

    from ganeti.cli.session import Session

Policy = Mapping[str, Any]

_GROUP_FIELDS = ("name", "ipolicy", "custom_ipolicy", "uuid")


def show_cluster(session: Session, _options: Values, _words: list[str]) -> int:
    """The command that would make this cluster with the same specs."""
    cluster = session.call("QueryClusterInfo")
    policy = cluster["ipolicy"]
    words = ["gnt-cluster", "init", *_standard(policy), *_bounds(policy), cluster["name"]]
    session.out(shlex.join(words))
    return 0


def show_groups(session: Session, options: Values, names: list[str]) -> int:
    """The commands that would make groups with the same bounds."""
    groups = group_info.read(session, names, _GROUP_FIELDS)
    policy = "ipolicy" if options.include_defaults else "custom_ipolicy"
    for group in groups:
        session.out(shlex.join(["gnt-group", "add", *_bounds(group[policy]), group["name"]]))
    group_info.tell_unknown(session, names, groups)
    return 0


def _standard(policy: Policy) -> list[str]:
    return ["--ipolicy-std-specs", _specs(policy["std"])] if policy.get("std") else []


def _bounds(policy: Policy) -> list[str]:
    pairs: Sequence[Policy] = policy.get("minmax", ())
    if not pairs:
        return []
    texts = [f"min:{_specs(pair['min'])}/max:{_specs(pair['max'])}" for pair in pairs]
    return ["--ipolicy-bounds-specs", "//".join(texts)]


def _specs(values: Policy) -> str:
    return ",".join(f"{name}={plain(value)}" for name, value in sorted(values.items()))
