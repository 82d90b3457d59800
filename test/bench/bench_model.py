"""
What a change costs in a cluster of 20,000 instances, and loading it.

Run: C{PYTHONPATH=.:test .venv/bin/python test/bench/bench_model.py}; prints figures,
asserts nothing.
"""

from __future__ import annotations

import statistics
import time
from collections.abc import Callable
from typing import Any

from msgspec.structs import replace
from support.samples import disk_uuid, instance_uuid, make_config, make_disk, make_instance

from ganeti.model import codec
from ganeti.model.configfile import EncodedObjects, build_config_data, parse_config_data
from ganeti.model.delta import Delta, Stamp, apply, changes_of, put, stamped, state_from
from ganeti.model.ssconf import build_ssconf
from ganeti.model.state import State, header_of

STAMP = Stamp(index=1, time_s=2000.0, term=1)


def median_us(action: Callable[[int], Any], rounds: int) -> float:
    """Median time of one round."""
    times = []
    for number in range(rounds):
        start = time.perf_counter()
        action(number)
        times.append(time.perf_counter() - start)
    return statistics.median(times) * 1e6


def once_ms(action: Callable[[], Any]) -> tuple[float, Any]:
    """Time of one run, and its result."""
    start = time.perf_counter()
    result = action()
    return (time.perf_counter() - start) * 1e3, result


def main(instances: int = 20_000, rounds: int = 2_000) -> None:
    """Print the figures."""
    state = State(config=make_config(100, instances))

    def change(number: int) -> State:
        uuid = instance_uuid(1 + number)
        delta = (put(replace(state.config.instances[uuid], disks_active=False)),)
        return apply(state, stamped(delta, state, STAMP), STAMP)

    def add(number: int) -> State:
        disk = make_disk(1, uuid=disk_uuid(instances + 1 + number))
        instance = make_instance(instances + 1 + number, disks=(disk.uuid,))
        return apply(state, stamped((put(disk), put(instance)), state, STAMP), STAMP)

    def encode(number: int) -> bytes:
        return codec.encode((put(state.config.instances[instance_uuid(1 + number)]),))

    print(f"{instances} instances")
    print(f"change one instance: stamp and apply  {median_us(change, rounds):8.1f} us")
    print(f"add one instance with a disk          {median_us(add, rounds):8.1f} us")
    print(f"encode the delta of one instance      {median_us(encode, rounds):8.1f} us")

    took, data = once_ms(lambda: codec.encode(changes_of(state)))
    print(f"encode a snapshot ({len(data) >> 20} MiB)            {took:8.1f} ms")
    took, changes = once_ms(lambda: codec.decode(data, Delta))
    print(f"decode a snapshot                     {took:8.1f} ms")
    took, _ = once_ms(lambda: state_from(header_of(state), changes))
    print(f"state of a snapshot, with indexes     {took:8.1f} ms")

    cache = EncodedObjects()
    took, written = once_ms(lambda: build_config_data(state.config, cache=cache))
    print(f"config.data ({len(written) >> 20} MiB), first time       {took:8.1f} ms")
    took, _ = once_ms(lambda: build_config_data(change(1).config, cache=cache))
    print(f"config.data after one change          {took:8.1f} ms")
    took, _ = once_ms(lambda: parse_config_data(written))
    print(f"parse config.data                     {took:8.1f} ms")
    took, _ = once_ms(lambda: build_ssconf(state.config))
    print(f"ssconf                                {took:8.1f} ms")


if __name__ == "__main__":
    main()
