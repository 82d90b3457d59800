"""
What a query costs, without asking nodes: 200 instances, default columns; and larger ones.

Run: C{PYTHONPATH=.:test .venv/bin/python test/bench/bench_query.py}; prints figures,
asserts nothing.
"""

from __future__ import annotations

import statistics
import time
from collections.abc import Callable, Sequence
from typing import Any

from support.samples import instance_uuid, make_config, node_uuid

from ganeti.model import codec
from ganeti.model.live import InstanceRuntime
from ganeti.model.state import State
from ganeti.query.evaluate import build_query
from ganeti.query.filter import parse_filter
from ganeti.query.resources import find_resource
from ganeti.query.view import LiveData, View

DEFAULT = ("name", "hypervisor", "os", "pnode", "status", "oper_ram")
STATIC = ("name", "hypervisor", "os", "pnode", "be/maxmem", "disk.sizes", "nic.macs")


def median_ms(action: Callable[[], Any], rounds: int = 50) -> float:
    """Median time of one round."""
    times = []
    for _ in range(rounds):
        start = time.perf_counter()
        action()
        times.append(time.perf_counter() - start)
    return statistics.median(times) * 1e3


def make_view(instances: int) -> View:
    """All instances run where they should."""
    config = make_config(4, instances)
    live = {
        node_uuid(number): {
            one.name: InstanceRuntime(name=one.name, memory_mib=128, vcpus=1)
            for one in config.node_instances(node_uuid(number))
        }
        for number in range(1, 5)
    }
    assert instance_uuid(1) in config.instances
    return View(state=State(config=config), live=LiveData(instances=live))


def run(view: View, fields: Sequence[str], text: str = "") -> bytes:
    """Check, evaluate and encode a query."""
    qfilter = parse_filter(text) if text else None
    query = build_query(find_resource("instance"), fields, qfilter)
    return codec.encode(query.data(query.objects(view), view))


def main() -> None:
    """Print the figures."""
    small, large = make_view(200), make_view(5000)
    wanted = 'status == "running" and name =* "inst1*"'
    figures = {
        "200 instances, default columns": median_ms(lambda: run(small, DEFAULT)),
        "200 instances, static columns": median_ms(lambda: run(small, STATIC)),
        "200 instances, filter": median_ms(lambda: run(small, DEFAULT, wanted)),
        "5000 instances, default columns": median_ms(lambda: run(large, DEFAULT), 5),
    }
    for name, took in figures.items():
        print(f"{name:36} {took:8.2f} ms")


if __name__ == "__main__":
    main()
