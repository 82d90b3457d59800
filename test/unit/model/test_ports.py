"""TCP ports of instances."""

from __future__ import annotations

from itertools import islice

from hypothesis import given
from hypothesis import strategies as st
from msgspec.structs import replace
from support.samples import make_config

from ganeti.model.cluster import FIRST_PORT, LAST_PORT
from ganeti.model.ports import free_ports, give_port_back, take_port

CLUSTER = make_config().cluster


def test_first() -> None:
    """A new cluster's first port is the range's first."""
    assert next(free_ports(CLUSTER)) == FIRST_PORT
    assert take_port(CLUSTER, FIRST_PORT).highest_used_port == FIRST_PORT


def test_given_back() -> None:
    """A port that was given back is taken first."""
    cluster = CLUSTER
    for port in range(FIRST_PORT, FIRST_PORT + 3):
        cluster = take_port(cluster, port)
    cluster = give_port_back(cluster, FIRST_PORT + 1)
    assert cluster.tcpudp_port_pool == (FIRST_PORT + 1,)
    assert next(free_ports(cluster)) == FIRST_PORT + 1
    assert take_port(cluster, FIRST_PORT + 1).tcpudp_port_pool == ()


def test_all_taken() -> None:
    """There is an end."""
    assert not list(free_ports(replace(CLUSTER, highest_used_port=LAST_PORT)))


@given(st.lists(st.tuples(st.booleans(), st.integers(0, 5)), max_size=30))
def test_none_is_lost(steps: list[tuple[bool, int]]) -> None:
    """Each port is in use or free, whatever is taken and given back in whatever order."""
    cluster, used = CLUSTER, set[int]()
    for take, choice in steps:
        if take:
            port = next(islice(free_ports(cluster), choice, None))
            assert port not in used
            cluster, used = take_port(cluster, port), used | {port}
        elif used:
            port = sorted(used)[choice % len(used)]
            cluster, used = give_port_back(cluster, port), used - {port}
        assert all(port <= cluster.highest_used_port for port in used)
    free = set(free_ports(cluster))
    assert used.isdisjoint(free)
    assert used | free == set(range(FIRST_PORT, LAST_PORT + 1))
