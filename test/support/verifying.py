"""Nodes as a verification finds them: in order, unless a test says otherwise."""

from __future__ import annotations

from typing import Any

from msgspec.structs import replace

from ganeti.errors import GanetiError
from ganeti.model.config import Configuration
from ganeti.model.disk import disk_nodes
from ganeti.model.findings import CertificateFinding, DiskFinding, NodeFindings
from ganeti.model.instance import AdminState
from ganeti.model.live import InstanceRuntime, OsInfo
from ganeti.model.node import Node
from ganeti.rpc.calls import RunHooks, VerifyNode
from ganeti.version import PROTOCOL_VERSION, RELEASE
from support.fakejob import FakeJob

YEAR_S = 365 * 86400.0
NOOP = OsInfo(name="noop", path="/srv/ganeti/os/noop", valid=True, api_versions=(20,))
CANDIDATE_ONLY = ("config.data", "ca.key")
OPTIONAL = ("rapi.pem", "known_hosts")


def with_certificates(config: Configuration) -> Configuration:
    """Each candidate's certificate is on record."""
    certs = {n.uuid: f"digest of {n.uuid}" for n in config.nodes.values() if n.master_candidate}
    return config.with_cluster(replace(config.cluster, candidate_certs=certs))


class Nodes:
    """
    The nodes of a configuration, which answer C{VerifyNode} and C{RunHooks}.

    @ivar changes: fields of the findings by node uuid, in place of those of a healthy node; or
        the error that the node answers with.
    @ivar asked: the calls, by node uuid.
    @ivar hooks: results of hook scripts, by node uuid.
    """

    def __init__(self, config: Configuration) -> None:
        self.config = config
        self.changes: dict[str, dict[str, Any] | GanetiError] = {}
        self.asked: dict[str, list[VerifyNode]] = {}
        self.hooks: dict[str, Any] = {}

    def job(self) -> FakeJob:
        """A job that asks them."""
        return FakeJob(self.config, {VerifyNode: self._verify, RunHooks: self._run_hooks})

    def _run_hooks(self, uuid: str, call: RunHooks) -> Any:
        changes = self.changes.get(uuid)
        return changes if isinstance(changes, GanetiError) else self.hooks.get(uuid, ())

    def _verify(self, uuid: str, call: VerifyNode) -> Any:
        self.asked.setdefault(uuid, []).append(call)
        changes = self.changes.get(uuid, {})
        if isinstance(changes, GanetiError):
            return changes
        return replace(healthy(self.config, self.config.nodes[uuid], call), **changes)


def healthy(config: Configuration, node: Node, call: VerifyNode) -> NodeFindings:
    """What a node finds on which all is well; its clock stands at 0."""
    instances = config.node_instances(node.uuid)
    return NodeFindings(
        protocol=PROTOCOL_VERSION,
        release=RELEASE,
        time_ns=0,
        digest=f"digest of {node.uuid}",
        certificates=(CertificateFinding(path="/server.pem", expires=YEAR_S),)
        if call.certificates
        else (),
        hypervisors=dict.fromkeys(call.hypervisors, ()),
        guests=tuple(
            InstanceRuntime(name=each.name, memory_mib=128, vcpus=1)
            for each in instances
            if each.admin_state is AdminState.UP and call.hypervisors
        ),
        memory_free=4096,
        files={path: f"sum of {path}" for path in call.files if _has(node, path)},
        oses=(NOOP,) if call.oses else (),
        disks=tuple(DiskFinding(uuid=disk.uuid, size=disk.size) for disk in call.disks),
        places=tuple(
            str(disk.logical_id[-1])
            for each in instances
            for disk in config.instance_disks(each)
            if node.uuid in (disk_nodes(disk) or (each.primary_node,)) and call.templates
        ),
    )


def _has(node: Node, path: str) -> bool:
    name = path.rpartition("/")[2]
    return name not in OPTIONAL and (node.master_candidate or name not in CANDIDATE_ONLY)
