"""Kernel modules: which files are needed to load some of them, and in which order."""

from __future__ import annotations

import lzma
import os
from collections.abc import Iterable, Mapping

from ganeti.errors import GanetiError

_SUFFIXES = (".ko", ".ko.xz")
_DEPENDS = b"\0depends="


class ModuleError(GanetiError):
    """A module that is needed is not there, or cannot be read."""


def find_modules(tree: str) -> dict[str, str]:
    """The module files below a folder such as C{/lib/modules/VERSION}, by module name."""
    found = {}
    for folder, _, names in os.walk(tree):
        for name in names:
            stem, dot, suffix = name.partition(".")
            if dot + suffix in _SUFFIXES:
                found[_name(stem)] = os.path.join(folder, name)
    return found


def load_closure(files: Mapping[str, str], wanted: Iterable[str]) -> dict[str, bytes]:
    """
    The wanted modules with all that they need, each after what it needs.

    @param wanted: those that are missing are taken as built into the kernel.
    @raise ModuleError: one that another names is missing.
    """
    loaded: dict[str, bytes] = {}
    for name in map(_name, wanted):
        if name in files:
            _load(files, name, loaded)
    return loaded


def _load(files: Mapping[str, str], name: str, loaded: dict[str, bytes]) -> None:
    if name in loaded:
        return
    if name not in files:
        raise ModuleError(f"Kernel module {name} is missing")
    content = read_module(files[name])
    for needed in parse_depends(content):
        _load(files, needed, loaded)
    loaded[name] = content


def read_module(path: str) -> bytes:
    """
    A module, unpacked.

    @raise ModuleError: it cannot be read.
    """
    try:
        with open(path, "rb") as stream:
            content = stream.read()
        return lzma.decompress(content) if path.endswith(".xz") else content
    except (OSError, lzma.LZMAError) as err:
        raise ModuleError(f"Kernel module {path} cannot be read: {err}") from err


def parse_depends(module: bytes) -> list[str]:
    """What a module says it depends on, in its .modinfo section (modinfo(8))."""
    start = module.find(_DEPENDS)
    if start < 0:
        return []
    start += len(_DEPENDS)
    names = module[start : module.index(b"\0", start)].decode("ascii", "replace")
    return [_name(name) for name in names.split(",") if name]


def _name(stem: str) -> str:
    """Modules are called with underscores, whatever their files are called."""
    return stem.replace("-", "_")
