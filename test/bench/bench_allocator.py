"""
The built-in instance allocator in the master daemon: how long an answer takes, how long the
reactor waits meanwhile, and what it costs in memory.

Run: C{PYTHONPATH=.:test .venv/bin/python test/bench/bench_allocator.py [NODES...]}; prints,
asserts nothing.
"""

from __future__ import annotations

import gc
import sys
import time
from typing import Any

from msgspec.structs import replace
from support.samples import make_config, make_disk, make_instance
from twisted.internet import reactor
from twisted.internet.defer import Deferred

from ganeti.masterd.computing import ComputingThread
from ganeti.model.config import Configuration
from ganeti.model.live import InstanceRuntime, NodeResources, StorageSpace
from ganeti.model.policy import InstancePolicy
from ganeti.model.templates import DiskTemplate
from ganeti.operations.allocators.hail import Inquiry, thd_answer
from ganeti.operations.allocators.requests import Allocate, DiskRequest, required_nodes
from ganeti.operations.allocators.stock import Claims, Stock

PER_NODE = 10
TICK_S = 0.001
SWITCH_S = 0.001  # as ganeti.utils.daemon sets it


def drbd_config(nodes: int) -> Configuration:
    """A cluster of DRBD instances, ten on a node, whose secondary nodes are spread."""
    config = make_config(nodes=nodes, instances=nodes * PER_NODE)
    uuids = sorted(config.nodes)
    instances, disks = [], []
    for number in range(1, nodes * PER_NODE + 1):
        first = (number - 1) % nodes
        second = (first + 1 + number // nodes) % nodes
        instances.append(make_instance(number, first + 1))
        disks.append(
            make_disk(
                number,
                dev_type=DiskTemplate.DRBD,
                size=10240,
                nodes=(uuids[first], uuids[second]),
                logical_id=(uuids[first], uuids[second], 11000 + number, 0, 0, "secret"),
            )
        )
    return Configuration.build(
        cluster=replace(config.cluster, ipolicy=InstancePolicy()),
        groups=config.groups.values(),
        nodes=config.nodes.values(),
        instances=instances,
        disks=disks,
    )


def make_inquiry(nodes: int, template: DiskTemplate) -> Inquiry:
    """A request for a place, and what nodes said."""
    config = drbd_config(nodes)
    room = 40 * 1024
    resources = NodeResources(
        memory_total=room,
        memory_free=room - PER_NODE * 128,
        memory_dom0=0,
        cpus=32,
        cpu_dom0=1,
        storage=(StorageSpace(kind="lvm-vg", name="xenvg", free_mib=1 << 20, size_mib=2 << 20),),
    )
    runtimes = {
        uuid: tuple(
            InstanceRuntime(name=one.name, memory_mib=128, vcpus=1)
            for one in config.node_instances(uuid)
        )
        for uuid in config.nodes
    }
    return Inquiry(
        config=config,
        stock=Stock(
            config=config, resources=dict.fromkeys(config.nodes, resources), runtimes=runtimes
        ),
        claims=Claims(),
        request=Allocate(
            name="new.example.com",
            memory=128,
            vcpus=1,
            disks=(DiskRequest(size=1024, dev_type=template),),
            disk_space_total=1024,
            disk_template=template,
            hypervisor="fake",
            required_nodes=required_nodes(template),
        ),
    )


def resident_mib() -> float:
    """What this process has in memory."""
    with open("/proc/self/status", encoding="ascii") as file:
        line = next(line for line in file if line.startswith("VmRSS"))
    return int(line.split()[1]) / 1024


class Ticks:
    """Asks the reactor to be called every millisecond, and notes how late it is."""

    def __init__(self, clock: Any) -> None:
        self._clock = clock
        self.gaps: list[float] = []
        self._tick()

    def _tick(self) -> None:
        self._due = time.perf_counter() + TICK_S
        self._call = self._clock.callLater(TICK_S, self._ticked)

    def _ticked(self) -> None:
        self.gaps.append(time.perf_counter() - self._due)
        self._tick()

    def stop(self) -> None:
        self._call.cancel()


async def measure(nodes: int, template: DiskTemplate) -> None:
    """One line for each of three answers."""
    clock: Any = reactor
    computing = ComputingThread(clock, "computing")
    inquiry = make_inquiry(nodes, template)
    gc.collect()
    gc.freeze()  # as the daemon does with its configuration
    for number in range(1, 4):
        before, ticks = resident_mib(), Ticks(clock)
        start, used = time.perf_counter(), time.process_time()
        answer = await computing.run(thd_answer, inquiry)
        took, used = time.perf_counter() - start, time.process_time() - used
        ticks.stop()
        gaps = sorted(ticks.gaps)
        print(
            f"{nodes} nodes, {template}, answer {number}: {took:.2f} s, {used:.2f} s of processor;"
            f" the reactor waited at most {gaps[-1] * 1e3:.0f} ms,"
            f" 99 % below {gaps[int(len(gaps) * 0.99)] * 1e3:.1f} ms;"
            f" memory {before:.0f} to {resident_mib():.0f} MiB; {answer.info[-60:]}"
        )
    computing.close()


async def main(sizes: list[int]) -> None:
    for nodes in sizes:
        for template in (DiskTemplate.PLAIN, DiskTemplate.DRBD):
            await measure(nodes, template)


if __name__ == "__main__":
    sys.setswitchinterval(SWITCH_S)
    wanted = [int(word) for word in sys.argv[1:]] or [3, 40, 400]
    ended = Deferred.fromCoroutine(main(wanted))
    ended.addErrback(lambda failure: failure.printTraceback())
    ended.addBoth(lambda _: reactor.stop())  # type: ignore[attr-defined]
    reactor.run()  # type: ignore[attr-defined]
