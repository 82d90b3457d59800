"""The folder of quickstart's cluster: whose it is, one quickstart at a time, its removal."""

from __future__ import annotations

import fcntl
import os
import shutil
import time
from collections.abc import Iterator
from contextlib import contextmanager

from ganeti.cli import fleet, programs
from ganeti.cli.guest import processes
from ganeti.cli.quickstart.words import QuickstartError, quickstart_command, shown
from ganeti.cli.vcluster_layout import MARKER
from ganeti.paths import Paths

_ALONE_LIMIT_S = 60


class Folder:
    """
    One virtual cluster's folder.

    @ivar inherited: what commands get from us, so that one that outlives a killed quickstart is
        waited for by the next.
    """

    def __init__(self, path: str) -> None:
        self.path = os.path.abspath(path)
        self.inherited: tuple[int, ...] = ()

    def check(self) -> None:
        """@raise QuickstartError: it is not ours."""
        if not os.path.exists(os.path.join(self.path, MARKER)):
            raise QuickstartError(f"{self.path} is no virtual cluster")

    @contextmanager
    def alone(self) -> Iterator[None]:
        """
        One at a time.

        @raise QuickstartError: another one works there, for long.
        """
        deadline = time.monotonic() + _ALONE_LIMIT_S
        with open(os.path.join(self.path, MARKER), "rb") as marker:
            while not _lock(marker.fileno()):
                if time.monotonic() > deadline:
                    raise QuickstartError(f"Another quickstart works on {self.path}")
                time.sleep(0.1)
            self.inherited = (marker.fileno(),)
            yield

    def nodes(self) -> list[Paths]:
        """Those that are there."""
        return fleet.nodes(self.path)

    def guests(self) -> list[processes.Guest]:
        """The real guests that run."""
        return [guest for paths in self.nodes() for guest in processes.find_guests(paths)]

    def command(self) -> str:
        """What runs commands on the first node."""
        return os.path.join(self.path, "node1.example.com", "cmd")

    def quickstart(self, *words: str) -> str:
        """How to call quickstart again for this folder."""
        named = () if self.path == default_folder() else (shown(self.path),)
        return quickstart_command(*words, *named)

    def remove(self) -> None:
        """Remove it; its mark goes last, so that this can be repeated."""
        for name in os.listdir(self.path):
            path = os.path.join(self.path, name)
            if name == MARKER:
                continue
            if os.path.isdir(path) and not os.path.islink(path):
                shutil.rmtree(path)
            else:
                os.unlink(path)
        os.unlink(os.path.join(self.path, MARKER))
        os.rmdir(self.path)


def default_folder() -> str:
    """Where the cluster is unless another folder is named."""
    return os.path.join(programs.checkout() or os.getcwd(), "vcluster")


def _lock(fd: int) -> bool:
    try:
        fcntl.flock(fd, fcntl.LOCK_EX | fcntl.LOCK_NB)
    except BlockingIOError:
        return False
    return True
