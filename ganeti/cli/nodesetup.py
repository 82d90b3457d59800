"""How the master's command reaches a machine that is to become a node."""

from __future__ import annotations

import os
import subprocess
from collections.abc import Sequence
from typing import NamedTuple, Protocol

from zope.interface import Interface, implementer

from ganeti.cli import nodejoin
from ganeti.cli.nodejoin import Bundle, Prepared
from ganeti.cli.programs import program
from ganeti.errors import ErrorCode, OpPrereqError, SshError
from ganeti.paths import Paths

SETUP_PROGRAM = "node-daemon-setup"
_STEP_LIMIT_S = 120.0
_CONNECT_LIMIT_S = 10


class INodeSetup(Interface):
    """
    One machine that is to become a node.

    Each step may be repeated, also after an interruption at any point. All raise GanetiError when
    the machine cannot be reached or the step fails there.
    """

    def prepare(cluster_name: str, authority: str, *, force_join: bool) -> Prepared:
        """Make its folders and its key; see L{nodejoin.prepare}."""

    def install(bundle: Bundle) -> None:
        """Write what the master made for it; its node daemon does not run afterwards."""

    def start() -> None:
        """Let its node daemon run, and wait until it serves."""


@implementer(INodeSetup)
class VirtualNodeSetup:
    """A node of the same virtual cluster: a folder beside ours."""

    def __init__(self, paths: Paths, name: str) -> None:
        """
        @param paths: those of the master.
        @param name: the other node's full name.
        """
        self._paths = Paths(root=f"{paths.cluster_dir}/{name}", hostname=name)

    def prepare(self, cluster_name: str, authority: str, *, force_join: bool) -> Prepared:
        root = self._paths.root
        if not os.path.isdir(root):
            raise OpPrereqError(
                f"{self._paths.hostname} is no node of this virtual cluster, there is no {root}:"
                " vcluster-setup makes nodes",
                ErrorCode.ENVIRONMENT,
            )
        return nodejoin.prepare(self._paths, cluster_name, authority, force_join=force_join)

    def install(self, bundle: Bundle) -> None:
        nodejoin.install(self._paths, bundle)

    def start(self) -> None:
        nodejoin.start(self._paths)


class Finished(NamedTuple):
    """How a program ended."""

    status: int
    stdout: str
    stderr: str


class Runner(Protocol):
    """Runs a program to its end."""

    def __call__(self, argv: Sequence[str], text: str, timeout_s: float) -> Finished:
        """@param text: for its standard input."""


def run_program(argv: Sequence[str], text: str, timeout_s: float) -> Finished:
    """
    Run a program; it may ask for a password at the terminal.

    @raise SshError: it could not be started, or took too long.
    """
    try:
        done = subprocess.run(
            list(argv), input=text, capture_output=True, text=True, timeout=timeout_s, check=False
        )
    except OSError as err:
        raise SshError(f"{argv[0]} could not be started: {err.strerror or err}") from err
    except subprocess.TimeoutExpired as err:
        raise SshError(f"{argv[0]} did not end within {timeout_s:g} seconds") from err
    return Finished(done.returncode, done.stdout, done.stderr)


class SshOptions(NamedTuple):
    """
    How to call another machine by SSH.

    @ivar batch: nobody is asked anything; what is not known is refused.
    @ivar known_hosts: a file with host keys, beside the caller's own.
    """

    port: int = 22
    key_check: bool = True
    ipv6: bool = False
    user: str = "root"
    batch: bool = False
    known_hosts: str = ""


def ssh_options(options: SshOptions) -> list[str]:
    """The words that ssh(1) and scp(1) have in common."""
    check = "ask" if options.key_check else "no"
    words = [
        "-oHashKnownHosts=no",
        f"-oConnectTimeout={_CONNECT_LIMIT_S}",
        "-oServerAliveInterval=15",
        f"-oStrictHostKeyChecking={check}",
    ]
    if options.batch:
        words.append("-oBatchMode=yes")
    if options.known_hosts:
        words.append(f"-oGlobalKnownHostsFile={options.known_hosts}")
    return words


def ssh_argv(
    name: str, command: Sequence[str], options: SshOptions, *, terminal: bool = False
) -> list[str]:
    """
    The words that run C{command} on another machine, ssh(1).

    The caller's own known_hosts decides about the host key; unknown ones are asked about.
    """
    return [
        "ssh",
        *ssh_options(options),
        "-oEscapeChar=none",
        "-t" if terminal else "-T",
        f"-p{options.port}",
        "-6" if options.ipv6 else "-4",
        f"{options.user}@{name}",
        "--",
        " ".join(_quoted(word) for word in command),
    ]


def _quoted(word: str) -> str:
    import shlex

    return shlex.quote(word)


@implementer(INodeSetup)
class SshNodeSetup:
    """
    A real machine, reached by OpenSSH as root; Ganeti is installed there as it is here.

    Secrets travel on standard input, never in an argument.
    """

    def __init__(
        self, name: str, options: SshOptions | None = None, run: Runner = run_program
    ) -> None:
        self._name = name
        self._options = options or SshOptions()
        self._run = run

    def prepare(self, cluster_name: str, authority: str, *, force_join: bool) -> Prepared:
        values = {
            "cluster_name": cluster_name,
            "authority": authority,
            "force_join": force_join,
        }
        return nodejoin.read_prepared(self._do("prepare", values))

    def install(self, bundle: Bundle) -> None:
        self._do("install", bundle._asdict())

    def start(self) -> None:
        self._do("start", {})

    def _do(self, step: str, values: dict[str, object]) -> str:
        argv = ssh_argv(self._name, [program(SETUP_PROGRAM)], self._options)
        done = self._run(argv, nodejoin.build_step(step, values), _STEP_LIMIT_S)
        if done.status == 0:
            return done.stdout
        said = done.stderr.strip() or f"exit status {done.status}"
        if done.status == 255:  # ssh's own, ssh(1)
            raise SshError(f"Node {self._name} cannot be reached by SSH: {said}")
        if done.status == 127:  # the shell's
            said = f"{SETUP_PROGRAM} is not installed there: {said}"
        raise OpPrereqError(
            f"Setting up node {self._name} failed at step '{step}': {said}", ErrorCode.ENVIRONMENT
        )
