"""What libvirt says of a guest, in our words. Pure; numbers are those of its API."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from enum import IntEnum, StrEnum
from xml.etree import ElementTree

from ganeti.model.live import InstanceRuntime, RunState


class DomainState(IntEnum):
    """virDomainState."""

    NOSTATE = 0
    RUNNING = 1
    BLOCKED = 2
    PAUSED = 3
    SHUTDOWN = 4
    """It is shutting down."""
    SHUTOFF = 5
    CRASHED = 6
    PMSUSPENDED = 7


class ShutoffReason(IntEnum):
    """virDomainShutoffReason, as far as it matters."""

    UNKNOWN = 0
    SHUTDOWN = 1
    DESTROYED = 2


class LifecycleEvent(IntEnum):
    """virDomainEventType, as far as it matters."""

    STARTED = 2
    STOPPED = 5
    CRASHED = 8


class StoppedDetail(IntEnum):
    """virDomainEventStoppedDetailType, as far as it matters."""

    SHUTDOWN = 0
    DESTROYED = 1


class Ended(StrEnum):
    """How a guest ended that nobody stopped."""

    SHUTDOWN = "shutdown"
    """It shut itself down."""
    CRASHED = "crashed"
    """QEMU died, or the node did."""


@dataclass(frozen=True, kw_only=True)
class DomainFacts:
    """
    One domain, as libvirt answers about it.

    @ivar info: virDomainInfo: state, most memory in KiB, memory in KiB, processors, time in ns.
    @ivar metadata: our part, an element; empty: it is none of ours.
    @ivar ended: what was noted when it ended; empty: nothing yet.
    """

    name: str
    uuid: str
    info: Sequence[int]
    reason: int = 0
    metadata: str = ""
    ended: str = ""

    @property
    def active(self) -> bool:
        """Whether there is a QEMU."""
        return self.info[0] not in (DomainState.SHUTOFF, DomainState.CRASHED)


def parse_domain(facts: DomainFacts) -> InstanceRuntime:
    """
    The guest as nodes report it.

    One that ended by itself counts as shut down when its parameters let it (C{user_shutdown}),
    and as crashed otherwise.
    """
    _state, _most, memory_kib, vcpus, time_ns = facts.info
    return InstanceRuntime(
        name=facts.name,
        uuid=facts.uuid,
        memory_mib=memory_kib // 1024,
        vcpus=vcpus,
        state=_run_state(facts),
        cpu_time_s=time_ns / 1e9 if facts.active else 0.0,
        mark=_attribute(facts.metadata, "mark"),
    )


def _run_state(facts: DomainFacts) -> RunState:
    match facts.info[0]:
        case DomainState.PAUSED:
            return RunState.PAUSED
        case DomainState.SHUTOFF | DomainState.CRASHED:
            by_itself = parse_ended(facts) is Ended.SHUTDOWN
            return (
                RunState.SHUTDOWN if by_itself and _user_may_stop(facts.metadata)
                else RunState.CRASHED
            )  # fmt: skip
        case _:
            return RunState.RUNNING


def parse_ended(facts: DomainFacts) -> Ended:
    """How a guest that is not active has ended: as was noted, else as libvirt remembers."""
    if facts.ended:
        return Ended(facts.ended)
    shutoff = facts.info[0] == DomainState.SHUTOFF
    return Ended.SHUTDOWN if shutoff and facts.reason == ShutoffReason.SHUTDOWN else Ended.CRASHED


def parse_stopped(event: int, detail: int) -> Ended | None:
    """How a guest ended, by a lifecycle event; None: it did not end, or we stopped it."""
    if event == LifecycleEvent.CRASHED:
        return Ended.CRASHED
    if event != LifecycleEvent.STOPPED or detail == StoppedDetail.DESTROYED:
        return None
    return Ended.SHUTDOWN if detail == StoppedDetail.SHUTDOWN else Ended.CRASHED


def _user_may_stop(metadata: str) -> bool:
    return _attribute(metadata, "user_shutdown") == "yes"


def parse_note(metadata: str) -> str:
    """What was noted of a guest's end; empty when that makes no sense."""
    how = _attribute(metadata, "how")
    return how if how in list(Ended) else ""


def _attribute(metadata: str, name: str) -> str:
    """An attribute of one element; metadata that others spoiled has none."""
    if not metadata:
        return ""
    try:
        return ElementTree.fromstring(metadata).get(name, "")
    except ElementTree.ParseError:
        return ""
