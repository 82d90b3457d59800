"""A guest's processors: how many, of what kind, on which of the node's. Pure."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any
from xml.etree.ElementTree import Element

from ganeti.errors import HypervisorError
from ganeti.hypervisor.libvirt.xml import element

ALL = "all"


def vcpu_element(cpu_mask: str, vcpus: int) -> Element:
    """The number of processors; one mask for all of them belongs here."""
    shared = ":" not in cpu_mask and cpu_mask not in ("", ALL)
    return element("vcpu", {"cpuset": cpu_mask if shared else None}, text=str(vcpus))


def pinning(cpu_mask: str, vcpus: int) -> Element | None:
    """
    One mask for each processor.

    @raise HypervisorError: there are more or fewer masks than processors.
    """
    masks = cpu_mask.split(":")
    if len(masks) == 1:
        return None
    if len(masks) != vcpus:
        raise HypervisorError(
            f"Hypervisor parameter cpu_mask={cpu_mask} is for {len(masks)} processors,"
            f" but the instance has {vcpus}"
        )
    pins = [
        element("vcpupin", {"vcpu": number, "cpuset": mask})
        for number, mask in enumerate(masks)
        if mask != ALL
    ]
    return element("cputune", None, *pins) if pins else None


def cpu_element(hvparams: Mapping[str, Any], vcpus: int) -> Element | None:
    """The processors' model and topology; None leaves both to libvirt."""
    topology = _topology(hvparams, vcpus)
    name, *flags = hvparams["cpu_type"].split(",")
    if not name:
        return None if topology is None else element("cpu", None, topology)
    features = [_feature(flag) for flag in flags]
    if name in ("host", "max"):
        # Like host-passthrough with KVM; and all there is when processors are emulated.
        return element("cpu", {"mode": "maximum"}, topology, *features)
    model = element("model", {"fallback": "forbid"}, text=name)
    attributes = {"mode": "custom", "match": "exact", "check": "none"}
    return element("cpu", attributes, model, topology, *features)


def _feature(flag: str) -> Element:
    policies = {"+": "require", "-": "disable"}
    if len(flag) < 2 or flag[0] not in policies:
        raise HypervisorError(
            f"Hypervisor parameter cpu_type: '{flag}' is neither +FEATURE nor -FEATURE"
        )
    return element("feature", {"policy": policies[flag[0]], "name": flag[1:]})


def _topology(hvparams: Mapping[str, Any], vcpus: int) -> Element | None:
    """What is not given is made to fit, cores before sockets, as QEMU does it."""
    sockets, cores, threads = (
        hvparams[name] for name in ("cpu_sockets", "cpu_cores", "cpu_threads")
    )
    if not (sockets or cores or threads):
        return None
    threads = threads or 1
    sockets = sockets or (max(vcpus // (cores * threads), 1) if cores else 1)
    cores = cores or max(vcpus // (sockets * threads), 1)
    if sockets * cores * threads != vcpus:
        raise HypervisorError(
            f"Hypervisor parameters cpu_sockets, cpu_cores and cpu_threads give {sockets} x {cores}"
            f" x {threads} processors, but the instance has {vcpus}"
        )
    return element("topology", {"sockets": sockets, "cores": cores, "threads": threads})
