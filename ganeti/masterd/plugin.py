"""The master daemon, for twistd."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

from twisted.application.service import IService
from twisted.python.usage import Options as UsageOptions

from ganeti import paths as places
from ganeti.masterd.service import MasterdService
from ganeti.utils.daemon import DaemonOptions, paths_of, root_service


class Options(DaemonOptions):
    """The options of ganeti-masterd."""

    daemon = places.MASTERD


def make_service(options: UsageOptions, environ: Mapping[str, str], reactor: Any) -> IService:
    """The daemon of the node that C{environ} names; nothing is opened yet."""
    paths = paths_of(environ)
    service = MasterdService(reactor, paths)
    return root_service(
        places.MASTERD, service, reactor=reactor, options=options, environ=environ, paths=paths
    )


def makeService(options: UsageOptions) -> IService:
    """Called by twistd, before it leaves the terminal."""
    import os

    from twisted.internet import reactor

    return make_service(options, os.environ, reactor)
