"""The folder of quickstart's cluster: whose it is, one quickstart at a time, its removal."""

from __future__ import annotations

import os
import shutil
from collections.abc import Iterator
from contextlib import contextmanager

from ganeti.cli import fleet, programs
from ganeti.cli.guest import processes
from ganeti.cli.quickstart.words import QuickstartError, quickstart_command, shown
from ganeti.cli.vcluster_layout import MARKER
from ganeti.paths import Paths
from ganeti.utils.flock import lock_within

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
        with open(os.path.join(self.path, MARKER), "rb") as marker:
            if not lock_within(marker.fileno(), _ALONE_LIMIT_S):
                raise QuickstartError(f"Another quickstart works on {self.path}")
            self.inherited = (marker.fileno(),)
            yield

    def nodes(self) -> list[Paths]:
        """Those that are there."""
        return fleet.nodes(self.path)

    def guests(self) -> list[processes.Guest]:
        """The real guests that run."""
        found = (processes.find_guests(paths.libvirt_dir) for paths in self.nodes())
        return [guest for guests in found for guest in guests]

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
