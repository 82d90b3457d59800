"""gnt-instance startup, shutdown, reboot: one job for each instance."""

from __future__ import annotations

from collections.abc import Callable
from typing import TYPE_CHECKING, Any

from ganeti.cli import jobs
from ganeti.cli.failures import FAILURE
from ganeti.cli.jobset import JobSet
from ganeti.cli.selection import confirm_all, select_instances

if TYPE_CHECKING:
    from optparse import Values

    from ganeti.cli.session import Session


def startup(session: Session, options: Values, words: list[str]) -> int:
    """Start instances."""
    from ganeti.model.parameters import BEPARAM_REQUEST_TYPES, enforce_types
    from ganeti.opcodes.instance import OpInstanceStartup

    beparams = enforce_types(options.beparams, BEPARAM_REQUEST_TYPES)

    def build(name: str, common: dict[str, Any]) -> OpInstanceStartup:
        return OpInstanceStartup(
            instance_name=name,
            force=options.force,
            ignore_offline_nodes=options.ignore_offline,
            no_remember=options.no_remember,
            startup_paused=options.startup_paused,
            hvparams=options.hvparams,
            beparams=beparams,
            **common,
        )

    return _run(session, options, words, build)


def shutdown(session: Session, options: Values, words: list[str]) -> int:
    """Shut instances down."""
    from ganeti.opcodes.instance import OpInstanceShutdown

    def build(name: str, common: dict[str, Any]) -> OpInstanceShutdown:
        return OpInstanceShutdown(
            instance_name=name,
            force=options.force,
            timeout=options.timeout,
            ignore_offline_nodes=options.ignore_offline,
            no_remember=options.no_remember,
            **common,
        )

    return _run(session, options, words, build)


def reboot(session: Session, options: Values, words: list[str]) -> int:
    """Restart instances."""
    from ganeti.opcodes.instance import OpInstanceReboot, RebootType

    def build(name: str, common: dict[str, Any]) -> OpInstanceReboot:
        return OpInstanceReboot(
            instance_name=name,
            reboot_type=RebootType(options.reboot_type),
            ignore_secondaries=options.ignore_secondaries,
            shutdown_timeout=options.shutdown_timeout,
            **common,
        )

    return _run(session, options, words, build)


def _run(
    session: Session,
    options: Values,
    words: list[str],
    build: Callable[[str, dict[str, Any]], Any],
) -> int:
    mode = options.multi_mode or "instances"
    names = select_instances(session, mode, words)
    several = mode != "instances" or len(names) > 1
    asks = several and not options.force_multi
    if asks and not confirm_all(session, session.command, "instances", names):
        return FAILURE
    wanted = JobSet(session, options, verbose=several)
    common = jobs.common_fields(session, options)
    for name in names:
        wanted.add(name, build(name, common))
    return wanted.run()
