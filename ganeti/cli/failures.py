"""Errors in the words that the commands print, and the exit status that goes with each."""

from __future__ import annotations

from collections.abc import Callable, Sequence

from ganeti import errors

FAILURE = 1
CONFIG_ERROR = 2
UNKNOWN_FIELD = 14

INTERRUPTED = "Interrupted."


def interrupted(job_ids: Sequence[int]) -> str:
    """What goes on when the user ends a command that has submitted these jobs."""
    if not job_ids:
        return INTERRUPTED
    words = " ".join(map(str, job_ids))
    each = "Job" if len(job_ids) == 1 else "Jobs"
    return (
        f"{INTERRUPTED} {each} {words}, already submitted, can be followed with"
        f" 'gnt-job watch', and taken back with 'gnt-job cancel {words}'"
    )


class CommandFailed(Exception):
    """A command says itself what went wrong; C{text} may be empty when all was said."""

    def __init__(self, text: str = "", status: int = FAILURE) -> None:
        super().__init__(text, status)
        self.text = text
        self.status = status


def describe(error: Exception) -> tuple[int, str]:
    """The exit status and the text for an error, without a newline at the end."""
    if isinstance(error, CommandFailed):
        return error.status, error.text
    for kind, say in _SAYINGS:
        if isinstance(error, kind):
            status = CONFIG_ERROR if kind is errors.ConfigurationError else FAILURE
            return status, say(error)
    if isinstance(error, errors.GanetiError):
        return FAILURE, f"Unhandled Ganeti error: {error}"
    if isinstance(error, PermissionError) and error.filename:
        return FAILURE, f"No permission for {error.filename}: run this as the user that owns it"
    if isinstance(error, OSError):
        return FAILURE, f"Error: {error}"
    return FAILURE, f"Internal error, please report it: {type(error).__name__}: {error}"


def _prereq(error: Exception) -> str:
    head = "Failure: prerequisites not met for this operation:"
    if isinstance(error, errors.OpPrereqError) and len(error.args) > 1:
        return f"{head}\nerror type: {error.args[1]}, error details:\n{error}"
    return f"{head}\n{error}"


def _hooks_abort(error: Exception) -> str:
    lines = ["Failure: hooks execution failed:"]
    for node, script, output in error.args[0]:
        told = f"output: {output}" if output else "no output"
        lines.append(f"  node: {node}, script: {script}, {told}")
    return "\n".join(lines)


def _filter(error: Exception) -> str:
    return "\n".join(
        ["Error while parsing query filter: " + str(error.args[0]), *map(str, error.args[1:])]
    )


def _resolver(error: Exception) -> str:
    return f"Failure: can't resolve hostname '{error.args[0]}': {error.args[2]}"


def _job_lost(error: Exception) -> str:
    head = "Error checking job status: "  # the master daemon's own text has it already
    return head + str(error).removeprefix(head)


_SAYINGS: tuple[tuple[type[Exception], Callable[[Exception], str]], ...] = (
    (errors.ConfigurationError, lambda error: f"Corrupt configuration file: {error}\nAborting."),
    (errors.HooksAbort, _hooks_abort),
    (errors.HooksFailure, lambda error: f"Failure: hooks general failure:\n{error}"),
    (errors.ResolverError, _resolver),
    (errors.OpPrereqError, _prereq),
    (errors.OpExecError, lambda error: f"Failure: command execution error:\n{error}"),
    (errors.TagError, lambda error: f"Failure: invalid tag(s) given:\n{error}"),
    (
        errors.JobQueueDrainError,
        lambda error: f"Failure: the job queue is drained and takes no new jobs:\n{error}",
    ),
    (
        errors.JobQueueFull,
        lambda error: "Failure: the job queue is full; try again when jobs have ended",
    ),
    (errors.TypeEnforcementError, lambda error: f"Parameter Error: {error}"),
    (errors.ParameterError, lambda error: f"Failure: unknown/wrong parameter name '{error}'"),
    (errors.QueryFilterParseError, _filter),
    (errors.JobLost, _job_lost),
    (errors.JobCanceled, lambda error: "Unhandled Ganeti error: Job was canceled"),
    (errors.StorageError, lambda error: f"Failure: cannot store or read data:\n{error}"),
    (errors.NoMasterError, str),
    (
        errors.LuxiError,
        lambda error: f"Unhandled protocol error while talking to the master daemon:\n{error}",
    ),
)
