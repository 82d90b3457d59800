"""gnt-debug: trying the machinery out, and looking into it."""

from __future__ import annotations

from ganeti.cli.options import job
from ganeti.cli.program import Command, Program, one

PROGRAM = Program(
    "gnt-debug",
    (
        Command(
            "delay",
            "debug:delay",
            "[<opts>...] <duration>",
            "Run a job that does nothing for some seconds",
            "gnt-debug delay -n node2.example.com 0.5",
            one("unknown"),
            job.DELAY_OPTIONS,
        ),
        Command(
            "locks",
            "debug:locks",
            "[--interval N]",
            "Show which jobs hold locks, and which wait for them",
            "gnt-debug locks --interval=1",
            (),
            job.LOCKS_OPTIONS,
        ),
    ),
)
