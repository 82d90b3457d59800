"""
A virtual cluster of real daemons, to be commanded, killed and looked at.

Everything is below one folder; daemons are found by their locked pid files and
ended by their pids.
"""

from __future__ import annotations

import os
import select
import shutil
import signal
import subprocess
import time
from collections.abc import Mapping
from dataclasses import dataclass, field
from itertools import islice
from pathlib import Path
from threading import Lock
from types import TracebackType

from ganeti.cli.guest.processes import kill_emulators
from ganeti.cli.vcluster_layout import prefixes
from ganeti.paths import MASTERD, NODED, Paths
from ganeti.utils.pidfile import holder
from support.forkserver import ForkServer

ROOT = Path(__file__).resolve().parents[2]
BIN = ROOT / "bin"
START_LIMIT_S = 60.0
END_LIMIT_S = 30.0
LAST_LINES = 200
"""Of a dead daemon's log: a crash tells of each thread."""


class ClusterError(AssertionError):
    """The cluster did not do what the test needs of it."""


class NotStarted(ClusterError):
    """A daemon did not start, and why it C{said} so."""

    def __init__(self, text: str, said: str) -> None:
        super().__init__(text)
        self.said = said


@dataclass(frozen=True)
class Ran:
    """What a command did."""

    argv: tuple[str, ...]
    status: int
    stdout: str
    stderr: str
    seconds: float
    last_words: str = ""
    """When it failed: of daemons that did not run (any more)."""

    def good(self) -> Ran:
        """Itself. @raise ClusterError: it failed."""
        if self.status != 0:
            raise ClusterError(self.told())
        return self

    def told(self) -> str:
        """All there is to say about it, for who did not expect it."""
        head = f"{' '.join(self.argv)}: status {self.status}"
        return "\n".join([head, self.stdout, self.stderr, self.last_words])


