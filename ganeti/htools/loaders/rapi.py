"""A cluster, as its remote API tells it (--master)."""

from __future__ import annotations

import http.client
import ssl
import urllib.parse
from collections.abc import Mapping
from typing import Any, TypeVar

import msgspec

from ganeti.htools.errors import InputError
from ganeti.htools.loaders import Hints
from ganeti.htools.loaders.answers import Answers, build_cluster
from ganeti.htools.loaders.cells import Row, value
from ganeti.htools.loaders.fetching import fetch
from ganeti.htools.records import ClusterData
from ganeti.utils.resolving import resolved

PORT = 5080
LIMIT_S = 120.0
"""For each of five questions: some are passed on to all nodes."""

LARGEST_ANSWER = 1 << 28

T = TypeVar("T")


def load(address: str, hints: Hints) -> ClusterData:
    """
    Ask the remote API.

    @param address: a URL, or the name of the master.
    @raise InputError: it cannot be asked, or what it answers makes no sense.
    """
    url = address if ":" in address else f"https://{address}:{PORT}"
    answers = Answers(
        groups=_ask(url, "groups"),
        networks=_ask(url, "networks"),
        nodes=_ask(url, "nodes"),
        instances=[_instance(row) for row in _ask(url, "instances")],
        cluster=_get(url, "/2/info", dict[str, Any]),
    )
    return build_cluster(answers, hints.static_kvm_node_memory)


def _ask(url: str, what: str) -> list[dict[str, Any]]:
    return _get(url, f"/2/{what}?bulk=1", list[dict[str, Any]])


def _get(url: str, path: str, kind: type[T]) -> T:
    whole = url.rstrip("/") + path
    try:
        body = fetch(_connection(url), path, limit_s=LIMIT_S, largest=LARGEST_ANSWER)
        return msgspec.json.decode(body, type=resolved(kind))
    except InputError as err:
        raise InputError(f"{whole}: {err}") from err
    except (msgspec.DecodeError, UnicodeDecodeError, RecursionError) as err:
        raise InputError(f"{whole}: not understood: {' '.join(str(err).split())}") from err


def _connection(url: str) -> http.client.HTTPConnection:
    """
    To the server that a URL names. As the original, it takes every certificate.

    @raise InputError: this is no such URL.
    """
    try:
        parts = urllib.parse.urlsplit(url)
        host, port = parts.hostname or "", parts.port
    except ValueError as err:
        raise InputError(f"this is no address: {err}") from err
    if not host or parts.path.strip("/") or "@" in parts.netloc:
        raise InputError("this is no address like https://cluster.example.com:5080")
    if parts.scheme == "http":
        return http.client.HTTPConnection(host, port)
    if parts.scheme != "https":
        raise InputError(f"the remote API is not served by {parts.scheme}")
    context = ssl.SSLContext(ssl.PROTOCOL_TLS_CLIENT)
    context.check_hostname = False
    context.verify_mode = ssl.CERT_NONE
    return http.client.HTTPSConnection(host, port, context=context)


def _instance(row: Row) -> Mapping[str, Any]:
    """An instance with the names that queries use; a running one has the memory it really has."""
    params = value(row, "beparams", dict[str, Any], "instance")
    memory = row.get("oper_ram")
    return {
        "forthcoming": False,
        **row,
        "be/maxmem": params.get("memory", params.get("maxmem")) if memory is None else memory,
        "be/vcpus": params.get("vcpus"),
        "be/spindle_use": params.get("spindle_use"),
        "be/auto_balance": params.get("auto_balance"),
    }
