"""Node setup, killed at any of its writes."""

from __future__ import annotations

import os
import shutil
from collections.abc import Iterator
from typing import Any

import pytest
from support.joining import NAME, check_joined, join, node_paths
from support.newcluster import create_cluster, virtual_folder

from ganeti.cli.nodesetup import VirtualNodeSetup
from ganeti.paths import Paths
from ganeti.utils import failpoints


@pytest.fixture
def master() -> Iterator[Paths]:
    with virtual_folder() as paths:
        create_cluster(paths)
        os.mkdir(node_paths(paths).root)
        yield paths


def test_killed_anywhere(master: Paths) -> None:
    """Killed at any write and repeated, node setup succeeds."""
    setup = VirtualNodeSetup(master, NAME)
    reached: list[str] = []
    failpoints.on_reach(lambda name, detail: reached.append(name))
    try:
        join(master, setup)
        for number in range(len(reached)):
            shutil.rmtree(node_paths(master).root)
            os.mkdir(node_paths(master).root)
            failpoints.on_reach(_killer(number))
            with pytest.raises(_Killed):
                join(master, setup)
            failpoints.on_reach(None)
            join(master, setup)
            check_joined(master)
    finally:
        failpoints.on_reach(None)


class _Killed(BaseException):
    """The command is killed here."""


def _killer(number: int) -> Any:
    left = [number]

    def kill(_name: str, _detail: str) -> None:
        left[0] -= 1
        if left[0] < 0:
            raise _Killed

    return kill
