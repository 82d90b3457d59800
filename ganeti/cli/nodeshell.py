"""How the master's command runs programs on other nodes, and sends files to them."""

from __future__ import annotations

import contextlib
import os
import shutil
import subprocess
from collections.abc import Mapping, Sequence
from typing import NamedTuple, Protocol

from zope.interface import Interface, implementer

from ganeti.cli import daemons, programs
from ganeti.cli.nodesetup import SshOptions, ssh_options
from ganeti.errors import SshError
from ganeti.paths import Paths

_LIMIT_S = 86400.0
_SHELL = "/bin/sh"


class Said(NamedTuple):
    """How a command ended, and what it printed on both streams together."""

    status: int
    output: str


class INodeShell(Interface):
    """One node of the cluster. Both raise SshError when it cannot be reached."""

    def run(command: str) -> Said:
        """Let the node's shell run a command line, as root and with nothing on standard input."""

    def copy(path: str) -> None:
        """Put a file of this node at the same place there, with its mode and times."""


class Runner(Protocol):
    """Runs a program to its end."""

    def __call__(self, argv: Sequence[str], env: Mapping[str, str], cwd: str) -> Said: ...


def run_program(argv: Sequence[str], env: Mapping[str, str], cwd: str) -> Said:
    """
    Run a program; both its streams go where standard output goes.

    @raise SshError: it could not be started, or took too long.
    """
    try:
        done = subprocess.run(
            list(argv),
            stdin=subprocess.DEVNULL,
            stdout=subprocess.PIPE,
            stderr=subprocess.STDOUT,
            env=dict(env),
            cwd=cwd,
            timeout=_LIMIT_S,
            check=False,
        )
    except OSError as err:
        raise SshError(f"{argv[0]} could not be started: {err.strerror or err}") from err
    except subprocess.TimeoutExpired as err:
        raise SshError(f"{argv[0]} did not end within {_LIMIT_S:g} seconds") from err
    return Said(done.returncode, done.stdout.decode(errors="replace"))


@implementer(INodeShell)
class VirtualNodeShell:
    """A node of the same virtual cluster: a folder beside ours, and an environment."""

    def __init__(
        self, paths: Paths, name: str, environ: Mapping[str, str], run: Runner = run_program
    ) -> None:
        """
        @param paths: those of the master.
        @param name: the other node's full name.
        @param environ: ours.
        """
        self._own = paths
        self._paths = Paths(root=f"{paths.cluster_dir}/{name}", hostname=name)
        self._environ = environ
        self._run = run

    def run(self, command: str) -> Said:
        env = daemons.environment(self._paths, self._environ)
        env["PATH"] = ":".join([*programs.directories(), env.get("PATH", os.defpath)])
        return self._run([_SHELL, "-c", command], env, self._paths.root)

    def copy(self, path: str) -> None:
        """The place is below the other node's root; nothing else of the machine is written to."""
        source, inside = virtual_file(self._own, path)
        place = self._paths.root + inside
        try:
            os.makedirs(os.path.dirname(place), exist_ok=True)
            shutil.copy2(source, f"{place}.new")
            os.replace(f"{place}.new", place)
        except OSError as err:
            with contextlib.suppress(OSError):
                os.unlink(f"{place}.new")
            raise SshError(f"Cannot write {place}: {err.strerror or err}") from err


def virtual_file(paths: Paths, path: str) -> tuple[str, str]:
    """
    Where a file of a virtual node is on this machine, and what the node calls it.

    One that only the machine has is taken from there.
    """
    full = os.path.normpath(os.path.abspath(path))
    root = paths.root + "/"
    inside = full.removeprefix(paths.root) if full.startswith(root) else full
    own = paths.root + inside
    return (own if os.path.exists(own) else full), inside


@implementer(INodeShell)
class SshNodeShell:
    """A real node, reached by OpenSSH as root; nobody is asked for a password."""

    def __init__(
        self,
        host: str,
        options: SshOptions,
        environ: Mapping[str, str],
        run: Runner = run_program,
    ) -> None:
        """@param host: its name, or one of its addresses."""
        self._host = host
        self._options = options._replace(batch=True)
        self._environ = environ
        self._run = run

    def run(self, command: str) -> Said:
        options = self._options
        argv = ["ssh", *ssh_options(options), "-oEscapeChar=none", "-T", f"-p{options.port}"]
        argv += ["-6" if options.ipv6 else "-4", f"{options.user}@{self._host}", "--", command]
        return self._run(argv, self._environ, "/")

    def copy(self, path: str) -> None:
        options = self._options
        host = f"[{self._host}]" if ":" in self._host else self._host
        full = os.path.abspath(path)
        argv = ["scp", "-q", "-p", *ssh_options(options), f"-P{options.port}"]
        said = self._run([*argv, "--", full, f"{options.user}@{host}:{full}"], self._environ, "/")
        if said.status != 0:
            raise SshError(said.output.strip() or f"scp ended with status {said.status}")
