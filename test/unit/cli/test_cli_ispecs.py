"""What show-ispecs-cmd prints can be typed."""

from __future__ import annotations

from pathlib import Path
from typing import Any

from support.commands import VirtualNode

LOW = {"memory-size": 128, "cpu-count": 1}
HIGH = {"memory-size": 512, "cpu-count": 4}
PAIR = {"min": LOW, "max": HIGH}


def _show(folder: Path, own: dict[str, Any], *words: str) -> tuple[str, str]:
    node = VirtualNode(folder)
    row = ["my group", {"minmax": [PAIR]}, own, "uuid-1"]
    server = node.serve(lambda _method, _args: [row])
    try:
        ran = node.run("gnt-group", "show-ispecs-cmd", *words)
    finally:
        server.stop()
    return ran.stdout, ran.stderr


def test_own_bounds(tmp_path: Path) -> None:
    """Several pairs of bounds are shown, sizes in order; the name is quoted for the shell."""
    stdout, _ = _show(tmp_path, {"minmax": [PAIR, PAIR]})
    pair = "min:cpu-count=1,memory-size=128/max:cpu-count=4,memory-size=512"
    assert stdout == f"gnt-group add --ipolicy-bounds-specs {pair}//{pair} 'my group'\n"


def test_inherited_bounds(tmp_path: Path) -> None:
    """What a group inherits is shown on demand."""
    assert _show(tmp_path / "1", {})[0] == "gnt-group add 'my group'\n"
    assert "memory-size=512" in _show(tmp_path / "2", {}, "--include-defaults")[0]


def test_unknown_group(tmp_path: Path) -> None:
    """A name that no group has is said."""
    assert _show(tmp_path, {}, "uuid-1", "nosuch")[1] == "Node group 'nosuch' is not known\n"
