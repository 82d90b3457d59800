"""What a guest's description needs to know of the node."""

from __future__ import annotations

from dataclasses import dataclass

from ganeti.model.secret import Secret

KVM = "kvm"
TCG = "qemu"
"""libvirt's names for QEMU with and without the processor's help."""


@dataclass(frozen=True)
class DiskSource:
    """Where a disk is on this machine, and whether that is a block device."""

    path: str
    block: bool = False


@dataclass(frozen=True, kw_only=True)
class Surroundings:
    """
    The node, as far as one guest's description depends on it.

    @ivar domain_type: C{kvm}, or C{qemu} where processors are emulated.
    @ivar emulator: QEMU's path; empty: libvirt's choice.
    @ivar arch: of the machine, as uname(2) says it.
    @ivar serial_socket: where the guest's serial port is served.
    @ivar serial_log: what the guest prints there, from its first start on.
    @ivar disks: in the guest's order.
    @ivar loose_links: links of NICs that this node of a virtual cluster does not have; such
        a NIC is in the guest, with its cable unplugged.
    """

    domain_type: str = KVM
    emulator: str = ""
    arch: str = "x86_64"
    serial_socket: str
    serial_log: str
    disks: tuple[DiskSource, ...] = ()
    loose_links: frozenset[str] = frozenset()
    vnc_password: Secret | None = None
    spice_password: Secret | None = None
