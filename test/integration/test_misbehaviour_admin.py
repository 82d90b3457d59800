"""Commands on nodes and on the cluster that make no sense are refused, and change nothing."""

from __future__ import annotations

from collections.abc import Iterator
from pathlib import Path

import pytest
from support.misbehaviour import add_argv, pids, refused_all, unharmed
from support.ready import make_cluster
from support.virtualcluster import VirtualCluster, wait_for

from ganeti.paths import NODED

Case = tuple[tuple[str, ...], tuple[str, ...]]
LONG = "x" * 200
POWERCYCLE_LIMIT_S = 90.0


def modify(*words: str, node: str = "node2") -> tuple[str, ...]:
    return ("gnt-node", "modify", *words, node)


def on_cluster(*words: str) -> tuple[str, ...]:
    return ("gnt-cluster", *words)


def tags(*words: str) -> tuple[str, ...]:
    return ("gnt-node", *words)


MASTER_ROLE = ("The master role can be changed only via master-failover",)

ROLES: list[Case] = [
    (modify(), ("at least one of the parameters",)),
    (modify("-D", "yes", node="nosuch"), ("Node 'nosuch' not known",)),
    (modify("-D", "yes", node="../node2"), ("Node '../node2' not known",)),
    (modify("-D", "yes", "node3"), ("modify expects 1 argument",)),
    (modify("-D", "perhaps"), ("'perhaps'",)),
    (modify("--node-powered", ""), ("Invalid boolean value ''",)),
    (modify("-C", "yes", "-D", "yes"), ("more than one state",)),
    (modify("-O", "yes", "--vm-capable=yes"), ("more than one state",)),
    (modify("-O", "yes", node="node1"), MASTER_ROLE),
    (modify("-D", "no", node="node1"), MASTER_ROLE),
    (modify("-C", "no", "--force", node="node1"), MASTER_ROLE),
    (modify("--master-capable=no", node="node1"), ("The master node stays master capable",)),
    (modify("--vm-capable=no"), ("node2.example.com hosts instances",)),
    (modify("--node-powered=no"), ("node2.example.com", "oob_program")),
    (modify("-s", "nonsense"), ("(nonsense)", "valid IPv4 address")),
    (modify("-s", "300.1.2.3"), ("(300.1.2.3)", "valid IPv4 address")),
    (modify("-s", "::1"), ("(::1)", "valid IPv4 address")),
    (modify("-s", "10.9.8.7"), ("node2.example.com", "master has no secondary ip")),
    (modify("-s", "10.9.8.7", node="node1"), ("--force",)),
    (modify("--node-parameters", "nosuch=1"), ("Unknown parameter 'nosuch'",)),
    (modify("--node-parameters", "spindle_count=many"), ("'spindle_count'", "many")),
    (modify("--node-parameters", "ssh_port=65536"), ("'ssh_port'", "65536")),
    (modify("--node-parameters", "ssh_port=" + "9" * 400), ("'ssh_port'", "999")),
    (modify("--node-parameters", "exclusive_storage=yes"), ("exclusive_storage",)),
    (modify("--hypervisor-state", "nosuch:mem_total=1"), ("hypervisor(s)", "nosuch")),
    (modify("--hypervisor-state", "kvm:mem_total=lots"), ("kvm mem_total", "'lots'")),
    (modify("--disk-state", "plain/xenvg:disk_total=-1"), ("plain/xenvg disk_total", "-1")),
]

