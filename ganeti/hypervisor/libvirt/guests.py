"""
Guests in libvirt, as its threads see them and speak to them.

Each guest is a persistent domain while it is known: so what is left of one
that ended by itself shows how it ended, also after the node daemon was killed.
"""

from __future__ import annotations

from typing import Any

from ganeti.errors import HypervisorError
from ganeti.hypervisor.libvirt.domain import INSTANCE_NAMESPACE
from ganeti.hypervisor.libvirt.library import import_libvirt, text_of
from ganeti.hypervisor.libvirt.states import DomainFacts, Ended, parse_ended, parse_note

ENDED_NAMESPACE = "urn:ganeti:ended"


def thd_list(connection: Any) -> tuple[DomainFacts, ...]:
    """All guests of ours, sorted by name."""
    found = (thd_facts(domain) for domain in connection.listAllDomains(0))
    return tuple(sorted((each for each in found if each is not None), key=lambda each: each.name))


def thd_find(connection: Any, name: str) -> DomainFacts | None:
    """One of them."""
    domain = thd_lookup(connection, name)
    return None if domain is None else thd_facts(domain)


def thd_press_power_button(connection: Any, name: str) -> bool:
    """Ask a guest to shut itself down; False when it does not live any more."""
    domain = thd_lookup(connection, name)
    if domain is None or not domain.isActive():
        return False
    libvirt = import_libvirt()
    try:
        domain.shutdown()
    except libvirt.libvirtError as err:
        if err.get_error_code() == libvirt.VIR_ERR_OPERATION_INVALID:
            return False  # it ended meanwhile
        raise HypervisorError(f"Cannot shut instance {name} down: {text_of(err)}") from err
    return True


def thd_resume(connection: Any, name: str) -> bool:
    """Let a paused guest run; False when it does not live."""
    domain = thd_lookup(connection, name)
    if domain is None or not domain.isActive():
        return False
    if domain.state()[0] == import_libvirt().VIR_DOMAIN_PAUSED:
        domain.resume()
    return True


def thd_set_memory(connection: Any, name: str, memory_mib: int) -> bool:
    """Ask a guest to use so much; False when it does not live."""
    domain = thd_lookup(connection, name)
    if domain is None or not domain.isActive():
        return False
    domain.setMemory(memory_mib * 1024)
    return True


def thd_note_ended(connection: Any, uuid: str, ended: Ended) -> None:
    """Keep how a guest of ours ended, where it outlives this process; unless it is known."""
    libvirt = import_libvirt()
    try:
        domain = connection.lookupByUUIDString(uuid)
        facts = thd_facts(domain)
        if facts is not None and not facts.active and not facts.ended:
            _note(domain, ended)
    except libvirt.libvirtError as err:
        if err.get_error_code() != libvirt.VIR_ERR_NO_DOMAIN:
            raise


def thd_note_all_ended(connection: Any) -> None:
    """The same for those that ended while nobody listened; libvirt remembers until it is closed."""
    for facts in thd_list(connection):
        if not facts.active and not facts.ended:
            thd_note_ended(connection, facts.uuid, parse_ended(facts))


def _note(domain: Any, ended: Ended) -> None:
    libvirt = import_libvirt()
    domain.setMetadata(
        libvirt.VIR_DOMAIN_METADATA_ELEMENT,
        f"<end how='{ended}'/>",
        "ended",
        ENDED_NAMESPACE,
        libvirt.VIR_DOMAIN_AFFECT_CONFIG,
    )


def thd_lookup(connection: Any, name: str) -> Any:
    """A domain, ours or not; None when there is none of that name."""
    libvirt = import_libvirt()
    try:
        return connection.lookupByName(name)
    except libvirt.libvirtError as err:
        if err.get_error_code() == libvirt.VIR_ERR_NO_DOMAIN:
            return None
        raise


def thd_facts(domain: Any) -> DomainFacts | None:
    """What is known of a domain; None when it is none of ours, or gone by now."""
    libvirt = import_libvirt()
    try:
        metadata = _metadata(domain, INSTANCE_NAMESPACE)
        if not metadata:
            return None
        state, reason = domain.state()
        return DomainFacts(
            name=domain.name(),
            uuid=domain.UUIDString(),
            info=(state, *domain.info()[1:]),
            reason=reason,
            metadata=metadata,
            ended=parse_note(_metadata(domain, ENDED_NAMESPACE)),
        )
    except libvirt.libvirtError as err:
        if err.get_error_code() == libvirt.VIR_ERR_NO_DOMAIN:
            return None
        raise


def _metadata(domain: Any, namespace: str) -> str:
    """
    An element of the domain's persistent description; empty when there is none.

    A domain without such a description is none of ours.
    """
    libvirt = import_libvirt()
    try:
        element: str = domain.metadata(
            libvirt.VIR_DOMAIN_METADATA_ELEMENT, namespace, libvirt.VIR_DOMAIN_AFFECT_CONFIG
        )
    except libvirt.libvirtError as err:
        absent = (
            libvirt.VIR_ERR_NO_DOMAIN_METADATA,
            libvirt.VIR_ERR_NO_DOMAIN,
            libvirt.VIR_ERR_OPERATION_INVALID,
        )
        if err.get_error_code() in absent:
            return ""
        raise
    return element
