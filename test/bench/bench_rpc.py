"""
What node calls cost: latency, calls a second, large answers, connections.

Run: C{.venv/bin/python test/bench/bench_rpc.py}; prints figures, asserts nothing.

Master and node run in one process, on one core: of two machines each has half of it to do.
"""

from __future__ import annotations

import os
import resource
import statistics
import sys
import time
from collections.abc import Awaitable, Callable
from pathlib import Path
from typing import Any

sys.path[:0] = [str(Path(__file__).parents[2]), str(Path(__file__).parents[1])]

from msgspec.structs import replace
from support.nodedrig import NodedRig
from support.peers import FunctionCallee, identity, node_pem, options
from support.samples import make_disk, node_uuid
from twisted.internet import reactor as installed_reactor
from twisted.internet.defer import Deferred
from twisted.internet.task import deferLater, react

from ganeti.model import codec
from ganeti.model.hypervisors import HypervisorName
from ganeti.model.live import InstanceRuntime
from ganeti.model.templates import DiskTemplate
from ganeti.rpc.calls import (
    Delay,
    ForgetJob,
    ListInstances,
    NodeVersion,
    RemoveDisk,
)
from ganeti.rpc.client import PbTransport
from ganeti.rpc.envelope import build_ok
from ganeti.rpc.memory import MemoryNetwork, MemoryTransport
from ganeti.rpc.nodes import NodeRpc
from ganeti.rpc.roles import RoleRecord
from ganeti.rpc.server import NodeServer
from ganeti.rpc.transport import NodeAddress
from ganeti.utils.aio import gather

MASTER, NODE = node_uuid(1), node_uuid(2)
reactor: Any = installed_reactor


def show(what: str, figure: float, unit: str) -> None:
    print(f"{what:60} {figure:10.2f} {unit}")


async def latency(what: str, count: int, call: Callable[[int], Awaitable[object]]) -> None:
    """Median and 99th percentile of calls one after another."""
    times = []
    for number in range(count):
        begun = time.perf_counter()
        await call(number)
        times.append((time.perf_counter() - begun) * 1000)
    times.sort()
    show(f"{what}, median", statistics.median(times), "ms")
    show(f"{what}, 99 %", times[int(len(times) * 0.99)], "ms")


async def rate(what: str, count: int, call: Callable[[int], Awaitable[object]]) -> None:
    """Calls a second, all at once."""
    begun = time.perf_counter()
    await gather([call(number) for number in range(count)])
    show(what, count / (time.perf_counter() - begun), "calls/s")


def two_hundred() -> tuple[InstanceRuntime, ...]:
    return tuple(
        InstanceRuntime(
            name=f"instance{number}.example.com",
            uuid=node_uuid(number),
            memory_mib=1024,
            vcpus=2,
            cpu_time_s=number * 1.5,
        )
        for number in range(200)
    )


async def daemon() -> None:
    """A whole node daemon with its node.db."""
    digest = identity(node_pem(MASTER), MASTER).digest
    rig = NodedRig(NODE, RoleRecord(term=1, master_uuid=MASTER, master_digest=digest))
    await rig.start()

    def book(uuid: str) -> NodeAddress:
        return NodeAddress(uuid, "node2.example.com", "127.0.0.1", rig.port)

    transport = PbTransport(reactor, options(node_pem(MASTER)), book)
    rpc = NodeRpc(transport, 1, book, reactor)
    disk = make_disk(1, dev_type=DiskTemplate.DISKLESS)

    def remove(job: int) -> Awaitable[None]:
        return rpc.call(NODE, RemoveDisk(disk=disk), request_id=f"{job}/0/0")

    async def other(job: int) -> None:
        call = RemoveDisk(disk=replace(disk, uuid=node_uuid(job)))
        await rpc.call(NODE, call, request_id=f"{job}/0/0")

    await rpc.call(NODE, NodeVersion())
    await latency("read (NodeVersion)", 1000, lambda _: rpc.call(NODE, NodeVersion()))
    await latency("change, durable (RemoveDisk)", 300, lambda job: remove(10_000 + job))
    await latency(
        "task, start to end (Delay 0)",
        300,
        lambda job: rpc.call(NODE, Delay(duration_s=0.0), request_id=f"{20_000 + job}/0/0"),
    )
    await latency(
        "end of a job (ForgetJob)",
        300,
        lambda job: rpc.call(NODE, ForgetJob(job_ids=(10_000 + job,))),
    )
    await rate("reads at once", 3000, lambda _: rpc.call(NODE, NodeVersion()))
    await rate("changes at once", 1000, lambda job: other(30_000 + job))
    await transport.close()
    await rig.stop()
    rig.remove()


