"""A virtual cluster that is ready to be used, in two to three seconds."""

from __future__ import annotations

from pathlib import Path

from ganeti.cli.quickstart.definition import install_os
from support.forkserver import ForkServer
from support.virtualcluster import VirtualCluster

INIT = (
    "gnt-cluster",
    "init",
    "--no-ssh-init",
    "--no-etc-hosts",
    "--enabled-hypervisors=fake",
    "--enabled-disk-templates=diskless,file",
    "cluster.example.com",
)


def add_node_argv(node: int) -> tuple[str, ...]:
    return ("gnt-node", "add", "--no-ssh-key-check", f"node{node}.example.com")


def make_cluster(
    folder: Path,
    *,
    nodes: int = 3,
    failpoints: bool = False,
    forks: ForkServer | None = None,
) -> VirtualCluster:
    """Set up, initialise, and add all nodes but the first."""
    cluster = VirtualCluster(folder, nodes=nodes, failpoints=failpoints, forks=forks)
    cluster.setup()
    for node in range(1, nodes + 1):
        install_os(cluster.paths(node))
    cluster.run(*INIT).good()
    for node in range(2, nodes + 1):
        cluster.run(*add_node_argv(node)).good()
    return cluster
