"""What each node is asked when a group is verified. Pure."""

from __future__ import annotations

from collections.abc import Iterable, Iterator, Sequence

from msgspec.structs import replace

from ganeti.model.config import Configuration
from ganeti.model.disk import Disk, disk_nodes
from ganeti.model.findings import ParameterFile, Peer
from ganeti.model.hypervisors import HypervisorName
from ganeti.model.instance import Instance
from ganeti.model.node import Node
from ganeti.model.parameters import NicMode
from ganeti.model.templates import TEMPLATES, DiskTemplate
from ganeti.operations.cluster.verify.files import FileRule
from ganeti.operations.node.add import NODED_PORT
from ganeti.operations.parameter_files import parameter_files
from ganeti.paths import Paths
from ganeti.rpc.calls import VerifyNode

MOST_PEERS = 500
"""
So many others each node tries to reach: all there are, but in a huge group.

With L{ganeti.noded.verify.CONNECTS} at once all of them may be silent, and the node answers still.
"""
EXTERNAL_IP_SCRIPT = f"{Paths().conf_dir}/scripts/master-ip-setup"
_DRIVEN = (DiskTemplate.FILE, DiskTemplate.SHAREDFILE)
"""Templates whose disks can be listed."""


def question(
    config: Configuration,
    node: Node,
    nodes: list[Node],
    rules: list[FileRule],
    *,
    circle: Sequence[Peer],
    virtual: bool,
    parameters: bool,
) -> VerifyNode:
    """
    All that one node is asked.

    @param nodes: of its group, in service; C{circle} the same as peers.
    @param virtual: of a virtual cluster, whose nodes have no bridges.
    @param parameters: also what hypervisor parameters name.
    """
    call = replace(
        file_question(config, node, nodes, rules),
        certificates=True,
        machine=True,
        peers=peers(circle, node.name),
        port=NODED_PORT,
    )
    if not node.vm_capable:
        return call
    cluster = config.cluster
    instances = config.node_instances(node.uuid)
    return replace(
        call,
        hypervisors=cluster.enabled_hypervisors,
        parameter_files=tuple(_parameter_files(config, instances)) if parameters else (),
        bridges=() if virtual else tuple(sorted(set(_bridges(config, instances)))),
        oses=True,
        disks=tuple(node_disks(config, node)),
        templates=tuple(t for t in _DRIVEN if t in cluster.enabled_disk_templates),
        storage=tuple(storage_directories(config)),
    )


def file_question(
    config: Configuration, node: Node, nodes: list[Node], rules: list[FileRule]
) -> VerifyNode:
    """
    What a node is asked that is not of the group: as the master, or to compare files with.

    @param nodes: of the group.
    """
    wanted = dict.fromkeys(programs(config, node, nodes))
    return VerifyNode(files=tuple(rule.path for rule in rules), programs=tuple(wanted))


def circle_of(nodes: Iterable[Node]) -> tuple[Peer, ...]:
    """The nodes with both their addresses, each followed by those it tries to reach first."""
    return tuple(
        Peer(name=n.name, addresses=tuple(dict.fromkeys((n.primary_ip, n.secondary_ip))))
        for n in nodes
    )


def peers(circle: Sequence[Peer], name: str) -> tuple[Peer, ...]:
    """Whom the node C{name} tries to reach."""
    place = next(n for n, peer in enumerate(circle) if peer.name == name)
    return (*circle[place + 1 :], *circle[:place])[:MOST_PEERS]


def programs(config: Configuration, node: Node, nodes: list[Node]) -> Iterator[str]:
    """Programs of the admin's that must be on the node; the master has those that switch nodes."""
    if config.cluster.use_external_mip_script:
        yield EXTERNAL_IP_SCRIPT
    if node.uuid == config.cluster.master_node:
        yield from oob_programs(config, nodes)


def oob_programs(config: Configuration, nodes: list[Node]) -> list[str]:
    """The programs that switch these nodes on and off."""
    wanted = {config.filled_ndparams(node).oob_program for node in nodes}
    return sorted(wanted - {"", "!"})


def node_disks(config: Configuration, node: Node) -> Iterator[Disk]:
    """The disks that the node should have."""
    for uuid in sorted(config.instances_on(node.uuid)):
        instance = config.instances[uuid]
        for disk in config.instance_disks(instance):
            if node.uuid in (disk_nodes(disk) or (instance.primary_node,)):
                yield disk


def storage_directories(config: Configuration) -> Iterator[tuple[str, str]]:
    """(template, directory) of the file storage that is in use."""
    cluster = config.cluster
    directories = {
        DiskTemplate.FILE: cluster.file_storage_dir,
        DiskTemplate.SHAREDFILE: cluster.shared_file_storage_dir,
    }
    for template, directory in directories.items():
        if template in cluster.enabled_disk_templates and directory:
            yield TEMPLATES[template].storage.value, directory


def _bridges(config: Configuration, instances: list[Instance]) -> Iterator[str]:
    """Of guests that have a network: those of the fake hypervisor have none."""
    for instance in instances:
        if instance.hypervisor is HypervisorName.FAKE:
            continue
        for nic in instance.nics:
            params = config.filled_nicparams(nic)
            if params.mode is NicMode.BRIDGED:
                yield params.link


def _parameter_files(config: Configuration, instances: list[Instance]) -> Iterator[ParameterFile]:
    for instance in instances:
        values = config.filled_hvparams(instance)
        yield from parameter_files(instance.hypervisor, values, f"instance {instance.name}")
