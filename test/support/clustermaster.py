"""A master daemon that tells of a described cluster what placement's tools ask, and runs jobs."""

from __future__ import annotations

import copy
import time
from collections.abc import Mapping, Sequence
from typing import Any

from ganeti.model import codec
from ganeti.model.policy import InstancePolicy

Row = dict[str, Any]

NO_DATA, UNAVAILABLE, OFFLINE = 2, 3, 4
"""Why a value is not known (luxi.json, field_status)."""


class Unknown:
    """A value that is not known."""

    def __init__(self, status: int) -> None:
        self.status = status


POLICY: Row = codec.to_builtins(InstancePolicy())
_LIVE = ("mtotal", "mnode", "mfree", "dtotal", "dfree", "ctotal", "cnos", "sptotal", "spfree")


def a_cluster(**changes: Any) -> Row:
    """What is told of the whole."""
    return {
        "name": "cluster.example.com",
        "master": "node1",
        "enabled_hypervisors": ["fake"],
        "default_hypervisor": "fake",
        "tags": [],
        "ipolicy": copy.deepcopy(POLICY),
        **changes,
    }


def a_group(name: str = "default", **changes: Any) -> Row:
    """A group; its uuid is made from its name."""
    return {
        "uuid": f"{name}-uuid",
        "name": name,
        "alloc_policy": "preferred",
        "ipolicy": copy.deepcopy(POLICY),
        "tags": [],
        **changes,
    }


def a_node(name: str, **changes: Any) -> Row:
    """A node in the group default, with nothing on it."""
    row: Row = {
        "name": name,
        "mtotal": 32768,
        "mnode": 1024,
        "mfree": 31744,
        "dtotal": 1048576,
        "dfree": 1048576,
        "ctotal": 16,
        "cnos": 1,
        "offline": False,
        "drained": False,
        "vm_capable": True,
        "group.uuid": "default-uuid",
        "ndparams": {"spindle_count": 1, "exclusive_storage": False, "cpu_speed": 1.0},
        "tags": [],
        "sptotal": Unknown(UNAVAILABLE),
        "spfree": Unknown(UNAVAILABLE),
        **changes,
    }
    return row | {f"ndp/{name}": value for name, value in row["ndparams"].items()}


def a_silent_node(name: str, status: int, **changes: Any) -> Row:
    """A node whose live data is not known, for this reason."""
    return a_node(name, **dict.fromkeys(_LIVE, Unknown(status)), **changes)


def an_instance(name: str, primary: str, secondary: str = "", **changes: Any) -> Row:
    """A running instance; with DRBD when it has a secondary node."""
    row: Row = {
        "name": name,
        "disk_usage": 1152,
        "be/maxmem": 1024,
        "be/vcpus": 1,
        "be/spindle_use": 1,
        "be/auto_balance": True,
        "status": "running",
        "pnode": primary,
        "snodes": [secondary] if secondary else [],
        "tags": [],
        "disk_template": "drbd" if secondary else "plain",
        "disk.sizes": [1024],
        "disk.spindles": [None],
        "nic.networks": [None],
        "forthcoming": False,
        **changes,
    }
    return row | {"be/memory": row["be/maxmem"]}


class ClusterMaster:
    """
    An answer function for L{support.fakemaster.FakeMaster}.

    Jobs end C{job_s} seconds after they were submitted, well but for those in C{endings} (status,
    opresult by job id). A job with an opcode in C{refused} is not taken.

    @ivar jobs: by id, the opcodes that were submitted.
    @ivar rows: by kind, the described objects.
    """

    def __init__(
        self,
        *,
        cluster: Row | None = None,
        groups: Sequence[Row] = (),
        networks: Sequence[Row] = (),
        nodes: Sequence[Row] = (),
        instances: Sequence[Row] = (),
        job_s: float = 0.0,
        endings: Mapping[int, tuple[str, list[Any]]] | None = None,
        refused: Mapping[str, str] | None = None,
        other: Mapping[str, Any] | None = None,
    ) -> None:
        self.jobs: dict[int, list[Row]] = {}
        self.cluster = cluster or a_cluster()
        self.rows = {
            "group": groups or [a_group()],
            "network": networks,
            "node": nodes,
            "instance": instances,
        }
        self._job_s = job_s
        self._endings = endings or {}
        self.refused = refused or {}
        self._other = other or {}
        self._submitted: dict[int, float] = {}

    def __call__(self, method: str, args: list[Any]) -> Any:
        if method in self._other:
            return self._other[method]
        return getattr(self, f"_{method}")(*args)

    def _QueryClusterInfo(self) -> Row:
        return self.cluster

    def _Query(self, what: str, fields: list[str], _filter: Any) -> Row:
        told = [{"name": name, "title": name, "kind": "other", "doc": ""} for name in fields]
        return {
            "fields": told,
            "data": [[_cell(row, name) for name in fields] for row in self.rows[what]],
        }

    def _SubmitManyJobs(self, jobs: list[list[Row]]) -> list[list[Any]]:
        return [self._submit(ops) for ops in jobs]

    def _submit(self, ops: list[Row]) -> list[Any]:
        for op in ops:
            if op["OP_ID"] in self.refused:
                return [False, self.refused[op["OP_ID"]]]
        job_id = len(self.jobs) + 1
        self.jobs[job_id] = ops
        self._submitted[job_id] = time.monotonic()
        return [True, job_id]

    def _status(self, job_id: int) -> str:
        if time.monotonic() < self._submitted[job_id] + self._job_s:
            return "running"
        return self._endings.get(job_id, ("success", []))[0]

    def _QueryJobs(self, ids: list[int], fields: list[str]) -> list[list[Any]]:
        rows = []
        for job_id in map(int, ids):
            status, results = self._endings.get(job_id, ("success", [None]))
            known = {
                "id": job_id,
                "status": self._status(job_id),
                "opstatus": [status],
                "opresult": results,
            }
            rows.append([known[name] for name in fields])
        return rows

    def _WaitForJobChange(
        self, job_id: int, _fields: list[str], known: Any, _serial: int | None, timeout_s: float
    ) -> Any:
        end = time.monotonic() + timeout_s
        while [self._status(job_id)] == known and time.monotonic() < end:
            time.sleep(0.01)
        return [[self._status(job_id)], []]


def _cell(row: Row, name: str) -> list[Any]:
    value = row[name]
    return [value.status, None] if isinstance(value, Unknown) else [0, value]


def rapi_answers(master: ClusterMaster) -> dict[str, Any]:
    """What the remote API tells of the same cluster, by path."""
    rows = {what: [_plain(row) for row in found] for what, found in master.rows.items()}
    return {
        "/2/info": master.cluster,
        "/2/groups?bulk=1": rows["group"],
        "/2/networks?bulk=1": rows["network"],
        "/2/nodes?bulk=1": rows["node"],
        "/2/instances?bulk=1": [_with_params(row) for row in rows["instance"]],
    }


def _plain(row: Row) -> Row:
    return {name: None if isinstance(it, Unknown) else it for name, it in row.items()}


def _with_params(row: Row) -> Row:
    """An instance as the remote API tells it: backend parameters together, and what it uses."""
    params = {name[3:]: row[name] for name in row if name.startswith("be/")}
    rest = {name: row[name] for name in row if not name.startswith("be/")}
    return {"oper_ram": None, **rest, "beparams": params}
