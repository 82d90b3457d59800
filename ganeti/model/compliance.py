"""Which instances a change of policies would leave outside of them. Pure."""

from __future__ import annotations

from collections.abc import Iterable

from ganeti.model.config import Configuration
from ganeti.model.instance import Instance
from ganeti.model.policy import InstancePolicy, InstanceSizes, policy_violations
from ganeti.model.templates import DiskTemplate
from ganeti.utils.text import nice_sort_key


class _Judge:
    """Policies of one configuration; what was found for one set of sizes is kept."""

    def __init__(self, config: Configuration) -> None:
        self._config = config
        self._policies: dict[str, InstancePolicy] = {}
        self._found: dict[tuple[str, InstanceSizes], list[str]] = {}

    def violations(self, instance: Instance) -> list[str]:
        """What the instance violates of its group's policy."""
        group_uuid = self._config.nodes[instance.primary_node].group
        found: dict[str, None] = {}
        for sizes in instance_sizes(self._config, instance):
            key = (group_uuid, sizes)
            if key not in self._found:
                self._found[key] = policy_violations(self._policy(group_uuid), sizes)
            found |= dict.fromkeys(self._found[key])
        return list(found)

    def _policy(self, group_uuid: str) -> InstancePolicy:
        if group_uuid not in self._policies:
            group = self._config.groups[group_uuid]
            self._policies[group_uuid] = self._config.group_policy(group)
        return self._policies[group_uuid]


def instance_sizes(config: Configuration, instance: Instance) -> list[InstanceSizes]:
    """What policies look at, once for each disk template that the instance has."""
    disks = config.instance_disks(instance)
    filled = config.filled_beparams(instance)
    templates = sorted({disk.dev_type for disk in disks}) or [DiskTemplate.DISKLESS]
    return [
        InstanceSizes(
            memory=filled.maxmem,
            vcpus=filled.vcpus,
            disks=tuple(disk.size for disk in disks),
            nics=len(instance.nics),
            spindle_use=filled.spindle_use,
            disk_template=template,
        )
        for template in templates
    ]


def new_violations(
    before: Configuration, after: Configuration, instances: Iterable[str]
) -> list[str]:
    """
    Instances that follow their policy in one configuration, and not in the next one.

    @param instances: uuids of those to look at.
    @return: one text for each, with its name and what it violates, in natural order of names.
    """
    old, new = _Judge(before), _Judge(after)
    found: dict[str, str] = {}
    for uuid in instances:
        instance = after.instances[uuid]
        violated = new.violations(instance)
        if violated and not old.violations(before.instances[uuid]):
            found[instance.name] = f"{instance.name} ({', '.join(violated)})"
    return [found[name] for name in sorted(found, key=nice_sort_key)]
