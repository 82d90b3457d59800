"""gnt-os: operating system definitions."""

from __future__ import annotations

from ganeti.cli.options import common, os
from ganeti.cli.program import Command, Program, many, one

PROGRAM = Program(
    "gnt-os",
    (
        Command(
            "list",
            "os:list_systems",
            "",
            "List the operating systems that instances can be installed with",
            "gnt-os list --no-headers",
            (),
            (common.NO_HEADERS, common.PRIORITY),
        ),
        Command(
            "diagnose",
            "os:diagnose",
            "",
            "Show what each node has of each operating system, and what is wrong with it",
            "gnt-os diagnose",
            (),
            (common.PRIORITY,),
        ),
        Command(
            "info",
            "os:info",
            "[<os-name>...]",
            "Show what operating systems can do, and whether they are hidden",
            "gnt-os info debootstrap",
            many("os"),
            (common.PRIORITY,),
        ),
        Command(
            "modify",
            "os_modify:modify",
            "[-H <hypervisor:...>] [-O <parameters>] [--hidden=yes|no] <os-name>",
            "Set parameters of instances with an operating system, hide or blacklist it",
            "gnt-os modify -H kvm:acpi=no --hidden=yes windows",
            one("os"),
            os.MODIFY_OPTIONS,
        ),
    ),
    aliases={"show": "info"},
)