OTHERS: list[Case] = [
    (("gnt-node", "powercycle", "--yes", "node1"), ("is the master", "force")),
    (("gnt-node", "powercycle", "--yes", "nosuch"), ("Node 'nosuch' not known",)),
    (("gnt-node", "powercycle", "--yes", "../.."), ("Node '../..' not known",)),
    (("gnt-node", "powercycle", "--yes"), ("powercycle expects 1 argument",)),
    (tags("add-tags", "node2"), ("No tags to be added",)),
    (tags("add-tags", "nosuch", "a"), ("Node 'nosuch' not known",)),
    (tags("add-tags", "node2", "bad tag"), ("invalid characters",)),
    (tags("add-tags", "node2", LONG), ("too long", "128")),
    (tags("add-tags", "node2", "--from", "/nosuch"), ("/nosuch", "No such file")),
    (tags("remove-tags", "node2", "nosuch"), ("'nosuch' not found",)),
    (tags("list-tags", "nosuch"), ("nosuch not found",)),
    (on_cluster("search-tags", "("), ("Invalid search pattern '('",)),
    (on_cluster("command"), ("at least 1 argument",)),
    (on_cluster("command", "-n", "nosuch", "true"), ("Node 'nosuch' not known",)),
    (on_cluster("command", "-g", "nosuch", "true"), ("Node group 'nosuch' not found",)),
    (on_cluster("copyfile", ""), ("No such filename ''",)),
    (on_cluster("copyfile", "/nosuch"), ("No such filename '/nosuch'",)),
    (on_cluster("copyfile", "/etc"), ("'/etc' is not a regular file",)),
    (on_cluster("copyfile", "-n", "nosuch", "/etc/hosts"), ("Node 'nosuch' not known",)),
    (("gnt-node", "list", "-o", "name,"), ("An empty field name",)),
    (("gnt-node", "list", "--filter", "name =="), ("name ==", "parse")),
]

USAGE: list[Case] = [
    (modify("-D", "no", "--priority=urgent"), ("--priority", "'urgent'")),
    (modify("--colour"), ("--colour",)),
    (("gnt-node", "list", "--units=x"), ("--units", "'x'")),
    (("gnt-node", "powercycle", "--now", "node2"), ("--now",)),
    (on_cluster("command", "-x", "true"), ("-x",)),
]


@pytest.fixture(scope="module")
def cluster(tmp_path_factory: pytest.TempPathFactory) -> Iterator[VirtualCluster]:
    """Two nodes; the second has an instance."""
    found = make_cluster(tmp_path_factory.mktemp("admin") / "c", nodes=2)
    try:
        found.run(*add_argv(name="inst.example.com")).good()
        yield found
    finally:
        found.remove()


def told(cluster: VirtualCluster) -> tuple[str, ...]:
    """All that these commands could change."""
    nodes = cluster.run("gnt-node", "info").good().stdout
    return (nodes, cluster.run("gnt-node", "list", "-o", "name,role,tags,serial_no").good().stdout)


@pytest.mark.parametrize(
    ("cases", "status"), [(ROLES, 1), (OTHERS, 1), (USAGE, 2)], ids=["roles", "others", "usage"]
)
def test_refused(cluster: VirtualCluster, cases: list[Case], status: int) -> None:
    """What cannot be is refused, naming what and why, and nothing has changed."""
    before = told(cluster)
    with unharmed(cluster):
        refused_all(cluster, cases, status)
    assert told(cluster) == before


def test_the_honest_case(cluster: VirtualCluster) -> None:
    """What all these differ from works."""
    with unharmed(cluster):
        for words in (("-D", "yes"), ("-D", "no"), ("--node-parameters", "spindle_count=3")):
            cluster.run(*modify(*words)).good()
        cluster.run("gnt-node", "add-tags", "node2", "a:b").good()
        assert cluster.run("gnt-node", "list-tags", "node2").good().stdout == "a:b\n"
        cluster.run("gnt-node", "remove-tags", "node2", "a:b").good()
        ran = cluster.run("gnt-cluster", "command", "-M", "-n", "node2", "echo $GANETI_HOSTNAME")
        assert "node2.example.com: node2.example.com\n" in ran.good().stdout
        given = Path(cluster.paths(1).conf_dir) / "note"
        given.write_text("read me")
        cluster.run("gnt-cluster", "copyfile", "/etc/ganeti/note").good()
        assert (Path(cluster.paths(2).conf_dir) / "note").read_text() == "read me"


def test_powercycle(cluster: VirtualCluster) -> None:
    """Only that node's daemon is another process afterwards; its guest has been kept."""
    before = pids(cluster)
    name = f"{NODED} 2"
    ran = cluster.run("gnt-node", "powercycle", "--yes", "node2").good()
    assert ran.stderr == "Reboot scheduled in 5 seconds\n"
    assert wait_for(
        lambda: pids(cluster)[name] not in (None, before[name]), POWERCYCLE_LIMIT_S, every_s=0.05
    )
    after = pids(cluster)
    assert {**before, name: after[name]} == after
    assert wait_for(lambda: cluster.run("gnt-cluster", "verify").status == 0, POWERCYCLE_LIMIT_S)
