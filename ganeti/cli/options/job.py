"""Options of gnt-job and gnt-debug."""

from __future__ import annotations

from ganeti.cli.options import common
from ganeti.cli.program import Opt


def _status(flag: str, states: tuple[str, ...], what: str) -> Opt:
    return Opt((flag,), "status_filter", what, "store_const", const=states)


PENDING = _status("--pending", ("queued", "waiting", "canceling"), "Jobs that do not run yet")
QUEUED = _status("--queued", ("queued",), "Jobs that are in the queue")
WAITING = _status("--waiting", ("waiting",), "Jobs that wait for locks")
RUNNING = _status("--running", ("running",), "Jobs that run")
FAILED = _status("--error", ("error",), "Jobs that failed")
FINISHED = _status("--finished", ("success", "error", "canceled"), "Jobs that have ended")
ARCHIVED = Opt(("--archived",), "archived", "Archived jobs too", "store_true", default=False)
KILL = Opt(
    ("--kill",),
    "kill",
    "End a job even if it runs already; needs --yes-do-it",
    "store_true",
    default=False,
)

LIST_OPTIONS = (
    common.NO_HEADERS,
    common.SEPARATOR,
    common.OUTPUT,
    common.MARKS,
    common.FILTER,
    PENDING,
    RUNNING,
    FAILED,
    FINISHED,
    ARCHIVED,
)
CANCEL_OPTIONS = (common.FORCE, KILL, common.YES_DO_IT, PENDING, QUEUED, WAITING)
PRIORITY_OPTIONS = (common.PRIORITY, common.FORCE, PENDING, QUEUED, WAITING)

ON_NODES = Opt(
    ("-n",),
    "on_nodes",
    "Wait on this node; may be repeated",
    "append",
    "string",
    default=[],
    values="node",
)
NO_MASTER = Opt(
    ("--no-master",), "on_master", "Do not wait on the master", "store_false", default=True
)
INTERRUPTIBLE = Opt(
    ("-i", "--interruptible"),
    "interruptible",
    "Offer a socket on which the wait can be ended",
    "store_true",
    default=False,
)
REPEAT = Opt(("-r", "--repeat"), "repeat", "How often to wait", type="int", default="0")
NO_LOCKS = Opt(
    ("-l", "--no-locks"), "no_locks", "Do not lock the nodes", "store_true", default=False
)
INTERVAL = Opt(
    ("--interval",),
    "interval",
    "Print the list again after so many seconds, until interrupted",
    type="int",
)

DELAY_OPTIONS = (
    ON_NODES,
    NO_MASTER,
    INTERRUPTIBLE,
    REPEAT,
    NO_LOCKS,
    common.DRY_RUN,
    common.PRIORITY,
    *common.SUBMIT_OPTIONS,
)
LOCKS_OPTIONS = (common.NO_HEADERS, common.SEPARATOR, common.OUTPUT, common.MARKS, INTERVAL)

JOB_REPEAT = Opt(
    ("--job-repeat",), "rep_job", "How often to submit each job", type="int", default="1"
)
OP_REPEAT = Opt(
    ("--op-repeat",), "rep_op", "How often a job does what is in its file", type="int", default="1"
)
EACH = Opt(
    ("--each",),
    "each",
    "Submit the jobs one by one, and not in one request",
    "store_true",
    default=False,
)
TIMING_STATS = Opt(
    ("--timing-stats",),
    "timing_stats",
    "Print how many jobs there were, and how long they took",
    "store_true",
    default=False,
)
SUBMIT_JOB_OPTIONS = (
    common.VERBOSE,
    OP_REPEAT,
    JOB_REPEAT,
    TIMING_STATS,
    EACH,
    common.DRY_RUN,
    common.PRIORITY,
)
