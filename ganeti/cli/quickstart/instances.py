"""The instances of quickstart's cluster: one a real virtual machine where that is possible."""

from __future__ import annotations

from ganeti.cli.guest.real import HVPARAMS
from ganeti.cli.quickstart.commands import Commands
from ganeti.cli.quickstart.definition import OS_NAME, VARIANT
from ganeti.cli.quickstart.guest import Preparation
from ganeti.cli.quickstart.words import say
from ganeti.paths import Paths

REAL = "instance1.example.com"
"""The one that is a real virtual machine."""
PLACES = {REAL: 0, "instance2.example.com": 1}
"""Which of the nodes each is on."""


def add_instances(commands: Commands, nodes: list[Paths], preparation: Preparation) -> None:
    """Add those that are missing."""
    for name, place in PLACES.items():
        commands.wait_for_jobs()
        if name not in commands.names("gnt-instance"):
            _add(commands, name, nodes[place], _hypervisor(commands, name, preparation))


def _hypervisor(commands: Commands, name: str, preparation: Preparation) -> tuple[str, ...]:
    """The options that make it a real one, if it is to be."""
    if name != REAL or not preparation.finish(_enabled_hypervisors(commands)):
        return ()
    return ("-H", HVPARAMS)


def _enabled_hypervisors(commands: Commands) -> list[str]:
    found = (line.partition(":") for line in commands.lines("gnt-cluster", "info"))
    enabled = next((value for key, _, value in found if key == "Enabled hypervisors"), "")
    return [word.strip() for word in enabled.split(",")]


def _add(commands: Commands, name: str, node: Paths, hypervisor: tuple[str, ...]) -> None:
    say(f"Adding {name}{', a real virtual machine' if hypervisor else ''}")
    commands.run(
        *("gnt-instance", "add", "-t", "file", "-o", f"{OS_NAME}+{VARIANT}", "-s", "1G"),
        *("-B", "memory=128M", *hypervisor, "-n", node.hostname, name),
    )
