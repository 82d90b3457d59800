"""Parameters of kvm that cannot be had from libvirt, and those that mean nothing to it."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

from ganeti.errors import HypervisorError

IGNORED: Mapping[str, str] = {
    "kvm_pci_reservations": "libvirt gives devices their PCI addresses",
    "migration_bandwidth": "for migrations only",
    "migration_caps": "for migrations only",
    "migration_downtime": "for migrations only",
    "migration_mode": "for migrations only",
    "migration_port": "for migrations only",
    "spice_ip_version": "the address of an interface is looked up before",
    "spice_tls_ciphers": "without TLS it has no meaning",
    "vnc_x509_path": "without TLS it has no meaning",
    "vnc_x509_verify": "without TLS it has no meaning",
    "vnet_hdr": "libvirt uses it wherever the kernel has it",
}
"""What has no place in a guest's description, and why."""

_NODE_WIDE = "libvirt configures TLS for a whole node, in qemu.conf"

_REFUSED: Mapping[str, tuple[tuple[Any, ...], str]] = {
    "disk_type": (("mtd", "pflash"), "libvirt has no such disks"),
    "cdrom_disk_type": (("mtd", "pflash", "sd"), "libvirt has no such drives"),
    "security_model": (("pool",), "libvirt has no pools of users"),
    "spice_use_tls": ((True,), _NODE_WIDE),
    "use_chroot": ((True,), "libvirt's own confinement takes its place"),
    "vnc_tls": ((True,), _NODE_WIDE),
}


def check_supported(hvparams: Mapping[str, Any]) -> None:
    """
    Refuse what would otherwise be left out silently.

    @raise HypervisorError: names the parameter, its value and the reason.
    """
    for name, (values, reason) in _REFUSED.items():
        value = hvparams.get(name)
        if value in values:
            raise HypervisorError(
                f"Hypervisor parameter {name}={value} is not possible with libvirt: {reason}"
            )
