"""gnt-cluster destroy."""

from __future__ import annotations

from typing import TYPE_CHECKING

from ganeti.cli.failures import CommandFailed

if TYPE_CHECKING:
    from optparse import Values

    from ganeti.cli.session import Session

_UNCONFIRMED = (
    "Destroying a cluster is irreversible. If you really want destroy this cluster,"
    " supply the --yes-do-it option."
)


def destroy(session: Session, options: Values, _words: list[str]) -> int:
    """End the cluster: its job first, then its daemons, then its files on this machine."""
    if not options.yes_do_it:
        raise CommandFailed(_UNCONFIRMED)
    from ganeti.cli import clusterfiles, daemons, jobs
    from ganeti.opcodes.cluster import OpClusterDestroy
    from ganeti.paths import MASTERD, NODED

    jobs.run(session, OpClusterDestroy(**jobs.common_fields(session, options)))
    session.close()
    with session.progress.waiting("Stopping the daemons"):
        for daemon in (MASTERD, NODED):
            daemons.stop(session.paths, daemon)
    clusterfiles.forget_cluster(session.paths)
    return 0
