"""What a client is told about consoles."""

from __future__ import annotations

from typing import Any

import pytest
from support.samples import instance_uuid, make_instance

from ganeti.model.hypervisors import HypervisorName, built_in
from ganeti.query.console import ConsoleHost, console_of
from ganeti.query.fields import UNAVAILABLE

HOST = ConsoleHost("node1.example.com", 2222)
NAME = {"instance": "inst1.example.com"}


def console(hypervisor: HypervisorName = HypervisorName.KVM, **hvparams: Any) -> Any:
    instance = make_instance(1, hypervisor=hypervisor, network_port=11005)
    return console_of(instance, {**built_in(hypervisor), **hvparams}, HOST)


def test_serial() -> None:
    """The serial console is shown by a program on the node, whatever else there is."""
    assert console(vnc_bind_address="0.0.0.0") == NAME | {
        "kind": "ssh",
        "host": "node1.example.com",
        "port": 2222,
        "user": "root",
        "command": ["kvm-console", "inst1.example.com", instance_uuid(1)],
    }


@pytest.mark.parametrize(
    ("hvparams", "expected"),
    [
        (
            {"vnc_bind_address": "0.0.0.0"},
            {"kind": "vnc", "host": "node1.example.com", "port": 11005, "display": 5105},
        ),
        (
            {"vnc_bind_address": "192.0.2.7"},
            {"kind": "vnc", "host": "192.0.2.7", "port": 11005, "display": 5105},
        ),
        (
            {"spice_bind": "eth0"},
            {"kind": "spice", "host": "node1.example.com", "port": 11005},
        ),
        (
            {"vnc_bind_address": "/run/vnc"},
            {"kind": "msg", "message": "No serial shell for instance inst1.example.com"},
        ),
        ({}, {"kind": "msg", "message": "No serial shell for instance inst1.example.com"}),
    ],
)
def test_without_serial(hvparams: dict[str, Any], expected: dict[str, Any]) -> None:
    """Else the graphical one, where it listens."""
    assert console(serial_console=False, **hvparams) == NAME | expected


def test_others() -> None:
    """The fake hypervisor says so; others are not known here."""
    text = "Console not available for fake hypervisor"
    assert console(HypervisorName.FAKE) == NAME | {"kind": "msg", "message": text}
    assert console(HypervisorName.LXC) is UNAVAILABLE
