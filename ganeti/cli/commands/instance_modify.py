"""gnt-instance modify."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from typing import TYPE_CHECKING, Any

from ganeti.cli import jobs
from ganeti.cli.failures import CommandFailed
from ganeti.cli.settings import wrong

if TYPE_CHECKING:
    from optparse import Values

    from ganeti.cli.session import Session
    from ganeti.opcodes.instance import OpInstanceSetParams
    from ganeti.opcodes.modifications import Modification

Given = Sequence[tuple[str, Any]]
"""Of --net and --disk."""

_REMINDER = (
    "Please don't forget that most parameters take effect only at the next (re)start of the"
    " instance initiated by ganeti; restarting from within the instance will not be enough."
)
_ONE_OF = (
    "nics",
    "disks",
    "disk_template",
    "hvparams",
    "beparams",
    "os",
    "osparams",
    "osparams_private",
    "offline_inst",
    "online_inst",
    "runtime_mem",
    "new_primary_node",
)


def modify(session: Session, options: Values, names: list[str]) -> int:
    """Change an instance."""
    op = build(names[0], options, jobs.common_fields(session, options))
    changes = jobs.run(session, op, options)
    if changes and not options.dry_run:
        session.out(f"Modified instance {names[0]}")
        session.out(*(f" - {what:<5} -> {value}" for what, value in changes))
        session.out(_REMINDER)
    return 0


def build(name: str, options: Values, common: Mapping[str, Any]) -> OpInstanceSetParams:
    """
    The opcode that the options describe.

    @raise CommandFailed: they ask for nothing.
    @raise OpPrereqError: they contradict each other, or one cannot be understood.
    @raise TypeEnforcementError: a parameter is unknown or not of its type.
    """
    asked = [option for option in _ONE_OF if getattr(options, option)]
    if not asked and options.instance_communication is None:
        raise CommandFailed("Please give at least one of the parameters.")
    if options.offline_inst and options.online_inst:
        raise wrong("Only one of --offline and --online can be given")
    from ganeti.cli import requests
    from ganeti.model.hypervisors import HVPARAM_TYPES
    from ganeti.model.parameters import RESET, enforce_types
    from ganeti.opcodes.instance import OpInstanceSetParams

    return OpInstanceSetParams(
        instance_name=name,
        nics=parse_nics(options.nics),
        disks=parse_disks(options.disks),
        beparams=requests.beparams(options.beparams) or {},
        hvparams=enforce_types(options.hvparams, HVPARAM_TYPES, RESET),
        osparams=options.osparams,
        osparams_private=requests.private_values(
            "--os-parameters-private", options.osparams_private
        ),
        os_name=options.os,
        force_variant=options.force_variant,
        runtime_mem=options.runtime_mem,
        offline=_offline(options),
        pnode=options.new_primary_node,
        disk_template=options.disk_template,
        remote_node=options.node,
        iallocator=options.iallocator,
        ext_params=options.ext_params,
        file_driver=options.file_driver,
        file_storage_dir=options.file_storage_dir,
        hotplug=options.hotplug,
        wait_for_sync=options.wait_for_sync,
        conflicts_check=options.conflicts_check,
        ignore_ipolicy=options.ignore_ipolicy,
        instance_communication=options.instance_communication,
        force=options.force,
        **common,
    )


def _offline(options: Values) -> bool | None:
    if options.offline_inst:
        return True
    return False if options.online_inst else None


def parse_nics(given: Given) -> tuple[Modification[Any], ...]:
    """Changes of network interfaces, in order."""
    from ganeti.model.parameters import ParameterType, enforce_types
    from ganeti.opcodes.instance import NicKey

    types = {key.value: ParameterType.MAYBE_STRING for key in NicKey}

    def typed(values: dict[str, Any]) -> dict[NicKey, Any]:
        return {NicKey(name): value for name, value in enforce_types(values, types).items()}

    return tuple(_change("NIC", item, values, typed) for item, values in given)


def parse_disks(given: Given) -> tuple[Modification[Any], ...]:
    """Changes of disks, in order; sizes in MiB."""
    return tuple(_change("disk", item, values, _disk) for item, values in given)


def _disk(values: dict[str, Any]) -> dict[str, Any]:
    from ganeti.model.parameters import ParameterType, enforce_types

    types = {"size": ParameterType.SIZE, "spindles": ParameterType.INT}
    text = dict.fromkeys(values, ParameterType.MAYBE_STRING)
    typed = enforce_types(values, {**text, **types})
    return {name: "none" if value is None else value for name, value in typed.items()}


def _change(what: str, item: str, values: Any, typed: Any) -> Modification[Any]:
    """One change: C{add:...} at the end, or C{N:add,...}, C{N:remove}, C{N:...}."""
    from ganeti.opcodes.modifications import LAST, Modification, ModificationAction

    if not isinstance(values, dict):
        raise wrong(f"Invalid {what} specification '{item}'")
    actions = [action for action in ModificationAction if action == item]
    place: int | str = LAST if actions else _number_or_name(item)
    if not actions:
        actions = [a for a in ModificationAction if values.get(a.value) is True]
        values = {name: value for name, value in values.items() if name not in actions}
    if len(actions) > 1:
        raise wrong(f"{what} {item}: choose one of {', '.join(actions)}")
    if not actions and ("=" in item or "," in item):
        raise wrong(f"{what} '{item}': write add:NAME=VALUE,... or INDEX:NAME=VALUE,...")
    action = actions[0] if actions else ModificationAction.MODIFY
    if values and action in (ModificationAction.REMOVE, ModificationAction.DETACH):
        raise wrong(f"{what} {item}: nothing can be given with {action}")
    if not values and action in (ModificationAction.MODIFY, ModificationAction.ATTACH):
        raise wrong(f"{what} {item}: say what to {action}")
    return Modification(what=action, where=place, given=typed(values))


def _number_or_name(item: str) -> int | str:
    try:
        return int(item)
    except ValueError:
        return item
