"""Names and addresses: the hosts file of a virtual cluster, or the system's resolver."""

from __future__ import annotations

import os
from typing import NamedTuple

from ganeti.errors import ResolverError
from ganeti.paths import Paths


class Host(NamedTuple):
    """One machine: its full name and its address."""

    name: str
    ip: str


def parse_hosts(text: str) -> dict[str, Host]:
    """
    Read hosts(5): by every name, alias and address, in lower case.

    The first line that has a name wins, as in the C library.
    """
    found: dict[str, Host] = {}
    for line in text.splitlines():
        ip, *names = line.partition("#")[0].split() or [""]
        if names:
            host = Host(names[0].lower(), ip)
            for key in (*names, ip):
                found.setdefault(key.lower(), host)
    return found


class Resolver:
    """
    Resolves names as daemons and commands of one node do.

    Outside a virtual cluster this asks the system and may block: daemons call
    it in a thread.
    """

    def __init__(self, paths: Paths) -> None:
        self._paths = paths
        self._hosts: dict[str, Host] = {}
        self._stamp: tuple[int, int, int] | None = None

    def resolve(self, name: str) -> Host:
        """
        The full name and the address of a machine, given any of its names.

        @raise ResolverError: there is none.
        """
        if self._paths.virtual:
            return self._from_file(name)
        return _from_system(name)

    def _from_file(self, name: str) -> Host:
        self._reload()
        try:
            return self._hosts[name.lower().rstrip(".")]
        except KeyError:
            raise ResolverError(name, 2, f"it is not in {self._paths.hosts_file}") from None

    def _reload(self) -> None:
        path = self._paths.hosts_file
        try:
            status = os.stat(path)
            stamp = (status.st_mtime_ns, status.st_size, status.st_ino)
            if stamp != self._stamp:
                with open(path, encoding="utf-8", errors="replace") as stream:
                    self._hosts = parse_hosts(stream.read())
                self._stamp = stamp
        except OSError as err:
            raise ResolverError(path, err.errno or 0, f"{err.strerror}") from err


def _from_system(name: str) -> Host:
    import socket  # slow to import, and most commands resolve nothing

    try:
        answers = socket.getaddrinfo(name, None, type=socket.SOCK_STREAM, flags=socket.AI_CANONNAME)
    except (OSError, UnicodeError) as err:
        code = (err.errno or 0) if isinstance(err, OSError) else 0
        text = (err.strerror or str(err)) if isinstance(err, OSError) else str(err)
        raise ResolverError(name, code, text) from err
    # getaddrinfo(3) gives the canonical name with the first answer only.
    canonical = answers[0][3] or name
    return Host(canonical.lower(), str(answers[0][4][0]))


def own_name(paths: Paths) -> str:
    """What this machine calls itself; may be a short name."""
    if paths.hostname:
        return paths.hostname
    import socket

    return socket.gethostname()
