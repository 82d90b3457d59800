"""The kernel and the initrd of a small guest, made once and kept in a folder."""

from __future__ import annotations

import hashlib
import os
import shutil
from collections.abc import Iterator
from contextlib import contextmanager
from typing import NamedTuple

import ganeti
from ganeti.cli.guest.initrd import MODULES, build_initrd
from ganeti.cli.guest.modules import find_modules, load_closure
from ganeti.cli.guest.support import static_busybox
from ganeti.cli.guest.tree import COMMAND_LIMIT_S, KernelError, Work, find_tree
from ganeti.utils.durable import read_limited
from ganeti.utils.flock import lock_within

_KERNEL_LIMIT = 64 << 20


class BootFiles(NamedTuple):
    """Paths."""

    kernel: str
    initrd: str


def provide(cache: str) -> BootFiles:
    """
    What a guest boots from; made when it is not in C{cache} yet.

    @raise KernelError: no kernel was found.
    """
    busybox = read_limited(static_busybox(), _KERNEL_LIMIT)
    script = _init_script()
    key = hashlib.sha256(b"\0".join([busybox, script, repr(MODULES).encode()])).hexdigest()[:12]
    folder = os.path.join(cache, f"guest-{key}")
    if not os.path.exists(folder):
        try:
            with _work_folder(cache) as work:
                if not os.path.exists(folder):
                    _make(work, folder, busybox, script)
        except OSError as err:
            raise KernelError(f"no kernel could be made ready: {err}") from err
    return BootFiles(os.path.join(folder, "vmlinuz"), os.path.join(folder, "initrd"))


@contextmanager
def _work_folder(cache: str) -> Iterator[Work]:
    """One at a time; what one that was killed left is removed."""
    path = os.path.join(cache, ".guest")
    os.makedirs(cache, exist_ok=True)
    with open(os.path.join(cache, ".guest.lock"), "w") as lock:
        if not lock_within(lock.fileno(), COMMAND_LIMIT_S):
            raise KernelError(f"somebody else makes one ready, for long; see {lock.name}")
        shutil.rmtree(path, ignore_errors=True)
        os.mkdir(path)
        try:
            yield Work(path, lock.fileno())
        finally:
            shutil.rmtree(path, ignore_errors=True)


def _init_script() -> bytes:
    path = os.path.join(os.path.dirname(ganeti.__file__), "share", "guest", "init")
    return read_limited(path, 1 << 16)


def _make(work: Work, folder: str, busybox: bytes, script: bytes) -> None:
    tree = find_tree(work)
    modules = load_closure(find_modules(tree.modules), MODULES)
    new = os.path.join(work.folder, "new")
    os.mkdir(new)
    shutil.copyfile(tree.kernel, os.path.join(new, "vmlinuz"))
    with open(os.path.join(new, "initrd"), "wb") as stream:
        stream.write(build_initrd(busybox, modules, script))
    os.rename(new, folder)
