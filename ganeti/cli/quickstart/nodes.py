"""The nodes of quickstart's cluster: initialised, added, running."""

from __future__ import annotations

import os
import shutil
from collections.abc import Sequence

from ganeti.cli import fleet, vcluster
from ganeti.cli.quickstart.commands import Commands
from ganeti.cli.quickstart.folder import Folder
from ganeti.cli.quickstart.words import fail_with, say
from ganeti.cli.vcluster_layout import CLUSTER_NAME
from ganeti.paths import Paths
from ganeti.utils.durable import remove, write_atomic

NODES = 3

# There while gnt-cluster init runs: what an interrupted one left is worth nothing.
_INITIALISING = ".initialising"


def make_nodes(folder: Folder) -> list[Paths]:
    """Their folders, with nothing running in them."""
    return vcluster.setup(folder.path, nodes=NODES).node_paths()[:NODES]


def initialise(
    folder: Folder, commands: Commands, nodes: list[Paths], options: Sequence[str]
) -> None:
    """Make it a cluster, of its first node, and start what is there."""
    mark = os.path.join(folder.path, _INITIALISING)
    if os.path.exists(mark) and not _is_cluster(folder, commands):
        _forget(folder, nodes)
    if not fleet.is_set_up(nodes[0]):
        say("Initialising the cluster")
        write_atomic(mark, b"")
        commands.run("gnt-cluster", "init", *options, CLUSTER_NAME)
    remove(mark)
    say("Starting what is not running")
    fail_with(fleet.start(folder.path))


def _is_cluster(folder: Folder, commands: Commands) -> bool:
    """Whether an init that was interrupted had done its work."""
    fleet.start(folder.path)  # may fail: what is half made is made anew
    return commands.output("gnt-cluster", "info") is not None


def _forget(folder: Folder, nodes: list[Paths]) -> None:
    """Remove what an interrupted init left."""
    fail_with(fleet.stop(folder.path))
    for paths in nodes:
        shutil.rmtree(paths.data_dir, ignore_errors=True)
    make_nodes(folder)


def add_nodes(commands: Commands, nodes: list[Paths]) -> None:
    """Add those that are missing."""
    for paths in nodes[1:]:
        commands.wait_for_jobs()
        if paths.hostname not in commands.names("gnt-node"):
            say(f"Adding {paths.hostname}")
            commands.run("gnt-node", "add", "--no-ssh-key-check", paths.hostname)
