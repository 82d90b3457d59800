"""What a virtual cluster consists of: names, addresses, the texts of its files. Pure."""

from __future__ import annotations

import hashlib
import os.path
import shlex
from collections.abc import Iterator, Sequence
from typing import NamedTuple

from ganeti.paths import Paths

DOMAIN = "example.com"
CLUSTER_NAME = f"cluster.{DOMAIN}"
# Says that a folder was made by us, and may be removed.
MARKER = ".vcluster"

# The last byte: the cluster has 1, nodes go up from 2, instances down from 254.
_MOST = 253


class Layout(NamedTuple):
    """
    One virtual cluster.

    C{directory} is absolute; C{prefix} the first three bytes of its addresses.
    """

    directory: str
    prefix: str
    nodes: int
    instances: int

    def cluster_ip(self) -> str:
        return f"{self.prefix}.1"

    def node_ip(self, number: int) -> str:
        return f"{self.prefix}.{number + 1}"

    def node_ips(self) -> list[str]:
        return [self.node_ip(number) for number in range(1, self.nodes + 1)]

    def node_paths(self) -> list[Paths]:
        return [node_paths(self.directory, number) for number in range(1, self.nodes + 1)]

    def hosts(self) -> str:
        """The hosts file."""
        lines = [_host(self.cluster_ip(), "cluster")]
        lines += [_host(self.node_ip(n), f"node{n}") for n in range(1, self.nodes + 1)]
        for number in range(1, self.instances + 1):
            lines.append(_host(f"{self.prefix}.{255 - number}", f"instance{number}"))
        return "# The machines of this virtual cluster, and nobody else's.\n" + "".join(lines)

    def problem(self) -> str | None:
        """Why there cannot be such a cluster."""
        if self.nodes < 1 or self.instances < 0:
            return "A cluster needs one node at least"
        if self.nodes + self.instances > _MOST:
            return f"There is room for {_MOST} nodes and instances together"
        if any(character in self.directory for character in ":\n"):
            return f"The path must not contain colons or line ends: {self.directory!r}"
        return None


def _host(ip: str, short: str) -> str:
    return f"{ip}\t{short}.{DOMAIN} {short}\n"


def node_paths(directory: str, number: int) -> Paths:
    """The files of one node."""
    name = f"node{number}.{DOMAIN}"
    return Paths(root=os.path.join(directory, name), hostname=name)


def prefixes(directory: str) -> Iterator[str]:
    """
    Loopback networks to try, best first: the same for a directory every time.

    127.0.x and 127.255.x are left to others.
    """
    digest = hashlib.sha256(os.path.realpath(directory).encode(errors="surrogateescape")).digest()
    first = int.from_bytes(digest[:4], "big")
    for step in range(256):
        number = (first + step) % (254 * 256)
        yield f"127.{1 + number // 256}.{number % 256}"


def parse_prefix(text: str) -> str | None:
    """The first three bytes of C{192.0.2}, C{192.0.2.}, C{192.0.2.0} or C{192.0.2.0/24}."""
    parts = text.removesuffix("/24").rstrip(".").split(".")
    if len(parts) == 4 and parts[3] == "0":
        parts = parts[:3]
    if len(parts) != 3 or not all(part.isdecimal() and int(part) < 256 for part in parts):
        return None
    return ".".join(str(int(part)) for part in parts)


def command_script(paths: Paths, programs: Sequence[str]) -> str:
    """C{cmd}: run a command as a node."""
    return f"""#!/bin/sh
# Run a command as {paths.hostname}, for example: cmd gnt-cluster info
if [ $# = 0 ]; then
    echo "Usage: $0 COMMAND [ARGUMENT...]" >&2
    exit 2
fi
GANETI_ROOTDIR={shlex.quote(paths.root)}
GANETI_HOSTNAME={shlex.quote(paths.hostname)}
PATH={shlex.quote(":".join(programs))}:$PATH
export GANETI_ROOTDIR GANETI_HOSTNAME PATH
exec "$@"
"""


def fleet_script(action: str, directory: str, python: str) -> str:
    """C{start-all} and its like."""
    command = [python, "-I", "-m", "ganeti.cli.fleet", action, directory]
    return f"""#!/bin/sh
# {action.capitalize()} the daemons of all nodes of this virtual cluster.
exec {shlex.join(command)} "$@"
"""


def each_node_script(directory: str, command: Sequence[str], purpose: str) -> str:
    """Run a command on each node, one after the other; fails when one failed."""
    return f"""#!/bin/sh
# {purpose}
status=0
for node in {shlex.quote(directory)}/*/cmd; do
    "$node" {shlex.join(command)} "$@" || status=1
done
exit $status
"""
