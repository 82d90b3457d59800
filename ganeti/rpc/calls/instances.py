"""Instances."""

from __future__ import annotations

from typing import Annotated, ClassVar

from msgspec import Meta

from ganeti.model.hypervisors import HypervisorName
from ganeti.model.live import InstanceRuntime, InstanceSpec
from ganeti.rpc.calls.call import MASTER, Call, Seconds
from ganeti.rpc.roles import Role


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
