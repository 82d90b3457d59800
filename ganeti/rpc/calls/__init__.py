"""
What a node can be asked: one record per call.

The class is the definition: its fields, its answer (the parameter of C{Call}),
how long it may take, who may send it. A new call is a record in one of these modules,
a line in C{NodeCall} and a handler in noded; tests fail while one is missing.
"""

from __future__ import annotations

from typing import Any, get_args

from msgspec import Raw

from ganeti.errors import ParseError
from ganeti.model import codec
from ganeti.rpc.calls.allocators import AllocatorOutput, RunAllocator
from ganeti.rpc.calls.call import Call, result_type, tag_of
from ganeti.rpc.calls.disks import (
    ActivateDisk,
    CheckFileStorage,
    CreateDisk,
    DeactivateDisk,
    FoundDisk,
    ListDisks,
    RemoveDisk,
    RenameDisk,
)
from ganeti.rpc.calls.facts import FileKind, GetNodeInfo, ListFiles, VerifyNode
from ganeti.rpc.calls.hooks import HookPhase, RunHooks
from ganeti.rpc.calls.instances import (
    GetInstance,
    ListInstances,
    RebootInstance,
    SetMemory,
    StartInstance,
    StopInstance,
)
from ganeti.rpc.calls.membership import (
    LeaveCluster,
    LogicalFile,
    LogPosition,
    NodeVersion,
    SetRole,
    StoreAppend,
    StorePosition,
    StoreSnapshot,
    UploadFile,
    VersionInfo,
    WriteSsconf,
)
from ganeti.rpc.calls.oses import DiagnoseOs, GetOs, RunOsCreate, RunOsRename
from ganeti.rpc.calls.power import POWERCYCLE_DELAY_S, PowercycleNode
from ganeti.rpc.calls.requests import (
    CancelTask,
    Delay,
    EndRequest,
    ForgetJob,
    ListRequests,
    RequestInfo,
    TaskProgress,
    WatchTask,
)

__all__ = [
    "CALLS",
    "POWERCYCLE_DELAY_S",
    "ActivateDisk",
    "AllocatorOutput",
    "Call",
    "CancelTask",
    "CheckFileStorage",
    "CreateDisk",
    "DeactivateDisk",
    "Delay",
    "DiagnoseOs",
    "EndRequest",
    "FileKind",
    "ForgetJob",
    "FoundDisk",
    "GetInstance",
    "GetNodeInfo",
    "GetOs",
    "HookPhase",
    "LeaveCluster",
    "ListDisks",
    "ListFiles",
    "ListInstances",
    "ListRequests",
    "LogPosition",
    "LogicalFile",
    "NodeCall",
    "NodeVersion",
    "PowercycleNode",
    "RebootInstance",
    "RemoveDisk",
    "RenameDisk",
    "RequestInfo",
    "RunAllocator",
    "RunHooks",
    "RunOsCreate",
    "RunOsRename",
    "SetMemory",
    "SetRole",
    "StartInstance",
    "StopInstance",
    "StoreAppend",
    "StorePosition",
    "StoreSnapshot",
    "TaskProgress",
    "UploadFile",
    "VerifyNode",
    "VersionInfo",
    "WatchTask",
    "WriteSsconf",
    "decode_call",
    "encode_call",
    "result_type",
    "tag_of",
]

NodeCall = (
    NodeVersion
    | GetNodeInfo
    | ListInstances
    | GetInstance
    | DiagnoseOs
    | GetOs
    | ListFiles
    | ListDisks
    | CheckFileStorage
    | ListRequests
    | StorePosition
    | VerifyNode
    | SetRole
    | WriteSsconf
    | StoreAppend
    | StoreSnapshot
    | UploadFile
    | LeaveCluster
    | ForgetJob
    | EndRequest
    | WatchTask
    | CancelTask
    | CreateDisk
    | RemoveDisk
    | RenameDisk
    | ActivateDisk
    | DeactivateDisk
    | StartInstance
    | StopInstance
    | RebootInstance
    | SetMemory
    | RunOsCreate
    | RunOsRename
    | RunHooks
    | RunAllocator
    | Delay
    | PowercycleNode
)

CALLS: dict[str, type[Call[Any]]] = {
    str(call.__struct_config__.tag): call for call in get_args(NodeCall)
}
"""All calls by their tag."""


def encode_call(call: Call[Any]) -> bytes:
    """As it goes into an envelope and into recovery records."""
    return codec.encode(call)


def decode_call(data: bytes | Raw) -> Call[Any]:
    """@raise ParseError: there is no such call, or its fields are wrong."""
    try:
        call: Call[Any] = codec.decode(bytes(data), NodeCall)
    except ParseError as err:
        raise ParseError(f"cannot read the call: {err.__cause__}") from err
    return call
