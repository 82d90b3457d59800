"""
Start and stop the daemons of a node, waiting for facts.

A daemon runs when its pid file is locked (L{ganeti.utils.pidfile}); it is ready
when it says so on the descriptor that it was handed.
"""

from __future__ import annotations

import os
import select
import signal
import subprocess
import time
from collections.abc import Mapping, Sequence

from ganeti.cli.programs import program
from ganeti.errors import GanetiError
from ganeti.paths import Paths
from ganeti.utils import pidfile

START_LIMIT_S = 60.0
# A daemon gives running work 20 s, and limits its own stop to 40.
STOP_LIMIT_S = 60.0
_KILL_LIMIT_S = 10.0


class DaemonError(GanetiError):
    """A daemon could not be started or stopped."""


def is_running(paths: Paths, daemon: str) -> bool:
    """Whether the daemon of this node lives."""
    return pidfile.holder(paths.pid_file(daemon)) is not None


def environment(paths: Paths, environ: Mapping[str, str]) -> dict[str, str]:
    """What a program sees that works for this node."""
    ours = {"GANETI_ROOTDIR", "GANETI_HOSTNAME", "NOTIFY_SOCKET"}
    env = {name: value for name, value in environ.items() if name not in ours}
    if paths.virtual:
        env |= {"GANETI_ROOTDIR": paths.root, "GANETI_HOSTNAME": paths.hostname}
    return env


def start(paths: Paths, daemon: str, timeout_s: float = START_LIMIT_S) -> bool:
    """
    Start a daemon and wait until it serves; False when it runs already.

    @raise DaemonError: it did not come up; the text is the daemon's own.
    """
    if is_running(paths, daemon):
        return False
    deadline = time.monotonic() + timeout_s
    reader, launcher = _launch(paths, daemon)
    try:
        line = _read_line(reader, deadline)
    finally:
        os.close(reader)
        printed = _end_launcher(launcher, deadline)
    if line == "READY=1":
        return True
    if line.endswith(pidfile.RUNNING_ALREADY):  # somebody else started it meanwhile
        return False
    log = paths.log_file(daemon)
    if line.startswith("ERROR="):
        raise DaemonError(line.removeprefix("ERROR="))
    if line == _LATE:
        raise DaemonError(f"{daemon} is not ready after {timeout_s:g} s; see {log}")
    raise DaemonError(f"{daemon} died while it started: {printed or 'see ' + log}")


def _launch(paths: Paths, daemon: str) -> tuple[int, subprocess.Popen[bytes]]:
    reader, writer = os.pipe()
    try:
        launcher = subprocess.Popen(
            [program(daemon), "--ready-fd", str(writer)],
            env=environment(paths, os.environ),
            pass_fds=[writer],
            stdin=subprocess.DEVNULL,
            stdout=subprocess.PIPE,
            stderr=subprocess.STDOUT,
            cwd="/",
            start_new_session=True,
        )
    except OSError as err:
        os.close(reader)
        raise DaemonError(f"{daemon} could not be started: {err}") from err
    finally:
        os.close(writer)
    return reader, launcher


_LATE = "LATE"


def _read_line(fd: int, deadline: float) -> str:
    """The daemon's line; "" when it died without one, "LATE" when it says nothing."""
    data = b""
    while not data.endswith(b"\n"):
        left = deadline - time.monotonic()
        if left <= 0 or not select.select([fd], [], [], left)[0]:
            return _LATE
        part = os.read(fd, 4096)
        if not part:
            return ""
        data += part
    return data.decode(errors="replace").strip()


def _end_launcher(launcher: subprocess.Popen[bytes], deadline: float) -> str:
    """Reap the process that twistd leaves behind when the daemon forked; its last words."""
    try:
        printed, _ = launcher.communicate(timeout=max(deadline - time.monotonic(), 1))
    except subprocess.TimeoutExpired:
        os.killpg(launcher.pid, signal.SIGKILL)
        printed, _ = launcher.communicate()
    lines = printed.decode(errors="replace").strip().splitlines()
    return lines[-1] if lines else ""


def stop(paths: Paths, daemon: str, timeout_s: float = STOP_LIMIT_S) -> bool:
    """
    End a daemon and wait until it is gone; False when it does not run.

    One that does not end in time is killed, which loses nothing that was
    acknowledged.

    @raise DaemonError: not even that ended it.
    """
    asking = ((signal.SIGTERM, timeout_s), (signal.SIGKILL, _KILL_LIMIT_S))
    return _end(paths, daemon, asking)


def kill(paths: Paths, daemon: str) -> bool:
    """
    End a daemon at once, as a loss of power would; False when it does not run.

    @raise DaemonError: it does not end.
    """
    return _end(paths, daemon, ((signal.SIGKILL, _KILL_LIMIT_S),))


def _end(paths: Paths, daemon: str, signals: Sequence[tuple[int, float]]) -> bool:
    held = _open_holder(paths.pid_file(daemon))
    if held is None:
        return False
    try:
        for number, limit_s in signals:
            try:
                signal.pidfd_send_signal(held, number)
            except ProcessLookupError:
                return True
            if _ended(held, limit_s):
                return True
    finally:
        os.close(held)
    raise DaemonError(f"{daemon} does not end; see {paths.log_file(daemon)}")


def _open_holder(path: str) -> int | None:
    """A descriptor of the very process that holds the pid file."""
    pid = pidfile.holder(path)
    if pid is None:
        return None
    try:
        fd = os.pidfd_open(pid)
    except ProcessLookupError:
        return None
    if pidfile.holder(path) != pid:  # it ended, and the pid may be another's now
        os.close(fd)
        return None
    return fd


def _ended(pid_fd: int, limit_s: float) -> bool:
    # A pidfd becomes readable when the process ends, pidfd_open(2).
    return bool(select.select([pid_fd], [], [], limit_s)[0])
