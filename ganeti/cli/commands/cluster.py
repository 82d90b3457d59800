"""gnt-cluster version, getmaster, queue."""

from __future__ import annotations

from typing import TYPE_CHECKING

from ganeti.errors import ConfigurationError, ErrorCode, OpPrereqError

if TYPE_CHECKING:
    from optparse import Values

    from ganeti.cli.session import Session


def show_version(session: Session, _options: Values, _words: list[str]) -> int:
    """What runs on the master."""
    cluster = session.call("QueryClusterInfo")
    session.out(
        f"Software version: {cluster['software_version']}",
        f"Internode protocol: {cluster['protocol_version']}",
        f"Configuration format: {cluster['config_version']}",
        f"OS api version: {cluster['os_api_version']}",
        f"Export interface: {cluster['export_version']}",
        f"VCS version: {cluster['vcs_version']}",
    )
    return 0


def getmaster(session: Session, _options: Values, _words: list[str]) -> int:
    """The master's name, from this node's own files."""
    path = session.paths.ssconf("master_node")
    try:
        with open(path, encoding="utf-8") as stream:
            master = stream.read().rstrip("\n")
    except OSError as err:
        raise ConfigurationError(f"Can't read ssconf file {path}: {err}") from err
    session.out(master)
    return 0


def queue(session: Session, _options: Values, words: list[str]) -> int:
    """Drain or undrain the job queue, or tell whether it is drained."""
    command = words[0]
    if command in ("drain", "undrain"):
        session.call("SetDrainFlag", [command == "drain"])
    elif command == "info":
        (drained,) = session.call("QueryConfigValues", [["drain_flag"]])
        session.out(f"The drain flag is {'set' if drained else 'unset'}")
    else:
        raise OpPrereqError(f"Command '{command}' is not valid.", ErrorCode.WRONG_INPUT)
    return 0
