"""gnt-node modify, powercycle."""

from __future__ import annotations

from typing import TYPE_CHECKING

from ganeti.cli import jobs, node_settings
from ganeti.cli.failures import CommandFailed

if TYPE_CHECKING:
    from optparse import Values

    from ganeti.cli.session import Session

_CHANGES = (
    "master_candidate",
    "drained",
    "offline",
    "master_capable",
    "vm_capable",
    "secondary_ip",
    "ndparams",
    "hv_state",
    "disk_state",
    "node_powered",
)
_BACK_IN_SERVICE = (
    "Node {name} has not been told what changed while it was out of service."
    " 'gnt-node add --readd {name}' sets it up again and is the safer way."
    " Take it back as it is all the same?"
)


def modify(session: Session, options: Values, names: list[str]) -> int:
    """Change a node's roles, flags and settings."""
    if all(getattr(options, name) in (None, []) for name in _CHANGES):
        raise CommandFailed("Please give at least one of the parameters.")
    (name,) = names
    ndparams = node_settings.typed_ndparams(options.ndparams, "default")
    if options.offline is False and not options.force:
        _confirm(session, _BACK_IN_SERVICE.format(name=name))
    from ganeti.opcodes.node import OpNodeSetParams

    op = OpNodeSetParams(
        node_name=name,
        force=options.force,
        master_candidate=options.master_candidate,
        drained=options.drained,
        offline=options.offline,
        auto_promote=options.auto_promote,
        master_capable=options.master_capable,
        vm_capable=options.vm_capable,
        secondary_ip=options.secondary_ip,
        ndparams=ndparams,
        hv_state=node_settings.hv_state(options.hv_state),
        disk_state=node_settings.disk_state(options.disk_state),
        powered=options.node_powered,
        **jobs.common_fields(session, options),
    )
    result = jobs.run(session, op, options)
    if result and not options.dry_run:
        session.out(f"Modified node {name}", *(f" - {what} -> {value}" for what, value in result))
    return 0


def _confirm(session: Session, question: str) -> None:
    if not session.confirm(question):
        raise CommandFailed()


def powercycle(session: Session, options: Values, names: list[str]) -> int:
    """Restart a node at once."""
    (name,) = names
    if not options.confirm:
        _confirm(session, f"Are you sure you want to hard powercycle node {name}?")
    from ganeti.opcodes.node import OpNodePowercycle

    op = OpNodePowercycle(
        node_name=name, force=options.force, **jobs.common_fields(session, options)
    )
    result = jobs.run(session, op, options)
    if result and not options.dry_run:
        session.err(result)
    return 0
