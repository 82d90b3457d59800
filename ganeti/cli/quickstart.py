"""
quickstart: a running virtual cluster with two instances, in one folder.

Each step looks at what is there and does what is missing, so that the whole
may be interrupted anywhere and run again. C{./quickstart} of a checkout makes
the Python environment and comes here.
"""

from __future__ import annotations

import fcntl
import os
import shutil
import subprocess
import sys
import time
from collections.abc import Iterator
from contextlib import contextmanager

import ganeti
from ganeti.cli import fleet, programs, vcluster
from ganeti.cli.guest import processes
from ganeti.cli.guest.real import HVPARAMS, RealGuest, show_greeting
from ganeti.cli.terminal import Terminal
from ganeti.cli.vcluster_layout import CLUSTER_NAME, MARKER, Layout
from ganeti.errors import GanetiError
from ganeti.paths import Paths
from ganeti.utils.durable import remove, write_atomic

NODES = 3
INSTANCES = {"instance1.example.com": 1, "instance2.example.com": 2}
REAL = "instance1.example.com"
"""The one that is a real virtual machine, where that is possible."""
OS_NAME = "busybox"
VARIANT = "default"

# There while gnt-cluster init runs: what an interrupted one left is worth nothing.
_INITIALISING = ".initialising"
_COMMAND_LIMIT_S = 180
_JOBS_LIMIT_S = 120
_ALONE_LIMIT_S = 60
_GREETING_LIMIT_S = 120
_OF_REAL = ("gnt-instance", "list", "--no-headers", REAL, "-o")
_LIVE_JOBS = {"queued", "waiting", "canceling", "running"}


class QuickstartError(GanetiError):
    """A step failed; what the command said was printed."""


