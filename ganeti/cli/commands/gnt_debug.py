"""gnt-debug: trying the machinery out, and looking into it."""

from __future__ import annotations

from ganeti.cli.options import allocator, job
from ganeti.cli.program import Command, Program, many, one

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
            "submit-job",
            "debug_submit:submit_job",
            "[--timing-stats] [--each] [--job-repeat N] [--op-repeat N] <op-list-file>...",
            "Submit jobs whose operations are written down in files, as lists in JSON",
            "gnt-debug submit-job --timing-stats --job-repeat=10 delays.json",
            many("file", 1),
            job.SUBMIT_JOB_OPTIONS,
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
        Command(
            "iallocator",
            "debug_allocator:iallocator",
            "{<opts>...} <instance-name>",
            "Try an instance allocator out: show what it is told, what it answers, and why",
            "gnt-debug iallocator -m allocate -t file -o debian --explain web1.example.com",
            many("unknown", 1),
            allocator.ALLOCATOR_OPTIONS,
        ),
    ),
    aliases={"allocator": "iallocator", "allocate": "iallocator"},
)
