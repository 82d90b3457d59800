"""Clusters as their remote APIs tell them, and hscan, that asks several."""

from __future__ import annotations

import io
from pathlib import Path
from typing import Any

import pytest
from support.clustermaster import (
    OFFLINE,
    ClusterMaster,
    a_node,
    a_silent_node,
    an_instance,
    rapi_answers,
)
from support.fakemaster import FakeMaster
from support.fakerapi import serving_rapi

from ganeti.cli.htools.main import main
from ganeti.htools.errors import InputError
from ganeti.htools.loaders import Hints, Source, load


def described(**changes: Any) -> ClusterMaster:
    nodes = [a_node("node1"), a_node("node2"), a_silent_node("node3", OFFLINE, offline=True)]
    instances = [
        an_instance("inst1", "node1", "node2"),
        an_instance("inst2", "node2", status="ADMIN_down", **{"be/maxmem": 2048}),
    ]
    return ClusterMaster(nodes=nodes, instances=instances, **changes)


def run(*words: str) -> tuple[int, str, str]:
    out, err = io.StringIO(), io.StringIO()
    status = main(words[0], words[1:], {}, stdout=out, stderr=err)
    return status, out.getvalue(), err.getvalue()


def test_the_same_cluster(tmp_path: Path) -> None:
    """It is loaded as by the master daemon."""
    master = described()
    server = FakeMaster(str(tmp_path / "query"), master)
    by_master = load(Source("luxi", str(tmp_path / "query")), Hints())
    server.stop()
    with serving_rapi(rapi_answers(master)) as url:
        assert load(Source("rapi", url), Hints()) == by_master
        assert load(Source("rapi", url + "/"), Hints()) == by_master


def test_memory_in_use() -> None:
    """An instance has the memory that it has been given, when that is known."""
    answers = rapi_answers(described())
    answers["/2/instances?bulk=1"][0]["oper_ram"] = 900
    with serving_rapi(answers) as url:
        data = load(Source("rapi", url), Hints())
    assert [one.memory for one in data.instances] == [900, 2048]


@pytest.mark.parametrize(
    ("path", "answer", "told"),
    [
        ("/2/groups?bulk=1", None, "/2/groups?bulk=1: it answers with status 404"),
        ("/2/nodes?bulk=1", b"garbage", "/2/nodes?bulk=1: not understood: JSON is malformed"),
        ("/2/nodes?bulk=1", {"a": 1}, "/2/nodes?bulk=1: not understood: Expected `array`"),
        ("/2/info", [1], "/2/info: not understood: Expected `object`"),
        ("/2/info", {}, "cluster, master: None: Expected `str`, got `null`"),
        ("/2/instances?bulk=1", [{"name": "i"}], "instance i, beparams: None"),
        ("/2/instances?bulk=1", [{"name": "i", "beparams": {}}], "instance i, be/maxmem: None"),
    ],
)
def test_bad_answers(path: str, answer: Any, told: str) -> None:
    """What cannot be understood is told in a line, with what was asked."""
    answers = rapi_answers(described()) | {path: answer}
    with serving_rapi(answers) as url:
        status, _out, err = run("hbal", "-m", url)
    assert status == 1
    assert err.startswith("Error: failed to load data, aborting: ")
    assert told in err
    assert len(err.splitlines()) == 1


@pytest.mark.parametrize(
    ("address", "told"),
    [
        ("127.0.0.1", "https://127.0.0.1:5080/2/groups?bulk=1: Connection refused"),
        ("https://127.0.0.1:1", "Connection refused"),
        ("ftp://127.0.0.1:1", "the remote API is not served by ftp"),
        ("https://", "this is no address"),
        ("https://[::1", "this is no address"),
        ("https://host:port", "this is no address"),
        ("https://host:1/path", "this is no address"),
        ("https://me:secret@host:1", "this is no address"),
    ],
)
def test_bad_addresses(address: str, told: str) -> None:
    """What cannot be asked is told in a line."""
    with pytest.raises(InputError) as caught:
        load(Source("rapi", address), Hints())
    assert told in str(caught.value)


def test_scan(tmp_path: Path) -> None:
    """Each cluster gets a line and a file; one that cannot be read does not stop the others."""
    master = described()
    server = FakeMaster(str(tmp_path / "query"), master)
    with serving_rapi(rapi_answers(master)) as url:
        words = (f"-L{tmp_path}/query", "-d", str(tmp_path), "https://127.0.0.1:1", url)
        status, out, err = run("hscan", *words)
    server.stop()
    assert status == 2
    name = url.replace("/", "_")
    assert (tmp_path / "LOCAL.data").read_text() == (tmp_path / f"{name}.data").read_text()
    lines = [line.split() for line in out.splitlines()]
    assert [line[0] for line in lines] == ["Name", "LOCAL", url]
    assert lines[1][1:] == lines[2][1:]
    assert lines[1][1:3] == ["3", "2"]
    assert "Error for https://127.0.0.1:1: failed to load data. Details:\n" in err


def test_scan_in_detail(tmp_path: Path) -> None:
    """Without titles, with the nodes; a folder that is not there is told."""
    with serving_rapi(rapi_answers(described())) as url:
        told = run("hscan", "--no-headers", "-pname,fmem", "-d", str(tmp_path), url)
        lines = [line.split() for line in told[1].splitlines()]
        assert (told[0], lines[0][0], lines[1], told[2]) == (0, url, ["Name", "f_mem"], "")
        assert [line[0] for line in lines[2:5]] == ["node1", "node2", "node3"]
        status, _out, err = run("hscan", "-d", str(tmp_path / "nowhere"), url)
    assert status == 1
    assert "nowhere" in err
    assert "No such file or directory" in err
