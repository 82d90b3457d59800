"""
What a node can be asked: one record per call.

The class is the definition: its fields, its answer (the parameter of C{Call}),
how long it may take, who may send it. A new call is a record here and a handler
in noded; a test fails while one of the two is missing.
"""

from __future__ import annotations

from enum import StrEnum
from functools import cache
from typing import Annotated, Any, ClassVar, Generic, TypeVar, get_args, get_origin

from msgspec import UNSET, Meta, Raw, Struct, UnsetType

from ganeti.errors import ParseError
from ganeti.model import codec
from ganeti.model.disk import Disk
from ganeti.model.findings import NodeFindings, ParameterFile, Peer
from ganeti.model.hypervisors import HypervisorName
from ganeti.model.live import HookResult, InstanceRuntime, InstanceSpec, NodeResources, OsInfo
from ganeti.model.secret import Secret
from ganeti.model.templates import DiskTemplate
from ganeti.rpc.envelope import RequestId
from ganeti.rpc.roles import Role, RoleRecord

__all__ = ["CALLS", "Call", "NodeCall", "RoleRecord", "decode_call", "encode_call", "result_type"]

R = TypeVar("R")

MASTER = frozenset({Role.MASTER})
MASTER_AND_CANDIDATES = frozenset({Role.MASTER, Role.CANDIDATE})

Seconds = Annotated[float, Meta(ge=0, le=7 * 86400)]
POWERCYCLE_DELAY_S = 5.0
"""Between a node's answer and its restart, so that the answer is heard."""


class Call(Struct, Generic[R], frozen=True, kw_only=True, tag_field="call"):
    """
    A request to a node, answered by an C{R}.

    @cvar timeout_s: how long the node lets it run, unless C{limit_s} says otherwise.
    @cvar roles: who may send it; every call declares its own.
    @cvar changes: it changes something, and carries a request id; the node
        keeps the answer until the job is final, and a repeat gets that answer.
    @cvar repeatable: it changes something, but running it twice is as good as
        once, so that it needs no request id.
    @cvar task: it may take longer than 30 s: the node answers at once that it
        is started, and it outlives the connection.
    @cvar resumable: of a task: after a crash of the node's daemon a repeat runs it again,
        as it runs other calls again; other tasks have failed then.
    @cvar answer_limit: bytes that an answer may have.
    """

    timeout_s: ClassVar[float] = 60.0
    roles: ClassVar[frozenset[Role]]
    changes: ClassVar[bool] = False
    repeatable: ClassVar[bool] = False
    task: ClassVar[bool] = False
    resumable: ClassVar[bool] = False
    answer_limit: ClassVar[int] = 1 << 20

    def object_key(self) -> str:
        """What it changes: calls with the same key run one after another; "" is nothing."""
        return ""

    def limit_s(self) -> float:
        """How long the node lets it run, in seconds."""
        return self.timeout_s


# -- Answers


class VersionInfo(Struct, frozen=True, kw_only=True):
    """What runs on a node, and which node it is."""

    protocol: int
    release: str
    name: str
    uuid: str
    term: int
    certificate_digest: str = ""
    """Of the node's own certificate; the master lists it when the node becomes a candidate."""


class LogPosition(Struct, frozen=True, kw_only=True):
    """How far the copy of the cluster's log on a node goes; all zero without a copy."""

    index: int = 0
    term: int = 0
    digest: str = ""


class RequestInfo(Struct, frozen=True, kw_only=True):
    """A request that a node remembers."""

    request_id: str
    state: str
    """C{open}, C{done} or C{tombstone}."""
    running: bool = False


class FoundDisk(Struct, frozen=True, kw_only=True):
    """Something that Ganeti keeps in one kind of storage, whether a disk claims it or not."""

    dev_type: DiskTemplate
    place: str
    """As at the end of a disk's C{logical_id}."""


class TaskProgress(Struct, frozen=True, kw_only=True):
    """What a task has printed, and how it ended."""

    lines: tuple[str, ...] = ()
    next: int = 0
    """Number of the line after C{lines}; hand it to the next C{WatchTask}."""
    done: bool = False
    answer: Raw | UnsetType = UNSET
    """Once done: the L{ganeti.rpc.envelope.Answer}."""
    dropped: int = 0
    """Lines before C{lines} that nobody fetched in time."""


# -- Asking


