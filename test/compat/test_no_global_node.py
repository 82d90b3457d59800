"""
Services are handed their node, clock, randomness and reactor.

So code reads none of them from the process; the few places that may are
listed here, each with its reason.
"""

from __future__ import annotations

import ast
from collections.abc import Iterator
from fnmatch import fnmatch
from pathlib import Path

import ganeti

ROOT = Path(ganeti.__file__).parent

ENVIRONMENT = {"os.environ", "os.environb", "os.getenv", "os.putenv", "os.getenvb"}
CLOCK = {
    *("time.time", "time.time_ns", "time.sleep"),
    *("datetime.now", "datetime.utcnow", "datetime.today", "date.today"),
    *("datetime.datetime.now", "datetime.datetime.utcnow", "datetime.date.today"),
}
RANDOMNESS = {"os.urandom", "os.getrandom", "uuid.uuid1", "uuid.uuid4"}
RANDOM_MODULES = {"random", "secrets"}
REACTOR = {"twisted.internet.reactor"}
HARD_PATHS = ("/etc/ganeti", "/etc/hosts", "/srv/ganeti", "/var/lib/ganeti", "/var/log/ganeti")
HARD_PATHS += ("/var/run/ganeti", "/run/ganeti", "/var/lock/ganeti")

# Pattern of files, what they may, and why.
EXCEPTIONS: list[tuple[str, set[str], str]] = [
    ("utils/daemon.py", ENVIRONMENT, "the assembly of a daemon"),
    ("*/plugin.py", ENVIRONMENT | REACTOR, "the assembly of a daemon"),
    ("cli/*", ENVIRONMENT | CLOCK, "a command is one process for one person"),
    ("luxi/client.py", {"time.sleep"}, "the synchronous client of commands"),
    ("utils/flock.py", {"time.sleep"}, "used by commands only"),
    ("hypervisor/libvirt/library.py", {"time.sleep"}, "its event loop is a thread"),
    ("hypervisor/libvirt/reconnecting.py", {"time.sleep"}, "it waits in a thread for libvirt"),
    ("utils/randomness.py", RANDOMNESS | RANDOM_MODULES, "the source that others are handed"),
    ("rpc/certificates.py", set(), "keys are made by a library that asks the kernel itself"),
    ("paths.py", set(HARD_PATHS), "the paths themselves"),
    ("model/hypervisors.py", set(HARD_PATHS), "defaults of parameters, which admins see"),
    ("storage/allowed.py", set(HARD_PATHS), "where no storage may be"),
    ("cli/options/*", set(HARD_PATHS), "help texts"),
]


def aliases(tree: ast.AST) -> dict[str, str]:
    """What the module's names stand for."""
    found: dict[str, str] = {}
    for node in ast.walk(tree):
        if isinstance(node, ast.Import):
            found |= {
                (a.asname or a.name.split(".")[0]): (a.asname and a.name) or a.name.split(".")[0]
                for a in node.names
            }
        elif isinstance(node, ast.ImportFrom) and node.module:
            found |= {(a.asname or a.name): f"{node.module}.{a.name}" for a in node.names}
    return found


def dotted(node: ast.AST, names: dict[str, str]) -> str | None:
    """The full name of C{a.b.c}."""
    if isinstance(node, ast.Name):
        return names.get(node.id)
    if isinstance(node, ast.Attribute):
        base = dotted(node.value, names)
        return base and f"{base}.{node.attr}"
    return None


def docstrings(tree: ast.AST) -> set[int]:
    return {id(node.value) for node in ast.walk(tree) if isinstance(node, ast.Expr)}


def uses(tree: ast.AST) -> Iterator[tuple[int, str]]:
    """Line and name of whatever of the process's own is used."""
    names = aliases(tree)
    texts = docstrings(tree)
    for node in ast.walk(tree):
        if isinstance(node, ast.Attribute | ast.Name):
            name = dotted(node, names) or ""
            name = name.replace("datetime.datetime.", "datetime.", 1)
            if name in ENVIRONMENT | CLOCK | RANDOMNESS | REACTOR:
                yield node.lineno, name
            elif name.split(".")[0] in RANDOM_MODULES and "." in name:
                yield node.lineno, name.split(".")[0]
        elif isinstance(node, ast.ImportFrom) and node.module == "twisted.internet":
            if any(alias.name == "reactor" for alias in node.names):
                yield node.lineno, "twisted.internet.reactor"
        elif isinstance(node, ast.Constant) and isinstance(node.value, str):
            for path in HARD_PATHS:
                if node.value.startswith(path) and id(node) not in texts:
                    yield node.lineno, path


def allowed(relative: str) -> set[str]:
    return set().union(*(names for pattern, names, _ in EXCEPTIONS if fnmatch(relative, pattern)))


def test_nothing_is_read_from_the_process() -> None:
    """No module reads environment, clock, randomness, reactor or hard paths, but those listed."""
    wrong = []
    for path in sorted(ROOT.rglob("*.py")):
        relative = str(path.relative_to(ROOT))
        for line, name in uses(ast.parse(path.read_text())):
            if name not in allowed(relative):
                wrong.append(f"{relative}:{line}: {name}")
    assert not wrong, "\n".join(wrong)


def test_the_test_sees_uses() -> None:
    """The usual disguises."""
    code = """
import os, time as t
from os import environ
from datetime import datetime
from random import choice
def f():
    from twisted.internet import reactor
    os.environ["x"]; environ; t.time(); datetime.now(); choice([1]); os.urandom(3)
    "/var/lib/ganeti as a comment"
    return "/var/lib/ganeti/x"
"""
    assert {name for _, name in uses(ast.parse(code))} == {
        *("os.environ", "time.time", "datetime.now", "random", "os.urandom"),
        *("twisted.internet.reactor", "/var/lib/ganeti"),
    }
