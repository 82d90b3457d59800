"""The node daemon, for twistd."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

from twisted.application.service import IService
from twisted.python.usage import Options as UsageOptions
from twisted.python.usage import UsageError

from ganeti import paths as places
from ganeti.noded.hooks import SCRIPT_LIMIT_S
from ganeti.noded.service import PORT, NodedService
from ganeti.utils.daemon import DaemonOptions, paths_of, root_service


class Options(DaemonOptions):
    """The options of ganeti-noded, as Ganeti has them."""

    daemon = places.NODED
    optParameters = [
        ["bind", "b", "", "Listen on this address instead of the node's own."],
        ["port", "p", str(PORT), "Listen on this port."],
        ["hook-timeout", None, f"{SCRIPT_LIMIT_S:g}", "End hook scripts that take more seconds."],
    ]

    def postOptions(self) -> None:
        super().postOptions()
        try:
            self["hook-timeout"] = float(self["hook-timeout"])
        except ValueError:
            raise UsageError("--hook-timeout must be a number of seconds") from None
        if not 0 < self["hook-timeout"] <= SCRIPT_LIMIT_S:
            raise UsageError(f"--hook-timeout must be between 0 and {SCRIPT_LIMIT_S:g} seconds")


def make_service(options: UsageOptions, environ: Mapping[str, str], reactor: Any) -> IService:
    """The daemon of the node that C{environ} names; nothing is opened yet."""
    paths = paths_of(environ)
    service = NodedService(
        reactor,
        paths,
        bind=options["bind"],
        port=options["port"],
        hook_limit_s=options["hook-timeout"],
    )
    return root_service(
        places.NODED, service, reactor=reactor, options=options, environ=environ, paths=paths
    )


def makeService(options: UsageOptions) -> IService:
    """Called by twistd, before it leaves the terminal."""
    import os

    from twisted.internet import reactor

    return make_service(options, os.environ, reactor)
