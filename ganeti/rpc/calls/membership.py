"""What makes a node one of the cluster, and gives it the cluster's state."""

from __future__ import annotations

from enum import StrEnum
from typing import Annotated, ClassVar

from msgspec import Meta, Raw, Struct

from ganeti.model.secret import Secret
from ganeti.rpc.calls.call import MASTER, MASTER_AND_CANDIDATES, Call
from ganeti.rpc.roles import Role, RoleRecord


class VersionInfo(Struct, frozen=True, kw_only=True):
    """What runs on a node, and which node it is."""

    protocol: int
    release: str
    name: str
    uuid: str
    term: int
    certificate_digest: str = ""
    """Of the node's own certificate; the master lists it when the node becomes a candidate."""


class NodeVersion(Call[VersionInfo], frozen=True, kw_only=True, tag="node_version"):
    """What runs there?"""

    timeout_s: ClassVar[float] = 10.0
    roles: ClassVar[frozenset[Role]] = MASTER_AND_CANDIDATES


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


class LogPosition(Struct, frozen=True, kw_only=True):
    """How far the copy of the cluster's log on a node goes; all zero without a copy."""

    index: int = 0
    term: int = 0
    digest: str = ""


class StorePosition(Call[LogPosition], frozen=True, kw_only=True, tag="store_position"):
    """How far does the node's copy of the log go?"""

    timeout_s: ClassVar[float] = 10.0
    roles: ClassVar[frozenset[Role]] = MASTER_AND_CANDIDATES


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
