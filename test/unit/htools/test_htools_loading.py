"""From options to a cluster: where it is read from, what options change, what is told."""

from __future__ import annotations

import io
from pathlib import Path

import pytest

from ganeti.cli.htools.commandline import parse
from ganeti.cli.htools.console import Abort
from ganeti.cli.htools.loading import build_settings, find_source
from ganeti.cli.htools.main import main
from ganeti.errors import ConfigurationError
from ganeti.htools.loaders import Source
from ganeti.htools.records import Load
from ganeti.paths import Paths

DATA = Path(__file__).parents[2] / "compat" / "htools"
HERE = {"GANETI_ROOTDIR": "/tmp/vc/node1", "GANETI_HOSTNAME": "node1"}


def source(program: str, *words: str) -> Source:
    return find_source(parse(program, words)[0], HERE)


@pytest.mark.parametrize(
    ("words", "wanted"),
    [
        (["-t", "file"], Source("text", "file")),
        (["-L"], Source("luxi", Paths.from_environ(HERE).query_socket)),
        (["-L/socket"], Source("luxi", "/socket")),
        (["-m", "cluster"], Source("rapi", "cluster")),
        (["-I", "request"], Source("ialloc", "request")),
    ],
)
def test_sources(words: list[str], wanted: Source) -> None:
    """Each option names one kind of place."""
    assert source("hbal", *words) == wanted


def test_simulations() -> None:
    """Several descriptions are one source."""
    words = ("--simulate", "p,1,1g,1g,1", "--simulate=u,1,1g,1g,1")
    assert source("hspace", *words) == Source("simulate", ("p,1,1g,1g,1", "u,1,1g,1g,1"))


@pytest.mark.parametrize("words", [["-L", "-t", "x"], ["-m", "a", "-I", "b"]])
def test_one_source_only(words: list[str]) -> None:
    """Two places at once are refused, and none."""
    with pytest.raises(Abort, match="Only one of the rapi, luxi, and data files options"):
        source("hbal", *words)
    with pytest.raises(Abort, match="No backend selected!"):
        source("hbal")


def test_wrong_environment() -> None:
    """A folder for a virtual cluster that does not fit the node's name is refused."""
    with pytest.raises(ConfigurationError):
        find_source(parse("hbal", ["-L"])[0], {"GANETI_ROOTDIR": "/tmp", "GANETI_HOSTNAME": "x"})


def test_settings(tmp_path: Path) -> None:
    """What options change in what is loaded."""
    loads = tmp_path / "loads"
    loads.write_text("web1 1 2 3 4\n")
    words = ["-O", "a", "-Ob", "--exclusion-tags=x,y", "--select-instances=web1", "--ignore-dynu"]
    words += ["--exclude-instances=web2", "--max-cpu=3", "--min-disk=0.5", f"-U{loads}"]
    settings = build_settings(parse("hbal", words)[0])
    assert (settings.offline, settings.exclusion_tags) == (("a", "b"), ("x", "y"))
    assert (settings.selected, settings.excluded) == (("web1",), ("web2",))
    assert (settings.max_cpu, settings.min_disk, settings.ignore_loads) == (3.0, 0.5, True)
    assert settings.loads == {"web1": Load(cpu=1, memory=2, disk=3, net=4)}


def run(*words: str) -> tuple[int, str, str]:
    out, err = io.StringIO(), io.StringIO()
    status = main(words[0], words[1:], {}, stdout=out, stderr=err)
    return status, out.getvalue(), err.getvalue()


@pytest.mark.parametrize(
    ("words", "told"),
    [
        (["-t", "/nowhere"], "failed to load data, aborting: /nowhere: No such file or directory"),
        (["-L/nowhere"], "failed to load data, aborting: Cannot connect to /nowhere"),
        (["-m", "127.0.0.1"], "https://127.0.0.1:5080/2/groups?bulk=1: Connection refused"),
        (["-t", "{data}", "-O", "nosuch"], "failed to load data, aborting: Unknown node 'nosuch'"),
        (["-t", "{data}", "-U", "/nowhere"], "/nowhere: No such file or directory"),
        (["-t", "{data}", "word"], "This program doesn't take any arguments."),
    ],
)
def test_nothing_is_loaded(words: list[str], told: str) -> None:
    """Whatever is wrong is told in one line."""
    words = [word.replace("{data}", str(DATA / "small.data")) for word in words]
    status, out, err = run("hbal", *words)
    assert (status, out) == (1, "")
    assert err.startswith("Error: ")
    assert told in err
    assert len(err.splitlines()) == 1


def test_oddities_are_told(tmp_path: Path) -> None:
    """Memory and disk space that is missing is told on standard error."""
    lines = (DATA / "small.data").read_text().splitlines()
    place = next(i for i, line in enumerate(lines) if line.startswith("node"))
    cells = lines[place].split("|")
    cells[3] = "0"
    path = tmp_path / "odd.data"
    path.write_text("\n".join([*lines[:place], "|".join(cells), *lines[place + 1 :], ""]))
    _status, _out, err = run("hinfo", "-t", str(path))
    assert "Warning: cluster has inconsistent data:\n" in err
    assert f"  - node {cells[0]} is missing " in err
