"""gnt-cluster verify: what it asks for, how it follows its jobs, and how it ends."""

from __future__ import annotations

from pathlib import Path
from typing import Any

import pytest
from support.commands import Ran, VirtualNode
from support.fakemaster import ScriptedMaster

from ganeti.cli.options.verify import CODES
from ganeti.errors import OpPrereqError, encode_error
from ganeti.opcodes.verify import VerifyCode

LEFT_OUT = ("OP_ID", "reason", "debug_level", "comment", "depends", "priority", "dry_run")


class VerifyMaster(ScriptedMaster):
    """Job 1 makes the others; these end with C{results}, errors among them."""

    def __init__(self, results: list[Any]) -> None:
        super().__init__(log=[("message-list", ["  - ERROR: node n: bad"])])
        self._results = dict(enumerate(results, start=2))

    def _QueryJobs(self, ids: list[int], _fields: list[str]) -> list[list[Any]]:
        (job_id,) = ids
        if job_id == 1:
            return [["success", ["success"], [{"jobs": [[True, j] for j in self._results]}]]]
        result = self._results[job_id]
        if isinstance(result, Exception):
            return [["error", ["error"], [encode_error(result)]]]
        return [["success", ["success"], [result]]]

    def _WaitForJobChange(self, job_id: int, *args: Any) -> Any:
        answer = super()._WaitForJobChange(job_id, *args)
        return [["success"], [] if job_id == 1 else answer[1]]


def run(folder: Path, *words: str, results: list[Any]) -> tuple[Ran, dict[str, Any]]:
    node = VirtualNode(folder)
    master = VerifyMaster(results)
    server = node.serve(master)
    try:
        ran = node.run("gnt-cluster", "verify", *words)
    finally:
        server.stop()
    (op,) = master.jobs[1]
    return ran, {k: v for k, v in op.items() if v is not None and k not in LEFT_OUT}


def test_options(tmp_path: Path) -> None:
    """Each option is a field of the request."""
    words = ["-v", "--error-codes", "--debug-simulate-errors", "--no-nplus1-mem", "-g", "default"]
    words += ["--no-hv-param-assessment", "-I", "ENODEHV", "--ignore-errors=ENODEOS"]
    ran, op = run(tmp_path, *words, "--verify-ssh-clutter", results=[True])
    assert ran.status == 0
    assert sorted(op.pop("ignore_errors")) == ["ENODEHV", "ENODEOS"]
    assert sorted(op.pop("skip_checks")) == ["hvparam_assessment", "nplusone_mem"]
    assert op == {
        "verbose": True,
        "error_codes": True,
        "debug_simulate_errors": True,
        "verify_clutter": True,
        "group_name": "default",
    }


def test_jobs(tmp_path: Path) -> None:
    """All jobs are followed, with what they say; one that found errors fails the command."""
    ran, _ = run(tmp_path, results=[True, False])
    assert ran.status == 1
    lines = ran.stdout.splitlines()
    assert lines[0] == "Submitted jobs 2, 3"
    assert lines[1::2] == ["Waiting for job 2 ...", "Waiting for job 3 ..."]
    assert lines[2].endswith("  - ERROR: node n: bad")


def test_failed_job(tmp_path: Path) -> None:
    """A job that fails does not keep the others from being shown."""
    error = OpPrereqError("Node group 'x' not found", "unknown_entity")
    ran, _ = run(tmp_path, results=[error, True])
    assert ran.status == 1
    assert ran.stdout.endswith("1 job(s) failed while verifying the cluster.\n")
    assert ran.stderr.startswith("Job 2 has failed: Failure: prerequisites not met")


def test_no_jobs(tmp_path: Path) -> None:
    """A dry run makes none."""
    ran, _ = run(tmp_path, "--dry-run", results=[])
    assert ran == (0, "", "", "")


def test_codes() -> None:
    """The words that C{--ignore-errors} takes are all there are."""
    assert list(CODES) == sorted(VerifyCode)


@pytest.mark.parametrize("word", ["", "NOSUCH", "ENODEHV,ENODEOS"])
def test_unknown_code(tmp_path: Path, word: str) -> None:
    """Other words are a wrong use."""
    ran = VirtualNode(tmp_path).run("gnt-cluster", "verify", f"--ignore-errors={word}")
    assert ran.status == 2
    assert f"option --ignore-errors: invalid choice: '{word}'" in ran.stderr
