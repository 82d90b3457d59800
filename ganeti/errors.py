"""
What can go wrong, in the words of the admin who will read it.

An error's text says what is wrong, on which object and node, and what to do;
it is never empty. On the wire an error is C{[class name, [arguments]]}
(L{encode_error}, L{decode_error}); the names are Ganeti's.
"""

from __future__ import annotations

from collections.abc import Sequence
from enum import StrEnum
from typing import ClassVar


class ErrorCode(StrEnum):
    """Why a request was refused, for programs (Ganeti's C{ECODE_*})."""

    WRONG_INPUT = "wrong_input"
    WRONG_STATE = "wrong_state"
    NOT_FOUND = "unknown_entity"
    EXISTS = "already_exists"
    NO_RESOURCES = "insufficient_resources"
    TEMP_NO_RESOURCES = "temp_insufficient_resources"
    NOT_UNIQUE = "resource_not_unique"
    ENVIRONMENT = "environment_error"
    RESOLVER = "resolver_error"
    INTERNAL = "internal_error"


class GanetiError(Exception):
    """
    Something went wrong that an admin can understand.

    C{args} is what goes on the wire: plain strings, numbers and lists.
    """

    wire_name: ClassVar[str] = "GenericError"

    def __str__(self) -> str:
        return super().__str__() or type(self).__name__


class OpPrereqError(GanetiError):
    """The request cannot be done as things stand; nothing was changed."""

    wire_name = "OpPrereqError"

    def __init__(self, message: str, code: ErrorCode | str = ErrorCode.INTERNAL) -> None:
        try:
            self.code = ErrorCode(code)
        except ValueError:  # a code of a later version
            self.code = ErrorCode.INTERNAL
        super().__init__(message, self.code.value)

    def __str__(self) -> str:
        return str(self.args[0])


class OpExecError(GanetiError):
    """The operation was begun and failed; something may have been changed."""

    wire_name = "OpExecError"


class OpResultError(GanetiError):
    """An operation's result is not of the promised shape."""

    wire_name = "OpResultError"


class OpCodeUnknown(GanetiError):
    """There is no such operation."""

    wire_name = "OpCodeUnknown"


class ProgrammerError(GanetiError):
    """A defect of Ganeti itself: please report it."""

    wire_name = "ProgrammerError"


class ParameterError(GanetiError):
    """A parameter is unknown or has an impossible value."""

    wire_name = "ParameterError"


class TypeEnforcementError(GanetiError):
    """A parameter's value is of the wrong type."""

    wire_name = "TypeEnforcementError"


class UnitParseError(GanetiError):
    """A size could not be read, as in C{--size 3x}."""

    wire_name = "UnitParseError"


class TagError(GanetiError):
    """A tag is malformed, or there are too many."""

    wire_name = "TagError"


class ParseError(GanetiError):
    """A text does not follow its format; the message names the field."""

    wire_name = "ParseError"


class QueryFilterParseError(ParseError):
    """A query filter could not be read."""

    wire_name = "QueryFilterParseError"


class ResultValidationError(GanetiError):
    """An answer does not have the shape that it must have."""

    wire_name = "ResultValidationError"


class ConfigurationError(GanetiError):
    """The configuration is missing, damaged, or contradicts itself."""

    wire_name = "ConfigurationError"


class ConfigVersionMismatch(ConfigurationError):
    """The configuration was written by a version that we cannot read."""

    wire_name = "ConfigVersionMismatch"

    def __init__(self, expected: int, actual: int) -> None:
        super().__init__(expected, actual)

    def __str__(self) -> str:
        return f"Configuration version {self.args[1]} found, {self.args[0]} needed"


class ConfigVerifyError(ConfigurationError):
    """The configuration contradicts itself; the second argument lists how."""

    wire_name = "ConfigVerifyError"

    def __init__(self, message: str, problems: Sequence[str]) -> None:
        super().__init__(message, list(problems))

    def __str__(self) -> str:
        return f"{self.args[0]}: {'; '.join(map(str, self.args[1]))}"


class LockError(GanetiError):
    """A lock could not be had."""

    wire_name = "LockError"


class PidFileLockError(LockError):
    """Another process of the same kind is running."""

    wire_name = "PidFileLockError"


class ReservationError(GanetiError):
    """A name, address or room is taken by another running job."""

    wire_name = "ReservationError"


class AddressPoolError(GanetiError):
    """A network has no such address, or none free."""

    wire_name = "AddressPoolError"


class IPAddressError(GanetiError):
    """A text is not an IP address."""

    wire_name = "IPAddressError"


class StorageError(GanetiError):
    """A disk, volume or file could not be handled."""

    wire_name = "BlockDeviceError"


class FileStoragePathError(GanetiError):
    """A directory is not allowed for file storage."""

    wire_name = "FileStoragePathError"


class HypervisorError(GanetiError):
    """The hypervisor refused or failed."""

    wire_name = "HypervisorError"


class HotplugError(HypervisorError):
    """A device could not be changed in a running instance."""

    wire_name = "HotplugError"


