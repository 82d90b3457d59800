"""gnt-instance add."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from typing import TYPE_CHECKING, Any

from ganeti.cli import jobs
from ganeti.errors import ErrorCode, OpPrereqError, UnitParseError

if TYPE_CHECKING:
    from optparse import Values

    from ganeti.cli.session import Session
    from ganeti.opcodes.instance import OpInstanceCreate

_MAX_DISKS = 16
_MAX_NICS = 8


def add(session: Session, options: Values, names: list[str]) -> int:
    """Create an instance."""
    op = build(names[0], options, jobs.common_fields(session, options))
    jobs.run(session, op, options)
    return 0


def build(name: str, options: Values, common: Mapping[str, Any]) -> OpInstanceCreate:
    """
    The opcode that the options describe.

    @raise OpPrereqError: the options contradict each other, or something is missing.
    @raise TypeEnforcementError: a parameter is unknown or not of its type.
    """
    from ganeti.model.parameters import BEPARAM_REQUEST_TYPES, enforce_types
    from ganeti.opcodes.instance import CreateMode, OpInstanceCreate

    hypervisor, hvparams = _hypervisor(options.hypervisor)
    disks = parse_disks(options.disk_template, options.disks, options.sd_size)
    pnode, _, snode = (options.node or "").partition(":")
    if not (options.os or options.no_install):
        raise OpPrereqError("No guest OS or OS image specified", ErrorCode.WRONG_INPUT)
    return OpInstanceCreate(
        instance_name=name,
        mode=CreateMode.CREATE,
        disk_template=options.disk_template,
        disks=disks,
        nics=parse_nics(options.nics, no_nics=options.no_nics),
        os_type=options.os,
        osparams=options.osparams,
        osparams_private=_secrets(options.osparams_private),
        osparams_secret=_secrets(options.osparams_secret),
        force_variant=options.force_variant,
        no_install=options.no_install,
        pnode=pnode or None,
        snode=snode or None,
        group_name=options.nodegroup,
        iallocator=options.iallocator,
        opportunistic_locking=options.opportunistic_locking,
        hypervisor=hypervisor,
        hvparams=hvparams,
        beparams=enforce_types(options.beparams, BEPARAM_REQUEST_TYPES),
        file_driver=options.file_driver,
        file_storage_dir=options.file_storage_dir,
        name_check=options.name_check,
        ip_check=options.ip_check,
        conflicts_check=options.conflicts_check,
        ignore_ipolicy=options.ignore_ipolicy,
        wait_for_sync=options.wait_for_sync,
        start=options.start,
        forthcoming=options.forthcoming,
        commit=options.commit,
        tags=tuple(options.tags.split(",")) if options.tags else (),
        instance_communication=bool(options.instance_communication),
        helper_startup_timeout=options.helper_startup_timeout,
        helper_shutdown_timeout=options.helper_shutdown_timeout,
        **common,
    )


def _hypervisor(given: tuple[str, Any] | None) -> tuple[Any, dict[str, Any]]:
    """The hypervisor of C{-H}, and its parameters by type; its name is checked here too."""
    if given is None:
        return None, {}
    from ganeti.model.hypervisors import HypervisorName, parse_hvparams

    name, values = given
    if not isinstance(values, dict) or name not in frozenset(HypervisorName):
        known = ", ".join(HypervisorName)
        raise OpPrereqError(
            f"Unknown hypervisor '{name}': use one of {known}", ErrorCode.WRONG_INPUT
        )
    return HypervisorName(name), parse_hvparams(HypervisorName(name), values)


def _secrets(values: Mapping[str, Any]) -> dict[str, Any] | None:
    if not values:
        return None
    from ganeti.model.secret import Secret

    return {name: Secret(str(value)) for name, value in values.items()}


def parse_disks(
    template: str | None, disks: Sequence[tuple[str, Any]], only_size_mib: int | None
) -> tuple[dict[str, Any], ...]:
    """
    The wished disks in order, with their sizes in MiB.

    @param disks: what C{--disk} gave, with the number as text.
    @param only_size_mib: what C{-s} gave.
    """
    if disks and only_size_mib is not None:
        raise OpPrereqError("Please use either the '--disk' or '-s' option", ErrorCode.WRONG_INPUT)
    if only_size_mib is not None:
        wished = [{"size": only_size_mib}]
    else:
        wished = [_disk(i, disk) for i, disk in enumerate(_by_number("disk", disks, _MAX_DISKS))]
    if template == "diskless" and wished:
        raise OpPrereqError("Diskless instance but disk information passed", ErrorCode.WRONG_INPUT)
    if template != "diskless" and not wished:
        raise OpPrereqError("No disk information specified", ErrorCode.WRONG_INPUT)
    return tuple(wished)


def _disk(number: int, values: dict[str, Any]) -> dict[str, Any]:
    from ganeti.utils.text import parse_unit

    disk = {name: value for name, value in values.items() if value is not None}
    if "size" in disk and "adopt" in disk:
        text = f"Only one of size and adoption source can be passed for disk {number}"
        raise OpPrereqError(text, ErrorCode.WRONG_INPUT)
    if "size" in disk:
        try:
            disk["size"] = parse_unit(str(disk["size"]))
        except UnitParseError as err:
            raise OpPrereqError(f"Disk {number}: {err}", ErrorCode.WRONG_INPUT) from err
    elif "adopt" in disk:
        disk["size"] = 0
    else:
        text = f"Missing size or adoption source for disk {number}"
        raise OpPrereqError(text, ErrorCode.WRONG_INPUT)
    for name in ("spindles",):
        if name in disk:
            disk[name] = _number(f"disk {number}: {name}", disk[name])
    return disk


def _number(what: str, text: Any) -> int:
    try:
        return int(text)
    except (TypeError, ValueError) as err:
        raise OpPrereqError(f"Invalid value for {what}: {text}", ErrorCode.WRONG_INPUT) from err


def parse_nics(
    nics: Sequence[tuple[str, Any]], *, no_nics: bool
) -> tuple[dict[Any, str | None], ...]:
    """The wished interfaces in order; without any wish it is one with all defaults."""
    from ganeti.model.parameters import ParameterType, enforce_types
    from ganeti.opcodes.instance import NicKey

    if nics:
        types = {key.value: ParameterType.MAYBE_STRING for key in NicKey}
        wished = [enforce_types(nic, types) for nic in _by_number("NIC", nics, _MAX_NICS)]
    else:
        wished = [] if no_nics else [{}]
    return tuple({NicKey(name): value for name, value in nic.items()} for nic in wished)


def _by_number(what: str, given: Sequence[tuple[str, Any]], most: int) -> list[dict[str, Any]]:
    """Parameters by their number; numbers left out have none."""
    found: dict[int, dict[str, Any]] = {}
    for ident, values in given:
        number = _number(f"{what} index", ident)
        if not 0 <= number < most:
            text = f"Invalid {what} index {number}: use 0 to {most - 1}"
            raise OpPrereqError(text, ErrorCode.WRONG_INPUT)
        if not isinstance(values, dict):
            raise OpPrereqError(f"Invalid {what} specification '{ident}'", ErrorCode.WRONG_INPUT)
        if number in found:
            raise OpPrereqError(f"There is more than one {what} {number}", ErrorCode.WRONG_INPUT)
        found[number] = values
    return [found.get(i, {}) for i in range(max(found, default=-1) + 1)]
