"""
A real virtual machine and what an admin does with it, and what befalls it.

All tests share the machine; each begins with it running, and may leave it stopped.
"""

from __future__ import annotations

import os
import pty
import re
import select
import shlex
import signal
import subprocess
import termios
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path

import pytest
from support.misbehaviour import unharmed
from support.realguest import LIMIT_S, NAME, Guest, need_guests, real_guest
from support.virtualcluster import wait_for

from ganeti.paths import NODED


@pytest.fixture(scope="module")
def made() -> Iterator[Guest]:
    need_guests()
    with real_guest() as guest:
        guest.wait_for_boot([])
        yield guest


@pytest.fixture
def guest(made: Guest) -> Guest:
    """One that has come up."""
    return made.running()


@pytest.fixture
def started(made: Guest) -> Guest:
    """One that runs, and may be on its way up still."""
    return made.started()


# -- the console


def test_greets_and_counts(guest: Guest) -> None:
    """It boots from its own disk, and what it prints is in its log on the node."""
    assert guest.boots()[0] == 1
    guest.wait_until_counting()
    assert guest.fields("name", "hypervisor", "status", "oper_state", "oper_ram", "pnode") == [
        *(NAME, "kvm", "running", "Y", "128", "node1.example.com")
    ]


class Terminal:
    """A person at a terminal, in which a command runs."""

    def __init__(self, argv: list[str]) -> None:
        self.master, slave = pty.openpty()
        self.process = subprocess.Popen(
            argv, stdin=slave, stdout=slave, stderr=slave, start_new_session=True
        )
        self.slave = slave
        self.seen = ""

    def see(self, pattern: str) -> str:
        """Wait until something is on the screen that was not seen yet; return it."""
        while (found := re.search(pattern, self.seen)) is None:
            assert select.select([self.master], [], [], LIMIT_S)[0], self.seen
            self.seen += os.read(self.master, 4096).decode(errors="replace")
        self.seen = self.seen[found.end() :]
        return found[0]

    def type(self, text: str) -> None:
        os.write(self.master, text.encode())

    def echoes(self) -> bool:
        """Whether the terminal is as people expect it."""
        return bool(termios.tcgetattr(self.slave)[3] & termios.ECHO)


@contextmanager
def console(guest: Guest) -> Iterator[Terminal]:
    command = guest.cluster.folder / "node1.example.com" / "cmd"
    terminal = Terminal([str(command), "gnt-instance", "console", NAME])
    try:
        yield terminal
    finally:
        terminal.process.kill()
        terminal.process.wait()
        os.close(terminal.master)
        os.close(terminal.slave)


def test_console(guest: Guest) -> None:
    """The console shows the counter, and Control-] leaves it; the guest counts on."""
    with console(guest) as terminal:
        terminal.see("Control-] ends it")
        terminal.see(f"{NAME} counter [0-9]+\r")
        assert not terminal.echoes()
        terminal.type("\x1d")
        assert terminal.process.wait(LIMIT_S) == 0
        assert terminal.echoes()
    guest.wait_until_counting()


def test_show_command(guest: Guest) -> None:
    """The command that is shown is the console."""
    shown = guest.gnt("console", "--show-cmd").good().stdout
    words = shlex.split(shown)
    assert words[1].endswith("kvm-console")
    done = subprocess.run(
        words, stdin=subprocess.DEVNULL, capture_output=True, text=True, timeout=LIMIT_S
    )
    assert (done.returncode, "counter" in done.stdout) == (0, True), done


# -- what an admin does


def test_shutdown_and_startup(guest: Guest) -> None:
    """It is asked to go down, and does; it starts again from the same disk."""
    boots = guest.boots()
    guest.gnt("shutdown").good()
    assert f"{NAME} goes down" in guest.said()
    assert (guest.fields("status", "oper_state"), guest.is_known()) == (["ADMIN_down", "N"], False)
    refused = guest.gnt("console")
    assert refused.status == 1
    assert f"Instance {NAME} is not running, can't get console" in refused.stderr
    guest.gnt("startup").good()
    assert guest.wait_for_boot(boots) == boots[-1] + 1


