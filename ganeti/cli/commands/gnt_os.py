"""gnt-os: operating system definitions."""

from __future__ import annotations

from ganeti.cli.options import common
from ganeti.cli.program import Command, Program

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
    ),
)