@dataclass
class VirtualCluster:
    """
    Nodes C{node1.example.com} and so on below C{folder}; node1 is the master.

    With C{failpoints} every daemon that starts can be armed by L{arm} and traces
    the places it reaches. With C{forks} L{start} is quicker.
    """

    folder: Path
    nodes: int = 3
    failpoints: bool = False
    environ: dict[str, str] = field(default_factory=dict)
    forks: ForkServer | None = None

    # -- its parts

    def name(self, node: int) -> str:
        return f"node{node}.example.com"

    def paths(self, node: int) -> Paths:
        return Paths(root=str(self.folder / self.name(node)), hostname=self.name(node))

    def pid(self, node: int, daemon: str) -> int | None:
        """Of a running daemon."""
        return holder(self.paths(node).pid_file(daemon))

    # -- commands

    def setup(self) -> None:
        """Make the folder with all that vcluster-setup puts there."""
        argv = [str(BIN / "vcluster-setup"), "-c", str(self.nodes), *_network(self.folder)]
        subprocess.run([*argv, str(self.folder)], check=True, timeout=60, stdout=subprocess.DEVNULL)
        if self.failpoints:
            (self.folder / "failpoints").mkdir(exist_ok=True)

    def run(self, *argv: str, node: int = 1, timeout_s: float = 120.0, stdin: str = "") -> Ran:
        """Run one of our commands on a node, to its end."""
        begin = time.monotonic()
        with self.spawn(*argv, node=node) as process:
            try:
                stdout, stderr = process.communicate(stdin, timeout=timeout_s)
            except subprocess.TimeoutExpired:
                process.kill()
                stdout, stderr = process.communicate()
                text = f"{' '.join(argv)} did not end in {timeout_s} s\n{stdout}\n{stderr}"
                raise ClusterError(f"{text}\n{self.last_words()}") from None
        seconds = time.monotonic() - begin
        last_words = self.last_words() if process.returncode else ""
        return Ran(argv, process.returncode, stdout, stderr, seconds, last_words)

    def spawn(self, *argv: str, node: int = 1) -> subprocess.Popen[str]:
        """Start one of our commands on a node; a test that fails does not wait for it."""
        return _Command(
            [str(BIN / argv[0]), *argv[1:]],
            stdin=subprocess.PIPE,
            stdout=subprocess.PIPE,
            stderr=subprocess.PIPE,
            text=True,
            env=self._environ(node),
            start_new_session=True,
        )

    def _environ(self, node: int) -> dict[str, str]:
        paths = self.paths(node)
        environ = dict(os.environ, GANETI_ROOTDIR=paths.root, GANETI_HOSTNAME=paths.hostname)
        if self.failpoints:
            environ["GANETI_FAILPOINTS"] = f"@{self.folder}/failpoints/%h-%p.armed"
            environ["GANETI_FAILPOINT_TRACE"] = f"{self.folder}/failpoints/%h-%p.trace"
        return environ | self.environ

    # -- daemons

    def start(self, node: int, daemon: str, extra: Mapping[str, str] | None = None) -> None:
        """Start a daemon and wait until it says that it serves."""
        environ = self._environ(node) | dict(extra or {})
        read_fd, write_fd = os.pipe()
        process = None
        try:
            if self.forks is not None:
                self.forks.start(daemon, environ, write_fd)
            else:
                process = _start_program(daemon, environ, write_fd)
        finally:
            os.close(write_fd)
        said = _read_line(read_fd, START_LIMIT_S)
        if process is not None:
            process.wait(START_LIMIT_S)
        if said != "READY=1":
            text = f"{daemon} on {self.name(node)} did not start: {said!r}"
            raise NotStarted(f"{text}\n{self.last_words()}", said)

    def start_if_down(self, node: int, daemon: str) -> None:
        if self.pid(node, daemon) is None:
            self.start(node, daemon)

    def start_member(self, node: int, daemon: str) -> bool:
        """
        Start a daemon unless its node is in no cluster (yet, or any more), and says so.

        The command that is under way may have been faster: then it runs already.
        """
        try:
            self.start(node, daemon)
        except NotStarted as err:
            if "is in no cluster" in err.said or "There is no database" in err.said:
                return False
            if "the daemon is running already" not in err.said:
                raise
        return True

    def kill(self, node: int, daemon: str, sig: signal.Signals = signal.SIGKILL) -> None:
        """End a daemon by its pid, and wait until it is gone."""
        pid = self.pid(node, daemon)
        if pid is not None:
            os.kill(pid, sig)
            self.wait_gone(node, daemon)

    def stop(self, node: int, daemon: str) -> None:
        """End a daemon as an admin does."""
        self.kill(node, daemon, signal.SIGTERM)

    def wait_gone(self, node: int, daemon: str, limit_s: float = END_LIMIT_S) -> bool:
        """Wait until no process holds the daemon's pid file; False after C{limit_s}."""
        return wait_for(lambda: self.pid(node, daemon) is None, limit_s)

    def last_words(self) -> str:
        """How the logs of daemons end that do not run (any more): it tells where they crashed."""
        said = []
        for node in range(1, self.nodes + 1):
            for daemon in (MASTERD, NODED):
                log = Path(self.paths(node).log_file(daemon))
                if log.exists() and self.pid(node, daemon) is None:
                    said += [f"{daemon} on {self.name(node)} does not run; its log ends:"]
                    said += log.read_text(errors="replace").splitlines()[-LAST_LINES:]
        return "\n".join(said)

    def end(self) -> None:
        """Kill every daemon of the cluster that runs, and every guest."""
        for node in range(1, self.nodes + 1):
            for daemon in (MASTERD, NODED):
                self.kill(node, daemon)
            if os.path.exists(self.paths(node).libvirt_dir):
                kill_emulators(self.paths(node).libvirt_dir)

    def remove(self) -> None:
        """End everything and delete the folder."""
        self.end()
        shutil.rmtree(self.folder, ignore_errors=True)

    # -- failpoints

    def _armed(self, node: int, daemon: str) -> Path:
        return self.folder / "failpoints" / f"{self.name(node)}-{daemon}.armed"

    def _trace(self, node: int, daemon: str) -> Path:
        return self.folder / "failpoints" / f"{self.name(node)}-{daemon}.trace"

    def arm(self, node: int, daemon: str, spec: str) -> None:
        """Arm a daemon, running or not yet started."""
        path = self._armed(node, daemon)
        draft = path.with_suffix(".new")
        draft.write_text(spec)
        draft.rename(path)

    def disarm(self, node: int, daemon: str) -> None:
        self._armed(node, daemon).unlink(missing_ok=True)

    def forget_trace(self, node: int, daemon: str) -> None:
        """Trace from here on; the daemon keeps its file open, so it is cut, not removed."""
        path = self._trace(node, daemon)
        if path.exists():
            os.truncate(path, 0)

    def last_places(self, node: int, daemon: str) -> list[str]:
        """The last places that a daemon's threads, one of which ended it, have reached."""
        path = self._trace(node, daemon)
        if not path.exists():
            return []
        with path.open("rb") as trace:
            trace.seek(max(0, path.stat().st_size - 4096))
            lines = trace.read().decode().splitlines()
        return [line.partition(" ")[0] for line in lines[-12:]]

    def trace(self, node: int, daemon: str) -> list[tuple[str, str]]:
        """(name, detail) of the places reached since L{forget_trace}."""
        path = self._trace(node, daemon)
        lines = path.read_text().splitlines() if path.exists() else []
        return [(line.partition(" ")[0], line.partition(" ")[2]) for line in lines]


