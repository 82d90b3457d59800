"""
What a real guest costs: until its greeting, to reboot, to end; and how long it keeps its node
daemon from answering.

Run: C{.venv/bin/python test/bench/bench_guest.py}. Prints figures, asserts nothing. Needs QEMU and
libvirt's QEMU driver; a kernel is downloaded at the first run.
"""

from __future__ import annotations

import os
import signal
import statistics
import sys
import tempfile
import time
from collections.abc import Callable, Iterator
from pathlib import Path
from typing import Any, NamedTuple

sys.path[:0] = [str(Path(__file__).resolve().parents[2]), str(Path(__file__).resolve().parents[1])]

from ganeti.utils.daemon import run

ROOT = Path(__file__).resolve().parents[2]
NODE = 2
INSTANCE = "bench.example.com"
PROBE_EVERY_S = 0.002
NOTED_S = 0.004
GREETING = b"Hello from"
ROUNDS = 3
LIMIT_S = 60.0


class Turn(NamedTuple):
    """
    A time in which a reactor answered nobody.

    @ivar preempted: how long other processes had its core; or that of another thread of the
        daemon, which may have kept Python's lock so long. The longest time counts.
    @ivar stolen: how long other virtual machines had cores of this machine, roughly.
    """

    at: float
    seconds: float
    preempted: float
    stolen: float

    @property
    def ours(self) -> float:
        return max(0.0, self.seconds - self.preempted - self.stolen)


# -- inside the node daemon


class Probe:
    """
    Notes how long a reactor takes from one look at its files to the next.

    A timer lets it look often; so what keeps it longer is work, or another thread with
    Python's lock.
    """

    def __init__(self, poller: Any, trace: str) -> None:
        self._poller = poller
        self._trace = os.open(trace, os.O_WRONLY | os.O_CREAT | os.O_APPEND, 0o600)
        self._threads: dict[str, int] = {}
        self._looks = 0
        self._stat = os.open("/proc/stat", os.O_RDONLY)
        self._last = self._now()

    def __getattr__(self, name: str) -> Any:
        return getattr(self._poller, name)

    def poll(self, timeout: float, most: int) -> Any:
        found = self._poller.poll(min(timeout, PROBE_EVERY_S) if timeout >= 0 else timeout, most)
        now = self._now()
        seconds = now[0] - self._last[0] - PROBE_EVERY_S
        if seconds > NOTED_S:
            before = self._last[2]
            preempted = max(waited - before.get(name, waited) for name, waited in now[2].items())
            lost = f"{preempted} {now[1] - self._last[1]}"
            os.write(self._trace, f"{time.time()} {seconds} {lost}\n".encode())
        self._last = now
        return found

    def _now(self) -> tuple[float, float, dict[str, float]]:
        """The time; stolen time; how long each thread has waited for a core so far, proc(5)."""
        if self._looks % 50 == 0:
            self._find_threads()
        self._looks += 1
        stolen = int(os.pread(self._stat, 256, 0).split()[8]) / os.sysconf("SC_CLK_TCK")
        return time.perf_counter(), stolen, dict(self._waited())

    def _waited(self) -> Iterator[tuple[str, float]]:
        for name, file in self._threads.items():
            try:
                yield name, int(os.pread(file, 64, 0).split()[1]) / 1e9
            except OSError:
                continue  # it has ended

    def _find_threads(self) -> None:
        names = set(os.listdir("/proc/self/task"))
        for name in self._threads.keys() - names:
            os.close(self._threads.pop(name))
        for name in names - self._threads.keys():
            try:
                self._threads[name] = os.open(f"/proc/self/task/{name}/schedstat", os.O_RDONLY)
            except OSError:
                continue  # it has ended


def be_node_daemon(trace: str) -> None:
    """Be a node daemon whose reactor is watched."""
    from twisted.internet.epollreactor import EPollReactor

    start = EPollReactor.startRunning

    def watch(self: Any, *args: Any, **kwargs: Any) -> None:
        self._poller = Probe(self._poller, trace)
        self.callLater(PROBE_EVERY_S, self._tick)
        start(self, *args, **kwargs)

    def tick(self: Any) -> None:
        self.callLater(PROBE_EVERY_S, self._tick)

    EPollReactor._tick = tick  # type: ignore[attr-defined]
    EPollReactor.startRunning = watch  # type: ignore[method-assign]
    run("ganeti-noded", sys.argv[1:], os.environ)


# -- outside of it


