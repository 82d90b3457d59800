"""A job that waits as long as a test likes, and a command that waits for it."""

from __future__ import annotations

import subprocess
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path

from ganeti.utils.sockets import connect_unix
from support.virtualcluster import VirtualCluster, wait_for

LIMIT_S = 60.0


@contextmanager
def waiting(cluster: VirtualCluster) -> Iterator[subprocess.Popen[str]]:
    """While the block runs, a job does, until L{end_waiting}."""
    with cluster.spawn("gnt-debug", "delay", "--interruptible", "1000") as command:
        assert wait_for(lambda: _sockets(cluster), LIMIT_S), "no job waits"
        yield command


def end_waiting(cluster: VirtualCluster) -> None:
    """Interrupt the job; return when it knows. A new master daemon lets it wait anew."""
    assert wait_for(lambda: _visit(cluster), LIMIT_S), "the job does not listen"
    assert wait_for(lambda: not _sockets(cluster), LIMIT_S), "the job waits on"


def _visit(cluster: VirtualCluster) -> bool:
    try:
        for path in _sockets(cluster):
            connect_unix(str(path), LIMIT_S).close()
            return True
    except ConnectionRefusedError:  # left by a daemon that was killed
        pass
    return False


def _sockets(cluster: VirtualCluster) -> list[Path]:
    return list(Path(cluster.paths(1).socket_dir).glob("test-delay-*"))
