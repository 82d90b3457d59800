"""What the machine has, as Linux says it: pure parsers, and one reader for all hypervisors."""

from __future__ import annotations

import glob
import re
from dataclasses import dataclass

from ganeti.errors import HypervisorError

MEMINFO = "/proc/meminfo"
CPUINFO = "/proc/cpuinfo"
BOOT_ID = "/proc/sys/kernel/random/boot_id"
_NUMA_NODES = "/sys/devices/system/node/node[0-9]*"


@dataclass(frozen=True)
class Memory:
    """Memory in MiB; C{free} is what programs could still get."""

    total: int
    free: int


@dataclass(frozen=True)
class Processors:
    """Logical processors, and how they are spread."""

    count: int
    sockets: int = 1
    numa_nodes: int = 1


@dataclass(frozen=True)
class Machine:
    """What one machine has."""

    memory: Memory
    processors: Processors
    boot_id: str = ""


def parse_meminfo(text: str) -> Memory:
    """
    Read C{/proc/meminfo} (proc(5)).

    @raise HypervisorError: it is not of that form.
    """
    kib = {name: int(value) for name, value in re.findall(r"(?m)^(\w+):\s+(\d+)(?: kB)?$", text)}
    try:
        total = kib["MemTotal"]
        free = kib.get("MemAvailable")
        if free is None:  # before Linux 3.14
            free = kib["MemFree"] + kib.get("Buffers", 0) + kib.get("Cached", 0)
    except KeyError as err:
        raise HypervisorError(f"{MEMINFO} has no line {err.args[0]}") from err
    return Memory(total=total // 1024, free=min(free, total) // 1024)


def parse_cpuinfo(text: str, numa_nodes: int = 1) -> Processors:
    """Read C{/proc/cpuinfo}; what it does not tell is taken as 1."""
    count = len(re.findall(r"(?m)^processor\s*:", text))
    sockets = set(re.findall(r"(?m)^physical id\s*:\s*(\d+)", text))
    return Processors(
        count=max(count, 1), sockets=max(len(sockets), 1), numa_nodes=max(numa_nodes, 1)
    )


def thd_read_machine() -> Machine:
    """
    Ask the kernel.

    @raise HypervisorError: it does not tell.
    """
    try:
        memory = parse_meminfo(_read(MEMINFO))
        processors = parse_cpuinfo(_read(CPUINFO), len(glob.glob(_NUMA_NODES)))
        return Machine(memory, processors, _read(BOOT_ID).strip())
    except OSError as err:
        raise HypervisorError(f"Cannot read what this machine has: {err}") from err


def _read(path: str) -> str:
    with open(path, encoding="ascii", errors="replace") as stream:
        return stream.read(1 << 20)
