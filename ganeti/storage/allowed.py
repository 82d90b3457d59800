"""Which directories file storage may use: what the admin allows, less what must never be."""

from __future__ import annotations

import os.path
from collections.abc import Iterable
from dataclasses import dataclass

from ganeti.errors import FileStoragePathError

# Parts of the system, whoever allows them. From the manual: file storage paths.
FORBIDDEN = (
    *("/bin", "/boot", "/dev", "/etc", "/home", "/lib", "/lib32", "/lib64", "/libx32"),
    *("/proc", "/root", "/run", "/sbin", "/sys", "/usr", "/var/lib/ganeti", "/var/log"),
)


@dataclass(frozen=True)
class Place:
    """
    A path below an allowed directory.

    @ivar base: the allowed directory, on this machine.
    @ivar parts: names below it; none is empty, C{.} or C{..}.
    """

    base: str
    parts: tuple[str, ...]

    def __str__(self) -> str:
        return os.path.join(self.base, *self.parts)


def parse_allowed(text: str, root: str = "") -> tuple[str, ...]:
    """
    The directories named by a C{file-storage-paths} file, one a line.

    @param root: the node's root; lines may begin with it.
    @raise FileStoragePathError: a line is not an absolute path, or names a part of the system.
    """
    lines = (line.strip() for line in text.splitlines())
    named = (line for line in lines if line and not line.startswith("#"))
    return tuple(_checked(in_configuration(root, path)) for path in named)


def _checked(path: str) -> str:
    normal = os.path.normpath(path)
    if not os.path.isabs(path) or ".." in path.split("/") or normal in ("/", "//"):
        raise FileStoragePathError(
            f"'{path}' cannot be used for file storage: an absolute path below / without '..'"
            " is needed"
        )
    if any(is_below(normal, part) for part in FORBIDDEN):
        raise FileStoragePathError(
            f"'{path}' cannot be used for file storage: it belongs to the system"
        )
    return normal


def is_below(path: str, directory: str) -> bool:
    """Whether a normalized path is C{directory} or in it."""
    return path == directory or path.startswith(directory.rstrip("/") + "/")


def on_node(root: str, path: str) -> str:
    """Where C{path} of the configuration is on this machine: below the node's root."""
    return path if not root or is_below(path, root) else root + path


def in_configuration(root: str, path: str) -> str:
    """The reverse of L{on_node}."""
    return path.removeprefix(root) if root and is_below(path, root) else path


def find_place(path: str, allowed: Iterable[str], root: str = "") -> Place:
    """
    Where C{path} of the configuration is, if that is allowed.

    @param allowed: directories, from L{parse_allowed}.
    @param root: the node's root.
    @raise FileStoragePathError: it is not in (below, not equal to) one of them.
    """
    if "\0" in path or not os.path.isabs(path) or os.path.normpath(path) != path:
        raise FileStoragePathError(f"'{path}' is not a normalized absolute path")
    local = on_node(root, path)
    bases = [on_node(root, base) for base in allowed]
    within = [base for base in bases if is_below(local, base) and local != base]
    if not within:
        raise FileStoragePathError(
            f"'{path}' is not in a directory allowed for file storage on this node; these are"
            f" listed in /etc/ganeti/file-storage-paths: {', '.join(allowed) or 'none'}"
        )
    base = max(within, key=len)
    return Place(base, tuple(local[len(base) :].strip("/").split("/")))
