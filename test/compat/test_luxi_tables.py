"""The local protocol against the table of the public interface."""

from __future__ import annotations

import json
from pathlib import Path
from typing import Any

import pytest

from ganeti.errors import ErrorCode, OpPrereqError, ParseError, RequestError, decode_error
from ganeti.luxi.client import WAIT_FOR_JOB_CHANGE_S, Timeouts, may_be_repeated
from ganeti.luxi.codec import decode_request, encode_failure, encode_result
from ganeti.luxi.framing import END_OF_FRAME
from ganeti.luxi.methods import METHODS, decode_arguments

TABLE = json.loads((Path(__file__).parent / "interface" / "luxi.json").read_text())

EXAMPLES: dict[str, list[Any]] = {
    "ArchiveJob": [1],
    "AutoArchiveJobs": [-1, 30],
    "CancelJob": [1, False],
    "ChangeJobPriority": [1, 0],
    "DeleteFilter": ["uuid"],
    "PickupJob": [1],
    "Query": ["instance", ["name"], None],
    "QueryClusterInfo": [],
    "QueryConfigValues": [["cluster_name"]],
    "QueryExports": [["node1"], False],
    "QueryFields": ["job", None],
    "QueryFilters": [None, ["uuid"]],
    "QueryGroups": [[], ["name"], False],
    "QueryInstances": [[], ["name"], False],
    "QueryJobs": [None, ["id"]],
    "QueryNetworks": [[], ["name"], False],
    "QueryNodes": [[], ["name"], False],
    "QueryTags": ["cluster", ""],
    "ReplaceFilter": [None, 0, [], "ACCEPT", []],
    "SetDrainFlag": [True],
    "SetWatcherPause": [None],
    "SubmitJob": [[{"OP_ID": "OP_TEST_DELAY"}]],
    "SubmitJobToDrainedQueue": [[]],
    "SubmitManyJobs": [[[], [{}]]],
    "WaitForJobChange": [1, ["status"], None, None, 10],
}


def parse(method: str, args: Any) -> Any:
    """A request from its name and arguments."""
    body = json.dumps({"method": method, "args": args, "version": 3000000}).encode()
    return decode_arguments(decode_request(body))


def test_methods() -> None:
    """There is a record for every method of the table."""
    assert set(METHODS) == set(TABLE["methods"]) == set(EXAMPLES)


@pytest.mark.parametrize("method", sorted(EXAMPLES))
def test_arguments(method: str) -> None:
    """As many arguments as the table has, in its order; one more is refused."""
    args = TABLE["methods"][method]["args"]
    kind = METHODS[method]
    assert len(kind.__struct_fields__) == len(args) == len(EXAMPLES[method])
    assert type(parse(method, EXAMPLES[method])) is kind
    with pytest.raises(ParseError, match=f"Failed to parse request: {method}: "):
        parse(method, [*EXAMPLES[method], 1])


def test_left_out_argument() -> None:
    """C{kill} of C{CancelJob} may be left out."""
    assert parse("CancelJob", ["12"]).kill is False


def test_version_is_ignored_and_unknown_methods_are_not() -> None:
    """A client's version is of no interest; names are case-sensitive."""
    assert type(parse("QueryClusterInfo", [])).__name__ == "QueryClusterInfo"
    with pytest.raises(ParseError, match="Failed to parse request: unknown method 'query'"):
        parse("query", [])


def test_answers() -> None:
    """Key order, no blanks, no newline; two shapes of errors."""
    assert encode_result([1, None]) == b'{"success":true,"result":[1,null]}\x03'
    error = encode_failure(OpPrereqError("no", ErrorCode.EXISTS))
    assert error == b'{"success":false,"result":["OpPrereqError",["no","already_exists"]]}\x03'
    plain = encode_failure(ParseError("Failed to parse request: x"))
    assert plain == b'{"success":false,"result":"Failed to parse request: x"}\x03'
    assert END_OF_FRAME[0] == TABLE["framing"]["terminator_byte"]


def test_errors() -> None:
    """Every class of the table comes back as itself or what stands for it."""
    for name in TABLE["errors"]["exceptions_python"]:
        assert str(decode_error([name, ["text"]]))
    assert isinstance(decode_error("text"), RequestError)


def test_timeouts() -> None:
    """The limits of the table."""
    table = TABLE["timeouts"]
    assert table["wait_for_job_change_s"] == WAIT_FOR_JOB_CHANGE_S
    assert (Timeouts().connect, Timeouts().answer) == (table["connect_s"], table["rw_s"])


def test_repeatable() -> None:
    """Clients ask again only what changes nothing."""
    for name, method in METHODS.items():
        assert may_be_repeated(name) == method.REPEATABLE, name
