"""All that can be listed."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from typing import Any

from ganeti.errors import RequestError
from ganeti.query.cluster_fields import CLUSTER
from ganeti.query.export_fields import EXPORT
from ganeti.query.fields import Resource
from ganeti.query.filter_fields import FILTER
from ganeti.query.group_fields import GROUP
from ganeti.query.instance_fields import INSTANCE
from ganeti.query.job_fields import JOB
from ganeti.query.lock_fields import LOCK
from ganeti.query.network_fields import NETWORK
from ganeti.query.node_fields import NODE
from ganeti.query.os_fields import OS

RESOURCES: Mapping[str, Resource] = {
    one.name: one
    for one in (CLUSTER, EXPORT, FILTER, GROUP, INSTANCE, JOB, LOCK, NETWORK, NODE, OS)
}


def find_resource(name: str) -> Resource:
    """
    @raise RequestError: there is no such kind of object.
    """
    if name not in RESOURCES:
        raise RequestError(f"Failed to parse request: Resource '{name}' not known")
    return RESOURCES[name]


def query_fields(what: str, names: Sequence[str] | None) -> dict[str, Any]:
    """
    The answer to C{QueryFields}.

    @param names: none: all fields.
    @raise RequestError: there is no such kind of object.
    """
    return {"fields": find_resource(what).definitions(names)}
