"""How to reach an instance's console."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from typing import Any

from ganeti.model.hypervisors import HypervisorName
from ganeti.model.instance import Instance
from ganeti.query.fields import UNAVAILABLE

SERIAL_PROGRAM = "kvm-console"
"""Shows a serial console, on the node where its guest runs."""

_ALL_ADDRESSES = ("0.0.0.0", "::")
_VNC_BASE_PORT = 5900
_USER = "root"


@dataclass(frozen=True, slots=True)
class ConsoleHost:
    """The node that an instance runs on, as far as consoles need it."""

    name: str
    ssh_port: int


def console_of(instance: Instance, hvparams: Mapping[str, Any], host: ConsoleHost) -> Any:
    """
    What a client needs to show the console; C{UNAVAILABLE} where the hypervisor has none
    that is known here.

    @param hvparams: the instance's, filled.
    """
    match instance.hypervisor:
        case HypervisorName.FAKE:
            return _message(instance, "Console not available for fake hypervisor")
        case HypervisorName.KVM:
            return _kvm_console(instance, hvparams, host)
    return UNAVAILABLE


def _kvm_console(
    instance: Instance, hvparams: Mapping[str, Any], host: ConsoleHost
) -> dict[str, Any]:
    """The serial one before the graphical ones."""
    port = instance.network_port
    if hvparams["serial_console"]:
        return {
            "instance": instance.name,
            "kind": "ssh",
            "host": host.name,
            "port": host.ssh_port,
            "user": _USER,
            "command": [SERIAL_PROGRAM, instance.name, instance.uuid],
        }
    if (bind := hvparams["vnc_bind_address"]) and port and not bind.startswith("/"):
        display = {"display": port - _VNC_BASE_PORT} if port > _VNC_BASE_PORT else {}
        return _graphical(instance, "vnc", bind, host, port) | display
    if (bind := hvparams["spice_bind"]) and port:
        return _graphical(instance, "spice", bind, host, port)
    return _message(instance, f"No serial shell for instance {instance.name}")


def _graphical(
    instance: Instance, kind: str, bind: str, host: ConsoleHost, port: int
) -> dict[str, Any]:
    """A server that listens at an address, or wherever its node is reached."""
    address = "." in bind or ":" in bind
    everywhere = bind in _ALL_ADDRESSES or not address
    where = host.name if everywhere else bind
    return {"instance": instance.name, "kind": kind, "host": where, "port": port}


def _message(instance: Instance, text: str) -> dict[str, Any]:
    return {"instance": instance.name, "kind": "msg", "message": text}
