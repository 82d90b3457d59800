"""
vcluster-setup: make the folder of a virtual cluster.

Everything is below that folder; no root rights are needed, and nothing else of
the machine is changed, unless a network device is named. It may be run again,
also with more nodes; what is there stays.
"""

from __future__ import annotations

import errno
import os
import shlex
import socket
import subprocess
import sys
from collections.abc import Iterable
from optparse import OptionParser, Values

from ganeti.cli import programs
from ganeti.cli.vcluster_layout import (
    CLUSTER_NAME,
    MARKER,
    Layout,
    command_script,
    each_node_script,
    fleet_script,
    node_paths,
    parse_prefix,
    prefixes,
)
from ganeti.errors import GanetiError
from ganeti.paths import Paths
from ganeti.store.database import excess_bytes
from ganeti.utils.durable import make_directories, write_atomic
from ganeti.utils.hosts import parse_hosts

NODED_PORT = 1811
_IP_LIMIT_S = 20

# What gnt-cluster init needs to be told on a virtual node.
_INIT_OPTIONS = (
    *("--no-etc-hosts", "--no-ssh-init", "--master-netdev=lo"),
    "--enabled-disk-templates=file,sharedfile,diskless",
)
INIT_OPTIONS = (*_INIT_OPTIONS, "--enabled-hypervisors=fake")
KVM_INIT_OPTIONS = (*_INIT_OPTIONS, "--enabled-hypervisors=fake,kvm", "--user-shutdown=yes")


class SetupError(GanetiError):
    """The virtual cluster could not be made."""


def setup(
    directory: str,
    *,
    nodes: int = 3,
    instances: int = 10,
    prefix: str | None = None,
    netdev: str | None = None,
    init_script: str | None = None,
    keep_hosts: bool = False,
) -> Layout:
    """
    Make what is missing of a virtual cluster.

    @param netdev: a device that gets the addresses (needs root).
    @param init_script: started on each node by C{start-all} with C{start},
        C{stop} or C{restart}, instead of our own way.
    @param keep_hosts: the hosts file is the admin's own.
    @raise SetupError: the folder is something else, or the network is not to be had.
    """
    directory = os.path.abspath(directory)
    _check_ours(directory)
    layout = _layout(directory, nodes, instances, prefix)
    os.makedirs(directory, exist_ok=True)
    _write(os.path.join(directory, MARKER), "A virtual Ganeti cluster.\n", 0o644)
    if not keep_hosts:
        _complete_hosts(layout)
    for paths in layout.node_paths():
        _make_node(paths)
    _make_scripts(directory, init_script)
    if netdev:
        _add_addresses(layout, netdev)
    return layout


def _check_ours(directory: str) -> None:
    if os.path.exists(os.path.join(directory, MARKER)):
        return
    # The draft of the mark is what an interrupted first run leaves.
    if os.path.isdir(directory) and set(os.listdir(directory)) <= {f".{MARKER}.new"}:
        return
    if os.path.lexists(directory):
        raise SetupError(f"{directory} exists and is no virtual cluster: choose another folder")


def _layout(directory: str, nodes: int, instances: int, prefix: str | None) -> Layout:
    present = existing_prefix(directory)
    if prefix and present and prefix != present:
        raise SetupError(f"{directory} has addresses in {present}.0/24 already: remove it first")
    nodes = max(nodes, _count_nodes(directory))
    layout = Layout(directory, prefix or present or "", nodes, instances)
    problem = layout.problem()
    if problem:
        raise SetupError(problem)
    _check_length(layout)
    return layout if layout.prefix else layout._replace(prefix=_free_prefix(layout))


def _check_length(layout: Layout) -> None:
    last = layout.node_paths()[-1]
    if excess := excess_bytes(f"{last.store_db}.new"):
        raise SetupError(
            f"The path is {excess} bytes too long for SQLite, which keeps each node's data: "
            f"{layout.directory}"
        )


def existing_prefix(directory: str) -> str | None:
    """The network that the hosts file of a cluster uses."""
    try:
        with open(os.path.join(directory, "hosts"), encoding="utf-8") as stream:
            host = parse_hosts(stream.read()).get(CLUSTER_NAME)
    except FileNotFoundError:
        return None
    return host.ip.rpartition(".")[0] if host else None


def _count_nodes(directory: str) -> int:
    count = 0
    while os.path.exists(node_paths(directory, count + 1).root):
        count += 1
    return count


def _free_prefix(layout: Layout) -> str:
    for prefix in prefixes(layout.directory):
        if all(_is_free(ip) for ip in layout._replace(prefix=prefix).node_ips()):
            return prefix
    raise SetupError(f"Port {NODED_PORT} is taken on every loopback address that was tried")


def _is_free(ip: str) -> bool:
    with socket.socket() as probe:
        probe.setsockopt(socket.SOL_SOCKET, socket.SO_REUSEADDR, 1)
        try:
            probe.bind((ip, NODED_PORT))
        except OSError as err:
            if err.errno == errno.EADDRINUSE:
                return False
            raise SetupError(f"Address {ip} cannot be used: {err.strerror}") from err
    return True


def _complete_hosts(layout: Layout) -> None:
    """Add the lines that are missing; those that others have added stay."""
    path = os.path.join(layout.directory, "hosts")
    try:
        with open(path, encoding="utf-8", errors="surrogateescape") as stream:
            present = stream.read().splitlines()
    except FileNotFoundError:
        present = []
    wanted = layout.hosts().splitlines()
    lines = [*present, *(line for line in wanted if line not in present)]
    _write(path, "".join(f"{line}\n" for line in lines), 0o644)


