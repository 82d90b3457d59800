"""What a machine needs for a real guest, and whether it is there."""

from __future__ import annotations

import glob
import os
import platform
import pwd
import shutil
import struct
from importlib.util import find_spec

from ganeti.utils.durable import read_limited

ARCHITECTURE = "x86_64"
EMULATOR = "qemu-system-x86_64"
DRIVER = "libvirt/connection-driver/libvirt_driver_qemu.so"
# libvirt looks this user up before it reads which one it is to use.
LIBVIRT_USER = "libvirt-qemu"

_LIBRARIES = ("/usr/lib/*", "/usr/lib", "/usr/lib64")
_PROGRAM_LIMIT = 32 << 20
_PT_INTERP = 3


def why_not() -> str:
    """What is missing for a real guest, in words that an admin can use; empty when nothing is."""
    if platform.machine() != ARCHITECTURE:
        return f"its kernel is for {ARCHITECTURE} machines only"
    for missing, words in (
        (not find_program(EMULATOR), "QEMU is not installed (qemu-system-x86)"),
        (not _driver(), "libvirt's QEMU driver is not installed (libvirt-daemon-driver-qemu)"),
        (not find_spec("libvirt"), "Python's libvirt bindings are not installed"),
        (not find_program("mke2fs"), "mke2fs is not installed (e2fsprogs)"),
        (not static_busybox(), "there is no static busybox (busybox-static)"),
        (os.geteuid() == 0 and not _has_user(), f"there is no user {LIBVIRT_USER}"),
    ):
        if missing:
            return words
    return ""


def find_program(name: str) -> str:
    """The path of a program of the system; empty when there is none."""
    path = os.pathsep.join((os.environ.get("PATH", os.defpath), "/usr/sbin", "/sbin"))
    return shutil.which(name, path=path) or ""


def static_busybox() -> str:
    """The path of a busybox that needs no libraries; empty when there is none."""
    path = find_program("busybox")
    return path if path and is_static(read_limited(path, _PROGRAM_LIMIT)) else ""


def is_static(program: bytes) -> bool:
    """Whether a 64-bit ELF program (elf(5)) asks for no interpreter."""
    if program[:5] != b"\x7fELF\x02" or len(program) < 64:
        return False
    start, size, count = struct.unpack_from("<32xQ14xHH", program)
    kinds = (struct.unpack_from("<I", program, start + i * size)[0] for i in range(count))
    return _PT_INTERP not in kinds


def _driver() -> bool:
    return any(glob.glob(f"{folder}/{DRIVER}") for folder in _LIBRARIES)


def _has_user() -> bool:
    try:
        pwd.getpwnam(LIBVIRT_USER)
    except KeyError:
        return False
    return True