def test_reboot(guest: Guest) -> None:
    """Soft starts it anew at once; hard and full ask it before, for as long as they are told."""
    with unharmed(guest.cluster):
        boots = guest.boots()
        guest.gnt("reboot", "--type=soft").good()
        assert guest.wait_for_boot(boots) == boots[-1] + 1
        asked, boots = guest.said().count("goes down"), guest.boots()
        for words in (["--type=hard"], ["--type=full", "--shutdown-timeout=0"]):
            pid = guest.pid()
            guest.gnt("reboot", *words).good()
            assert guest.pid() not in (0, pid)
        assert guest.said().count("goes down") == asked + 1
        assert guest.wait_for_boot(boots) > boots[-1]


# -- what befalls it


def test_node_daemon_killed(guest: Guest) -> None:
    """It lives on without its node daemon, and the next one finds it."""
    pid, counter = guest.pid(), guest.counter()
    guest.cluster.kill(1, NODED)
    guest.wait_until_counting()
    guest.cluster.start(1, NODED)
    assert wait_for(lambda: guest.fields("status", "oper_ram") == ["running", "128"], LIMIT_S)
    guest.wait_until_counting()
    assert guest.pid() == pid
    assert guest.counter() > counter + 1


def test_powers_itself_off(guest: Guest) -> None:
    """One that is powered off from inside counts as stopped by its user, if that is allowed."""
    with console(guest) as terminal:
        terminal.see(f"{NAME} counter [0-9]+\r")
        terminal.type("\r")
        terminal.see(f"A shell on {NAME}")
        terminal.type("poweroff -f\r")
        assert terminal.process.wait(LIMIT_S) == 0
    guest.wait_until_gone()
    assert wait_for(lambda: guest.status() == "USER_down", LIMIT_S)
    assert guest.fields("oper_state", "admin_state") == ["N", "up"]
    guest.cluster.kill(1, NODED)
    guest.cluster.start(1, NODED)
    assert wait_for(lambda: guest.status() == "USER_down", LIMIT_S), guest.status()


def test_killed(started: Guest) -> None:
    """One whose QEMU died has crashed; it can be started, and stopped."""
    with unharmed(started.cluster):
        os.kill(started.pid(), signal.SIGKILL)
        assert wait_for(lambda: started.status() == "ERROR_down", LIMIT_S)
        started.gnt("startup").good()
        assert started.status() == "running"
        os.kill(started.pid(), signal.SIGKILL)
        started.gnt("shutdown").good()
        assert (started.status(), started.is_known()) == ("ADMIN_down", False)


def test_hangs(started: Guest) -> None:
    """One that does not react is ended when the time for its shutdown is over."""
    with unharmed(started.cluster):
        os.kill(started.pid(), signal.SIGSTOP)
        started.gnt("shutdown", "--timeout=1").good()
        assert (started.status(), started.is_known()) == ("ADMIN_down", False)


def test_no_emulator(made: Guest, tmp_path: Path) -> None:
    """Without a QEMU, or with one that dies, nothing starts, and the error names it."""
    made.gnt("shutdown", "--timeout=0").good()
    gone, dying = tmp_path / "gone-qemu", tmp_path / "dying-qemu"
    with unharmed(made.cluster):
        refused = made.gnt("modify", "-H", f"kvm_path={gone}")
        assert refused.status == 1
        assert f"'kvm_path': {gone} is not a file" in refused.stderr, refused
        for path in (gone, dying):
            path.write_text("#!/bin/sh\necho 'no such machine' >&2\nexit 1\n")
            path.chmod(0o755)
            made.gnt("modify", "-H", f"kvm_path={path}").good()
            gone.unlink(missing_ok=True)
            refused = made.gnt("startup")
            assert refused.status == 1
            assert str(path) in refused.stderr, refused
            assert (made.status(), made.is_known()) == ("ADMIN_down", False)
        made.gnt("modify", "-H", "kvm_path=default").good()
        made.gnt("startup").good()
    assert made.status() == "running"
