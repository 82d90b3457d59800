"""What a guest finds on its node: files, QEMU, the accelerator, bridges, memory."""

from __future__ import annotations

import fcntl
import os
import pwd
import socket
import stat
import struct
from collections.abc import Mapping, Sequence
from typing import Any, NamedTuple

from msgspec.structs import replace

from ganeti.errors import ConfigurationError, HypervisorError
from ganeti.hypervisor.libvirt.surroundings import KVM, DiskSource, Surroundings
from ganeti.model.hypervisors import HypervisorName, built_in
from ganeti.model.kvm_conflicts import is_interface_name
from ganeti.model.live import InstanceSpec
from ganeti.model.names import is_ip
from ganeti.model.parameters import NicMode
from ganeti.model.secret import Secret
from ganeti.utils.durable import read_limited

# Parameters that name files, which must be there; passwords are read.
_FILES = (
    *("kernel_path", "initrd_path"),
    *("cdrom_image_path", "cdrom2_image_path", "floppy_image_path"),
)
_PASSWORDS = ("vnc_password_file", "spice_password_file")
_BINDS = ("vnc_bind_address", "spice_bind")
_PASSWORD_LIMIT = 256
_SIOCGIFADDR = 0x8915
_EMULATORS = ("/usr/bin/qemu-system-{arch}", "/usr/libexec/qemu-kvm")
_LOG_LIMIT = 4 << 20
_LOG_KEPT = 1 << 20


class Found(NamedTuple):
    """What a look at the machine gave, before it is known whether KVM works."""

    spec: InstanceSpec
    emulator: str
    disks: tuple[DiskSource, ...]
    loose_links: frozenset[str]
    passwords: tuple[Secret | None, Secret | None]
    security_label: str

    def surroundings(
        self, accelerated: bool, arch: str, serial_socket: str, serial_log: str
    ) -> Surroundings:
        return Surroundings(
            domain_type=KVM if accelerated else "qemu",
            emulator=self.emulator,
            arch=arch,
            serial_socket=serial_socket,
            serial_log=serial_log,
            disks=self.disks,
            loose_links=self.loose_links,
            security_label=self.security_label,
            vnc_password=self.passwords[0],
            spice_password=self.passwords[1],
        )


def thd_look(spec: InstanceSpec, disk_paths: Sequence[str], root: str, arch: str) -> Found:
    """
    Find all that a guest needs.

    @param root: the node's root in a virtual cluster, else empty. Files are looked for below it
        first; bridges that the machine does not have are left out there.
    @raise HypervisorError: something is missing.
    """
    name = spec.instance.name
    try:
        disks = tuple(map(thd_disk_source, disk_paths))
        hvparams = thd_locate(spec.hvparams, root)
        return Found(
            spec=replace(spec, hvparams=hvparams),
            emulator=thd_find_emulator(hvparams["kvm_path"], arch),
            disks=disks,
            loose_links=frozenset(thd_missing_links(spec)) if root else frozenset(),
            passwords=(_password(hvparams, "vnc"), _password(hvparams, "spice")),
            security_label=thd_security_label(hvparams, bool(root)),
        )
    except HypervisorError as err:
        raise HypervisorError(f"Cannot start instance {name}: {err}") from err


def thd_disk_source(path: str) -> DiskSource:
    """@raise HypervisorError: it is not there."""
    try:
        mode = os.stat(path).st_mode
    except OSError as err:
        raise HypervisorError(f"no disk at {path}") from err
    return DiskSource(path, stat.S_ISBLK(mode))


def thd_locate(hvparams: Mapping[str, Any], root: str) -> dict[str, Any]:
    """Parameters with the files' places on this machine, and addresses in place of interfaces."""
    located = dict(hvparams)
    for name in (*_FILES, *_PASSWORDS):
        path = located[name]
        if path and "://" not in path:
            located[name] = _existing(name, path, root)
    for name in _BINDS:
        if is_interface_name(bind := located[name]) and not is_ip(bind):
            located[name] = thd_address_of(bind)
    return located


def _existing(name: str, path: str, root: str) -> str:
    candidates = (path,) if path.startswith(f"{root}/") else (root + path, path)
    for candidate in candidates:
        if os.path.exists(candidate):
            return candidate
    raise HypervisorError(f"parameter {name}: this node has no file {path}")


