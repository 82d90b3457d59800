"""gnt-debug iallocator, gnt-instance batch-create."""

from __future__ import annotations

import json
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import Any

import pytest
from support.commands import Ran, VirtualNode
from support.fakemaster import FakeMaster, ScriptedMaster
from support.placement import allocation, make_cluster, request_text

from ganeti import errors
from ganeti.model.templates import DiskTemplate

CLUSTER = {"default_iallocator": "hail", "default_iallocator_params": {}}


@pytest.fixture
def node(tmp_path: Path) -> VirtualNode:
    return VirtualNode(tmp_path)


@contextmanager
def serving(node: VirtualNode, **settings: Any) -> Iterator[FakeMaster]:
    server = node.serve(ScriptedMaster(**settings))
    try:
        yield server
    finally:
        server.stop()


def try_out(node: VirtualNode, *words: str) -> Ran:
    return node.run("gnt-debug", *words)


def asked(server: FakeMaster) -> dict[str, Any]:
    """The one opcode that was submitted."""
    ((ops,),) = server.asked("SubmitJob")
    [op] = ops
    return dict(op)


def document(memory: int = 1024) -> str:
    """What an allocator is told of a small cluster and a new instance."""
    request = allocation(template=DiskTemplate.PLAIN) | {"memory": memory}
    return request_text(make_cluster(3, per_node=2, template=DiskTemplate.PLAIN), request)


# -- gnt-debug iallocator


def test_new_instance(node: VirtualNode) -> None:
    """What the options say becomes the opcode; the text is printed as it is."""
    words = ["--dir=out", "-m", "allocate", "-I", "mine", "--memory=1g", "--disks=1g, 512"]
    words += ["-t", "file", "--nics=aa:00:00:00:00:01/192.0.2.9/br0,/,", "-o", "busybox", "-p", "2"]
    words += ["--tags=a,b", "--spindle-use=3", "web1"]
    with serving(node, result="{}\n") as server:
        ran = try_out(node, "allocate", *words)
    assert (ran.status, ran.stdout, ran.stderr) == (0, "{}\n\n", "")
    op = asked(server)
    given = {"mac": "aa:00:00:00:00:01", "ip": "192.0.2.9", "bridge": "br0"}
    nothing = {"mac": None, "ip": None, "bridge": None}
    expected = {
        "OP_ID": "OP_TEST_ALLOCATOR",
        "direction": "out",
        "mode": "allocate",
        "name": "web1",
        "iallocator": "mine",
        "memory": 1024,
        "disks": [{"mode": "rw", "size": 1024}, {"mode": "rw", "size": 512}],
        "disk_template": "file",
        "nics": [given, nothing, nothing],
        "os": "busybox",
        "vcpus": 2,
        "spindle_use": 3,
        "tags": ["a", "b"],
        "instances": ["web1"],
    }
    assert {key: op[key] for key in expected} == expected


def test_moves(node: VirtualNode) -> None:
    """Several instances, and where they go."""
    words = ["-m", "change-group", "--target-groups=a", "--target-groups=b", "inst1", "inst2"]
    with serving(node, result="text") as server:
        assert try_out(node, "iallocator", *words).stdout == "text\n"
    op = asked(server)
    assert (op["direction"], op["mode"], op["name"]) == ("in", "change-group", "inst1")
    assert (op["instances"], op["target_groups"]) == (["inst1", "inst2"], ["a", "b"])


def test_diskless(node: VirtualNode) -> None:
    """Such an instance has no disks, whatever the usual ones are."""
    with serving(node, result="") as server:
        try_out(node, "allocator", "-m", "allocate", "-t", "diskless", "web1")
    assert asked(server)["disks"] == []


@pytest.mark.parametrize("wrong", ["--disks=1x", "--nics=a/b/c/d"])
def test_wrong(node: VirtualNode, wrong: str) -> None:
    """What makes no sense is said before anything is asked."""
    with serving(node) as server:
        ran = try_out(node, "allocator", "-m", "allocate", wrong, "web1")
    assert (ran.status, server.asked("SubmitJob")) == (1, [])
    assert wrong.partition("=")[2] in ran.stderr


@pytest.mark.parametrize("words", [[], ["--explain"], ["--dir=out"]])
def test_dry_run(node: VirtualNode, words: list[str]) -> None:
    """The request is checked, and there is nothing to print."""
    with serving(node, result=None) as server:
        ran = try_out(node, "allocator", "--dry-run", *words, "web1")
    assert (ran.status, ran.stdout, asked(server)["dry_run"]) == (0, "", True)


