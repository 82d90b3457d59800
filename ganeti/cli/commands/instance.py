"""gnt-instance list, list-fields, remove, rename."""

from __future__ import annotations

from typing import TYPE_CHECKING

from ganeti.cli import jobs, listing
from ganeti.cli.failures import FAILURE
from ganeti.cli.names import build_filter

if TYPE_CHECKING:
    from optparse import Values

    from ganeti.cli.session import Session

_DEFAULT_FIELDS = ("name", "hypervisor", "os", "pnode", "status", "oper_ram")


def list_instances(session: Session, options: Values, names: list[str]) -> int:
    """A table of instances."""
    qfilter = build_filter(names, force_filter=options.force_filter)
    fields = listing.chosen_fields(options.output, _DEFAULT_FIELDS)
    return listing.print_query(session, options, "instance", fields, qfilter)


def list_fields(session: Session, options: Values, names: list[str]) -> int:
    """The fields that a table of instances may have."""
    return listing.print_fields(session, options, "instance", names)


def remove(session: Session, options: Values, names: list[str]) -> int:
    """Remove an instance with all it has."""
    from ganeti.opcodes.instance import OpInstanceRemove

    (name,) = names
    question = (
        f"This will remove the volumes of the instance {name} (including mirrors),"
        " thus removing all the data of the instance. Continue?"
    )
    if not options.force and not session.confirm(question):
        return FAILURE
    op = OpInstanceRemove(
        instance_name=name,
        ignore_failures=options.ignore_failures,
        shutdown_timeout=options.shutdown_timeout,
        **jobs.common_fields(session, options),
    )
    jobs.run(session, op, options)
    return 0


def rename(session: Session, options: Values, names: list[str]) -> int:
    """Give an instance another name."""
    from ganeti.opcodes.instance import OpInstanceRename

    old, new = names
    op = OpInstanceRename(
        instance_name=old,
        new_name=new,
        name_check=options.name_check,
        ip_check=options.ip_check,
        **jobs.common_fields(session, options),
    )
    result = jobs.run(session, op, options)
    if result and not options.dry_run:
        session.out(f"Instance '{old}' renamed to '{result}'")
    return 0
