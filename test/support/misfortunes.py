"""What may happen to nodes and to the master at a node call, or at an append to the journal."""

from __future__ import annotations

from collections.abc import Awaitable, Callable
from dataclasses import dataclass
from typing import Any

from ganeti.errors import StorageError
from ganeti.rpc.envelope import parse_envelope
from ganeti.utils.aio import sleep, uncancelled
from support.manynodes import VirtualNode
from support.simcluster import (
    AppendStrike,
    Arrival,
    ArrivalStrike,
    HandlerStrike,
    Seen,
    SimCluster,
    Watch,
    never,
)

LATE_S = 5.0
DISK_FULL = "No space left on device"

# -- strikes at a node, when the call arrives there


async def die_before(cluster: SimCluster, arrival: Arrival) -> bytes:
    cluster.crash_node(arrival.node)
    return bytes(await never())


async def die_after(cluster: SimCluster, arrival: Arrival) -> bytes:
    await arrival.forward()
    cluster.crash_node(arrival.node)
    return bytes(await never())


async def restart_before(cluster: SimCluster, arrival: Arrival) -> bytes:
    cluster.restart_node(arrival.node)
    return bytes(await never())


async def restart_after(cluster: SimCluster, arrival: Arrival) -> bytes:
    await arrival.forward()
    cluster.restart_node(arrival.node)
    return bytes(await never())


async def lose_answer(cluster: SimCluster, arrival: Arrival) -> bytes:
    await arrival.forward()
    cluster.break_connection(arrival.node)
    return bytes(await never())


async def stall(cluster: SimCluster, arrival: Arrival) -> bytes:
    """The whole daemon stands still; when it goes on, it finds all that was sent, in order."""
    cluster.stalled.add(arrival.node.number)
    await cluster.healed.wait()
    return await arrival.forward()


async def be_overtaken(cluster: SimCluster, arrival: Arrival) -> bytes:
    """The network keeps the call back until the call that undoes it has been answered."""
    await cluster.hold_back(parse_envelope(arrival.body).request_id or "")
    return await arrival.forward()


async def fill_disk(cluster: SimCluster, arrival: Arrival) -> bytes:
    cluster.journal.refuse(StorageError(DISK_FULL), StorageError(DISK_FULL))
    return await arrival.forward()


def within(strike: HandlerStrike) -> ArrivalStrike:
    """Let C{strike} have the handler that the call runs."""

    async def arrive(cluster: SimCluster, arrival: Arrival) -> bytes:
        cluster.in_handler[arrival.node.number] = strike
        return await arrival.forward()

    return arrive


# -- strikes inside a handler: the request is on record, its answer is not


async def _drop(running: Awaitable[Any]) -> Any:
    running.close()  # type: ignore[attr-defined]
    return await never()


async def die_undone(cluster: SimCluster, node: VirtualNode, running: Awaitable[Any]) -> Any:
    cluster.crash_node(node)
    return await _drop(running)


async def die_done(cluster: SimCluster, node: VirtualNode, running: Awaitable[Any]) -> Any:
    await running
    cluster.crash_node(node)
    return await never()


async def restart_undone(cluster: SimCluster, node: VirtualNode, running: Awaitable[Any]) -> Any:
    cluster.restart_node(node)
    return await _drop(running)


async def restart_done(cluster: SimCluster, node: VirtualNode, running: Awaitable[Any]) -> Any:
    await running
    cluster.restart_node(node)
    return await never()


async def hang(cluster: SimCluster, node: VirtualNode, running: Awaitable[Any]) -> Any:
    """What cannot be stopped, such as a system call, takes until everybody has given up."""

    async def system_call() -> Any:
        await cluster.healed.wait()
        return await running

    return await uncancelled(system_call())


async def hang_done(cluster: SimCluster, node: VirtualNode, running: Awaitable[Any]) -> Any:
    """The effect is there, and the end does not come before the call is stopped."""
    result = await running
    await cluster.healed.wait()
    return result


# -- strikes at the master


async def kill_before(cluster: SimCluster, arrival: Arrival) -> bytes:
    cluster.crash_master()
    return bytes(await never())


async def kill_after(cluster: SimCluster, arrival: Arrival) -> bytes:
    await arrival.forward()
    cluster.crash_master()
    return bytes(await never())


