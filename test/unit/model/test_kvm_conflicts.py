"""Parameters of kvm against each other."""

from __future__ import annotations

from typing import Any

import pytest

from ganeti.errors import HypervisorError
from ganeti.model.hypervisors import HypervisorName, built_in, check_hvparams
from ganeti.model.origins import Origin

KVM = HypervisorName.KVM
SPICE = "only of use with spice_bind"


@pytest.mark.parametrize(
    ("changed", "name", "text"),
    [
        ({"boot_order": "cdrom"}, "boot_order", "cdrom_image_path is needed"),
        ({"root_path": ""}, "root_path", "with a kernel_path, a root_path is needed"),
        ({"root_path": None}, "root_path", "with a kernel_path, a root_path is needed"),
        ({"security_model": "user"}, "security_domain", "the name of a user is needed"),
        ({"security_domain": "a"}, "security_domain", "security_model=none has no use for it"),
        ({"serial_speed": 1234}, "serial_speed", "must be one of 75, 110, "),
        ({"vnc_x509_verify": True}, "vnc_x509_verify", "vnc_x509_path is needed"),
        ({"vnc_bind_address": "999.1.1.1"}, "vnc_bind_address", "or an absolute path"),
        ({"vnc_bind_address": "a/b"}, "vnc_bind_address", "or an absolute path"),
        ({"vnc_bind_address": "interface-too-long"}, "vnc_bind_address", "or an absolute path"),
        ({"spice_bind": "/run"}, "spice_bind", "an IP address or the name of a network interface"),
        ({"spice_bind": "lo", "vnc_bind_address": "lo"}, "spice_bind", "together with vnc"),
        ({"spice_use_tls": True}, "spice_use_tls", SPICE),
        ({"spice_ip_version": 4}, "spice_ip_version", SPICE),
        ({"spice_password_file": "/p"}, "spice_password_file", SPICE),
        ({"spice_image_compression": "off"}, "spice_image_compression", SPICE),
        ({"spice_bind": "::1", "spice_ip_version": 4}, "spice_ip_version", "of another version"),
        ({"disk_aio": "native"}, "disk_aio", "native needs disk_cache=none"),
    ],
)
def test_conflicts(changed: dict[str, Any], name: str, text: str) -> None:
    """What does not go together is refused; the error says why, and where the value is set."""
    levels = {Origin.BUILT_IN: built_in(KVM), Origin.INSTANCE: changed}
    with pytest.raises(HypervisorError, match=text) as caught:
        check_hvparams(KVM, built_in(KVM) | changed, levels)
    assert f"Hypervisor parameter '{name}': " in str(caught.value)
    origin = "the instance" if name in changed else "built-in defaults"
    assert str(caught.value).endswith(f", from {origin})")


@pytest.mark.parametrize(
    "changed",
    [
        {"boot_order": "cdrom", "cdrom_image_path": "/srv/a.iso"},
        {"kernel_path": "", "root_path": ""},
        {"security_model": "user", "security_domain": "nobody"},
        {"serial_speed": 115200},
        {"serial_speed": 1, "serial_console": False},
        {"vnc_x509_verify": True, "vnc_x509_path": "/etc/x509"},
        {"vnc_bind_address": "::"},
        {"vnc_bind_address": "/run/vnc"},
        {"vnc_bind_address": "br0.100"},
        {"spice_bind": "eth0", "spice_ip_version": 6, "spice_use_tls": True},
        {"spice_bind": "::1", "spice_ip_version": 6},
        {"disk_aio": "native", "disk_cache": "none"},
    ],
)
def test_together(changed: dict[str, Any]) -> None:
    """What goes together passes."""
    check_hvparams(KVM, built_in(KVM) | changed)


def test_changed_only() -> None:
    """A change is not held up by what it has nothing to do with."""
    values = built_in(KVM) | {"disk_aio": "native", "cpu_cores": -1}
    check_hvparams(KVM, values, changed=["acpi"])
    for name in ("disk_cache", "disk_aio", "cpu_cores"):
        with pytest.raises(HypervisorError):
            check_hvparams(KVM, values, changed=[name])
