"""What holds for an object of the configuration, of all that is set above it and in itself."""

from __future__ import annotations

from abc import ABC, abstractmethod
from collections.abc import Mapping
from typing import Any

import msgspec

from ganeti.model.cluster import Cluster
from ganeti.model.group import NodeGroup
from ganeti.model.hypervisors import built_in
from ganeti.model.instance import Instance
from ganeti.model.nic import Nic
from ganeti.model.node import Node
from ganeti.model.parameters import BeParams, NdParams, NicParams, fill, own_values
from ganeti.model.policy import InstancePolicy
from ganeti.model.templates import TEMPLATES, DiskTemplate


class ParameterLevels(ABC):
    """Parameters that objects inherit: a part of L{ganeti.model.config.Configuration}."""

    __slots__ = ()

    groups: Mapping[str, NodeGroup]

    @property
    @abstractmethod
    def cluster(self) -> Cluster:
        """The top level."""

    def filled_beparams(self, instance: Instance) -> BeParams:
        """Backend parameters: the cluster's, then the instance's."""
        return fill(self.cluster.beparams["default"], instance.beparams)

    def filled_hvparams(self, instance: Instance) -> dict[str, Any]:
        """Hypervisor parameters: built-in, the cluster's, the OS's, its variant's, its own."""
        filled: dict[str, Any] = {}
        for values in self.hvparam_levels(instance).values():
            filled.update(values)
        return filled

    def hvparam_levels(self, instance: Instance) -> dict[str, Mapping[str, Any]]:
        """Own hypervisor parameters of each level, from the most general one."""
        cluster = self.cluster
        hypervisor = instance.hypervisor
        of_os, of_variant = (
            cluster.os_hvp.get(name, {}).get(hypervisor, {})
            for name in (base_os(instance.os), instance.os)
        )
        return {
            "built-in": built_in(hypervisor),
            "cluster": cluster.hvparams.get(hypervisor, {}),
            "os": {**of_os, **of_variant},
            "instance": instance.hvparams,
        }

    def beparam_levels(self, instance: Instance) -> dict[str, Mapping[str, Any]]:
        """Own backend parameters of each level, from the most general one."""
        return {
            "cluster": own_values(self.cluster.beparams["default"]),
            "instance": own_values(instance.beparams),
        }

    def filled_osparams(self, instance: Instance) -> dict[str, str]:
        """OS parameters but private ones: the OS's, its variant's, then the instance's."""
        of_cluster = self.cluster.osparams
        variant = of_cluster.get(instance.os, {}) if "+" in instance.os else {}
        return {**of_cluster.get(base_os(instance.os), {}), **variant, **instance.osparams}

    def filled_nicparams(self, nic: Nic) -> NicParams:
        """NIC parameters: the cluster's, then the interface's."""
        return fill(self.cluster.nicparams["default"], nic.nicparams)

    def filled_ndparams(self, node: Node) -> NdParams:
        """Node parameters: the cluster's, the group's, then the node's."""
        filled = fill(self.group_ndparams(self.groups[node.group]), node.ndparams)
        of_group = self.group_ndparams(self.groups[node.group]).exclusive_storage
        return filled if filled.exclusive_storage == of_group else _with_exclusive(filled, of_group)

    def group_ndparams(self, group: NodeGroup) -> NdParams:
        """Node parameters as the group's nodes inherit them."""
        return fill(self.cluster.ndparams, group.ndparams)

    def group_policy(self, group: NodeGroup) -> InstancePolicy:
        """Instance policy: the cluster's, then the group's."""
        return fill(self.cluster.ipolicy, group.ipolicy)

    def group_diskparams(self, group: NodeGroup, template: DiskTemplate) -> dict[str, Any]:
        """Disk parameters: built-in, the cluster's, then the group's."""
        return {
            **TEMPLATES[template].params,
            **self.cluster.diskparams.get(template, {}),
            **group.diskparams.get(template, {}),
        }


def base_os(name: str) -> str:
    """The OS of C{os+variant}."""
    return name.partition("+")[0]


def _with_exclusive(ndparams: NdParams, value: bool) -> NdParams:
    return msgspec.structs.replace(ndparams, exclusive_storage=value)
