"""Where programs are that choose nodes for instances (iallocator.json, search_path)."""

from __future__ import annotations

import os
import re
from typing import Final

from ganeti.paths import Paths

BUILT_IN: Final = "hail"
"""
The allocator that the master daemon has itself.

A program of that name takes its place when an admin put it into the first directory of the search
path; the one in the second came with a package of Ganeti's own tools, and does the same.
"""

_NAME = re.compile(r"[A-Za-z0-9_][A-Za-z0-9_.-]*")


def find_allocator(paths: Paths, name: str) -> str | None:
    """
    The program that C{-I name} means; None: there is none, or the built-in one is meant.

    The first executable file in the search path is it.
    """
    if not _NAME.fullmatch(name):
        return None
    directories = paths.iallocator_search_path
    if name == BUILT_IN:
        directories = directories[:1]
    places = (os.path.join(directory, name) for directory in directories)
    return next((place for place in places if _is_program(place)), None)


def allocator_names(paths: Paths) -> list[str]:
    """The names of all instance allocators on this node."""
    names = {BUILT_IN}
    for directory in paths.iallocator_search_path:
        if os.path.isdir(directory):
            names.update(name for name in os.listdir(directory) if is_allocator(paths, name))
    return sorted(names)


def _is_program(place: str) -> bool:
    return os.path.isfile(place) and os.access(place, os.X_OK)


def is_allocator(paths: Paths, name: str) -> bool:
    """Is there an instance allocator of that name, built in or as a program?"""
    return name == BUILT_IN or find_allocator(paths, name) is not None
