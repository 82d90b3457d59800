"""
Asking nodes' monitoring daemons over the network (mond.json, transport).

Each node is asked in a thread. Nobody waits for a node longer than a few seconds, whatever it
does: what has not come then is missing.
"""

from __future__ import annotations

import http.client
import queue
import threading
import time
from collections.abc import Callable, Sequence

from ganeti.errors import GanetiError
from ganeti.htools.errors import InputError
from ganeti.htools.loaders.fetching import fetch

PORT = 1815
LIMIT_S = 10.0
"""For one node, from resolving its name to the last byte."""

LARGEST_REPORT = 1 << 20
_THREADS = 100

Resolve = Callable[[str], str]
"""From a node's name to its address; raises L{GanetiError}."""


def ask_nodes(
    names: Sequence[str], collector: str, resolve: Resolve, *, limit_s: float = LIMIT_S
) -> dict[str, bytes | InputError]:
    """
    The collector's report by node name, or why there is none.

    @param limit_s: for one node; where there are many, for each hundred of them.
    """
    answers: dict[str, bytes | InputError] = {}
    left: queue.SimpleQueue[str] = queue.SimpleQueue()
    for name in names:
        left.put(name)

    def thd_ask() -> None:
        while True:
            try:
                name = left.get_nowait()
            except queue.Empty:
                return
            answers[name] = _answer(name, collector, resolve, limit_s)

    threads = [threading.Thread(target=thd_ask, daemon=True) for _name in names[:_THREADS]]
    until = time.monotonic() + limit_s * (1 + len(names) // _THREADS)
    for thread in threads:
        thread.start()
    for thread in threads:  # one may hang in the system's resolver: it is left behind
        thread.join(max(until - time.monotonic(), 0.0))
    late = InputError(f"no answer within {limit_s:g} seconds")
    return {name: answers.get(name, late) for name in names}


def _answer(name: str, collector: str, resolve: Resolve, limit_s: float) -> bytes | InputError:
    until = time.monotonic() + limit_s
    try:
        connection = http.client.HTTPConnection(resolve(name), PORT)
        path = f"/1/report/default/{collector}"
        rest = max(until - time.monotonic(), 0.0)
        return fetch(connection, path, limit_s=rest, largest=LARGEST_REPORT)
    except InputError as err:
        return err
    except (GanetiError, ValueError, http.client.HTTPException) as err:
        return InputError(" ".join(str(err).split()))