class NodeVersion(Call[VersionInfo], frozen=True, kw_only=True, tag="node_version"):
    """What runs there?"""

    timeout_s: ClassVar[float] = 10.0
    roles: ClassVar[frozenset[Role]] = MASTER_AND_CANDIDATES


class GetNodeInfo(Call[NodeResources], frozen=True, kw_only=True, tag="get_node_info"):
    """What does the node have, and what of it is free?"""

    roles: ClassVar[frozenset[Role]] = MASTER
    hypervisors: tuple[HypervisorName, ...] = ()
    """The first of them is asked for memory and processors."""
    storage: tuple[tuple[str, str], ...] = ()
    """(storage type, its key), such as C{("file", "/srv/ganeti/file-storage")}."""


class ListInstances(
    Call[tuple[InstanceRuntime, ...]], frozen=True, kw_only=True, tag="list_instances"
):
    """What runs on the node?"""

    roles: ClassVar[frozenset[Role]] = MASTER
    answer_limit: ClassVar[int] = 8 << 20
    hypervisors: tuple[HypervisorName, ...]


class GetInstance(Call[InstanceRuntime | None], frozen=True, kw_only=True, tag="get_instance"):
    """How is one instance? None: it does not run."""

    roles: ClassVar[frozenset[Role]] = MASTER
    name: str
    hypervisor: HypervisorName


class DiagnoseOs(Call[tuple[OsInfo, ...]], frozen=True, kw_only=True, tag="diagnose_os"):
    """Which OS definitions are there? All of them, also the hidden and the broken."""

    roles: ClassVar[frozenset[Role]] = MASTER


class GetOs(Call[OsInfo | None], frozen=True, kw_only=True, tag="get_os"):
    """The OS definition that C{name} (without a variant) finds; None: there is none."""

    roles: ClassVar[frozenset[Role]] = MASTER
    name: str


class FileKind(StrEnum):
    """Which files of ours L{ListFiles} lists."""

    CLUSTER = "cluster"
    """Configuration, keys, ssconf."""
    FILE_STORAGE = "file-storage"
    """Everything below the directories for file storage."""
    OS_LOG = "os-log"


class ListFiles(Call[tuple[str, ...]], frozen=True, kw_only=True, tag="list_files"):
    """Which files of ours are there? For audits."""

    roles: ClassVar[frozenset[Role]] = MASTER
    answer_limit: ClassVar[int] = 8 << 20
    kind: FileKind


class ListDisks(Call[tuple[FoundDisk, ...]], frozen=True, kw_only=True, tag="list_disks"):
    """Which disks of ours are there?"""

    roles: ClassVar[frozenset[Role]] = MASTER
    answer_limit: ClassVar[int] = 8 << 20


class CheckFileStorage(Call[str], frozen=True, kw_only=True, tag="check_file_storage"):
    """May disks be kept in this directory? Empty when they may, else why not."""

    roles: ClassVar[frozenset[Role]] = MASTER
    path: str


class ListRequests(Call[tuple[RequestInfo, ...]], frozen=True, kw_only=True, tag="list_requests"):
    """Which requests does the node remember?"""

    roles: ClassVar[frozenset[Role]] = MASTER
    answer_limit: ClassVar[int] = 8 << 20


class StorePosition(Call[LogPosition], frozen=True, kw_only=True, tag="store_position"):
    """How far does the node's copy of the log go?"""

    timeout_s: ClassVar[float] = 10.0
    roles: ClassVar[frozenset[Role]] = MASTER_AND_CANDIDATES


class VerifyNode(Call[NodeFindings], frozen=True, kw_only=True, tag="verify_node"):
    """
    What is there of all this? One call with every question of a verification.

    Paths are those of a real machine; a node of a virtual cluster puts its root before them.
    """

    timeout_s: ClassVar[float] = 60.0
    roles: ClassVar[frozenset[Role]] = MASTER
    answer_limit: ClassVar[int] = 8 << 20
    certificates: bool = False
    machine: bool = False
    """Is the machine set up at all?"""
    hypervisors: tuple[HypervisorName, ...] = ()
    parameter_files: tuple[ParameterFile, ...] = ()
    files: tuple[str, ...] = ()
    """Checksums of these."""
    peers: tuple[Peer, ...] = ()
    port: Annotated[int, Meta(ge=1, le=65535)] = 1811
    """On which peers are to answer."""
    bridges: tuple[str, ...] = ()
    oses: bool = False
    disks: tuple[Disk, ...] = ()
    templates: tuple[DiskTemplate, ...] = ()
    """Where to look for disks that nobody asked about."""
    storage: tuple[tuple[str, str], ...] = ()
    """(storage type, directory) of file storage."""
    programs: tuple[str, ...] = ()