_networks: dict[str, Path] = {}
_giving = Lock()


def _network(folder: Path) -> list[str]:
    """
    Words for vcluster-setup, so that no two clusters of this process have the same addresses: it
    sees only those whose daemons run already.
    """
    usual, *others = islice(prefixes(str(folder)), 9)
    with _giving:
        mine = (n for n in (usual, *others) if _networks.setdefault(n, folder) == folder)
        chosen = next(mine)
    return [] if chosen == usual else ["-p", chosen]


class _Command(subprocess.Popen[str]):
    """One that is not waited for when the block that needs it has failed."""

    def __exit__(
        self,
        kind: type[BaseException] | None,
        value: BaseException | None,
        traceback: TracebackType | None,
    ) -> None:
        if kind is not None:
            self.kill()
        super().__exit__(kind, value, traceback)


def wait_for(condition: object, limit_s: float, every_s: float = 0.01) -> bool:
    """Poll C{condition()} until it is true; False when it did not become so in time."""
    end = time.monotonic() + limit_s
    while not condition():  # type: ignore[operator]
        if time.monotonic() > end:
            return False
        time.sleep(every_s)
    return True


def _start_program(
    daemon: str, environ: Mapping[str, str], ready_fd: int
) -> subprocess.Popen[bytes]:
    return subprocess.Popen(
        [str(BIN / daemon), "--ready-fd", str(ready_fd)],
        stdin=subprocess.DEVNULL,
        stdout=subprocess.DEVNULL,
        stderr=subprocess.DEVNULL,
        pass_fds=(ready_fd,),
        env=environ,
        start_new_session=True,
    )


def _read_line(fd: int, limit_s: float) -> str:
    """The first line a pipe gives, or what there is at its end or after C{limit_s}."""
    data = b""
    end = time.monotonic() + limit_s
    try:
        while not data.endswith(b"\n"):
            left = end - time.monotonic()
            if left <= 0 or not select.select([fd], [], [], left)[0]:
                return f"nothing within {limit_s} s"
            chunk = os.read(fd, 4096)
            if not chunk:
                break
            data += chunk
    finally:
        os.close(fd)
    return data.decode(errors="replace").strip()
