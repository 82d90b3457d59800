"""
The folder of libvirt's embedded QEMU driver, which runs inside a node daemon.

From libvirt's manual, "QEMU/KVM/HVF hypervisor driver, Embedded driver". All
that it keeps is below this folder, so the nodes of a virtual cluster have one
each, and nothing else of the machine is changed. But sockets in it must not have
more than 107 characters: a folder whose path is long gets a short, stable link.
"""

from __future__ import annotations

import hashlib
import os
import shutil
import stat
from collections.abc import Iterator, Sequence
from urllib.parse import quote

from ganeti.errors import HypervisorError
from ganeti.utils.durable import write_atomic

CONFIGURATION = """\
# Written by Ganeti's node daemon, at each of its starts.
# QEMU runs as the user that the node daemon runs as, and touches nothing but its own files.
user = "+{uid}"
group = "+{gid}"
dynamic_ownership = 0
remember_owner = 0
security_driver = "none"
namespaces = []
cgroup_controllers = []
# There is no virtlogd.
stdio_handler = "file"
# libvirt would ask QEMU for some 400 properties, one by one.
capability_filters = [ "cpu-unavailable-features" ]
"""

# What libvirt appends at most: /lib/qemu/channel/target/domain-NNNNN-<20>/org.qemu.guest_agent.0
_LONGEST_ROOT = 26
_LINK_PREFIX = "gnt-"
_SHORTEST_NAME, _LONGEST_NAME = 11, 16
SHORT_PATH_FILE = "short-path"
"""Says, in the folder, what libvirt calls it."""

_CAPABILITIES = "cache/qemu/capabilities"


def thd_prepare(directory: str, cache: str) -> str:
    """
    Make the folder ready for libvirt.

    @param cache: where the nodes of this machine share what libvirt found out about QEMU, which
        takes it seconds.
    @return: the path that libvirt is to use for it.
    @raise HypervisorError: the folder, or its link, cannot be made.
    """
    try:
        for each in ("", "etc", "serial", _CAPABILITIES):
            os.makedirs(os.path.join(directory, each), mode=0o700, exist_ok=True)
        _write_configuration(os.path.join(directory, "etc", "qemu.conf"))
        _copy_new(cache, os.path.join(directory, _CAPABILITIES))
    except OSError as err:
        raise HypervisorError(f"Cannot make libvirt's folder {directory}: {err}") from err
    short = thd_short_path(directory)
    write_atomic(os.path.join(directory, SHORT_PATH_FILE), f"{short}\n".encode())
    return short


def embedded_uri(root: str) -> str:
    """libvirt's address of the driver with this root."""
    return f"qemu:///embed?root={quote(root)}"


def _write_configuration(path: str) -> None:
    text = CONFIGURATION.format(uid=os.geteuid(), gid=os.getegid()).encode()
    try:
        with open(path, "rb") as stream:
            if stream.read() == text:
                return
    except FileNotFoundError:
        pass
    write_atomic(path, text)


def thd_share_capabilities(directory: str, cache: str) -> None:
    """Let other nodes of this machine know what libvirt found out about QEMU."""
    os.makedirs(cache, mode=0o700, exist_ok=True)
    _copy_new(os.path.join(directory, _CAPABILITIES), cache)


def _copy_new(source: str, target: str) -> None:
    """Copy files that are not there or older there; libvirt itself judges what still holds."""
    for name in _files(source):
        old, new = os.path.join(target, name), os.path.join(source, name)
        if not os.path.exists(old) or os.path.getmtime(old) < os.path.getmtime(new):
            temporary = f"{old}.{os.getpid()}"
            shutil.copy2(new, temporary)
            os.replace(temporary, old)


def _files(directory: str) -> list[str]:
    try:
        return [name for name in sorted(os.listdir(directory)) if name.endswith(".xml")]
    except FileNotFoundError:
        return []


def thd_defined(directory: str) -> bool:
    """Whether libvirt keeps guests in this folder."""
    return bool(_files(os.path.join(directory, "etc", "qemu")))


def thd_short_path(directory: str, places: Sequence[str] = ()) -> str:
    """
    A path of C{directory} that is short enough, the same each time.

    @param places: folders for links, best first; default: those for the run time of the system.
    @raise HypervisorError: none of them can be used.
    """
    if len(os.fsencode(directory)) <= _LONGEST_ROOT:
        return directory
    problems = []
    for place in places or _places(os.geteuid()):
        link = os.path.join(place, _link_name(directory, place))
        try:
            _make_link(directory, link)
            return link
        except OSError as err:
            problems.append(f"{link}: {err.strerror or err}")
    raise HypervisorError(
        f"libvirt needs a short link to {directory}, which cannot be made: {'; '.join(problems)}"
    )


def _link_name(directory: str, place: str) -> str:
    """As long as it may be there, but long enough to tell folders apart."""
    length = min(max(_LONGEST_ROOT - len(f"{place}/"), _SHORTEST_NAME), _LONGEST_NAME)
    return (_LINK_PREFIX + hashlib.sha256(os.fsencode(directory)).hexdigest())[:length]


def _places(uid: int) -> Iterator[str]:
    if uid == 0:
        yield "/run"
    else:
        yield f"/run/user/{uid}"
    yield "/tmp"


def _make_link(directory: str, link: str) -> None:
    """@raise OSError: also when somebody else's file has the link's name."""
    try:
        found = os.lstat(link)
    except FileNotFoundError:
        os.symlink(directory, link)
        return
    if found.st_uid != os.geteuid() or not stat.S_ISLNK(found.st_mode):
        raise FileExistsError(None, "is not ours")
    if os.readlink(link) != directory:
        os.unlink(link)
        os.symlink(directory, link)
