"""Environments for programs of others, made from what the master sent."""

from __future__ import annotations

from collections.abc import Mapping

from ganeti.errors import OpExecError

PATH = "/sbin:/bin:/usr/sbin:/usr/bin"

# execve(2): one string, and all together (far below what Linux takes).
_STRING_LIMIT = 1 << 16
_TOTAL_LIMIT = 1 << 20


def check_environment(env: Mapping[str, str]) -> None:
    """
    Check that a program can be given these variables.

    @raise OpExecError: a name or value cannot be one, or they are too large.
    """
    total = 0
    for name, value in env.items():
        if not name or "=" in name or "\0" in name + value:
            raise OpExecError(f"{name!r} and its value cannot be an environment variable")
        size = len(f"{name}={value}".encode())
        total += size
        if size > _STRING_LIMIT or total > _TOTAL_LIMIT:
            raise OpExecError(f"Environment too large for a script, at variable {name}")
