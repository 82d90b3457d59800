"""
Where a kernel for a guest and its modules come from.

The kernel is Debian's for virtual machines; its package is unpacked, not
installed, so that the machine's own way to boot is left alone. Where it cannot be
had, the machine's own kernel has to do.
"""

from __future__ import annotations

import os
import platform
import re
import shutil
import subprocess
from typing import NamedTuple

from ganeti.errors import GanetiError

PACKAGE = "linux-image-cloud-amd64"
COMMAND_LIMIT_S = 300

_DEPENDS = re.compile(r"^Depends:.*?\b(linux-image-\d[^\s,]*)", re.M)
# Whoever waits for a kernel does not wait for ever.
_PATIENCE = ("-o", "Acquire::Retries=1", "-o", "Acquire::http::Timeout=20")


class KernelError(GanetiError):
    """There is no kernel for a guest."""


class Tree(NamedTuple):
    """A kernel, and the folder of its modules."""

    kernel: str
    modules: str


class Work(NamedTuple):
    """
    A folder to work in.

    @ivar lock: a descriptor that programs inherit: as long as one works there nobody else does.
    """

    folder: str
    lock: int


def find_tree(work: Work) -> Tree:
    """@raise KernelError: there is none; why Debian's cannot be had, where there is apt."""
    if not shutil.which("apt-get"):
        return tree_of(platform.release())
    try:
        return _download(work, ())
    except KernelError:
        pass  # apt's lists may be missing, or old
    try:
        return _download(work, _own_lists(work))
    except KernelError as err:
        try:
            return tree_of(platform.release())
        except KernelError:
            raise err from None


def _own_lists(work: Work) -> tuple[str, ...]:
    """What makes apt use lists of packages of our own; the machine's are left alone."""
    for name in ("lists/partial", "archives/partial"):
        os.makedirs(os.path.join(work.folder, name))
    options = (
        *("-o", f"Dir::State::Lists={work.folder}/lists"),
        *("-o", f"Dir::Cache={work.folder}", "-o", f"Dir::Cache::Archives={work.folder}/archives"),
        *("-o", "APT::Sandbox::User="),
    )
    _run(work, "apt-get", *options, *_PATIENCE, "update", "-qq")
    return options


def _download(work: Work, options: tuple[str, ...]) -> Tree:
    """The package of Debian's kernel, unpacked."""
    described = _run(work, "apt-cache", *options, "show", "--no-all-versions", PACKAGE)
    found = _DEPENDS.search(described)
    if found is None:
        raise KernelError(f"apt does not know {PACKAGE}")
    _run(work, "apt-get", *options, *_PATIENCE, "download", "-qq", found[1])
    packages = [name for name in os.listdir(work.folder) if name.endswith(".deb")]
    if not packages:
        raise KernelError(f"apt-get download {found[1]} gave no package")
    _run(work, "dpkg-deb", "--extract", packages[0], "unpacked")
    unpacked = os.path.join(work.folder, "unpacked")
    return tree_of(found[1].removeprefix("linux-image-"), unpacked)


def tree_of(release: str, root: str = "") -> Tree:
    """
    An installed kernel.

    @param root: where the system that has it is.
    @raise KernelError: it is not there.
    """
    kernel = f"{root}/boot/vmlinuz-{release}"
    if not os.access(kernel, os.R_OK):
        raise KernelError(f"there is no kernel {kernel}, or it cannot be read")
    for modules in (f"{root}/lib/modules/{release}", f"{root}/usr/lib/modules/{release}"):
        if os.path.isdir(modules):
            return Tree(kernel, modules)
    raise KernelError(f"kernel {release} has no modules in {root}/lib/modules")


def _run(work: Work, *argv: str) -> str:
    """
    What a program prints, which runs in the folder.

    @raise KernelError: it failed; with the last line it said.
    """
    try:
        done = subprocess.run(
            argv,
            cwd=work.folder,
            stdin=subprocess.DEVNULL,
            capture_output=True,
            pass_fds=(work.lock,),
            text=True,
            timeout=COMMAND_LIMIT_S,
        )
    except (OSError, subprocess.TimeoutExpired) as err:
        raise KernelError(f"{argv[0]}: {err}") from err
    if done.returncode != 0:
        said = (done.stderr or done.stdout).strip().splitlines()
        raise KernelError(f"{argv[0]} failed: {said[-1] if said else 'without a word'}")
    return done.stdout