# -- Membership and the cluster's state


class SetRole(Call[None], frozen=True, kw_only=True, tag="set_role"):
    """
    Replace the node's role record.

    The record's term is the envelope's, and not lower than the node's. A node
    that is no candidate any more drops its copy of the log.
    """

    roles: ClassVar[frozenset[Role]] = MASTER
    changes: ClassVar[bool] = True
    repeatable: ClassVar[bool] = True
    record: RoleRecord

    def object_key(self) -> str:
        return "role"


class WriteSsconf(Call[None], frozen=True, kw_only=True, tag="write_ssconf"):
    """
    Write ssconf files.

    A candidate writes all its files again, from its own copy of the log.
    """

    roles: ClassVar[frozenset[Role]] = MASTER
    changes: ClassVar[bool] = True
    repeatable: ClassVar[bool] = True
    values: dict[Annotated[str, Meta(pattern=r"^[a-z][a-z0-9_-]*\Z")], str]

    def object_key(self) -> str:
        return "ssconf"


class StoreAppend(Call[LogPosition], frozen=True, kw_only=True, tag="store_append"):
    """
    Entries of the log for a candidate, which follow its position.

    Entries that it has are skipped; the answer is where its copy ends now.
    """

    roles: ClassVar[frozenset[Role]] = MASTER
    changes: ClassVar[bool] = True
    repeatable: ClassVar[bool] = True
    entries: tuple[Raw, ...]
    """Encoded C{store.entry.Entry}."""

    def object_key(self) -> str:
        return "store"


class StoreSnapshot(Call[LogPosition], frozen=True, kw_only=True, tag="store_snapshot"):
    """
    One part of a snapshot for a candidate; with the last part it takes the place of its copy.

    Parts of another C{snapshot_id} than the last seen begin anew.
    """

    timeout_s: ClassVar[float] = 300.0
    roles: ClassVar[frozenset[Role]] = MASTER
    changes: ClassVar[bool] = True
    repeatable: ClassVar[bool] = True
    snapshot_id: str
    part: Annotated[int, Meta(ge=0)]
    data: bytes
    last: bool = False

    def object_key(self) -> str:
        return "store"


class LogicalFile(StrEnum):
    """Files that may be sent to a node: by these names, never by path."""

    CA_KEY = "ca_key"
    HMAC_KEY = "hmac_key"
    CLUSTER_DOMAIN_SECRET = "cluster_domain_secret"
    RAPI_PEM = "rapi_pem"
    KNOWN_HOSTS = "known_hosts"


class UploadFile(Call[None], frozen=True, kw_only=True, tag="upload_file"):
    """Write one of the cluster's files, or remove it."""

    roles: ClassVar[frozenset[Role]] = MASTER
    changes: ClassVar[bool] = True
    repeatable: ClassVar[bool] = True
    name: LogicalFile
    content: Secret | None
    """Text; None removes the file."""

    def object_key(self) -> str:
        return f"file/{self.name}"


class LeaveCluster(Call[None], frozen=True, kw_only=True, tag="leave_cluster"):
    """
    Forget the cluster: keys, configuration and ssconf are removed, nobody is obeyed any more.

    The daemon ends after it has answered.
    """

    roles: ClassVar[frozenset[Role]] = MASTER
    changes: ClassVar[bool] = True
    repeatable: ClassVar[bool] = True

    def object_key(self) -> str:
        return "role"


# -- Requests and tasks


class ForgetJob(Call[None], frozen=True, kw_only=True, tag="forget_job"):
    """
    These jobs are final and owe this node nothing: drop their requests, answers and tombstones.

    Requests of theirs that come late are refused.
    """

    roles: ClassVar[frozenset[Role]] = MASTER
    changes: ClassVar[bool] = True
    repeatable: ClassVar[bool] = True
    job_ids: tuple[Annotated[int, Meta(ge=0)], ...]


class EndRequest(Call[None], frozen=True, kw_only=True, tag="end_request"):
    """End a request and wait for that; if it never came, see to it that it never starts."""

    roles: ClassVar[frozenset[Role]] = MASTER
    changes: ClassVar[bool] = True
    repeatable: ClassVar[bool] = True
    request_id: RequestId