def test_explained(node: VirtualNode) -> None:
    """What is told of the cluster is not printed, but explained."""
    other = {"QueryClusterInfo": CLUSTER}
    with serving(node, result=document(), other=other) as server:
        ran = try_out(node, "allocate", "-m", "allocate", "--explain", "new")
    assert (ran.status, asked(server)["direction"]) == (0, "in")
    assert ran.stdout.startswith("new goes to ")
    assert "cluster_name" not in ran.stdout


def test_impossible(node: VirtualNode) -> None:
    """One that fits nowhere is said to, with what would help."""
    other = {"QueryClusterInfo": CLUSTER}
    with serving(node, result=document(memory=1 << 20), other=other):
        ran = try_out(node, "allocate", "-m", "allocate", "--explain", "new")
    assert (ran.status, "memory" in ran.stdout) == (0, True)
    assert "goes to" not in ran.stdout


def test_parameters(node: VirtualNode) -> None:
    """The cluster's parameters of hail count; what is wrong with them is an error."""
    parameters = {"restrict-allocation-to": "node0001"}
    other = {"QueryClusterInfo": CLUSTER | {"default_iallocator_params": parameters}}
    with serving(node, result=document(), other=other):
        one = try_out(node, "allocate", "-m", "allocate", "--explain", "new")
    assert one.stdout.startswith("new goes to node0001 ")
    parameters["restrict-allocation-to"] = "nosuch"
    with serving(node, result=document(), other=other):
        ran = try_out(node, "allocate", "-m", "allocate", "--explain", "new")
    assert (ran.status, "nosuch" in ran.stderr) == (1, True)


# -- gnt-instance batch-create


def batch(node: VirtualNode, content: Any, *words: str, **settings: Any) -> tuple[Ran, FakeMaster]:
    path = Path(node.paths.root, "batch.json")
    path.write_text(content if isinstance(content, str) else json.dumps(content))
    with serving(node, **settings) as server:
        ran = node.run("gnt-instance", "batch-create", *words, str(path))
    return ran, server


def test_batch(node: VirtualNode) -> None:
    """The file's instances are asked for together; their jobs are followed one by one."""
    made = {"jobs": [[True, 8], [True, 9]], "allocatable": ["a", "b"], "failed": []}
    wanted = [{"instance_name": "a", "mode": "create"}, {"instance_name": "b"}]
    ran, server = batch(node, wanted, "-I", "mine", result=made)
    op = asked(server)
    assert (op["OP_ID"], op["iallocator"]) == ("OP_INSTANCE_MULTI_ALLOC", "mine")
    assert op["instances"] == [each | {"mode": "create"} for each in wanted]
    assert (ran.status, ran.stderr) == (0, "")
    assert ran.stdout.splitlines() == [
        "Submitted jobs 8, 9",
        "Waiting for job 8 ...",
        "Waiting for job 9 ...",
        "All instances created successfully.",
    ]


def test_batch_without_room(node: VirtualNode) -> None:
    """What the allocator found no place for is named, and counts as an error."""
    made = {"jobs": [], "allocatable": [], "failed": ["a"]}
    ran, _ = batch(node, [{"instance_name": "a"}], result=made)
    assert (ran.status, ran.stderr) == (1, "Instance a could not be placed\n")
    assert ran.stdout == "There were 1 errors during the creation.\n"


def test_batch_refused(node: VirtualNode) -> None:
    """Nothing is made when the places cannot be computed."""
    error = errors.OpPrereqError("no room", "insufficient_resources")
    ran, _ = batch(node, [{"instance_name": "a"}], result=error)
    assert (ran.status, ran.stdout) == (1, "")
    assert "no room" in ran.stderr


def test_batch_dry_run(node: VirtualNode) -> None:
    """A dry run makes no jobs to follow."""
    made = {"jobs": [], "allocatable": ["a"], "failed": []}
    ran, server = batch(node, [{"instance_name": "a"}], "--dry-run", result=made)
    assert (ran.status, ran.stdout, asked(server)["dry_run"]) == (0, "", True)


@pytest.mark.parametrize(
    ("content", "text"),
    [
        ("{}", "The instance definitions are not a list"),
        ("[1]", "Definition 0 is not an object"),
        ('[{"instance_name": "a"}, {"b": 1, "a": 2}]', "Unknown fields in definition 1: a, b"),
        ("", "Can't parse the instance definition file"),
        ("[" * 100_000, "Can't parse the instance definition file"),
        ("\udcff", "Can't parse the instance definition file"),
    ],
)
def test_batch_files(node: VirtualNode, content: str, text: str) -> None:
    """A file that makes no sense is refused before anything is asked."""
    path = Path(node.paths.root, "batch.json")
    path.write_bytes(content.encode(errors="surrogateescape"))
    with serving(node) as server:
        ran = node.run("gnt-instance", "batch-create", str(path))
    assert (ran.status, server.asked("SubmitJob")) == (1, [])
    assert text in ran.stderr