class Bench:
    """A cluster with a watched node."""

    def __init__(self, folder: Path) -> None:
        from support.ready import make_cluster

        self.trace = folder / "turns"
        self.trace.touch()
        self.program = folder / "ganeti-noded"
        self.program.write_text(
            f"#!{sys.executable}\nimport sys\nsys.path.insert(0, {str(ROOT / 'test/bench')!r})\n"
            f"from bench_guest import be_node_daemon\nbe_node_daemon({str(self.trace)!r})\n"
        )
        self.program.chmod(0o755)
        self.cluster = make_cluster(folder / "cluster", nodes=2)
        self.paths = self.cluster.paths(NODE)

    def prepare(self) -> None:
        """The watched daemon in the place of the other; a kernel; an instance that is down."""
        from ganeti.cli.guest.real import HVPARAMS, RealGuest
        from ganeti.paths import NODED

        real = RealGuest(str(ROOT / ".cache"))
        real.begin()
        real.finish([self.paths])
        if real.problem:
            raise SystemExit(f"There can be no real guest: {real.problem}")
        self.cluster.stop(NODE, NODED)
        self.cluster.start(NODE, str(self.program))
        self.run("gnt-cluster", "modify", "--enabled-hypervisors=fake,kvm")
        options = ("-t", "file", "-s", "64M", "-o", "busybox+default", "-B", "memory=128M")
        place = ("-n", self.cluster.name(NODE), "--ignore-ipolicy", "--no-start")
        self.run("gnt-instance", "add", *options, "-H", HVPARAMS, *place, INSTANCE)

    def run(self, *argv: str) -> None:
        self.cluster.run(*argv).good()

    def until_greeting(self, *argv: str) -> tuple[float, float]:
        """Seconds of a command, and from its start to the next greeting."""
        said = self._greetings()
        begin = time.monotonic()
        self.run(*argv)
        command_s = time.monotonic() - begin
        while self._greetings() <= said:
            if time.monotonic() - begin > LIMIT_S:
                raise SystemExit(f"no greeting after {' '.join(argv)}")
            time.sleep(0.01)
        return command_s, time.monotonic() - begin

    def _greetings(self) -> int:
        try:
            return Path(self.paths.serial_log(INSTANCE)).read_bytes().count(GREETING)
        except FileNotFoundError:
            return 0

    def turns_since(self, since: float) -> list[Turn]:
        lines = self.trace.read_text().splitlines()
        return [turn for turn in (Turn(*map(float, line.split())) for line in lines)
                if turn.at >= since]  # fmt: skip

    def end(self) -> None:
        from ganeti.cli.guest.processes import kill_emulators

        self.cluster.end()
        kill_emulators(self.paths.libvirt_dir)


class Figures:
    """Times by what they are of, printed as they come."""

    def __init__(self, bench: Bench) -> None:
        self._bench = bench
        self._seconds: dict[str, list[float]] = {}
        self._longest: dict[str, Turn] = {}

    def measure(self, what: str, action: Callable[[], Any]) -> Any:
        """Do it; keep how long it took, and the longest turn of the reactor meanwhile."""
        since = time.time()
        begin = time.monotonic()
        result = action()
        self.add(what, time.monotonic() - begin)
        time.sleep(0.3)
        nothing = Turn(0, 0, 0, 0)
        turns = self._bench.turns_since(since)
        longest = max(turns, key=lambda turn: turn.ours, default=nothing)
        self._longest[what] = max(
            self._longest.get(what, nothing), longest, key=lambda turn: turn.ours
        )
        return result

    def add(self, what: str, seconds: float) -> None:
        self._seconds.setdefault(what, []).append(seconds)

    def show(self) -> None:
        for what, seconds in self._seconds.items():
            median, low, high = statistics.median(seconds), min(seconds), max(seconds)
            turn = self._longest.get(what)
            blocked = ""
            if turn is not None:
                blocked = f"reactor blocked {turn.ours * 1000:5.1f} ms"
                blocked += f" (beside {(turn.seconds - turn.ours) * 1000:.0f} ms without a core)"
            print(f"{what:36} {median:7.2f} s ({low:.2f}..{high:.2f}, n={len(seconds)})  {blocked}")


def measure(bench: Bench, figures: Figures) -> None:
    startup = ("gnt-instance", "startup", INSTANCE)

    def start(what: str) -> None:
        _, greeting_s = figures.measure(what, lambda: bench.until_greeting(*startup))
        figures.add("from startup to greeting", greeting_s)

    def command(what: str, *argv: str) -> None:
        figures.measure(what, lambda: bench.run("gnt-instance", *argv, INSTANCE))

    start("first start of the daemon")
    command("shutdown by its power button", "shutdown")
    for _ in range(ROUNDS):
        start("start and greeting")
        hard = ("gnt-instance", "reboot", "-t", "hard", INSTANCE)
        figures.measure("reboot and greeting", lambda argv=hard: bench.until_greeting(*argv))
        figures.measure("list", lambda: bench.run("gnt-instance", "list"))
        command("shutdown by its power button", "shutdown")
        start("start and greeting")
        command("destroyed (--timeout=0)", "shutdown", "--timeout=0")


def main() -> None:
    signal.signal(signal.SIGTERM, lambda *_: sys.exit(1))  # without leaving anything
    print(f"{os.cpu_count()} cores, load {os.getloadavg()[0]:.1f}")
    with tempfile.TemporaryDirectory(prefix="gnt-bench-") as folder:
        bench = Bench(Path(folder))
        try:
            bench.prepare()
            figures = Figures(bench)
            try:
                figures.measure("nothing, 5 s", lambda: time.sleep(5))
                measure(bench, figures)
            finally:
                figures.show()
        finally:
            bench.end()


if __name__ == "__main__":
    main()
