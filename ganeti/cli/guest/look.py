"""A look at the machine's libvirt and QEMU, from a program of its own."""

from __future__ import annotations

import os
import shutil
import subprocess
import sys
from collections.abc import Iterator
from contextlib import contextmanager

from ganeti.cli.guest.processes import kill_emulators
from ganeti.errors import GanetiError
from ganeti.utils.flock import lock_within

_LOOK_LIMIT_S = 60
_LOCK_LIMIT_S = _LOOK_LIMIT_S + 10


def look_at_machine(cache: str, kernel: str) -> str:
    """Why libvirt will not do; empty when it will."""
    with _scratch(cache) as (scratch, lock):
        module = "ganeti.hypervisor.libvirt.prepare"
        argv = [sys.executable, "-I", "-m", module, cache, scratch, kernel]
        try:
            done = subprocess.run(
                argv,
                env=os.environ | {"XDG_RUNTIME_DIR": scratch},  # and nothing in the user's home
                stdin=subprocess.DEVNULL,
                capture_output=True,
                pass_fds=(lock,),
                text=True,
                timeout=_LOOK_LIMIT_S,
            )
        except subprocess.TimeoutExpired:
            return f"libvirt does not answer within {_LOOK_LIMIT_S} s"
    if done.returncode == 0:
        return ""
    lines = done.stderr.strip().splitlines()
    return lines[-1] if lines else "libvirt's embedded driver does not start"


@contextmanager
def _scratch(cache: str) -> Iterator[tuple[str, int]]:
    """
    A folder for libvirt, and the lock on it, which who uses it inherits.

    What was killed there has left nothing when this begins, and leaves nothing when it ends.
    """
    os.makedirs(cache, mode=0o700, exist_ok=True)
    scratch = os.path.join(cache, ".scratch")
    with open(os.path.join(cache, ".lock"), "w") as lock:
        if not lock_within(lock.fileno(), _LOCK_LIMIT_S):
            raise GanetiError(f"Another look at libvirt does not end; see {lock.name}")
        _clear(scratch)
        try:
            yield scratch, lock.fileno()
        finally:
            _clear(scratch)


def clear(cache: str) -> None:
    """Remove what a look that was killed has left."""
    if os.path.exists(cache):
        with _scratch(cache):
            pass


def _clear(scratch: str) -> None:
    if os.path.exists(scratch):
        kill_emulators(scratch)
        shutil.rmtree(scratch)
