"""gnt-instance console: at the keyboard of an instance."""

from __future__ import annotations

import shlex
import subprocess
from collections.abc import Mapping
from typing import TYPE_CHECKING, Any

from ganeti.errors import ErrorCode, OpExecError, OpPrereqError

if TYPE_CHECKING:
    from optparse import Values

    from ganeti.cli.session import Session


def console(session: Session, options: Values, names: list[str]) -> int:
    """Be the console, or say where it is."""
    found, running = _ask(session, names[0])
    match found["kind"]:
        case "msg":
            session.out(found["message"])
            return 0
        case _ if not running:
            raise _not_running(found["instance"])
        case "vnc" | "spice":
            session.out(_graphical(found))
            return 0
        case _:
            return _serial(session, options, found)


def _ask(session: Session, name: str) -> tuple[dict[str, Any], bool]:
    """What the master knows of the console, and whether the instance runs."""
    fields = ["name", "console", "oper_state"]
    rows = session.call("QueryInstances", [[name], fields, False])
    if not rows:
        raise OpPrereqError(f"Instance '{name}' does not exist", ErrorCode.NOT_FOUND)
    full_name, found, running = rows[0]
    if found is None:  # its node does not answer
        raise _not_running(full_name)
    return found, bool(running)


def _not_running(name: str) -> OpExecError:
    return OpExecError(f"Instance {name} is not running, can't get console")


def _graphical(found: Mapping[str, Any]) -> str:
    kind, host, port = found["kind"], found["host"], found["port"]
    display = f" (display {found['display']})" if "display" in found else ""
    return (
        f"Instance {found['instance']} has {kind.upper()} listening on {host}:{port}{display},"
        f" URL <{kind}://{host}:{port}/>"
    )


def _serial(session: Session, options: Values, found: Mapping[str, Any]) -> int:
    argv = console_argv(session, found)
    if options.show_command:
        session.out(shlex.join(argv))
        return 0
    try:
        status = subprocess.run(argv, check=False).returncode
    except OSError as err:
        raise OpExecError(f"{argv[0]} could not be started: {err.strerror or err}") from err
    if status:
        raise OpExecError(
            f"Connection to console of instance {found['instance']} failed,"
            " please check cluster configuration"
        )
    return 0


def console_argv(session: Session, found: Mapping[str, Any]) -> list[str]:
    """The words that show a serial console: over SSH, or as another node of a virtual cluster."""
    from ganeti.cli.nodesetup import SshOptions, ssh_argv
    from ganeti.cli.programs import program

    name, *arguments = found["command"]
    command = [program(name), *arguments]
    if session.paths.virtual:
        return [f"{session.paths.cluster_dir}/{found['host']}/cmd", *command]
    options = SshOptions(port=found["port"], user=found["user"])
    return ssh_argv(found["host"], command, options, terminal=True)