class WatchTask(Call[TaskProgress], frozen=True, kw_only=True, tag="watch_task"):
    """What has the task printed since line C{since}? Waits for news, or C{wait_s}."""

    roles: ClassVar[frozenset[Role]] = MASTER
    answer_limit: ClassVar[int] = 4 << 20
    request_id: RequestId
    since: Annotated[int, Meta(ge=0)] = 0
    wait_s: Annotated[float, Meta(ge=0, le=30)] = 20.0


class CancelTask(Call[None], frozen=True, kw_only=True, tag="cancel_task"):
    """End the task's process group; its answer becomes an error."""

    roles: ClassVar[frozenset[Role]] = MASTER
    changes: ClassVar[bool] = True
    repeatable: ClassVar[bool] = True
    request_id: RequestId


# -- Disks


class CreateDisk(Call[str], frozen=True, kw_only=True, tag="create_disk"):
    """Make a disk and return its path; what it would overwrite is refused."""

    timeout_s: ClassVar[float] = 300.0
    roles: ClassVar[frozenset[Role]] = MASTER
    changes: ClassVar[bool] = True
    disk: Disk
    instance_uuid: str
    instance_name: str

    def object_key(self) -> str:
        return f"disk/{self.disk.uuid}"


class RemoveDisk(Call[None], frozen=True, kw_only=True, tag="remove_disk"):
    """Remove a disk; one that is not there is removed already."""

    timeout_s: ClassVar[float] = 300.0
    roles: ClassVar[frozenset[Role]] = MASTER
    changes: ClassVar[bool] = True
    disk: Disk
    own_only: bool = False
    """Only what is certainly this disk: for taking back a creation that may have been refused."""

    def object_key(self) -> str:
        return f"disk/{self.disk.uuid}"


class RenameDisk(Call[None], frozen=True, kw_only=True, tag="rename_disk"):
    """Move a disk to the place of C{renamed}, the same disk; one that is there is moved already."""

    timeout_s: ClassVar[float] = 300.0
    roles: ClassVar[frozenset[Role]] = MASTER
    changes: ClassVar[bool] = True
    disk: Disk
    renamed: Disk

    def object_key(self) -> str:
        return f"disk/{self.disk.uuid}"


class ActivateDisk(Call[str], frozen=True, kw_only=True, tag="activate_disk"):
    """Make a disk usable and return its path."""

    timeout_s: ClassVar[float] = 300.0
    roles: ClassVar[frozenset[Role]] = MASTER
    changes: ClassVar[bool] = True
    disk: Disk

    def object_key(self) -> str:
        return f"disk/{self.disk.uuid}"


class DeactivateDisk(Call[None], frozen=True, kw_only=True, tag="deactivate_disk"):
    """Take a disk out of use; its content stays."""

    timeout_s: ClassVar[float] = 300.0
    roles: ClassVar[frozenset[Role]] = MASTER
    changes: ClassVar[bool] = True
    disk: Disk

    def object_key(self) -> str:
        return f"disk/{self.disk.uuid}"


# -- Instances


class StartInstance(Call[None], frozen=True, kw_only=True, tag="start_instance"):
    """Start an instance; its disks are activated first."""

    timeout_s: ClassVar[float] = 300.0
    roles: ClassVar[frozenset[Role]] = MASTER
    changes: ClassVar[bool] = True
    spec: InstanceSpec
    paused: bool = False

    def object_key(self) -> str:
        return f"instance/{self.spec.instance.name}"


class StopInstance(Call[None], frozen=True, kw_only=True, tag="stop_instance"):
    """Stop an instance; one that does not run is stopped already."""

    roles: ClassVar[frozenset[Role]] = MASTER
    changes: ClassVar[bool] = True
    task: ClassVar[bool] = True
    resumable: ClassVar[bool] = True
    name: str
    uuid: str
    hypervisor: HypervisorName
    shutdown_timeout_s: Seconds = 120.0
    """How long the guest may take; then it is switched off."""
    force: bool = False
    """Switch it off at once."""

    def object_key(self) -> str:
        return f"instance/{self.name}"

    def limit_s(self) -> float:
        return self.shutdown_timeout_s + 120


