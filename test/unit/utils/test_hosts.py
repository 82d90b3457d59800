"""Names and addresses."""

import os
from pathlib import Path

import pytest

from ganeti.errors import ResolverError
from ganeti.paths import Paths
from ganeti.utils.hosts import Host, Resolver, parse_hosts


def test_parse() -> None:
    """hosts(5): comments, aliases, any blanks; the first line of a name wins."""
    hosts = parse_hosts(
        "# all of them\n\n127.1.2.2\tNode1.example.com node1 # the master\n"
        "127.1.2.3 node2.example.com\n127.9.9.9 node1\n127.1.2.4\n"
    )
    assert hosts["node1"] == hosts["node1.example.com"] == Host("node1.example.com", "127.1.2.2")
    assert hosts["127.1.2.3"].name == "node2.example.com"
    assert "127.1.2.4" not in hosts


def test_virtual(tmp_path: Path) -> None:
    """A virtual cluster's names are those of its file, also when that changes."""
    file = tmp_path / "hosts"
    resolver = Resolver(Paths(root=str(tmp_path / "n1"), hostname="n1"))
    with pytest.raises(ResolverError, match="No such file"):
        resolver.resolve("n1")
    file.write_text("127.1.2.2 n1.example.com n1\n")
    assert resolver.resolve("N1.") == ("n1.example.com", "127.1.2.2")
    with pytest.raises(ResolverError, match=r"'n2'.*hosts"):
        resolver.resolve("n2")
    file.write_text("127.1.2.2 n1.example.com n1\n127.1.2.3 n2\n")
    os.utime(file, ns=(1, 1))
    assert resolver.resolve("n2").ip == "127.1.2.3"


def test_system() -> None:
    """Outside a virtual cluster the system is asked."""
    assert Resolver(Paths()).resolve("localhost").ip in ("127.0.0.1", "::1")
    with pytest.raises(ResolverError, match=r"x\.invalid"):
        Resolver(Paths()).resolve("x.invalid")
    with pytest.raises(ResolverError):
        Resolver(Paths()).resolve("a" * 70 + ".invalid")
