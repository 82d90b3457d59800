"""Do the cluster's instances permit a change of its settings? Pure."""

from __future__ import annotations

from collections.abc import Iterator

from ganeti.errors import ErrorCode, HypervisorError, OpPrereqError
from ganeti.model.config import Configuration
from ganeti.model.hypervisors import check_hvparams
from ganeti.model.instance import Instance
from ganeti.model.parameters import NicMode
from ganeti.operations.instance.memory import check_memory_bounds
from ganeti.utils.text import nice_sort_key


def check_usage(before: Configuration, after: Configuration) -> None:
    """
    Check what changes for instances.

    @raise OpPrereqError: an instance uses what is to be disabled, or would have impossible
        parameters; the text says where their values come from.
    """
    old, new = before.cluster, after.cluster
    for instance in _disabled_hypervisor(before, after):
        raise _in_use(f"hypervisor {instance.hypervisor}", instance)
    _check_templates(before, after)
    if new.beparams != old.beparams:
        for instance in _instances(after):
            _check_memory(after, instance)
    if new.nicparams != old.nicparams:
        for instance in _instances(after):
            _check_nics(before, after, instance)
    if (new.hvparams, new.os_hvp) != (old.hvparams, old.os_hvp):
        _check_hvparams(before, after)


def _instances(config: Configuration) -> list[Instance]:
    """In natural order, so that the first one with a problem is always the same."""
    return sorted(config.instances.values(), key=lambda instance: nice_sort_key(instance.name))


def _in_use(what: str, instance: Instance) -> OpPrereqError:
    return OpPrereqError(
        f"Cannot disable {what}: instance {instance.name} uses it", ErrorCode.WRONG_STATE
    )


def _disabled_hypervisor(before: Configuration, after: Configuration) -> Iterator[Instance]:
    gone = set(before.cluster.enabled_hypervisors) - set(after.cluster.enabled_hypervisors)
    if gone:
        yield from (each for each in _instances(after) if each.hypervisor in gone)


def _check_templates(before: Configuration, after: Configuration) -> None:
    gone = set(before.cluster.enabled_disk_templates) - set(after.cluster.enabled_disk_templates)
    if not gone:
        return
    for instance in _instances(after):
        used = {disk.dev_type.value for disk in after.instance_disks(instance)}
        for template in sorted(used or {"diskless"}):
            if template in gone:
                raise _in_use(f"disk template {template}", instance)


def _check_memory(after: Configuration, instance: Instance) -> None:
    try:
        check_memory_bounds(after.filled_beparams(instance), after.beparam_levels(instance))
    except OpPrereqError as err:
        raise _for_instance(instance, err) from err


def _for_instance(instance: Instance, error: Exception) -> OpPrereqError:
    return OpPrereqError(f"Instance {instance.name}: {error}", ErrorCode.WRONG_STATE)


def _check_nics(before: Configuration, after: Configuration, instance: Instance) -> None:
    for place, nic in enumerate(instance.nics):
        was, will = before.filled_nicparams(nic).mode, after.filled_nicparams(nic).mode
        routed = will is NicMode.ROUTED and was is not will
        if routed and nic.ip is None and nic.network is None:
            raise OpPrereqError(
                f"Instance {instance.name}: nic/{place} has no IP address, which NICs of mode"
                " routed (from cluster defaults) need",
                ErrorCode.WRONG_STATE,
            )


def _check_hvparams(before: Configuration, after: Configuration) -> None:
    """What the change brings to each instance; instances that set the same are looked at once."""
    seen = set()
    for instance in _instances(after):
        key = (instance.hypervisor, instance.os, frozenset(instance.hvparams.items()))
        if key in seen:
            continue
        seen.add(key)
        old, new = before.filled_hvparams(instance), after.filled_hvparams(instance)
        changed = [name for name, value in new.items() if old.get(name) != value]
        try:
            check_hvparams(instance.hypervisor, new, after.hvparam_levels(instance), changed)
        except HypervisorError as err:
            raise _for_instance(instance, err) from err