class RebootInstance(Call[None], frozen=True, kw_only=True, tag="reboot_instance"):
    """
    Start a running instance anew at once, with the parameters in C{spec}.

    After a crash of the node's daemon one that does not run any more is started.
    """

    timeout_s: ClassVar[float] = 300.0
    roles: ClassVar[frozenset[Role]] = MASTER
    changes: ClassVar[bool] = True
    spec: InstanceSpec

    def object_key(self) -> str:
        return f"instance/{self.spec.instance.name}"


class SetMemory(Call[None], frozen=True, kw_only=True, tag="set_memory"):
    """Give a running instance more or less memory."""

    roles: ClassVar[frozenset[Role]] = MASTER
    changes: ClassVar[bool] = True
    name: str
    hypervisor: HypervisorName
    memory_mib: Annotated[int, Meta(ge=1)]

    def object_key(self) -> str:
        return f"instance/{self.name}"


class RunOsCreate(Call[None], frozen=True, kw_only=True, tag="run_os_create"):
    """Run the OS definition's create script on the instance's disks."""

    roles: ClassVar[frozenset[Role]] = MASTER
    changes: ClassVar[bool] = True
    task: ClassVar[bool] = True
    spec: InstanceSpec
    os_name: str
    """With its variant: C{busybox+default}."""
    secret_osparams: dict[str, Secret] = {}
    """Private and secret parameters, by name."""
    reinstall: bool = False
    debug: int = 0
    deadline_s: Seconds = 4 * 3600.0

    def object_key(self) -> str:
        return f"instance/{self.spec.instance.name}"

    def limit_s(self) -> float:
        return self.deadline_s


class RunOsRename(Call[None], frozen=True, kw_only=True, tag="run_os_rename"):
    """Run the OS definition's rename script."""

    roles: ClassVar[frozenset[Role]] = MASTER
    changes: ClassVar[bool] = True
    task: ClassVar[bool] = True
    spec: InstanceSpec
    old_name: str
    secret_osparams: dict[str, Secret] = {}
    debug: int = 0
    deadline_s: Seconds = 4 * 3600.0

    def object_key(self) -> str:
        return f"instance/{self.spec.instance.name}"

    def limit_s(self) -> float:
        return self.deadline_s


# -- Others


class HookPhase(StrEnum):
    """Before or after the operation."""

    PRE = "pre"
    POST = "post"


class RunHooks(Call[tuple[HookResult, ...]], frozen=True, kw_only=True, tag="run_hooks"):
    """Run the node's hook scripts of one operation, and report each."""

    roles: ClassVar[frozenset[Role]] = MASTER
    changes: ClassVar[bool] = True
    task: ClassVar[bool] = True
    answer_limit: ClassVar[int] = 4 << 20
    path: Annotated[str, Meta(pattern=r"^[a-z][a-z0-9-]*\Z")]
    """C{instance-add}: the scripts are in C{instance-add-pre.d}."""
    phase: HookPhase
    env: dict[str, str]
    deadline_s: Seconds = 3600.0
    """For all scripts together."""

    def limit_s(self) -> float:
        return self.deadline_s


class Delay(Call[None], frozen=True, kw_only=True, tag="delay"):
    """Wait; for tests of the job queue."""

    roles: ClassVar[frozenset[Role]] = MASTER
    changes: ClassVar[bool] = True
    task: ClassVar[bool] = True
    resumable: ClassVar[bool] = True
    duration_s: Seconds

    def limit_s(self) -> float:
        return self.duration_s + 30


class PowercycleNode(Call[None], frozen=True, kw_only=True, tag="powercycle_node"):
    """
    Restart the machine at once, soon after the answer.

    On a node of a virtual cluster: its daemons, and nothing else.
    """

    roles: ClassVar[frozenset[Role]] = MASTER
    changes: ClassVar[bool] = True

    def object_key(self) -> str:
        return "power"


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
    | Delay
    | PowercycleNode
)

CALLS: dict[str, type[Call[Any]]] = {
    str(call.__struct_config__.tag): call for call in get_args(NodeCall)
}
"""All calls by their tag."""


@cache
def result_type(call: type[Call[Any]]) -> Any:
    """The type of the answer to a call."""
    for base in call.__orig_bases__:  # type: ignore[attr-defined]
        if get_origin(base) is Call:
            return get_args(base)[0]
    raise TypeError(f"{call.__name__} does not say what it is answered by")


def tag_of(call: Call[Any]) -> str:
    """The name of a call on the wire and in failpoints."""
    return str(call.__struct_config__.tag)


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
