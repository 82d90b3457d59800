"""
The kernel and the initrd of a small guest, made once and kept in a folder.

The kernel is Debian's for virtual machines; its package is unpacked, not
installed, so that the machine's own way to boot is left alone. Where there is no
Debian, the machine's own kernel has to do.
"""

from __future__ import annotations

import hashlib
import os
import platform
import re
import shutil
import subprocess
import tempfile
from collections.abc import Sequence
from typing import NamedTuple

import ganeti
from ganeti.cli.guest.initrd import MODULES, build_initrd
from ganeti.cli.guest.modules import find_modules, load_closure
from ganeti.cli.guest.support import static_busybox
from ganeti.errors import GanetiError
from ganeti.utils.durable import read_limited

PACKAGE = "linux-image-cloud-amd64"

_COMMAND_LIMIT_S = 300
_KERNEL_LIMIT = 64 << 20
_DEPENDS = re.compile(r"^Depends:.*?\b(linux-image-\d[^\s,]*)", re.M)


class KernelError(GanetiError):
    """There is no kernel for a guest."""


class BootFiles(NamedTuple):
    """Paths."""

    kernel: str
    initrd: str


class _Tree(NamedTuple):
    """Where a kernel and its modules are."""

    kernel: str
    modules: str


def provide(cache: str) -> BootFiles:
    """
    What a guest boots from; made when it is not in C{cache} yet.

    @raise KernelError: no kernel was found.
    """
    busybox = read_limited(static_busybox(), _KERNEL_LIMIT)
    script = _init_script()
    key = hashlib.sha256(b"\0".join([busybox, script, repr(MODULES).encode()])).hexdigest()[:12]
    folder = os.path.join(cache, f"guest-{key}")
    files = BootFiles(os.path.join(folder, "vmlinuz"), os.path.join(folder, "initrd"))
    if not os.path.exists(folder):
        os.makedirs(cache, exist_ok=True)
        work = tempfile.mkdtemp(prefix=".guest-", dir=cache)
        try:
            _make(work, folder, busybox, script)
        except OSError as err:
            raise KernelError(f"no kernel could be made ready: {err}") from err
        finally:
            shutil.rmtree(work, ignore_errors=True)
    return files


def _init_script() -> bytes:
    path = os.path.join(os.path.dirname(ganeti.__file__), "share", "guest", "init")
    return read_limited(path, 1 << 16)


def _make(work: str, folder: str, busybox: bytes, script: bytes) -> None:
    tree = _of_debian(work) if shutil.which("apt-get") else _of_machine()
    modules = load_closure(find_modules(tree.modules), MODULES)
    new = os.path.join(work, "new")
    os.mkdir(new)
    shutil.copyfile(tree.kernel, os.path.join(new, "vmlinuz"))
    with open(os.path.join(new, "initrd"), "wb") as stream:
        stream.write(build_initrd(busybox, modules, script))
    try:
        os.rename(new, folder)
    except OSError:
        if not os.path.exists(folder):  # else somebody was quicker
            raise


def _of_debian(work: str) -> _Tree:
    """Download the package and unpack it."""
    described = _run(["apt-cache", "show", "--no-all-versions", PACKAGE], work)
    found = _DEPENDS.search(described)
    if found is None:
        raise KernelError(f"apt does not know {PACKAGE}; as root, run: apt-get update")
    _run(["apt-get", "download", "-qq", found[1]], work)
    packages = [name for name in os.listdir(work) if name.endswith(".deb")]
    if not packages:
        raise KernelError(f"apt-get download {found[1]} gave no package")
    _run(["dpkg-deb", "--extract", packages[0], "unpacked"], work)
    release = found[1].removeprefix("linux-image-")
    unpacked = os.path.join(work, "unpacked")
    return _tree(unpacked, release)


def _of_machine() -> _Tree:
    return _tree("", platform.release())


def _tree(root: str, release: str) -> _Tree:
    kernel = f"{root}/boot/vmlinuz-{release}"
    if not os.access(kernel, os.R_OK):
        raise KernelError(f"there is no kernel {kernel}, or it cannot be read")
    for modules in (f"{root}/lib/modules/{release}", f"{root}/usr/lib/modules/{release}"):
        if os.path.isdir(modules):
            return _Tree(kernel, modules)
    raise KernelError(f"kernel {release} has no modules in {root}/lib/modules")


def _run(argv: Sequence[str], folder: str) -> str:
    """@raise KernelError: it failed; with the last line it said."""
    try:
        done = subprocess.run(
            argv,
            cwd=folder,
            stdin=subprocess.DEVNULL,
            capture_output=True,
            text=True,
            timeout=_COMMAND_LIMIT_S,
        )
    except (OSError, subprocess.TimeoutExpired) as err:
        raise KernelError(f"{argv[0]}: {err}") from err
    if done.returncode != 0:
        said = (done.stderr or done.stdout).strip().splitlines()
        raise KernelError(f"{' '.join(argv)} failed: {said[-1] if said else 'without a word'}")
    return done.stdout
