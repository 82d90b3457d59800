"""The role record of nodes, which is derived from the configuration."""

from __future__ import annotations

from ganeti.model.config import Configuration
from ganeti.rpc.roles import RoleRecord


def build_role_record(config: Configuration, term: int) -> RoleRecord:
    """Who holds which office, for the nodes to judge callers by."""
    cluster = config.cluster
    return RoleRecord(
        term=term,
        cluster_name=cluster.cluster_name,
        master_uuid=cluster.master_node,
        master_digest=cluster.candidate_certs.get(cluster.master_node, ""),
        candidates=dict(cluster.candidate_certs),
    )
