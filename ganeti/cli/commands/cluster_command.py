"""gnt-cluster command, copyfile."""

from __future__ import annotations

import os
from collections.abc import Iterator, Sequence
from typing import TYPE_CHECKING, NamedTuple

from ganeti.cli import failures, nodeshell
from ganeti.cli.nodesetup import SshOptions
from ganeti.cli.nodeshell import INodeShell, Said, SshNodeShell, VirtualNodeShell
from ganeti.errors import ErrorCode, OpPrereqError, SshError

if TYPE_CHECKING:
    from optparse import Values

    from ganeti.cli.session import Session

_FIELDS = ("name", "offline", "master", "pip", "sip", "group", "group.uuid", "ndp/ssh_port")
_LINE = "-" * 48
_UNREACHABLE = 255
"""As ssh(1) ends when it cannot connect."""


class _Node(NamedTuple):
    """What is to be known of a node."""

    name: str
    offline: bool
    master: bool
    primary_ip: str
    secondary_ip: str
    group: str
    group_uuid: str
    ssh_port: int


def command(session: Session, options: Values, words: list[str]) -> int:
    """Run a command on nodes, the master last."""
    line = " ".join(words)
    for node in _online_nodes(session, options):
        said = _run(_shell(session, node), line)
        if options.failure_only and said.status == 0:
            continue
        session.out(_LINE, *_output(node.name, said.output, options.show_machine_names))
        session.out(f"return code = {said.status}")
    return 0


def _run(shell: INodeShell, line: str) -> Said:
    try:
        return shell.run(line)
    except SshError as err:
        return Said(_UNREACHABLE, f"{err}\n")


def _output(name: str, text: str, with_names: bool) -> Iterator[str]:
    if with_names:
        yield from (f"{name}: {line}" for line in text.splitlines())
    else:
        yield f"node: {name}"
        yield text


def copyfile(session: Session, options: Values, words: list[str]) -> int:
    """Copy a file to nodes, but not to the master itself."""
    (path,) = words
    paths = session.paths
    source = nodeshell.virtual_file(paths, path)[0] if paths.virtual else path
    if not path or not os.path.exists(source):
        raise OpPrereqError(f"No such filename '{path}'", ErrorCode.WRONG_INPUT)
    if not os.path.isfile(source):
        raise OpPrereqError(f"'{path}' is not a regular file", ErrorCode.WRONG_INPUT)
    status = 0
    for node in _online_nodes(session, options):
        if node.master:
            continue
        address = node.secondary_ip if options.use_replication_network else ""
        try:
            _shell(session, node, address).copy(path)
        except SshError as err:
            session.err(f"Copy of file {path} to node {node.name} failed: {err}")
            status = failures.FAILURE
    return status


# -- which nodes, and how they are reached


def _online_nodes(session: Session, options: Values) -> list[_Node]:
    """
    Those that are meant and in service, the master last.

    @raise OpPrereqError: a node or the group is not known.
    """
    nodes = _find_nodes(session, options.nodes)
    if options.nodegroup is not None:
        _check_group(session, options.nodegroup)
        wanted = options.nodegroup
        nodes = [node for node in nodes if wanted in (node.group, node.group_uuid)]
    offline = [node.name for node in nodes if node.offline]
    if offline:
        session.err(f"Note: skipping offline node(s): {', '.join(offline)}")
    return sorted((node for node in nodes if not node.offline), key=lambda node: node.master)


def _find_nodes(session: Session, names: Sequence[str]) -> list[_Node]:
    rows = session.call("QueryNodes", [list(names), list(_FIELDS), False])
    nodes = [_Node(*row) for row in rows]
    for name in names:
        if not any(node.name == name or node.name.startswith(f"{name}.") for node in nodes):
            raise OpPrereqError(f"Node '{name}' not known", ErrorCode.NOT_FOUND)
    return nodes


def _check_group(session: Session, name: str) -> None:
    if not session.call("QueryGroups", [[name], ["name"], False]):
        raise OpPrereqError(f"Node group '{name}' not found", ErrorCode.NOT_FOUND)


def _shell(session: Session, node: _Node, address: str = "") -> INodeShell:
    """@param address: to use instead of the node's name."""
    paths, environ = session.paths, session.world.environ
    if paths.virtual:
        return VirtualNodeShell(paths, node.name, environ)
    options = SshOptions(
        port=int(node.ssh_port),
        ipv6=":" in (address or node.primary_ip),
        known_hosts=paths.known_hosts,
    )
    return SshNodeShell(address or node.name, options, environ)
