"""gnt-instance reinstall: one job for each instance."""

from __future__ import annotations

from typing import TYPE_CHECKING

from ganeti.cli import jobs
from ganeti.cli.failures import FAILURE, CommandFailed
from ganeti.cli.jobset import JobSet
from ganeti.cli.selection import confirm_all, select_instances
from ganeti.cli.terminal import Choice

if TYPE_CHECKING:
    from optparse import Values

    from ganeti.cli.session import Session

_ABORT = Choice("x", "Install nothing")


def reinstall(session: Session, options: Values, words: list[str]) -> int:
    """Install instances anew."""
    from ganeti.cli.requests import private_values
    from ganeti.opcodes.instance import OpInstanceReinstall

    mode = options.multi_mode or "instances"
    names = select_instances(session, mode, words)
    os_name = _select_os(session, options) if options.select_os else options.os
    several = mode != "instances" or len(names) > 1
    if not _confirmed(session, options, names, os_name, several=several):
        return FAILURE
    private = private_values("--os-parameters-private", options.osparams_private)
    secret = private_values("--os-parameters-secret", options.osparams_secret)
    wanted = JobSet(session, options, verbose=several)
    common = jobs.common_fields(session, options)
    for name in names:
        op = OpInstanceReinstall(
            instance_name=name,
            os_type=os_name,
            force_variant=options.force_variant,
            osparams=options.osparams or None,
            osparams_private=private,
            osparams_secret=secret,
            **common,
        )
        wanted.add(name, op)
    return wanted.run()


def _select_os(session: Session, options: Values) -> str:
    """Let the person at the terminal choose. @raise CommandFailed: nothing was chosen."""
    from ganeti.cli.commands.os import installable

    found = installable(session, options)
    if not found:
        raise CommandFailed("There is no operating system to choose from: see gnt-os diagnose")
    session.out("Available OS templates:")
    session.out(*(f"{number:3}: {name}" for number, name in enumerate(found)))
    choices = [Choice(str(number), f"Install {name}") for number, name in enumerate(found)]
    question = "Enter OS template number (or x to abort):"
    answer = session.world.terminal.ask(question, [*choices, _ABORT])
    if answer == _ABORT.key:
        raise CommandFailed("User aborted reinstall, exiting")
    return found[int(answer)]


def _confirmed(
    session: Session, options: Values, names: list[str], os_name: str | None, *, several: bool
) -> bool:
    change = "keep the same OS" if os_name is None else f"change the OS to '{os_name}'"
    if options.force_multi or (options.force and not several):
        return True
    if several:
        warning = f"All data of these instances will be lost. It will {change}."
        return confirm_all(session, session.command, "instances", names, warning)
    return session.confirm(
        f"This will reinstall the instance '{names[0]}' (and {change})"
        " which removes all data. Continue?"
    )
