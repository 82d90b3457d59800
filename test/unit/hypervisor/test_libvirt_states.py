"""What libvirt says of a guest, in our words."""

from __future__ import annotations

from typing import Any

import pytest

from ganeti.hypervisor.libvirt.states import (
    DomainFacts,
    DomainState,
    Ended,
    LifecycleEvent,
    ShutoffReason,
    StoppedDetail,
    parse_domain,
    parse_ended,
    parse_note,
    parse_stopped,
)
from ganeti.model.live import RunState

MAY = "<instance user_shutdown='yes' mark='7/0/1'/>"
MAY_NOT = "<instance user_shutdown='no'/>"


def facts(state: int, **settings: Any) -> DomainFacts:
    given = {
        "name": "inst1.example.com",
        "uuid": "u1",
        "info": (state, 524288, 262144, 2, 1_500_000_000),
        "metadata": MAY,
    }
    return DomainFacts(**given | settings)


@pytest.mark.parametrize(
    ("state", "expected"),
    [
        (DomainState.NOSTATE, RunState.RUNNING),
        (DomainState.RUNNING, RunState.RUNNING),
        (DomainState.BLOCKED, RunState.RUNNING),
        (DomainState.PAUSED, RunState.PAUSED),
        (DomainState.SHUTDOWN, RunState.RUNNING),
        (DomainState.PMSUSPENDED, RunState.RUNNING),
        (DomainState.CRASHED, RunState.CRASHED),
        (42, RunState.RUNNING),
    ],
)
def test_states(state: int, expected: RunState) -> None:
    """Each state of libvirt, also those that later versions may have."""
    assert parse_domain(facts(state)).state is expected


def test_numbers() -> None:
    """Memory in MiB, processors, seconds; one that has ended uses no time."""
    guest = parse_domain(facts(DomainState.RUNNING))
    assert (guest.name, guest.uuid, guest.mark) == ("inst1.example.com", "u1", "7/0/1")
    assert (guest.memory_mib, guest.vcpus, guest.cpu_time_s) == (256, 2, 1.5)
    assert parse_domain(facts(DomainState.SHUTOFF)).cpu_time_s == 0


@pytest.mark.parametrize(
    ("reason", "noted", "metadata", "expected"),
    [
        (ShutoffReason.SHUTDOWN, "", MAY, RunState.SHUTDOWN),
        (ShutoffReason.SHUTDOWN, "", MAY_NOT, RunState.CRASHED),
        (ShutoffReason.SHUTDOWN, "", "<spoiled", RunState.CRASHED),
        (ShutoffReason.SHUTDOWN, "", "", RunState.CRASHED),
        (ShutoffReason.DESTROYED, "", MAY, RunState.CRASHED),
        (ShutoffReason.UNKNOWN, "", MAY, RunState.CRASHED),
        (ShutoffReason.UNKNOWN, "shutdown", MAY, RunState.SHUTDOWN),
        (ShutoffReason.SHUTDOWN, "crashed", MAY, RunState.CRASHED),
    ],
)
def test_ended(reason: int, noted: str, metadata: str, expected: RunState) -> None:
    """What was noted counts before what libvirt remembers; parameters must allow a shutdown."""
    ended = facts(DomainState.SHUTOFF, reason=reason, ended=noted, metadata=metadata)
    assert parse_domain(ended).state is expected


def test_crashed_is_never_shut_down() -> None:
    """libvirt's state tells more than its reason."""
    crashed = facts(DomainState.CRASHED, reason=ShutoffReason.SHUTDOWN)
    assert parse_ended(crashed) is Ended.CRASHED


@pytest.mark.parametrize(
    ("event", "detail", "expected"),
    [
        (LifecycleEvent.STARTED, 0, None),
        (LifecycleEvent.CRASHED, 0, Ended.CRASHED),
        (LifecycleEvent.STOPPED, StoppedDetail.SHUTDOWN, Ended.SHUTDOWN),
        (LifecycleEvent.STOPPED, StoppedDetail.DESTROYED, None),
        (LifecycleEvent.STOPPED, 2, Ended.CRASHED),
        (LifecycleEvent.STOPPED, 5, Ended.CRASHED),
        (6, 0, None),
    ],
)
def test_events(event: int, detail: int, expected: Ended | None) -> None:
    """The end of a guest that we did not end ourselves."""
    assert parse_stopped(event, detail) is expected


@pytest.mark.parametrize(
    ("metadata", "expected"),
    [
        ("<end how='shutdown'/>", "shutdown"),
        ("<end how='crashed'/>", "crashed"),
        ("<end how='bored'/>", ""),
        ("<end/>", ""),
        ("", ""),
        ("no XML", ""),
    ],
)
def test_notes(metadata: str, expected: str) -> None:
    """A note that makes no sense says nothing."""
    assert parse_note(metadata) == expected


def test_same_numbers_as_libvirt() -> None:
    """The numbers are libvirt's."""
    libvirt = pytest.importorskip("libvirt", reason="Python's bindings of libvirt are missing")
    for state in DomainState:
        assert state == getattr(libvirt, f"VIR_DOMAIN_{state.name}")
    for event in LifecycleEvent:
        assert event == getattr(libvirt, f"VIR_DOMAIN_EVENT_{event.name}")
    for detail in StoppedDetail:
        assert detail == getattr(libvirt, f"VIR_DOMAIN_EVENT_STOPPED_{detail.name}")
    for reason in ShutoffReason:
        assert reason == getattr(libvirt, f"VIR_DOMAIN_SHUTOFF_{reason.name}")
