"""The wire form of errors."""

import pytest

from ganeti import errors
from ganeti.errors import ErrorCode, decode_error, encode_error


@pytest.mark.parametrize(
    "error",
    [
        errors.GanetiError("something"),
        errors.OpPrereqError("Instance 'x' not known", ErrorCode.NOT_FOUND),
        errors.HooksAbort([("node1", "10-check", "no")]),
        errors.ConfigVersionMismatch(3010000, 2000000),
        errors.ConfigVerifyError("bad", ["one", "two"]),
        errors.ResolverError("web1", -2, "Name or service not known"),
        errors.X509CertError("/a.pem", "expired"),
        errors.JobQueueFull(),
        errors.StorageError("no room"),
        errors.JobLost("Job 3 is lost"),
    ],
    ids=lambda error: type(error).__name__,
)
def test_round_trip(error: errors.GanetiError) -> None:
    """An error comes back as the same class with the same arguments."""
    back = decode_error(encode_error(error))
    assert type(back) is type(error)
    assert back.args == error.args
    assert str(back) == str(error) != ""


def test_rpc_errors_travel_as_execution_errors() -> None:
    """Clients do not know our RPC errors."""
    for error in (
        errors.NodeUnreachable("node2", "connection refused"),
        errors.NodeTimeout("node2", "no answer within 3 s"),
        errors.RemoteFailure("node2", errors.StorageError("no room")),
    ):
        name, args = encode_error(error)
        assert name == "OpExecError"
        back = decode_error([name, args])
        assert type(back) is errors.OpExecError
        assert str(back) == str(error)
        assert "node2" in str(back)


def test_what_is_lost() -> None:
    """After a timeout nobody knows what the node did; after a refusal one does."""
    assert errors.NodeTimeout("n", "late").lost
    assert not errors.NodeRefused("n", "old term").lost
    assert not errors.NodeUnreachable("n", "refused").lost
    assert errors.NodeUnreachable("n", "broke", lost=True).lost


def test_a_defect_is_named() -> None:
    """A foreign exception travels as an internal error."""
    assert encode_error(KeyError("x")) == ["ProgrammerError", ["Internal error: KeyError: 'x'"]]


@pytest.mark.parametrize(
    "wire",
    [
        "Failed to parse request: x",
        None,
        {},
        [],
        ["OpPrereqError"],
        ["OpPrereqError", []],
        ["HooksAbort", [3]],
        ["HooksAbort", [["a"]]],
        ["ConfigVersionMismatch", [1, 2, 3]],
        ["NoSuchError", ["x", 1]],
        [["a"], []],
    ],
    ids=repr,
)
def test_malformed(wire: object) -> None:
    """Anything decodes to an error with a text."""
    assert str(decode_error(wire))


def test_code_of_a_later_version() -> None:
    """An unknown error code is kept as an internal one."""
    error = decode_error(["OpPrereqError", ["no", "brand_new"]])
    assert isinstance(error, errors.OpPrereqError)
    assert error.code is ErrorCode.INTERNAL


def test_never_empty() -> None:
    """Even an error without a message says something."""
    assert str(errors.LockError()) == "LockError"
