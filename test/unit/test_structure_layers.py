"""Which package may import which: arrows only point down, and not sideways."""

from __future__ import annotations

import ast
from collections.abc import Iterator
from pathlib import Path

import ganeti

ROOT = Path(ganeti.__file__).parent

GROUND = {"errors", "paths", "version", "utils"}
DATA = GROUND | {"model", "opcodes", "query"}

# What each package may import of ours. A dotted name is one module only.
ALLOWED: dict[str, set[str]] = {
    "errors": set(),
    "version": set(),
    "paths": {"errors"},
    "utils": GROUND,
    "model": GROUND,
    "opcodes": GROUND | {"model"},
    "query": DATA,
    "store": DATA,
    "rpc": DATA,
    "luxi": DATA,
    "hypervisor": DATA,
    "storage": DATA,
    "htools": DATA | {"luxi"},
    "operations": DATA | {"store", "rpc", "htools"},
    "masterd": DATA | {"store", "rpc", "luxi", "htools", "operations"},
    "noded": DATA | {"rpc", "hypervisor", "storage", "store.candidate", "store.nodestate"},
    "rapi": DATA | {"luxi"},
    "confd": DATA | {"luxi"},
    "mond": DATA | {"luxi", "hypervisor", "storage"},
    # Of store and rpc the parts without Twisted, with which gnt-cluster init begins.
    "cli": DATA
    | {"luxi", "htools", "store.database", "store.bootstrap", "store.nodestate_db"}
    | {"rpc.certificates", "rpc.roles"},
}


def statements(parent: ast.AST) -> Iterator[ast.AST]:
    """All of them, wherever they are; no expressions, of which there are many more."""
    for parts in ("body", "orelse", "finalbody", "handlers", "cases"):
        for node in getattr(parent, parts, ()):
            yield node
            yield from statements(node)


def imported(tree: ast.AST) -> Iterator[str]:
    """The dotted names of modules, ours only, without C{ganeti.}."""
    for node in statements(tree):
        if isinstance(node, ast.ImportFrom) and node.module and not node.level:
            names = [node.module, *(f"{node.module}.{alias.name}" for alias in node.names)]
        elif isinstance(node, ast.Import):
            names = [alias.name for alias in node.names]
        else:
            continue
        for name in names:
            if name.startswith("ganeti."):
                yield name.removeprefix("ganeti.")


def is_allowed(name: str, allowed: set[str]) -> bool:
    """Whether C{name} is in one of the packages, or is or is in one of the modules."""
    parts = name.split(".")
    if parts[0] in allowed or ".".join(parts[:2]) in allowed:
        return True
    # "from ganeti.store import replica" names the package on the way.
    return len(parts) == 1 and any(each.startswith(name + ".") for each in allowed)


def violations(path: Path) -> list[str]:
    relative = path.relative_to(ROOT)
    package = relative.parts[0].removesuffix(".py")
    if package == "__init__":
        return []
    allowed = ALLOWED[package] | {package}
    names = imported(ast.parse(path.read_text()))
    return [f"{relative}: ganeti.{name}" for name in names if not is_allowed(name, allowed)]


def test_arrows_point_down() -> None:
    """No package imports one above or beside it."""
    wrong = [text for path in sorted(ROOT.rglob("*.py")) for text in violations(path)]
    assert not wrong, "\n".join(sorted(set(wrong)))


def test_every_package_has_its_place() -> None:
    """A new package must be given a floor here."""
    found = {path.name.removesuffix(".py") for path in ROOT.iterdir() if path.suffix in ("", ".py")}
    assert found - {"__init__", "__pycache__", "share"} <= ALLOWED.keys()


def test_the_test_sees_violations() -> None:
    """A module of a package that is allowed in part."""
    allowed = ALLOWED["noded"]
    assert is_allowed("store.candidate", allowed)
    assert is_allowed("store.candidate.Copy", allowed)
    assert is_allowed("store", allowed)
    assert not is_allowed("store.commit", allowed)
    assert not is_allowed("masterd", allowed)
    names = ["store", "store.commit"]
    inside = "try: pass\nfinally:\n match 1:\n  case 1:\n   def f():\n    if f: pass\n    else: "
    for before in ("", inside, inside.replace("finally", "except A")):
        assert list(imported(ast.parse(before + "from ganeti.store import commit"))) == names
