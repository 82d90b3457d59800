"""What proc(5) says about processes; cheap enough to read in a reactor."""

from __future__ import annotations

import os


def start_time(pid: int) -> int | None:
    """
    When the process was started, in ticks since the machine's; None when there is none.

    Together with the pid (and the machine's boot) this names a process for ever.
    """
    fields = _stat(pid)
    return int(fields[19]) if fields else None


def is_zombie(pid: int) -> bool:
    """Whether the process has ended, and only waits for its parent to notice."""
    fields = _stat(pid)
    return fields is not None and fields[0] in "ZX"


def group_members(pgid: int) -> list[int]:
    """The processes of a group that still run; zombies do not count."""
    found = []
    for pid in process_ids():
        fields = _stat(pid)
        if fields and int(fields[2]) == pgid and fields[0] not in "ZX":
            found.append(pid)
    return found


def process_ids() -> list[int]:
    """All processes of the machine."""
    return [int(name) for name in os.listdir("/proc") if name.isdecimal()]


def command_line(pid: int) -> list[str]:
    """The arguments that a process was started with; empty when it is gone."""
    return _words(f"/proc/{pid}/cmdline")


def environment(pid: int) -> list[str]:
    """C{NAME=VALUE} as a process was started with; empty when it is gone, or somebody else's."""
    return _words(f"/proc/{pid}/environ")


def _words(path: str) -> list[str]:
    try:
        with open(path, "rb") as stream:
            data = stream.read(1 << 20)
    except OSError:
        return []
    return [os.fsdecode(part) for part in data.split(b"\0")[:-1]]


def boot_id() -> str:
    """A uuid that changes with each boot of the machine."""
    with open("/proc/sys/kernel/random/boot_id", encoding="ascii") as stream:
        return stream.read().strip()


def _stat(pid: int) -> list[str] | None:
    # Fields from the third on (the state); the second may hold blanks and brackets.
    try:
        with open(f"/proc/{pid}/stat", "rb") as stream:
            return stream.read().rpartition(b")")[2].decode("ascii").split()
    except (FileNotFoundError, ProcessLookupError):
        return None
