"""
Start daemons from a process that has loaded their code already, which takes a fifth of the time.

From there on a daemon is what its program makes of it: C{ganeti.utils.daemon.run} with the
arguments and the environment that the program would have.
"""

from __future__ import annotations

import json
import os
import signal
import socket
import subprocess
import sys
from collections.abc import Mapping, Sequence
from importlib import import_module
from types import TracebackType

REQUEST_LIMIT = 1 << 18
LOADED = (
    "twisted.scripts.twistd",
    "twisted.internet.epollreactor",
    "ganeti.masterd.plugin",
    "ganeti.noded.plugin",
)


class ForkServer:
    """One for all clusters of a test; daemons outlive it."""

    def __enter__(self) -> ForkServer:
        self._ours, theirs = socket.socketpair(socket.AF_UNIX, socket.SOCK_SEQPACKET)
        with theirs:
            self._process = subprocess.Popen(
                [sys.executable, "-I", __file__, str(theirs.fileno())],
                stdin=subprocess.DEVNULL,
                pass_fds=(theirs.fileno(),),
                start_new_session=True,
            )
        return self

    def __exit__(
        self, kind: type[BaseException] | None, error: object, traceback: TracebackType | None
    ) -> None:
        self._ours.close()
        self._process.wait(timeout=30)

    def start(self, daemon: str, environ: Mapping[str, str], ready_fd: int) -> None:
        """Let a daemon begin; what it says goes to C{ready_fd}, which the caller closes."""
        request = json.dumps([daemon, dict(environ)]).encode()
        socket.send_fds(self._ours, [request], [ready_fd])


def serve(requests: socket.socket) -> tuple[str, Mapping[str, str], int]:
    """
    Fork for each request; return only in the children, with what they are to be.

    @raise SystemExit: nobody asks any more.
    """
    while True:
        data, fds, _flags, _address = socket.recv_fds(requests, REQUEST_LIMIT, 1)
        if not data:
            sys.exit()
        if os.fork() == 0:
            daemon, environ = json.loads(data)
            return daemon, environ, fds[0]
        os.close(fds[0])


def main(argv: Sequence[str]) -> None:
    """Load, and serve; in a child: be a daemon."""
    for module in LOADED:
        import_module(module)
    assert "twisted.internet.reactor" not in sys.modules, "a reactor cannot be shared"
    signal.signal(signal.SIGCHLD, signal.SIG_IGN)
    with socket.socket(fileno=int(argv[0])) as requests:
        daemon, environ, ready_fd = serve(requests)
    signal.signal(signal.SIGCHLD, signal.SIG_DFL)
    os.setsid()
    nowhere = os.open(os.devnull, os.O_RDWR)
    for fd in (1, 2):
        os.dup2(nowhere, fd)
    os.close(nowhere)
    os.set_inheritable(ready_fd, True)
    os.environ.clear()
    os.environ.update(environ)
    import_module("ganeti.utils.daemon").run(daemon, ["--ready-fd", str(ready_fd)], os.environ)


if __name__ == "__main__":
    main(sys.argv[1:])
