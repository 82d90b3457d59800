"""A remote API that answers what it is told to, with TLS, on a free port."""

from __future__ import annotations

import json
import ssl
import tempfile
import threading
import time
import uuid
from collections.abc import Iterator, Mapping
from contextlib import contextmanager
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from pathlib import Path
from typing import Any

from ganeti.rpc import certificates


class _Server(ThreadingHTTPServer):
    daemon_threads = True

    def __init__(self, answers: Mapping[str, Any]) -> None:
        super().__init__(("127.0.0.1", 0), _Handler)
        self.answers = answers
        context = ssl.SSLContext(ssl.PROTOCOL_TLS_SERVER)
        with tempfile.TemporaryDirectory() as folder:
            path = Path(folder, "rapi.pem")
            authority = certificates.make_authority(time.time())
            name = "somebody.else"  # nobody looks at the certificate
            path.write_bytes(
                certificates.make_node_pem(authority, str(uuid.uuid4()), name, time.time())
            )
            context.load_cert_chain(path)
        self.socket = context.wrap_socket(self.socket, server_side=True)


class _Handler(BaseHTTPRequestHandler):
    server: _Server

    def do_GET(self) -> None:
        answer = self.server.answers.get(self.path)
        if answer is None:
            self.send_error(404)
            return
        body = answer if isinstance(answer, bytes) else json.dumps(answer).encode()
        self.send_response(200)
        self.send_header("Content-Length", str(len(body)))
        self.end_headers()
        self.wfile.write(body)

    def log_message(self, format: str, *args: Any) -> None:
        """Tests say what they want to know."""


@contextmanager
def serving_rapi(answers: Mapping[str, Any]) -> Iterator[str]:
    """
    The URL of a server.

    @param answers: by path with its question mark; bytes are sent as they are, else JSON.
    """
    server = _Server(answers)
    thread = threading.Thread(target=server.serve_forever, args=(0.01,))
    thread.start()
    try:
        yield f"https://127.0.0.1:{server.server_address[1]}"
    finally:
        server.shutdown()
        thread.join()
        server.server_close()