class Quickstart:
    """One virtual cluster, on its way to be complete."""

    def __init__(self, folder: str, *, fake: bool = False) -> None:
        """@param fake: make no real virtual machine."""
        self.folder = os.path.abspath(folder)
        self._fake = fake
        self._inherited: tuple[int, ...] = ()

    # -- the whole

    def up(self) -> None:
        """Make or complete the cluster, and show it."""
        layout = vcluster.setup(self.folder, nodes=NODES)
        nodes = layout.node_paths()[:NODES]
        with self._alone():
            real = self._begin_real_guest()
            for paths in nodes:
                install_os(paths)
            self._initialise(layout, real)
            for paths in nodes[1:]:
                self._add_node(paths.hostname)
            added = [
                self._add_instance(name, nodes, number, real) for name, number in INSTANCES.items()
            ]
            self._show_guest(nodes[INSTANCES[REAL] - 1], added[0])
            for command in (["gnt-node", "list"], ["gnt-instance", "list"]):
                say(f"\n$ {' '.join(command)}")
                self._run(*command)
        say(self._farewell())

    def stop(self) -> None:
        """Stop all daemons; everything stays."""
        self._check_exists()
        with self._alone():
            _raise(fleet.stop(self.folder))
        for guest in self._guests():
            say(f"{guest.name} runs on without them, as guests do (process {guest.pid})")
        say(f"Stopped. Start again with: {self._quickstart()}")

    def destroy(self) -> None:
        """Stop all daemons and remove the folder."""
        if not os.path.lexists(self.folder):
            say(f"{self.folder} does not exist")
            return
        self._check_exists()
        question = f"Remove {self.folder} with all its instances?"
        if sys.stdin.isatty() and Terminal().ask(question) != "y":
            raise QuickstartError("Nothing was removed")
        with self._alone():
            _raise(fleet.stop(self.folder))
            for paths in fleet.nodes(self.folder):
                processes.kill_guests(paths)
            remove_folder(self.folder)
        say(f"Removed {self.folder}")

    # -- steps

    def _begin_real_guest(self) -> RealGuest | None:
        """Make the machine ready for it beside all else; None, having said why, if it cannot be."""
        if self._fake:
            return None
        real = RealGuest(os.path.join(programs.checkout() or self.folder, ".cache"))
        if real.problem:
            self._say_fake(real.problem)
            return None
        real.begin()
        return real

    def _say_fake(self, problem: str) -> None:
        say(f"{REAL} will be a fake one: {problem}")
        if os.geteuid() != 0 and programs.checkout():
            say("  Run by root, quickstart installs what it needs; with --fake it does without")

    def _initialise(self, layout: Layout, real: RealGuest | None) -> None:
        mark = os.path.join(self.folder, _INITIALISING)
        nodes = layout.node_paths()
        if os.path.exists(mark) and not self._is_cluster():
            self._forget(nodes)
        if not fleet.is_set_up(nodes[0]):
            say("Initialising the cluster")
            write_atomic(mark, b"")
            options = vcluster.KVM_INIT_OPTIONS if real else vcluster.INIT_OPTIONS
            self._run("gnt-cluster", "init", *options, CLUSTER_NAME)
        remove(mark)
        say("Starting what is not running")
        _raise(fleet.start(self.folder))

    def _is_cluster(self) -> bool:
        """Whether an init that was interrupted had done its work."""
        fleet.start(self.folder)  # may fail: what is half made is made anew
        return self._output("gnt-cluster", "info") is not None

    def _forget(self, nodes: list[Paths]) -> None:
        """Remove what an interrupted init left."""
        _raise(fleet.stop(self.folder))
        for paths in nodes:
            shutil.rmtree(paths.data_dir, ignore_errors=True)
        vcluster.setup(self.folder, nodes=NODES)

    def _add_node(self, name: str) -> None:
        self._wait_for_jobs()
        if name not in self._names("gnt-node"):
            say(f"Adding {name}")
            self._run("gnt-node", "add", "--no-ssh-key-check", name)

    def _add_instance(
        self, name: str, nodes: list[Paths], number: int, real: RealGuest | None
    ) -> bool:
        """@return: whether it was not there yet."""
        self._wait_for_jobs()
        if name in self._names("gnt-instance"):
            return False
        hypervisor: tuple[str, ...] = ()
        if name == REAL and real and self._finish(real, nodes):
            hypervisor = ("-H", HVPARAMS)
        say(f"Adding {name}{', a real virtual machine' if hypervisor else ''}")
        self._run(
            *("gnt-instance", "add", "-t", "file", "-o", f"{OS_NAME}+{VARIANT}", "-s", "1G"),
            *("-B", "memory=128M", *hypervisor, "-n", nodes[number - 1].hostname, name),
        )
        return True

    def _finish(self, real: RealGuest, nodes: list[Paths]) -> bool:
        """Whether there can be a real guest, after all."""
        real.finish(nodes)
        if not real.problem and "kvm" not in self._enabled_hypervisors():
            real.problem = "kvm is not enabled in this cluster"
        if real.problem:
            self._say_fake(real.problem)
        return not real.problem

    def _enabled_hypervisors(self) -> list[str]:
        found = (line.partition(":") for line in self._lines("gnt-cluster", "info"))
        enabled = next((value for key, _, value in found if key == "Enabled hypervisors"), "")
        return [word.strip() for word in enabled.split(",")]

    def _show_guest(self, node: Paths, added: bool) -> None:
        """Start the real guest if it should run and does not; show what it says as it comes up."""
        if self._fake or self._lines(*_OF_REAL, "hypervisor") != ["kvm"]:
            return
        log = node.serial_log(REAL)
        since = 0
        if not added:
            if self._lines(*_OF_REAL, "admin_state,oper_state") != ["up N"]:
                return
            say(f"Starting {REAL}")
            since = os.path.getsize(log) if os.path.exists(log) else 0
            self._run("gnt-instance", "startup", REAL)
        say(f"\n{REAL} on its serial console:")
        if not show_greeting(log, since, _GREETING_LIMIT_S, say):
            raise QuickstartError(f"{REAL} does not come up in {_GREETING_LIMIT_S} s; see {log}")

    def _guests(self) -> list[processes.Guest]:
        nodes = fleet.nodes(self.folder)
        return [guest for paths in nodes for guest in processes.find_guests(paths)]

    def _names(self, program: str) -> list[str]:
        return self._lines(program, "list", "--no-headers", "-o", "name")

    def _wait_for_jobs(self) -> None:
        """An interrupted run may have left some; they go on in the daemon."""
        deadline = time.monotonic() + _JOBS_LIMIT_S
        while _LIVE_JOBS.intersection(
            self._lines("gnt-job", "list", "--no-headers", "-o", "status")
        ):
            if time.monotonic() > deadline:
                raise QuickstartError("Jobs of an earlier run do not end; see gnt-job list")
            time.sleep(0.1)

    # -- commands on the first node

    def _argv(self, *words: str) -> list[str]:
        return [os.path.join(self.folder, "node1.example.com", "cmd"), *words]

    def _run(self, *words: str) -> None:
        """Run a command for the user to see."""
        sys.stdout.flush()
        done = subprocess.run(
            self._argv(*words),
            stdin=subprocess.DEVNULL,
            pass_fds=self._inherited,
            timeout=_COMMAND_LIMIT_S,
        )
        if done.returncode != 0:
            raise QuickstartError(f"{' '.join(words)} failed")

    def _output(self, *words: str) -> str | None:
        """What a command prints; None when it fails."""
        done = subprocess.run(
            self._argv(*words),
            stdin=subprocess.DEVNULL,
            pass_fds=self._inherited,
            capture_output=True,
            text=True,
            timeout=_COMMAND_LIMIT_S,
        )
        return done.stdout if done.returncode == 0 else None

    def _lines(self, *words: str) -> list[str]:
        output = self._output(*words)
        if output is None:
            raise QuickstartError(f"{' '.join(words)} failed")
        return [line.strip() for line in output.splitlines()]

    # -- the folder

    def _check_exists(self) -> None:
        if not os.path.exists(os.path.join(self.folder, MARKER)):
            raise QuickstartError(f"{self.folder} is no virtual cluster")

    @contextmanager
    def _alone(self) -> Iterator[None]:
        """
        One at a time in a folder.

        Commands inherit the lock: one that outlives a killed quickstart is waited for.
        """
        deadline = time.monotonic() + _ALONE_LIMIT_S
        with open(os.path.join(self.folder, MARKER), "rb") as marker:
            while not _lock(marker.fileno()):
                if time.monotonic() > deadline:
                    raise QuickstartError(f"Another quickstart works on {self.folder}")
                time.sleep(0.1)
            self._inherited = (marker.fileno(),)
            yield

    def _quickstart(self, action: str = "") -> str:
        """How to call us again, from where the user is."""
        top = programs.checkout()
        word = shown(os.path.join(top, "quickstart")) if top else "quickstart"
        word = f"./{word}" if top and "/" not in word else word
        folder = "" if self.folder == default_folder() else shown(self.folder)
        return " ".join(filter(None, [word, action, folder]))

    def _farewell(self) -> str:
        command = os.path.join(shown(self.folder), "node1.example.com", "cmd")
        console = f"\n  {command} gnt-instance console {REAL}" if self._guests() else ""
        return f"""
The cluster runs. Try:{console}
  {command} gnt-instance info instance1.example.com
  {command} gnt-instance shutdown instance1.example.com
  {command} gnt-job list
Stop its daemons, or remove it:
  {self._quickstart("stop")}
  {self._quickstart("destroy")}"""


