"""What guests need to know of their node."""

from __future__ import annotations

from dataclasses import dataclass
from typing import Protocol

from ganeti.hypervisor.machine import Machine
from ganeti.model.live import InstanceSpec
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
    @ivar security_label: user and group that QEMU runs as, C{+UID:+GID}; empty: libvirt's choice.
    """

    domain_type: str = KVM
    emulator: str = ""
    arch: str = "x86_64"
    serial_socket: str
    serial_log: str
    disks: tuple[DiskSource, ...] = ()
    loose_links: frozenset[str] = frozenset()
    security_label: str = ""
    vnc_password: Secret | None = None
    spice_password: Secret | None = None


class Node(Protocol):
    """The machine that guests run on, beside libvirt."""

    async def survey(
        self, spec: InstanceSpec, disk_paths: tuple[str, ...]
    ) -> tuple[InstanceSpec, Surroundings]:
        """
        What the guest's description needs; files of C{spec} are where they are on this machine.

        @raise HypervisorError: something is missing that the guest needs.
        """

    async def problems(self) -> tuple[str, ...]:
        """What keeps all guests from running."""

    async def machine(self) -> Machine:
        """Memory and processors."""

    async def has_guests(self) -> bool:
        """Whether libvirt may know guests; as long as not, it is left alone."""

    async def touched_mib(self, names: tuple[str, ...]) -> int:
        """How much of their memory these guests have in use, as far as it can be known."""

    async def started(self, name: str) -> None:
        """A guest was started; keeps what makes the next start quicker."""

    async def trim_logs(self, names: tuple[str, ...]) -> None:
        """Keep the logs of serial consoles from growing for ever."""
