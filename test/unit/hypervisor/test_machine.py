"""Reading what the machine has."""

from __future__ import annotations

from twisted.trial.unittest import SynchronousTestCase

from ganeti.errors import HypervisorError
from ganeti.hypervisor.machine import (
    Memory,
    Processors,
    parse_cpuinfo,
    parse_meminfo,
    thd_read_machine,
)

MEMINFO = """MemTotal:       16384000 kB
MemFree:         1024000 kB
MemAvailable:    8192000 kB
Buffers:          102400 kB
Cached:          2048000 kB
HugePages_Total:       0
"""
CPUINFO = """processor\t: 0
physical id\t: 0

processor\t: 1
physical id\t: 1

processor\t: 2
physical id\t: 1
"""


class MachineTests(SynchronousTestCase):
    def test_meminfo(self) -> None:
        """Free is what the kernel thinks programs could get."""
        self.assertEqual(parse_meminfo(MEMINFO), Memory(total=16000, free=8000))

    def test_old_meminfo(self) -> None:
        """An old kernel does not say; caches count as free."""
        old = MEMINFO.replace("MemAvailable", "Other")
        self.assertEqual(parse_meminfo(old), Memory(total=16000, free=3100))

    def test_bad_meminfo(self) -> None:
        """Something else in its place is refused, with the line that misses."""
        with self.assertRaisesRegex(HypervisorError, "no line MemTotal"):
            parse_meminfo("nothing")

    def test_cpuinfo(self) -> None:
        """Processors and sockets are counted; on machines that do not tell there is one."""
        self.assertEqual(parse_cpuinfo(CPUINFO, 2), Processors(3, 2, 2))
        self.assertEqual(parse_cpuinfo("", 0), Processors(1, 1, 1))

    def test_this_machine(self) -> None:
        """This machine has memory, a processor and a boot id."""
        machine = thd_read_machine()
        self.assertGreater(machine.memory.total, machine.memory.free // 2)
        self.assertGreaterEqual(machine.processors.count, 1)
        self.assertRegex(machine.boot_id, r"^[0-9a-f-]{36}$")
