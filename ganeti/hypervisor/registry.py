"""Which hypervisors a node daemon can drive."""

from __future__ import annotations

from collections.abc import Callable, Mapping
from typing import Any

from ganeti.errors import HypervisorError
from ganeti.hypervisor.fake import fake_on_files
from ganeti.hypervisor.interface import IHypervisor
from ganeti.hypervisor.libvirt.node import kvm_on_libvirt
from ganeti.model.hypervisors import HypervisorName
from ganeti.paths import Paths
from ganeti.utils.threads import Threads

HYPERVISORS: Mapping[HypervisorName, Callable[[Paths, Any, Threads], IHypervisor]] = {
    HypervisorName.FAKE: fake_on_files,
    HypervisorName.KVM: kvm_on_libvirt,
}
"""Each is made from the node's paths, the reactor (the whole one) and its threads."""


def hypervisor_of(hypervisors: Mapping[HypervisorName, IHypervisor], name: str) -> IHypervisor:
    """
    One of the node's hypervisors.

    @raise HypervisorError: this node cannot drive it.
    """
    for known, hypervisor in hypervisors.items():
        if known == name:
            return hypervisor
    raise HypervisorError(f"This release cannot drive hypervisor '{name}'")