def thd_address_of(interface: str) -> str:
    """
    The IPv4 address of a network interface, netdevice(7).

    @raise HypervisorError: it has none.
    """
    with socket.socket() as probe:
        try:
            request = struct.pack("256s", interface.encode()[:15])
            answer = fcntl.ioctl(probe.fileno(), _SIOCGIFADDR, request)
        except OSError as err:
            raise HypervisorError(f"network interface {interface}: {err.strerror}") from err
    return socket.inet_ntoa(answer[20:24])


def thd_find_emulator(kvm_path: str, arch: str) -> str:
    """
    QEMU, without links: libvirt looks at each of its names anew.

    @param kvm_path: that of the defaults may be elsewhere on this machine; another is obeyed.
    @raise HypervisorError: it is not installed.
    """
    candidates = [kvm_path]
    if kvm_path in ("", built_in(HypervisorName.KVM)["kvm_path"]):
        candidates += [each.format(arch=arch) for each in _EMULATORS]
    for path in candidates:
        if path and os.access(path, os.X_OK):
            return os.path.realpath(path)
    raise HypervisorError(
        f"QEMU is not installed on this node (none of {', '.join(candidates)} is there):"
        " install qemu-system-x86, or what your system calls it"
    )


def thd_security_label(hvparams: Mapping[str, Any], virtual: bool) -> str:
    """
    The user and the group that QEMU is to run as; empty when nobody asks.

    @raise HypervisorError: there is no such user, or QEMU could not read its files.
    """
    name = hvparams["security_domain"]
    if hvparams["security_model"] != "user":
        return ""
    if virtual:
        raise HypervisorError(
            "parameter security_model=user: on a node of a virtual cluster guests run as the user"
            " that its node daemon runs as"
        )
    try:
        user = pwd.getpwnam(name)
    except KeyError as err:
        raise HypervisorError(f"parameter security_domain: there is no user '{name}'") from err
    return f"+{user.pw_uid}:+{user.pw_gid}"


def thd_missing_links(spec: InstanceSpec) -> set[str]:
    """Bridges that NICs name and that the machine does not have."""
    bridged = (NicMode.BRIDGED, NicMode.OPENVSWITCH)
    links = {nic.params.link for nic in spec.nics if nic.params.mode in bridged}
    return {link for link in links if not os.path.exists(f"/sys/class/net/{link}")}


def _password(hvparams: Mapping[str, Any], kind: str) -> Secret | None:
    path = hvparams[f"{kind}_password_file"]
    if not path:
        return None
    try:
        return Secret(read_limited(path, _PASSWORD_LIMIT).decode().strip())
    except (OSError, UnicodeDecodeError, ConfigurationError) as err:
        raise HypervisorError(f"parameter {kind}_password_file: cannot read {path}") from err


def thd_touched_mib(pid_directory: str, names: Sequence[str]) -> int:
    """How much memory the QEMUs of these guests have in use."""
    page = os.sysconf("SC_PAGE_SIZE")
    return sum(_resident(pid_directory, name) for name in names) * page >> 20


def _resident(pid_directory: str, name: str) -> int:
    """Pages, proc(5); 0 when it cannot be known."""
    try:
        with open(os.path.join(pid_directory, f"{name}.pid"), encoding="ascii") as stream:
            pid = int(stream.read(32))
        with open(f"/proc/{pid}/statm", encoding="ascii") as stream:
            return int(stream.read(256).split()[1])
    except (OSError, ValueError, IndexError):
        return 0


def thd_make_room(socket: str, log: str) -> None:
    """
    Let libvirt make a socket and a log at these paths.

    @raise HypervisorError: a folder cannot be made.
    """
    try:
        for path in (socket, log):
            os.makedirs(os.path.dirname(path), mode=0o750, exist_ok=True)
    except OSError as err:
        raise HypervisorError(f"Cannot make room for the serial console: {err}") from err


def thd_trim(path: str, limit: int = _LOG_LIMIT, kept: int = _LOG_KEPT) -> None:
    """
    Shorten a log that has grown beyond C{limit}; its end goes to C{path.1}.

    QEMU appends to it all the while; what it writes during the copy may be lost.
    """
    try:
        if os.path.getsize(path) <= limit:
            return
        with open(path, "r+b") as log:
            log.seek(-kept, os.SEEK_END)
            end = log.read(kept)
            log.truncate(0)
    except FileNotFoundError:
        return
    with open(os.open(f"{path}.1", os.O_WRONLY | os.O_CREAT | os.O_TRUNC, 0o600), "wb") as old:
        old.write(end)
