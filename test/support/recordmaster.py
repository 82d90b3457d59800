"""A master daemon's answers, made from the record of the run that is to be repeated."""

from __future__ import annotations

import re
from typing import Any

from ganeti.errors import GanetiError, JobLost, RequestError, encode_error
from ganeti.opcodes import decode_opcode
from support import recorded, recordvalues
from support.recorded import Record

_JOB_FAILED = re.compile(r"Job \d+(?: for \S+)?(?: has)? failed: (.*)", re.DOTALL)
_WAITING = re.compile(r"Waiting for job (\d+) for (.+?) \.\.\.")
_SUBMITTED = re.compile(r"(?:JobID: )?(\d+)(?:: (\S+))?")


class RecordMaster:
    """
    Answers so that the command can print what was recorded.

    Jobs that are submitted must decode as opcodes.
    """

    def __init__(self, record: Record) -> None:
        self._record = record
        self._job_ids = self._recorded_job_ids()
        self._batch = record.command == "batch-create" and "Submitted" in record.stdout
        text = "" if self._batch else record.stderr  # each of its jobs ends in its own way
        match = _JOB_FAILED.fullmatch(text)
        self._error = recorded.failure(match[1] if match else text)

    def __call__(self, method: str, args: list[Any]) -> Any:
        return getattr(self, f"_{method}")(*args)

    def _recorded_job_ids(self) -> list[int]:
        text = self._record.stdout
        found = [int(match[1]) for match in _WAITING.finditer(text)]
        if not found:
            lines = [*text.splitlines(), *self._record.stderr.splitlines()]
            found = [int(m[1]) for m in map(_SUBMITTED.fullmatch, lines) if m]
        return found or [1]

    def _raise_recorded(self) -> None:
        if self._error is not None:
            raise self._error

    # -- queries

    def _Query(self, what: str, fields: list[str], _filter: Any) -> Any:
        self._raise_recorded()
        if self._record.command in ("cancel", "change-priority"):
            return {"fields": recorded.field_definitions(what, fields), "data": []}
        definitions = recorded.field_definitions(what, fields)
        cells = recorded.table_cells(self._record, definitions)
        if what == "lock":
            cells = recorded.locks(cells, definitions)
        return {"fields": definitions, "data": cells}

    def _QueryFields(self, what: str, names: list[str] | None) -> Any:
        return {"fields": [self._with_doc(f) for f in recorded.field_definitions(what, names)]}

    def _with_doc(self, field: dict[str, str]) -> dict[str, str]:
        for line in self._record.stdout.splitlines():
            if re.match(re.escape(field["name"]) + r"[ :]", line):
                title = re.escape(field["title"])
                match = re.search(rf"[ :]{title}[ :]+(.*)", line[len(field["name"]) :])
                if match:
                    return field | {"doc": match[1]}
        return field

    def _QueryInstances(self, names: list[str], _fields: list[str], _lock: bool) -> Any:
        if self._error is not None and "does not match" in str(self._error):
            return []
        if self._record.shown and not names:
            return [[name] for name in re.findall(r"^  (\S+)\r$", self._record.shown, re.M)[:3]]
        known = [name for name in names if not name.startswith("nosuch")]
        if self._record.command == "console":
            return [self._console(name) for name in known]
        if "--tags" in self._record.argv:
            return [["instance3", ["t1", "t2"]]]
        return [[name] for name in known or ["instance1", "instance2"]]

    def _console(self, name: str) -> list[Any]:
        message = {"instance": name, "kind": "msg", "message": self._record.stdout.rstrip()}
        return [name, message if self._record.status == 0 else None, None]

    def _QueryNodes(self, names: list[str], fields: list[str], _lock: bool) -> Any:
        if self._record.command == "add":
            present = (
                "already in the cluster" in self._record.stderr or "--readd" in self._record.argv
            )
            return [[names[0] for _field in fields]] if present else []
        if self._record.command in ("command", "copyfile"):
            offline = "offline node(s): node3" in self._record.stderr
            known = names or ["node1", "node2", "node3"]
            values = [{"name": n, "offline": offline and n == "node3"} for n in known]
            common = {"master": False, "ndp/ssh_port": 22}
            rows = [common | v | {"master": v["name"] == "node1"} for v in values]
            return [[row.get(field, "") for field in fields] for row in rows]
        if self._record.command != "info":
            return []
        nodes = recorded.parse_tree(self._record.stdout.rstrip("\n").splitlines())
        return [[recordvalues.node_value(node, field) for field in fields] for node in nodes]

    def _QueryGroups(self, names: list[str], fields: list[str], _lock: bool) -> Any:
        if self._record.command == "show-ispecs-cmd":
            row = {"name": names[0], "uuid": "", "ipolicy": None, "custom_ipolicy": {}}
            return [[row[field] for field in fields]]
        text = recorded.uncut(self._record.stdout).rstrip("\n")
        groups = recorded.parse_tree(text.splitlines())
        return [[recordvalues.group_values(group)[field] for field in fields] for group in groups]

    def _QueryTags(self, _kind: str, _name: str) -> Any:
        self._raise_recorded()
        return self._record.stdout.splitlines()

    def _QueryConfigValues(self, _fields: list[str]) -> Any:
        return [self._record.stdout.endswith(" set\n")]

    def _SetDrainFlag(self, _flag: bool) -> Any:
        return True

    def _QueryClusterInfo(self) -> Any:
        self._raise_recorded()
        if self._record.command == "version":
            return recordvalues.version_info(self._record.stdout)
        if self._record.command == "show-ispecs-cmd":
            return recordvalues.ispecs(self._record.stdout)
        tree = recorded.parse_tree(recorded.uncut(self._record.stdout).splitlines())
        return recordvalues.cluster_info(recordvalues.completed(tree))

    # -- jobs

    def _SubmitJob(self, ops: list[dict[str, Any]]) -> int:
        for op in ops:
            _check_opcode(op)
        self._ops = ops
        return self._job_ids[0]

    def _SubmitManyJobs(self, jobs: list[list[dict[str, Any]]]) -> Any:
        for ops in jobs:
            self._SubmitJob(ops)
        return [[True, job_id] for job_id in self._job_ids[: len(jobs)]]

    def _WaitForJobChange(
        self, _job_id: int, _fields: list[str], _info: Any, serial: int | None, _timeout: int
    ) -> Any:
        if isinstance(self._error, JobLost):
            raise self._error
        if self._record.command == "verify" or self._batch:
            return self._verification(_job_id, serial)
        entries = recorded.log_entries(self._record.stdout)
        return [[self._status()], [e for e in entries if e[0] > (serial or 0)]]

    def _verification(self, job_id: int, serial: int | None) -> Any:
        """One of the jobs that a job made; the one that made them has no log."""
        entries = recorded.log_entries(self._sections().get(job_id, ""))
        status = "success" if job_id == self._job_ids[0] else self._status(job_id)
        return [[status], [e for e in entries if e[0] > (serial or 0)]]

    def _sections(self) -> dict[int, str]:
        """What was printed while each job was waited for."""
        parts = re.split(r"^Waiting for job (\d+) \.\.\.$", self._record.stdout, flags=re.M)
        return {int(job_id): text for job_id, text in zip(parts[1::2], parts[2::2], strict=True)}

    def _verified(self, job_id: int) -> Any:
        """The result of such a job."""
        sections = self._sections()
        if job_id != self._job_ids[0]:
            return self._record.status == 0 or "ERROR" not in sections.get(job_id, "ERROR")
        return {"jobs": self._made()}

    def _made(self) -> list[Any]:
        """The jobs that a job made."""
        line = re.match(r"Submitted jobs (.*)", self._record.stdout)
        return [[True, int(each)] for each in line[1].split(", ")] if line else []

    def _error_of(self, job_id: int) -> GanetiError | None:
        """What a job failed with that another one made."""
        found = re.search(rf"^Job {job_id} has failed: (.*\n.*\n.*\n)", self._record.stderr, re.M)
        return recorded.failure(found[1]) if found else None

    def _status(self, job_id: int | None = None) -> str:
        if self._batch and job_id is not None:
            return "success" if self._error_of(job_id) is None else "error"
        if self._error is None:
            return "success"
        return "canceled" if "canceled" in str(self._error) else "error"

    def _QueryJobs(self, ids: list[int], fields: list[str]) -> Any:
        if self._record.command == "info" and self._record.program == "gnt-job":
            jobs = recorded.parse_tree(self._record.stdout.splitlines())
            return [
                recordvalues.job_row(job, job_id, fields)
                for job, job_id in zip(jobs, ids, strict=True)
            ]
        if self._record.command == "verify" and (not self._error or ids[0] == 1):
            return [["success", ["success"], [self._verified(ids[0])]]]
        if self._record.command == "reinstall" and self._asks_for_systems():
            return [["success", ["success"], [self._result()]]]
        if self._batch and (error := self._error_of(ids[0])) is not None:
            return [["error", ["error"], [encode_error(error)]]]
        result = encode_error(self._error) if self._error else self._result()
        return [[self._status(), [self._status()], [result]]]

    def _asks_for_systems(self) -> bool:
        return any(op["OP_ID"] == "OP_OS_DIAGNOSE" for op in self._ops)

    def _result(self) -> Any:
        kind = self._ops[0]["OP_ID"] if hasattr(self, "_ops") else ""
        if kind == "OP_OS_DIAGNOSE":
            return recordvalues.os_rows(self._record.stdout, self._ops[0]["output_fields"])
        if kind == "OP_TEST_ALLOCATOR":
            return self._record.stdout.removesuffix("\n")
        if kind == "OP_INSTANCE_MULTI_ALLOC":
            return {"jobs": self._made(), "allocatable": [], "failed": []}
        if kind == "OP_GROUP_SET_PARAMS":
            found = re.findall(r"^ - (\w+) -> (.*)$", self._record.stdout, re.MULTILINE)
            return [[name, recorded.literal(text)] for name, text in found]
        if kind == "OP_TAGS_SEARCH":
            return [line.split(" ") for line in self._record.stdout.splitlines()]
        if kind == "OP_NODE_SET_PARAMS":
            return [list(m) for m in re.findall(r"^ - (\w+) +-> (.*)$", self._record.stdout, re.M)]
        if kind == "OP_INSTANCE_SET_PARAMS":
            return [list(m) for m in re.findall(r"^ - (\S+) +-> (.*)$", self._record.stdout, re.M)]
        if kind == "OP_INSTANCE_RENAME":
            return re.fullmatch(r"Instance '.*' renamed to '(.*)'\n", self._record.stdout)[1]
        if kind == "OP_INSTANCE_QUERY_DATA":
            text = recorded.uncut(self._record.stdout)
            lines = [line for line in text.splitlines() if not re.match(r"\w{3} \w{3} ", line)]
            trees = recorded.parse_tree(lines)
            found = [
                recordvalues.instance_data(trees[0] | tree) for tree in trees
            ]  # one may be cut off
            return {data["uuid"]: data for data in found}
        return None

    def _CancelJob(self, _job_id: int, _kill: bool) -> Any:
        return [self._record.status == 0, self._record.stdout.rstrip("\n")]

    def _ChangeJobPriority(self, _job_id: int, _priority: int) -> Any:
        return [self._record.status == 0, self._record.stdout.rstrip("\n")]

    def _ArchiveJob(self, _job_id: int) -> Any:
        return self._record.status == 0

    def _AutoArchiveJobs(self, _age: int, _timeout: int) -> Any:
        return [int(number) for number in re.findall(r"\d+", self._record.stdout)]


def _check_opcode(op: dict[str, Any]) -> None:
    import json

    try:
        decode_opcode(json.dumps(op).encode(), submitted=True)
    except GanetiError as err:
        raise RequestError(f"Failed to parse request: SubmitJob: {err}") from err