def _make_node(paths: Paths) -> None:
    make_directories(paths)
    # Paths of the configuration, the same on all nodes; each puts its root before them.
    real = Paths()
    allowed = f"{real.file_storage_dir}\n{real.shared_file_storage_dir}\n"
    if not os.path.exists(paths.file_storage_paths_file):
        _write(paths.file_storage_paths_file, allowed, 0o644)
    script = command_script(paths, programs.directories())
    _write(os.path.join(paths.root, "cmd"), script, 0o755)


def _make_scripts(directory: str, init_script: str | None) -> None:
    for action in ("start", "stop", "restart"):
        text = fleet_script(action, directory, sys.executable)
        if init_script:
            command = [os.path.abspath(init_script), action]
            text = each_node_script(directory, command, f"{action.capitalize()} all nodes.")
        _write(os.path.join(directory, f"{action}-all"), text, 0o755)
    watcher = each_node_script(directory, ["ganeti-watcher"], "Run ganeti-watcher on each node.")
    _write(os.path.join(directory, "watcher-all"), watcher, 0o755)


def _write(path: str, text: str, mode: int) -> None:
    """Write a file, but leave one alone that is as it should be."""
    content = text.encode(errors="surrogateescape")
    try:
        with open(path, "rb") as stream:
            present = (stream.read(), os.fstat(stream.fileno()).st_mode & 0o777)
    except FileNotFoundError:
        present = None
    if present != (content, mode):
        write_atomic(path, content, mode)


def _add_addresses(layout: Layout, netdev: str) -> None:
    for ip in [layout.cluster_ip(), *layout.node_ips()]:
        argv = ["ip", "address", "replace", f"{ip}/24", "dev", netdev]
        try:
            done = subprocess.run(argv, capture_output=True, text=True, timeout=_IP_LIMIT_S)
        except (OSError, subprocess.TimeoutExpired) as err:
            raise SetupError(f"{' '.join(argv)}: {err}") from err
        if done.returncode != 0:
            raise SetupError(f"{' '.join(argv)}: {done.stderr.strip()}")


def missing_addresses(ips: Iterable[str]) -> list[str]:
    """Those that are not this machine's."""
    missing = []
    for ip in ips:
        with socket.socket() as probe:
            try:
                probe.bind((ip, 0))
            except OSError:
                missing.append(ip)
    return missing


def _parser() -> OptionParser:
    parser = OptionParser(
        prog="vcluster-setup",
        usage="%prog [options] DIRECTORY",
        description="Make a virtual cluster: many nodes on this machine, in one folder.",
        epilog="Example: vcluster-setup -c 5 ~/cluster",
    )
    parser.add_option(
        "-c", dest="nodes", type="int", default=3, metavar="N", help="virtual nodes (default: 3)"
    )
    parser.add_option(
        "-i",
        dest="instances",
        type="int",
        default=10,
        metavar="N",
        help="names for instances (default: 10)",
    )
    parser.add_option(
        "-p",
        dest="prefix",
        metavar="PREFIX",
        help="IPv4 prefix, such as 192.0.2 (default: a free one in 127.0.0.0/8)",
    )
    parser.add_option(
        "-n",
        dest="netdev",
        metavar="NETDEV",
        help="add the addresses to this network device (needs root)",
    )
    parser.add_option(
        "-I", dest="init_script", metavar="PATH", help="init script for start-all and its like"
    )
    parser.add_option(
        "-E",
        dest="keep_hosts",
        action="store_true",
        default=False,
        help="leave the hosts file alone",
    )
    parser.add_option(
        "-N",
        dest="no_network",
        action="store_true",
        default=False,
        help="no network set-up, in spite of -n",
    )
    return parser


def main() -> int:
    """The program."""
    parser = _parser()
    options, arguments = parser.parse_args()
    if len(arguments) != 1:
        parser.error("one directory is needed")
    try:
        layout = _setup(options, arguments[0])
    except (GanetiError, OSError) as err:
        sys.stderr.write(f"vcluster-setup: {err}\n")
        return 1
    sys.stdout.write(instructions(layout))
    for ip in missing_addresses(layout.node_ips()):
        sys.stderr.write(f"Warning: {ip} is not an address of this machine yet\n")
    return 0


def _setup(options: Values, directory: str) -> Layout:
    prefix = parse_prefix(options.prefix) if options.prefix else None
    if options.prefix and prefix is None:
        raise SetupError(f"'{options.prefix}' is no prefix: three bytes are needed, as in 192.0.2")
    return setup(
        directory,
        nodes=options.nodes,
        instances=options.instances,
        prefix=prefix,
        netdev=None if options.no_network else options.netdev,
        init_script=options.init_script,
        keep_hosts=options.keep_hosts,
    )


def instructions(layout: Layout) -> str:
    """What to type next."""
    names = [paths.hostname for paths in layout.node_paths()]
    master = shlex.quote(os.path.join(layout.directory, names[0], "cmd"))
    lines = [
        f"Virtual cluster in {layout.directory}, addresses {layout.prefix}.0/24",
        f"Nodes: {', '.join(names)}",
        "Set it up with:",
        f"  {master} gnt-cluster init {' '.join(INIT_OPTIONS)} {CLUSTER_NAME}",
        *(f"  {master} gnt-node add --no-ssh-key-check {name}" for name in names[1:]),
        f"Daemons: {shlex.quote(layout.directory)}/start-all, stop-all, restart-all",
    ]
    return "".join(f"{line}\n" for line in lines)


if __name__ == "__main__":
    sys.exit(main())
