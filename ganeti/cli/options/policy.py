"""Options that set an instance policy, of the cluster or of a group."""

from __future__ import annotations

from ganeti.cli.options import cluster

GROUP_OPTIONS = (
    cluster.IPOLICY_BOUNDS,
    cluster.IPOLICY_TEMPLATES,
    cluster.IPOLICY_VCPU_RATIO,
    cluster.IPOLICY_SPINDLE_RATIO,
)
