"""gnt-job: the work the cluster does, has done and is to do."""

from __future__ import annotations

from ganeti.cli.options import common, job
from ganeti.cli.program import Arg, Command, Program, many, one

PROGRAM = Program(
    "gnt-job",
    (
        Command(
            "list",
            "job:list_jobs",
            "[<job-id>...]",
            "List jobs with their state",
            "gnt-job list --running",
            many("jobid"),
            job.LIST_OPTIONS,
        ),
        Command(
            "list-fields",
            "job:list_fields",
            "[<field-name>...]",
            "Say which fields 'list' can show",
            "gnt-job list-fields received_ts end_ts",
            many("unknown"),
            common.FIELDS_OPTIONS,
        ),
        Command(
            "info",
            "job_info:info",
            "<job-id> [<job-id>...]",
            "Show what jobs were asked to do, when, and how it ended",
            "gnt-job info 42",
            many("jobid", 1),
        ),
        Command(
            "watch",
            "job:watch",
            "<job-id>",
            "Show the log of a job, and follow it to its end",
            "gnt-job watch 42",
            one("jobid"),
        ),
        Command(
            "wait",
            "job:wait",
            "<job-id>",
            "Wait for the end of a job, and print nothing but its failure",
            "gnt-job wait 42",
            one("jobid"),
        ),
        Command(
            "archive",
            "job_archive:archive",
            "<job-id> [<job-id>...]",
            "Move jobs that have ended out of the list",
            "gnt-job archive 42 43",
            many("jobid", 1),
        ),
        Command(
            "autoarchive",
            "job_archive:autoarchive",
            "<age>",
            "Archive all jobs that ended so long ago or earlier",
            "gnt-job autoarchive 1d",
            (Arg("suggest", 1, 1, ("1d", "1w", "4w", "all")),),
        ),
        Command(
            "change-priority",
            "job:change_priority",
            "--priority <priority> {[--force] {--pending | --queued | --waiting}"
            " | <job-id> [<job-id>...]}",
            "Let jobs that have not ended run sooner or later",
            "gnt-job change-priority --priority=high 42",
            many("jobid"),
            job.PRIORITY_OPTIONS,
        ),
        Command(
            "cancel",
            "job:cancel",
            "{[--force] [--kill --yes-do-it] {--pending | --queued | --waiting}"
            " | <job-id> [<job-id>...]}",
            "Take jobs back that do not run yet",
            "gnt-job cancel 42 43",
            many("jobid"),
            job.CANCEL_OPTIONS,
        ),
    ),
    aliases={"show": "info"},
)
