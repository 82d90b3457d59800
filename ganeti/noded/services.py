"""What a node daemon's handlers are handed."""

from __future__ import annotations

from collections.abc import Callable, Mapping
from dataclasses import dataclass, field
from typing import TYPE_CHECKING

from ganeti.noded.hooks import SCRIPT_LIMIT_S

if TYPE_CHECKING:
    from twisted.internet.interfaces import IReactorTime

    from ganeti.hypervisor.interface import IHypervisor
    from ganeti.model.hypervisors import HypervisorName
    from ganeti.model.templates import DiskTemplate
    from ganeti.noded.os import IOsDefinitions
    from ganeti.noded.os_scripts import OsLogs
    from ganeti.paths import Paths
    from ganeti.storage.interface import IBlockDevice
    from ganeti.store.nodestate import INodeState
    from ganeti.utils.interfaces import IProcessRunner
    from ganeti.utils.threads import Threads


def _nothing() -> None:
    """What C{stop} does where there is no daemon."""


@dataclass(kw_only=True)
class NodeServices:
    """
    One node, as its handlers see it.

    @ivar name: the node's full name.
    @ivar certificate_digest: of its own certificate, as in role records.
    @ivar clock: all time comes from here.
    @ivar threads: for what blocks, such as large files.
    @ivar hypervisors: those that this release can drive on this node.
    @ivar storage: one driver per disk template.
    @ivar os_definitions: None: those in the directories of C{paths}.
    @ivar os_logs: where OS scripts print to; None: to files in the directory of C{paths}.
    @ivar state: node.db.
    @ivar stop: ends the daemon, once what runs has been answered.
    @ivar hook_limit_s: seconds that one hook script may take.
    """

    paths: Paths
    name: str
    uuid: str
    clock: IReactorTime
    threads: Threads
    processes: IProcessRunner
    state: INodeState
    hypervisors: Mapping[HypervisorName, IHypervisor] = field(default_factory=dict)
    certificate_digest: str = ""
    storage: Mapping[DiskTemplate, IBlockDevice] = field(default_factory=dict)
    os_definitions: IOsDefinitions | None = None
    os_logs: OsLogs | None = None
    stop: Callable[[], None] = _nothing
    hook_limit_s: float = SCRIPT_LIMIT_S
