"""The files of a cluster, when init or destroy is killed at any of its writes."""

from __future__ import annotations

import os
import shutil
from collections.abc import Callable, Iterator
from pathlib import Path

import pytest
from support.newcluster import check_whole, create_cluster, virtual_folder

from ganeti.cli import clusterfiles
from ganeti.paths import Paths
from ganeti.utils import failpoints


class Killed(BaseException):
    """The command is killed here."""


@pytest.fixture
def paths() -> Iterator[Paths]:
    with virtual_folder() as found:
        yield found


def _places(act: Callable[[], None]) -> int:
    """How many places an action reaches."""
    reached: list[str] = []
    failpoints.on_reach(lambda name, detail: reached.append(name))
    try:
        act()
    finally:
        failpoints.on_reach(None)
    return len(reached)


def _kill_at(number: int, act: Callable[[], None]) -> None:
    left = [number]

    def kill(_name: str, _detail: str) -> None:
        left[0] -= 1
        if left[0] < 0:
            raise Killed

    failpoints.on_reach(kill)
    try:
        act()
    except Killed:
        pass
    finally:
        failpoints.on_reach(None)


def test_killed_anywhere(paths: Paths) -> None:
    """Killed at any write, init leaves no cluster, so that it can be run again, or a whole one."""
    many = _places(lambda: create_cluster(paths))
    assert many > 30
    for number in range(many):
        shutil.rmtree(paths.root)
        os.mkdir(paths.root)
        _kill_at(number, lambda: create_cluster(paths))
        if not clusterfiles.in_cluster(paths):
            create_cluster(paths)
        check_whole(paths)


def test_destroy_killed_anywhere(paths: Paths) -> None:
    """Killed at any removal, destroy leaves the cluster whole, or none."""
    create_cluster(paths)
    Path(paths.config_data).write_text("{}")
    many = _places(lambda: clusterfiles.forget_cluster(paths))
    for number in range(many):
        create_cluster(paths)
        Path(paths.config_data).write_text("{}")
        _kill_at(number, lambda: clusterfiles.forget_cluster(paths))
        if clusterfiles.in_cluster(paths):
            check_whole(paths)
