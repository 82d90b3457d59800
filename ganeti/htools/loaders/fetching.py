"""Reading something over HTTP, for so long and so much at most."""

from __future__ import annotations

import http.client
import socket
import time
from http import HTTPStatus

from ganeti.htools.errors import InputError

_READ_SIZE = 1 << 16


def fetch(
    connection: http.client.HTTPConnection, path: str, *, limit_s: float, largest: int
) -> bytes:
    """
    What a server answers to GET; the connection is closed then.

    @param largest: of the answer, in bytes.
    @raise InputError: it cannot be reached, answers too slowly or too much, or refuses; why.
    """
    until = time.monotonic() + limit_s
    try:
        return _fetch(connection, path, until, largest)
    except TimeoutError:
        why = f"no answer within {limit_s:g} seconds"
    except (OSError, http.client.HTTPException, ValueError) as err:
        text = err.strerror if isinstance(err, OSError) else None
        why = " ".join((text or str(err) or type(err).__name__).split())
    finally:
        connection.close()
    raise InputError(why)


def _fetch(connection: http.client.HTTPConnection, path: str, until: float, largest: int) -> bytes:
    connection.timeout = _rest(until)
    connection.connect()
    used = connection.sock
    used.settimeout(_rest(until))
    connection.request("GET", path)
    with connection.getresponse() as answer:
        if answer.status != HTTPStatus.OK:
            raise InputError(f"it answers with status {answer.status}")
        return _read(answer, used, until, largest)


def _read(
    answer: http.client.HTTPResponse, used: socket.socket, until: float, largest: int
) -> bytes:
    parts: list[bytes] = []
    size = 0
    while True:
        used.settimeout(_rest(until))
        part = answer.read1(_READ_SIZE)
        if not part:
            return b"".join(parts)
        parts.append(part)
        size += len(part)
        if size > largest:
            raise InputError(f"its answer is longer than {largest >> 20} MiB")


def _rest(until: float) -> float:
    rest = until - time.monotonic()
    if rest <= 0:
        raise TimeoutError
    return rest
