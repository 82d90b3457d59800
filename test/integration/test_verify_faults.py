"""gnt-cluster verify on real daemons: each fault is found by its code and object, and no other."""

from __future__ import annotations

from collections.abc import Iterator

import pytest
from support.misbehaviour import add_argv, add_file_argv, refused, refused_all, unharmed
from support.ready import make_cluster
from support.verifyfaults import FAULTS, IN_MEMORY, NEVER, report_of, verify
from support.virtualcluster import VirtualCluster

from ganeti.opcodes.verify import VerifyCode

VERIFY = ("gnt-cluster", "verify")
USAGE = 2
"""How a command ends that was typed wrong."""


@pytest.fixture(scope="module")
def cluster(tmp_path_factory: pytest.TempPathFactory) -> Iterator[VirtualCluster]:
    """An instance on each of three nodes, and one more with a disk on node2."""
    found = make_cluster(tmp_path_factory.mktemp("verify") / "c")
    try:
        found.run(
            "gnt-cluster", "modify", "--enabled-disk-templates=diskless,file,sharedfile"
        ).good()
        for number, name in ((1, "one"), (2, "two"), (3, "three")):
            found.run(*add_argv(node=f"node{number}", name=f"{name}.example.com")).good()
            found.run("gnt-instance", "startup", f"{name}.example.com").good()
        found.run(*add_file_argv("-s", "1G", name="disky.example.com")).good()
        yield found
    finally:
        found.remove()


def test_good(cluster: VirtualCluster) -> None:
    """Nothing is found where nothing is wrong, and that soon."""
    ran = verify(cluster).good()
    assert report_of(ran) == set()
    print(f"{ran.seconds:.2f} s")


@pytest.mark.parametrize("name", FAULTS)
def test_fault(cluster: VirtualCluster, name: str) -> None:
    """Each is told as it is; the verification fails unless there are only warnings."""
    fault = FAULTS[name]
    with fault.change(cluster):
        ran = verify(cluster)
    print(ran.stdout, ran.stderr, f"{ran.seconds:.2f} s")
    assert report_of(ran) == fault.expected
    assert fault.words in ran.stdout
    errors = any(severity == "ERROR" for severity, _, _ in fault.expected)
    assert ran.status == (1 if errors else 0)
    assert ran.stderr == ""


def test_codes() -> None:
    """Every code has its fault here, or a reason why not."""
    here = {code for fault in FAULTS.values() for _, code, _ in fault.expected}
    assert sorted([*here, *IN_MEMORY, *NEVER]) == sorted(VerifyCode)


def test_ignored(cluster: VirtualCluster) -> None:
    """What is to be ignored is a warning; a part of the cluster is verified alone."""
    fault = FAULTS["guest is unknown"]
    with unharmed(cluster):
        with fault.change(cluster):
            ran = verify(cluster, "--ignore-errors=ENODEORPHANINSTANCE", "-g", "default").good()
        assert report_of(ran) == {("WARNING", "ENODEORPHANINSTANCE", "node3.example.com")}
        assert "Verifying cluster config" not in ran.stdout


def test_bad_input(cluster: VirtualCluster) -> None:
    """Groups and codes that do not exist are refused."""
    groups = ("nosuch", "", "a b", "-", "x" * 1000)
    with unharmed(cluster):
        for group in groups:
            ran = cluster.run("gnt-cluster", "verify", f"--node-group={group}")
            assert ran.status == 1, group
            said = ran.stdout + ran.stderr
            assert f"Node group '{group}' not found" in said or "group_name" in said, said
        codes = ("NOSUCH", "enodehv", "ENODEHV,ENODEOS")
        refused_all(cluster, [((*VERIFY, f"-I{code}"), (f"'{code}'",)) for code in codes], USAGE)
        refused(cluster, (*VERIFY, "superfluous"), "verify expects no arguments")


def test_simulation(cluster: VirtualCluster) -> None:
    """All checks speak, and nothing is done."""
    with unharmed(cluster):
        ran = verify(cluster, "--debug-simulate-errors")
    codes = {code for _, code, _ in report_of(ran)}
    print(sorted(set(VerifyCode) - codes))
    assert ran.status == 1
    assert len(codes) > 20