async def answers() -> None:
    """What 200 instances cost, and large bodies."""
    found = two_hundred()
    answer = build_ok(found)

    async def say(body: bytes) -> bytes:
        return body if body.startswith(b"x") else build_ok(found)

    server = NodeServer(reactor, FunctionCallee(say), options(node_pem(NODE)))
    await server.listen("127.0.0.1", 0)

    def book(uuid: str) -> NodeAddress:
        return NodeAddress(uuid, "node2.example.com", "127.0.0.1", server.port)

    transport = PbTransport(reactor, options(node_pem(MASTER)), book)
    rpc = NodeRpc(transport, 1, book, reactor)
    call = ListInstances(hypervisors=(HypervisorName.FAKE,))
    assert await rpc.call(NODE, call) == found
    show("200 instances, encoded", len(answer) / 1024, "KiB")
    begun = time.perf_counter()
    for _ in range(100):
        build_ok(found)
    show("200 instances, to encode", (time.perf_counter() - begun) * 10, "ms")
    begun = time.perf_counter()
    for _ in range(100):
        codec.decode(answer[answer.index(b"[") : -1], tuple[InstanceRuntime, ...])
    show("200 instances, to decode and check", (time.perf_counter() - begun) * 10, "ms")
    await latency("200 instances, call and answer", 300, lambda _: rpc.call(NODE, call))
    body = b"x" * (8 << 20)
    begun = time.perf_counter()
    for _ in range(5):
        await transport.send(NODE, body, 30)
    show("8 MiB there and back", 5 * 16 / (time.perf_counter() - begun), "MiB/s")
    await connections(book)
    await transport.close()
    await server.close()


async def connections(book: Callable[[str], NodeAddress]) -> None:
    """New ones: TLS handshakes of both sides."""

    async def fresh(_: int) -> None:
        transport = PbTransport(reactor, options(node_pem(MASTER)), book)
        await transport.send(NODE, b"x", 5)
        await transport.close()

    await latency("a new connection and one call", 100, fresh)
    before = resident()
    many = [PbTransport(reactor, options(node_pem(MASTER)), book) for _ in range(10)]
    for transport in many:
        await transport.send(NODE, b"x", 5)
    show("memory of an open connection, both sides", (resident() - before) / 10 / 1024, "KiB")
    for transport in many:
        await transport.close()


async def memory() -> None:
    """The network of simulations."""
    network = MemoryNetwork(reactor)

    async def say(body: bytes) -> bytes:
        return build_ok(None)

    network.attach("10.0.0.1", NODE, FunctionCallee(say))
    address = NodeAddress(NODE, "node2.example.com", "10.0.0.1", 1811)
    rpc = NodeRpc(
        MemoryTransport(network, identity(node_pem(MASTER), MASTER), lambda _: address),
        1,
        lambda _: address,
        reactor,
    )
    await rate(
        "in memory, for simulation", 5000, lambda job: rpc.call(NODE, ForgetJob(job_ids=(job,)))
    )


def resident() -> int:
    with open("/proc/self/statm") as stream:
        return int(stream.read().split()[1]) * resource.getpagesize()


async def main() -> None:
    print(f"{os.cpu_count()} cores; master and node in one process")
    await daemon()
    await answers()
    await memory()
    await deferLater(reactor, 0.1)


if __name__ == "__main__":
    react(lambda _: Deferred.fromCoroutine(main()))
