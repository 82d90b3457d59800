"""This cluster, as its master daemon tells it (--luxi)."""

from __future__ import annotations

from typing import Any

import msgspec

from ganeti.htools.errors import InputError
from ganeti.htools.loaders import Hints
from ganeti.htools.loaders.answers import (
    GROUP_FIELDS,
    INSTANCE_FIELDS,
    NETWORK_FIELDS,
    Answers,
    build_cluster,
)
from ganeti.htools.loaders.cells import Row
from ganeti.htools.loaders.nodeanswers import NODE_FIELDS
from ganeti.htools.records import ClusterData
from ganeti.luxi.client import Client
from ganeti.utils.resolving import resolved


class _Rows(msgspec.Struct, frozen=True, kw_only=True):
    """What a query answers: for each object (status of the value, value) by field."""

    data: list[list[tuple[int, Any]]]


def load(path: str, hints: Hints) -> ClusterData:
    """
    Ask the master daemon.

    @raise InputError: what it answers makes no sense.
    @raise GanetiError: it cannot be asked, or refuses.
    """
    with Client(path) as client:
        answers = Answers(
            cluster=_convert(client.call("QueryClusterInfo"), dict[str, Any], "the cluster"),
            groups=_query(client, "group", GROUP_FIELDS),
            networks=_query(client, "network", NETWORK_FIELDS),
            nodes=_query(client, "node", NODE_FIELDS),
            instances=_query(client, "instance", INSTANCE_FIELDS),
        )
    return build_cluster(answers, hints.static_kvm_node_memory)


def _query(client: Client, what: str, fields: tuple[str, ...]) -> list[Row]:
    """The rows as dicts; what is not known is not in them."""
    answer = _convert(client.call("Query", (what, fields, None)), _Rows, f"each {what}")
    if any(len(row) != len(fields) for row in answer.data):
        raise _not_understood(f"each {what}", "there are not as many values as were asked for")
    return [
        {name: known for name, (status, known) in zip(fields, row, strict=True) if status == 0}
        for row in answer.data
    ]


def _convert(answer: Any, kind: Any, what: str) -> Any:
    try:
        return msgspec.convert(answer, resolved(kind))
    except msgspec.ValidationError as err:
        raise _not_understood(what, str(err)) from err


def _not_understood(what: str, why: str) -> InputError:
    return InputError(f"Not understood what the master daemon says of {what}: {why}")
