"""Monitoring daemons of some nodes, on loopback addresses of their own."""

from __future__ import annotations

import fcntl
import json
import tempfile
import threading
from collections.abc import Iterator, Mapping
from contextlib import contextmanager
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from typing import Any

from ganeti.htools.loaders.mond import PORT


class Daemon(ThreadingHTTPServer):
    """
    One node's daemon.

    @ivar collectors: by name the data of its report; bytes are sent as they are, and until an event
        happens a byte is sent now and then.
    @ivar asked: the paths of all requests.
    """

    daemon_threads = True

    def __init__(self, address: str, collectors: Mapping[str, Any]) -> None:
        super().__init__((address, PORT), _Handler)
        self.collectors = collectors
        self.asked: list[str] = []


class _Handler(BaseHTTPRequestHandler):
    server: Daemon

    def do_GET(self) -> None:
        self.server.asked.append(self.path)
        name = self.path.rpartition("/")[2]
        data = self.server.collectors.get(name)
        if data is None or self.path != f"/1/report/default/{name}":
            self.send_error(404)
            return
        if isinstance(data, threading.Event):
            self._drip(data)
            return
        body = data if isinstance(data, bytes) else json.dumps(a_report(name, data)).encode()
        self.send_response(200)
        self.end_headers()
        self.wfile.write(body)

    def _drip(self, end: threading.Event) -> None:
        self.send_response(200)
        self.end_headers()
        try:
            while not end.wait(0.02):
                self.wfile.write(b" ")
        except OSError:  # the other end had enough
            return

    def log_message(self, format: str, *args: Any) -> None:
        """Tests say what they want to know."""


def a_report(name: str, data: Any) -> dict[str, Any]:
    """A report as daemons write it."""
    return {
        "category": None,
        "data": data,
        "format_version": 1,
        "kind": 0,
        "name": name,
        "timestamp": 1795180557000000000,
        "version": "B",
    }


def busy(cpu_total: float) -> dict[str, Any]:
    """What the collector cpu-avg-load says."""
    return {"cpu_number": 4, "cpu_total": cpu_total, "cpus": [cpu_total / 4] * 4}


@contextmanager
def monitored(nodes: Mapping[str, Mapping[str, Any]]) -> Iterator[dict[str, Daemon]]:
    """Daemons by the node's name, which is its address."""
    daemons = {}
    lock = open(f"{tempfile.gettempdir()}/ganeti-test-mond.lock", "w")  # noqa: SIM115
    fcntl.flock(lock, fcntl.LOCK_EX)  # their port is fixed, and other tests use it, too
    try:
        for address, collectors in nodes.items():
            daemons[address] = Daemon(address, collectors)
            threading.Thread(target=daemons[address].serve_forever, args=(0.01,)).start()
        yield daemons
    finally:
        for daemon in daemons.values():
            daemon.shutdown()
            daemon.server_close()
        lock.close()
