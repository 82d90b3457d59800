"""One call of every type."""

from __future__ import annotations

from typing import Any

import msgspec

from ganeti.model.hypervisors import HypervisorName
from ganeti.model.secret import Secret
from ganeti.rpc import calls
from ganeti.rpc.calls import Call
from ganeti.rpc.roles import RoleRecord
from support.samples import make_disk
from support.specs import make_spec

# A value for each field that has no default, by its name.
VALUES: dict[str, Any] = {
    "name": "inst1.example.com",
    "hypervisor": HypervisorName.FAKE,
    "hypervisors": (HypervisorName.FAKE,),
    "kind": calls.FileKind.CLUSTER,
    "path": "instance-add",
    "record": RoleRecord(term=1, master_uuid="u", master_digest="d"),
    "values": {"master_node": "node1"},
    "entries": (msgspec.Raw(b"{}"),),
    "snapshot_id": "s",
    "part": 0,
    "data": b"\0",
    "content": Secret("x"),
    "job_ids": (1, 2),
    "request_id": "1/0/0",
    "disk": make_disk(1),
    "renamed": make_disk(1),
    "memory_mib": 128,
    "instance_uuid": "u",
    "instance_name": "inst1.example.com",
    "spec": make_spec(1),
    "uuid": "u",
    "os_name": "busybox",
    "old_name": "inst0.example.com",
    "phase": calls.HookPhase.PRE,
    "env": {},
    "duration_s": 0.0,
    "document": msgspec.Raw(b"{}"),
}


def sample(kind: type[Call[Any]]) -> Call[Any]:
    """A call of this type."""
    fields = msgspec.structs.fields(kind)
    values = {field.name: VALUES[field.name] for field in fields if field.required}
    if kind is calls.UploadFile:
        values["name"] = calls.LogicalFile.CA_KEY
    return kind(**values)
