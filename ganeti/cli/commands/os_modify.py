"""gnt-os modify: what the cluster says about an operating system."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

from ganeti.cli import jobs
from ganeti.cli.failures import CommandFailed

if TYPE_CHECKING:
    from optparse import Values

    from ganeti.cli.session import Session

_NOTHING = "At least one of OS parameters or hypervisor parameters must be passed"


def modify(session: Session, options: Values, names: list[str]) -> int:
    """Set parameters of instances with this system; hide or blacklist it."""
    from ganeti.opcodes.cluster import OpClusterSetParams

    settings = _settings(options, names[0])
    if not settings:
        raise CommandFailed(_NOTHING)
    op = OpClusterSetParams(**settings, **jobs.common_fields(session, options))
    jobs.run(session, op, options)
    return 0


def _settings(options: Values, name: str) -> dict[str, Any]:
    from ganeti.cli import requests

    private = requests.private_values("--os-parameters-private", options.osparams_private)
    of_os = {
        "os_hvp": requests.hvparams(options.hvparams),
        "osparams": options.osparams or None,
        "osparams_private_cluster": private,
    }
    found: dict[str, Any] = {field: {name: v} for field, v in of_os.items() if v is not None}
    for field, wanted in (("hidden_os", options.hidden), ("blacklisted_os", options.blacklisted)):
        if wanted is not None:
            found[field] = (("add" if wanted else "remove", name),)
    return found
