"""Where the master daemon is, and what to say when it does not answer."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

from ganeti.errors import ErrorCode, GanetiError, NoMasterError, OpPrereqError
from ganeti.paths import MASTERD, Paths

if TYPE_CHECKING:
    from ganeti.cli.session import Session
    from ganeti.luxi.client import Client

NO_CLUSTER = "Cluster not initialized or this machine is not part of a cluster"
_STARTING_S = 10.0
_PAUSE_S = 0.05
_RECONNECT_S = 60.0
"""How long a command that waits for a job outlives the master daemon."""


def ask(session: Session, method: str, args: list[Any]) -> Any:
    """
    Make one request; while the master daemon is starting, wait a little for it.

    @raise OpPrereqError: no cluster here, or another node is the master.
    @raise NoMasterError: the daemon does not run.
    """
    deadline = session.clock.monotonic() + _STARTING_S
    while True:
        try:
            return session.client.call(method, args)
        except NoMasterError as err:
            if not isinstance(err.__cause__, (FileNotFoundError, ConnectionRefusedError)):
                raise
            problem = explain_silence(session.paths)
            starting = isinstance(problem, NoMasterError) and _is_running(session.paths)
            if not starting or session.clock.monotonic() > deadline:
                raise problem from err
        session.clock.sleep(_PAUSE_S)


def new_client(session: Session) -> Client:
    """A client of the master daemon of this node; it connects when first asked."""
    from ganeti.luxi.client import Client, Timeouts

    timeouts = Timeouts(reconnect=_RECONNECT_S)
    return Client(
        socket_path(session), timeouts, now=session.clock.monotonic, sleep=session.clock.sleep
    )


def socket_path(session: Session) -> str:
    """The socket to use: C{FORCE_LUXI_SOCKET} is a path, or C{master} or C{query}."""
    forced = session.world.environ.get("FORCE_LUXI_SOCKET", "")
    named = {
        "": session.paths.query_socket,
        "query": session.paths.query_socket,
        "master": session.paths.master_socket,
    }
    return named.get(forced, forced)


def _is_running(paths: Paths) -> bool:
    from ganeti.utils.pidfile import holder

    return holder(paths.pid_file(MASTERD)) is not None


def explain_silence(paths: Paths) -> GanetiError:
    """Why nobody listens on the master's socket of this node."""
    master = read_ssconf(paths, "master_node")
    if master is None:
        return OpPrereqError(NO_CLUSTER, ErrorCode.WRONG_INPUT)
    if not is_this_node(paths, master):
        text = (
            f"This is not the master node, please connect to node '{master}' and rerun the command"
        )
        return OpPrereqError(text, ErrorCode.WRONG_INPUT)
    return NoMasterError(not_running(paths, MASTERD))


def not_running(paths: Paths, daemon: str) -> str:
    """That a daemon does not run here, and how it is started."""
    start = f"{paths.root}/cmd {daemon}" if paths.virtual else daemon
    return (
        f"The daemon {daemon} does not run on this node. Start it with '{start}';"
        f" if it does not stay up, {paths.log_file(daemon)} says why."
    )


def read_ssconf(paths: Paths, key: str) -> str | None:
    """One ssconf value without its newline; None when there is no such file."""
    try:
        with open(paths.ssconf(key), encoding="utf-8") as stream:
            return stream.read().rstrip("\n")
    except FileNotFoundError:
        return None


def is_this_node(paths: Paths, name: str) -> bool:
    """Whether C{name}, a full node name, is this machine."""
    from ganeti.utils.hosts import Resolver, own_name

    own = own_name(paths)
    if own.lower() == name.lower():
        return True
    if paths.virtual:
        return False
    try:
        return Resolver(paths).resolve(own).name.lower() == name.lower()
    except GanetiError:
        return False