class HooksFailure(GanetiError):
    """Hooks could not be run."""

    wire_name = "HooksFailure"


class HooksAbort(HooksFailure):
    """A pre-hook refused the operation: C{[(node, script, what it printed)]}."""

    wire_name = "HooksAbort"

    def __init__(self, failures: Sequence[Sequence[str]]) -> None:
        super().__init__([list(failure) for failure in failures])

    def __str__(self) -> str:
        refusals = ("; ".join(f"{n}: {s}: {t}" for n, s, t in self.args[0])) or "no hook named"
        return f"Refused by hooks: {refusals}"


class JobLost(GanetiError):
    """There is no such job, or it was archived and removed."""

    wire_name = "JobLost"


class JobCanceled(GanetiError):
    """The job was canceled."""

    wire_name = "JobCanceled"


class JobQueueError(GanetiError):
    """The job queue refused a request."""

    wire_name = "JobQueueError"


class JobQueueDrainError(JobQueueError):
    """The queue is drained: it takes no new jobs."""

    wire_name = "JobQueueDrainError"


class JobQueueFull(JobQueueError):
    """Too many jobs are waiting."""

    wire_name = "JobQueueFull"

    def __str__(self) -> str:
        return "The job queue is full: try again when jobs have ended"


class LuxiError(GanetiError):
    """Talking to the master daemon failed."""

    wire_name = "LuxiError"


class RequestError(LuxiError):
    """The master daemon refused a request with a plain text."""


class NoMasterError(LuxiError):
    """The master daemon does not answer here."""


class ResolverError(GanetiError):
    """A name could not be resolved: C{(host, error number, text)}."""

    wire_name = "ResolverError"

    def __init__(self, host: str, code: int, message: str) -> None:
        super().__init__(host, code, message)

    def __str__(self) -> str:
        return f"Name '{self.args[0]}' could not be resolved: {self.args[2]}"


class X509CertError(GanetiError):
    """A certificate file cannot be used: C{(file, text)}."""

    wire_name = "X509CertError"

    def __init__(self, filename: str, message: str) -> None:
        super().__init__(filename, message)

    def __str__(self) -> str:
        return f"Certificate {self.args[0]}: {self.args[1]}"


class SshError(GanetiError):
    """Setting up another machine failed."""

    wire_name = "SshUpdateError"


class CommandError(GanetiError):
    """A program failed, or could not be started."""

    wire_name = "CommandError"


class CommandTimeout(CommandError):
    """A program did not end in time, and was killed."""


class RpcError(OpExecError):
    """
    A node call did not succeed.

    @ivar node: the node's name.
    @ivar lost: it is unknown whether the call had, or may yet have, an effect.
    """

    def __init__(self, node: str, message: str, *, lost: bool = False) -> None:
        super().__init__(f"Node {node}: {message}")
        self.node = node
        self.lost = lost


class NodeUnreachable(RpcError):
    """The node could not be reached, or the connection broke (then C{lost})."""


class NodeTimeout(RpcError):
    """The node did not answer in time; what it does is unknown."""

    def __init__(self, node: str, message: str, *, lost: bool = True) -> None:
        super().__init__(node, message, lost=lost)


class NodeRefused(RpcError):
    """The node refused the caller: its role, its certificate, or its term."""


class RemoteFailure(RpcError):
    """
    The node ran the call, and it failed there.

    @ivar error: the node's own error.
    """

    def __init__(self, node: str, error: GanetiError) -> None:
        super().__init__(node, str(error))
        self.error = error


def _all_classes(base: type[GanetiError]) -> list[type[GanetiError]]:
    found = [base]
    for child in base.__subclasses__():
        found.extend(_all_classes(child))
    return found


# The first class with a name wins: RpcErrors travel as OpExecError.
_BY_WIRE_NAME: dict[str, type[GanetiError]] = {}
for _class in _all_classes(GanetiError):
    _BY_WIRE_NAME.setdefault(_class.wire_name, _class)


def encode_error(error: Exception) -> list[object]:
    """
    The wire form, C{[class name, [arguments]]}.

    An error that is not ours is a defect: it travels as C{ProgrammerError}.
    """
    if isinstance(error, GanetiError):
        return [error.wire_name, list(error.args)]
    return ["ProgrammerError", [f"Internal error: {type(error).__name__}: {error}"]]


def decode_error(wire: object) -> GanetiError:
    """The error that L{encode_error} made, or L{RequestError} for anything else."""
    match wire:
        case [str(name), list(args)] if name in _BY_WIRE_NAME:
            return _build(_BY_WIRE_NAME[name], args)
        case [str(name), list(args)]:  # a class of a later version
            return GanetiError(": ".join([name, *map(str, args)]))
    return RequestError(str(wire) or "empty error")


def _build(kind: type[GanetiError], args: list[object]) -> GanetiError:
    try:
        error = kind(*args)
        str(error)
    except (TypeError, ValueError):  # arguments of another shape than the class has
        return GanetiError(": ".join([kind.wire_name, *map(str, args)]))
    return error
