"""gnt-debug delay, locks."""

from __future__ import annotations

import math
from typing import TYPE_CHECKING, Any

from ganeti.cli import jobs, listing
from ganeti.errors import ErrorCode, OpPrereqError

if TYPE_CHECKING:
    from optparse import Values

    from ganeti.cli.session import Session

_LOCK_FIELDS = ("name", "mode", "owner", "pending")


def delay(session: Session, options: Values, words: list[str]) -> int:
    """Wait, as a job."""
    from ganeti.opcodes.test import OpTestDelay

    op = OpTestDelay(
        duration=_seconds(words[0]),
        on_master=options.on_master,
        on_nodes=tuple(options.on_nodes),
        repeat=options.repeat,
        interruptible=options.interruptible,
        no_locks=options.no_locks,
        **jobs.common_fields(session, options),
    )
    jobs.run(session, op, options)
    return 0


def _seconds(text: str) -> float:
    try:
        seconds = float(text)
    except ValueError:
        seconds = math.nan
    if not (math.isfinite(seconds) and seconds >= 0):
        message = f"Duration '{text}' is not a number of seconds"
        raise OpPrereqError(message, ErrorCode.WRONG_INPUT)
    return seconds


def locks(session: Session, options: Values, _words: list[str]) -> int:
    """A table of locks; with C{--interval} again and again."""
    if options.interval is not None and options.interval < 1:
        raise OpPrereqError("The interval must be at least one second", ErrorCode.WRONG_INPUT)
    fields = listing.chosen_fields(options.output, _LOCK_FIELDS)
    special = {
        "mode": _or_dash,
        "owner": lambda value: ",".join(map(str, value or ())) or "-",
        "pending": _pending,
    }
    while True:
        status = listing.print_query(session, options, "lock", fields, None, special)
        if options.interval is None:
            return status
        session.out("")
        session.clock.sleep(options.interval)


def _or_dash(value: Any) -> str:
    return str(value or "-")


def _pending(value: Any) -> str:
    """Who waits: C{mode:job} for each."""
    waiting = [f"{mode}:{','.join(map(str, owners))}" for mode, owners in value or ()]
    return ", ".join(waiting) or "-"
