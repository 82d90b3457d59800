"""A libvirt that still looks for its guests."""

from __future__ import annotations

import pytest

pytest.importorskip("libvirt", reason="Python's bindings of libvirt are not installed")

import libvirt

from ganeti.hypervisor.libvirt import reconnecting
from ganeti.hypervisor.libvirt.reconnecting import thd_await_guests

OK = libvirt.VIR_DOMAIN_CONTROL_OK
JOB = libvirt.VIR_DOMAIN_CONTROL_JOB
OCCUPIED = libvirt.VIR_DOMAIN_CONTROL_OCCUPIED
ERROR = libvirt.VIR_DOMAIN_CONTROL_ERROR


class Domain:
    """What libvirt says of one guest, time after time; None: it runs no more."""

    def __init__(self, *states: int | None) -> None:
        self.states = [*states]

    def controlInfo(self) -> list[int]:
        state = self.states.pop(0) if len(self.states) > 1 else self.states[0]
        if state is None:
            raise libvirt.libvirtError("domain is not running")
        return [state, 0, 0]


class Connection:
    def __init__(self, *domains: Domain) -> None:
        self._domains = domains
        self.asked = 0

    def listAllDomains(self, flags: int) -> list[Domain]:
        assert flags == libvirt.VIR_CONNECT_LIST_DOMAINS_ACTIVE
        self.asked += 1
        return [*self._domains]


@pytest.fixture(autouse=True)
def _at_once(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(reconnecting, "_EVERY_S", 0)


@pytest.mark.parametrize(
    ("domains", "asked"),
    [
        ([], 1),
        ([Domain(OK), Domain(JOB)], 1),
        ([Domain(ERROR, OCCUPIED, OCCUPIED, OK)], 4),
        ([Domain(ERROR, None)], 2),
        ([Domain(OCCUPIED, OK), Domain(ERROR, OCCUPIED, None)], 4),
    ],
    ids=["no guests", "all are known", "one lives", "one has died", "two"],
)
def test_waits(domains: list[Domain], asked: int) -> None:
    """Until each is known to live, or to have died."""
    connection = Connection(*domains)
    thd_await_guests(connection)
    assert connection.asked == asked


def test_a_hanging_one() -> None:
    """The wait has an end."""
    connection = Connection(Domain(OCCUPIED))
    thd_await_guests(connection)
    assert connection.asked == reconnecting._TIMES


def test_another_libvirt() -> None:
    """One that cannot say it is not waited for."""
    with libvirt.open("test:///default") as connection:
        thd_await_guests(connection)
