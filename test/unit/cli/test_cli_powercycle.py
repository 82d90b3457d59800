"""What stands for a power cycle in a virtual cluster: who is restarted, and who is not."""

from __future__ import annotations

from collections.abc import Callable
from pathlib import Path

import pytest

from ganeti.cli import fleet, powercycle
from ganeti.cli.powercycle import Switch
from ganeti.paths import MASTERD, NODED, Paths


def make_node(folder: Path, *, set_up: bool = True, master: bool = False) -> Paths:
    paths = Paths(root=str(folder / "node2.example.com"), hostname="node2.example.com")
    Path(paths.data_dir).mkdir(parents=True)
    Path(paths.root, "cmd").touch()
    if set_up:
        Path(paths.server_pem).touch()
        Path(paths.node_db).touch()
    if master:
        Path(paths.ssconf("master_node")).write_text("node2.example.com\n")
    return paths


class Noted:
    """A switch that notes what would have been done to which daemon of which node."""

    def __init__(self) -> None:
        self.done: list[tuple[str, str, str]] = []
        self.switch = Switch(self._note("kill"), self._note("start"))

    def _note(self, what: str) -> Callable[[Paths, str], object]:
        return lambda paths, daemon: self.done.append((what, paths.hostname, daemon))


@pytest.fixture
def noted() -> Noted:
    return Noted()


@pytest.mark.parametrize(
    "words",
    [
        [],
        ["/"],
        ["/", "1"],
        ["", "1"],
        ["relative", "1"],
        ["/nonexistent", "1"],
        ["--stay"],
        ["--stay", "/", "0"],
    ],
)
def test_no_virtual_node(
    words: list[str], noted: Noted, capsys: pytest.CaptureFixture[str]
) -> None:
    """Whatever is not a node of a virtual cluster is refused: above all this machine."""
    assert powercycle.main(words, noted.switch) == 2
    assert noted.done == []
    assert "Usage" in capsys.readouterr().err


def test_node(tmp_path: Path, noted: Noted) -> None:
    """A node's own daemons are killed, and the node daemon starts again."""
    paths = make_node(tmp_path)
    assert powercycle.main([paths.root, "0", "--stay"], noted.switch) == 0
    name = paths.hostname
    assert noted.done == [("kill", name, MASTERD), ("kill", name, NODED), ("start", name, NODED)]


def test_master(tmp_path: Path, noted: Noted) -> None:
    """On the master the master daemon starts again, too."""
    paths = make_node(tmp_path, master=True)
    assert powercycle.restart(paths, noted.switch) == 0
    assert [(what, daemon) for what, _, daemon in noted.done if what == "start"] == [
        ("start", NODED),
        ("start", MASTERD),
    ]


def test_no_member(tmp_path: Path, noted: Noted) -> None:
    """A machine that is in no cluster any more stays quiet."""
    paths = make_node(tmp_path, set_up=False)
    assert not fleet.is_set_up(paths)
    assert powercycle.restart(paths, noted.switch) == 0
    assert [what for what, _, _ in noted.done] == ["kill", "kill"]