async def kill_late(cluster: SimCluster, arrival: Arrival) -> bytes:
    """The call arrives when the next life of the master has recovered."""
    cluster.crash_master()
    await sleep(cluster.clock, LATE_S)
    return await arrival.forward()


async def kill_overtaken(cluster: SimCluster, arrival: Arrival) -> bytes:
    cluster.crash_master()
    return await be_overtaken(cluster, arrival)


async def refuse_append(cluster: SimCluster, append: Awaitable[None]) -> None:
    append.close()  # type: ignore[attr-defined]
    cluster.journal.refuse(StorageError(DISK_FULL), StorageError(DISK_FULL))
    raise StorageError(DISK_FULL)


async def kill_before_append(cluster: SimCluster, append: Awaitable[None]) -> None:
    append.close()  # type: ignore[attr-defined]
    cluster.crash_master()
    await never()


async def kill_after_append(cluster: SimCluster, append: Awaitable[None]) -> None:
    await append
    cluster.crash_master()
    await never()


GONE = (
    "connection was lost",
    "nothing listens",
    "no answer within",
    "out of reach",
    "does not end",
    "did not end within",
    "was restarted",
)
FULL = (DISK_FULL,)
INTERRUPTED = ("interrupted by a restart of the master daemon",)


@dataclass(frozen=True)
class Misfortune:
    """
    One kind of trouble.

    @ivar about_node: a job that fails has to name the node.
    @ivar causes: one of which it has to name.
    @ivar wanted: at which calls it is another misfortune than those before.
    """

    name: str
    arrival: ArrivalStrike | None = None
    append: AppendStrike | None = None
    about_node: bool = True
    causes: tuple[str, ...] = GONE
    wanted: Callable[[Seen], bool] = lambda seen: True

    def watch(self, number: int) -> Watch:
        """For this to happen at the C{number}-th arrival or append."""
        return Watch(
            arrivals={} if self.arrival is None else {number: self.arrival},
            appends={} if self.append is None else {number: self.append},
        )


def _handled(seen: Seen) -> bool:
    return seen.handled


def _can_hang(seen: Seen) -> bool:
    """Hooks have an hour, in which much is said: those of one node will do."""
    return seen.handled and (seen.tag != "run_hooks" or seen.node > 1)


def _changes(seen: Seen) -> bool:
    """Whether a call was read before or after trouble makes a difference."""
    return seen.changes


def _of_node(name: str, strike: ArrivalStrike, wanted: Any = lambda seen: True) -> Misfortune:
    return Misfortune(name, strike, wanted=wanted)


def _of_master(name: str, strike: ArrivalStrike, wanted: Any = lambda seen: True) -> Misfortune:
    return Misfortune(name, strike, about_node=False, causes=INTERRUPTED, wanted=wanted)


AT_CALLS = (
    _of_node("node dies before", die_before),
    _of_node("node dies, undone", within(die_undone), _handled),
    _of_node("node dies, done", within(die_done), _handled),
    _of_node("node dies after", die_after, _changes),
    _of_node("node restarts before", restart_before),
    _of_node("node restarts, undone", within(restart_undone), _handled),
    _of_node("node restarts, done", within(restart_done), _handled),
    _of_node("node restarts after", restart_after, _changes),
    _of_node("answer lost", lose_answer),
    _of_node("call hangs, runs on", within(hang), _can_hang),
    _of_node("call hangs, is stopped", within(hang_done), _can_hang),
    _of_node("node stands still", stall),
    _of_node("call overtaken by undo", be_overtaken, _handled),
    Misfortune("master's disk full", fill_disk, None, False, FULL, _changes),
    _of_master("master dies before", kill_before, _changes),
    _of_master("master dies after", kill_after, _changes),
    _of_master("master dies, call late", kill_late, _changes),
    _of_master("dies, call overtaken", kill_overtaken, _handled),
)
AT_APPENDS = (
    Misfortune("append refused", None, refuse_append, about_node=False, causes=FULL),
    Misfortune("dies before append", None, kill_before_append, False, INTERRUPTED),
    Misfortune("dies after append", None, kill_after_append, False, INTERRUPTED),
)
