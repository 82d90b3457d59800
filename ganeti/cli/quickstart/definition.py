"""The OS definition that comes with Ganeti, for the nodes of virtual clusters."""

from __future__ import annotations

import os

import ganeti
from ganeti.paths import Paths
from ganeti.utils.durable import write_atomic

OS_NAME = "busybox"
VARIANT = "default"


def install_os(paths: Paths) -> None:
    """Give it to a node."""
    source = os.path.join(os.path.dirname(ganeti.__file__), "share", "os", OS_NAME)
    target = os.path.join(paths.os_search_path[0], OS_NAME)
    os.makedirs(target, exist_ok=True)
    for name in sorted(os.listdir(source)):
        with open(os.path.join(source, name), "rb") as stream:
            content = stream.read()
        mode = 0o755 if content.startswith(b"#!") else 0o644
        write_atomic(os.path.join(target, name), content, mode)