def _lock(fd: int) -> bool:
    try:
        fcntl.flock(fd, fcntl.LOCK_EX | fcntl.LOCK_NB)
    except BlockingIOError:
        return False
    return True


def shown(path: str) -> str:
    """A path as the user would write it."""
    relative = os.path.relpath(path)
    return path if relative.startswith("..") else relative


def install_os(paths: Paths) -> None:
    """Give a node the OS definition that comes with Ganeti."""
    source = os.path.join(os.path.dirname(ganeti.__file__), "share", "os", OS_NAME)
    target = os.path.join(paths.os_search_path[0], OS_NAME)
    os.makedirs(target, exist_ok=True)
    for name in sorted(os.listdir(source)):
        with open(os.path.join(source, name), "rb") as stream:
            content = stream.read()
        mode = 0o755 if content.startswith(b"#!") else 0o644
        write_atomic(os.path.join(target, name), content, mode)


def remove_folder(folder: str) -> None:
    """Remove a cluster's folder; its mark goes last, so that this can be repeated."""
    for name in os.listdir(folder):
        path = os.path.join(folder, name)
        if name == MARKER:
            continue
        if os.path.isdir(path) and not os.path.islink(path):
            shutil.rmtree(path)
        else:
            os.unlink(path)
    os.unlink(os.path.join(folder, MARKER))
    os.rmdir(folder)


def say(text: str) -> None:
    sys.stdout.write(f"{text}\n")
    sys.stdout.flush()


def _raise(wrong: list[str]) -> None:
    if wrong:
        raise QuickstartError("\n".join(wrong))


def main(argv: list[str]) -> int:
    """C{quickstart [--fake | stop | destroy] [FOLDER]}."""
    fake = "--fake" in argv[:1]
    action, words = ("up", argv[fake:])
    if not fake and argv and argv[0] in ("stop", "destroy"):
        action, words = argv[0], argv[1:]
    if len(words) > 1 or any(word.startswith("-") for word in words):
        sys.stderr.write("Usage: quickstart [--fake | stop | destroy] [FOLDER]\n")
        return 2
    quickstart = Quickstart(words[0] if words else default_folder(), fake=fake)
    try:
        {"up": quickstart.up, "stop": quickstart.stop, "destroy": quickstart.destroy}[action]()
    except KeyboardInterrupt:
        sys.stderr.write("\nInterrupted: run it again to go on\n")
        return 1
    except subprocess.TimeoutExpired as err:
        sys.stderr.write(f"quickstart: {' '.join(err.cmd[1:])} does not end\n")
        return 1
    except (GanetiError, OSError) as err:
        sys.stderr.write(f"quickstart: {err}\n")
        return 1
    return 0


def default_folder() -> str:
    return os.path.join(programs.checkout() or os.getcwd(), "vcluster")


if __name__ == "__main__":
    sys.exit(main(sys.argv[1:]))
