"""
The assembly of a daemon: its options, and how twistd runs it (needs Twisted).

C{bin/ganeti-noded} calls L{run}, which hands over to twistd; twistd finds the
plugin of that name, whose C{makeService} calls L{root_service}. All that is
read of the process's environment is read here and in the plugins.
"""

from __future__ import annotations

import os
import sys
from collections.abc import Mapping, Sequence
from typing import Any, ClassVar

from twisted.logger import ILogObserver
from twisted.python.usage import Options, UsageError

from ganeti.errors import GanetiError
from ganeti.paths import Paths
from ganeti.utils import failpoints, logs
from ganeti.utils.durable import make_directories
from ganeti.utils.service import AsyncService, Readiness, RootService
from ganeti.version import RELEASE

_SWITCH_S = 0.001
"""For how long a thread keeps Python's lock when the reactor waits for it; usually 5 ms."""


class DaemonOptions(Options):
    """
    What every daemon's plugin takes; those that listen add C{port} and C{bind}.

    @cvar daemon: its name.
    """

    daemon: ClassVar[str]
    optParameters = [
        ["ready-fd", None, "-1", "Tell this descriptor when ready, or why not."],
    ]

    def getSynopsis(self) -> str:
        """How it is called: by its own name, and not as a part of twistd."""
        return f"Usage: {self.daemon} [-f] [-d] [options]"

    @property
    def longdesc(self) -> str:
        """What help says at the end."""
        return (
            "With -f (--foreground) it stays at the terminal and logs there, with -d (--debug) it"
            f" logs more. Example: {self.daemon} -f -d"
        )

    def postOptions(self) -> None:
        """Check what is a number."""
        for name in ("ready-fd", "port"):
            if name in self:
                try:
                    self[name] = int(self[name])
                except ValueError:
                    raise UsageError(f"--{name} must be a number") from None


def paths_of(environ: Mapping[str, str]) -> Paths:
    """
    The node that this process is for; arms the failpoints that tests asked for.

    @raise ConfigurationError: the environment contradicts itself.
    """
    host = environ.get("GANETI_HOSTNAME", "")
    failpoints.configure(
        environ.get("GANETI_FAILPOINTS", "").replace("%h", host),
        environ.get("GANETI_FAILPOINT_TRACE", "").replace("%h", host),
    )
    return Paths.from_environ(environ)


def root_service(
    daemon: str,
    service: AsyncService,
    *,
    reactor: Any,
    options: Options,
    environ: Mapping[str, str],
    paths: Paths,
) -> RootService:
    """The service that twistd starts and stops, around the one that works."""
    service.name = service.name or daemon
    readiness = Readiness(fd=options["ready-fd"], notify_socket=environ.get("NOTIFY_SOCKET", ""))
    return RootService(reactor, service, pid_file=paths.pid_file(daemon), readiness=readiness)


class _Logging:
    """Where the one daemon of this process logs."""

    path = ""
    debug = False


def log_observer() -> ILogObserver:
    """Made by twistd (C{--logger}) before it leaves the terminal."""
    stream = logs.open_log(_Logging.path) if _Logging.path else sys.stderr
    return logs.stream_observer(stream, _Logging.debug)


def run(daemon: str, argv: Sequence[str], environ: Mapping[str, str]) -> None:
    """
    Be the daemon C{daemon}, with twistd; returns when it ended (in the foreground).

    @raise SystemExit: as twistd does.
    """
    flags, rest = _split(argv)
    if "--version" in flags:
        sys.stdout.write(f"{daemon} (ganeti) {RELEASE}\n")
        sys.exit(0)
    foreground = not flags.isdisjoint(("-f", "--foreground"))
    try:
        paths = Paths.from_environ(environ)
        if "--help" not in rest:
            make_directories(paths)
        if paths.virtual:  # libvirt would keep some state in the user's home
            os.environ["XDG_RUNTIME_DIR"] = paths.run_dir
    except (GanetiError, OSError) as err:
        sys.exit(f"{daemon}: {err}")
    _Logging.debug = not flags.isdisjoint(("-d", "--debug"))
    _Logging.path = "" if foreground else paths.log_file(daemon)
    sys.setswitchinterval(_SWITCH_S)
    sys.argv = [daemon, *_twistd_options(foreground), daemon, *rest]
    from twisted.scripts.twistd import run as run_twistd

    run_twistd()


def _split(argv: Sequence[str]) -> tuple[set[str], list[str]]:
    """The flags that say how to run, and what is for the daemon itself."""
    ours = {"-f", "--foreground", "-d", "--debug", "--version"}
    return ours.intersection(argv), [word for word in argv if word not in ours]


def _twistd_options(foreground: bool) -> list[str]:
    # Our own pid file is locked, which twistd's is not.
    common = ["--pidfile=", "--rundir=/", "--umask=077", f"--logger={__name__}.log_observer"]
    return [*common, "--nodaemon"] if foreground else common


def main() -> None:
    """The entry point of an installed daemon: its name is the program's."""
    run(os.path.basename(sys.argv[0]), sys.argv[1:], os.environ)
