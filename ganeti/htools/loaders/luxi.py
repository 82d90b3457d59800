"""This cluster, as its master daemon tells it (--luxi)."""

from __future__ import annotations

from typing import Any

from ganeti.htools.errors import InputError
from ganeti.htools.loaders import Hints
from ganeti.htools.loaders.answers import (
    GROUP_FIELDS,
    INSTANCE_FIELDS,
    NETWORK_FIELDS,
    NODE_FIELDS,
    Answers,
    build_cluster,
)
from ganeti.htools.records import ClusterData
from ganeti.luxi.client import Client


def load(path: str, hints: Hints) -> ClusterData:
    """
    Ask the master daemon.

    @raise InputError: what it answers makes no sense.
    @raise GanetiError: it cannot be asked, or refuses.
    """
    with Client(path) as client:
        answers = Answers(
            cluster=client.call("QueryClusterInfo"),
            groups=_query(client, "group", GROUP_FIELDS),
            networks=_query(client, "network", NETWORK_FIELDS),
            nodes=_query(client, "node", NODE_FIELDS),
            instances=_query(client, "instance", INSTANCE_FIELDS),
        )
    return build_cluster(answers, hints.static_kvm_node_memory)


def _query(client: Client, what: str, fields: tuple[str, ...]) -> list[dict[str, Any]]:
    """The rows as dicts; what is not known has the value None."""
    answer = client.call("Query", (what, fields, None))
    try:
        return [
            {name: cell[1] for name, cell in zip(fields, row, strict=True)}
            for row in answer["data"]
        ]
    except (KeyError, TypeError, ValueError, IndexError) as err:
        raise InputError(f"Not understood what the master daemon says of each {what}") from err
