"""Options that many commands have."""

from __future__ import annotations

from ganeti.cli.program import Opt

PRIORITY = Opt(
    ("--priority",),
    "priority",
    "How soon the job runs among those that wait",
    choices=("low", "normal", "high"),
    metavar="low|normal|high",
)
DRY_RUN = Opt(
    ("--dry-run",),
    "dry_run",
    "Check and plan, but change nothing; --dry-run=json prints the plan as JSON",
    "store_true",
    default=False,
    forms=("json",),
)
SUBMIT = Opt(
    ("--submit",),
    "submit_only",
    "Give the job to the queue and do not wait for it",
    "store_true",
    default=False,
)
PRINT_JOBID = Opt(
    ("--print-jobid",),
    "print_jobid",
    "First print the number of the job",
    "store_true",
    default=False,
)
SUBMIT_OPTIONS = (SUBMIT, PRINT_JOBID)

FORCE = Opt(("-f", "--force"), "force", "Do it without asking", "store_true", default=False)
VERBOSE = Opt(("-v", "--verbose"), "verbose", "Say more", "store_true", default=False)
YES_DO_IT = Opt(
    ("--yes-do-it", "--ya-rly"), "yes_do_it", "Confirm what cannot be undone", "store_true"
)
ROMAN = Opt(
    ("--roman",),
    "roman_integers",
    "Show positive numbers as Roman ones, where the 'roman' library is installed",
    "store_true",
    default=False,
)

NO_HEADERS = Opt(
    ("--no-headers",),
    "no_headers",
    "Leave the line with the titles out",
    "store_true",
    default=False,
)
SEPARATOR = Opt(
    ("--separator",),
    "separator",
    "Put this between cells instead of aligning them; sizes become plain MiB",
    type="string",
)
OUTPUT = Opt(
    ("-o", "--output"),
    "output",
    "Fields to show, separated by commas; with a + in front, beside the default ones",
    type="string",
    metavar="FIELDS",
    values="field",
)
UNITS = Opt(
    ("--units",),
    "units",
    "Unit of sizes: h chooses one for each, m, g and t are MiB, GiB and TiB",
    choices=("h", "m", "g", "t"),
)
MARKS = Opt(
    ("-v", "--verbose"),
    "verbose",
    "Words instead of marks for cells without a value",
    "store_true",
    default=False,
)
FILTER = Opt(
    ("-F", "--filter"),
    "force_filter",
    "Take the argument as a filter, even if it looks like a name",
    "store_true",
    default=False,
)

LIST_OPTIONS = (NO_HEADERS, SEPARATOR, OUTPUT, UNITS, MARKS, FILTER)
FIELDS_OPTIONS = (NO_HEADERS, SEPARATOR)
