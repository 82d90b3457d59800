"""Options of gnt-os."""

from __future__ import annotations

from ganeti.cli.options import cluster, common
from ganeti.cli.program import Opt

HVPARAMS = cluster.HVPARAMS._replace(
    help="Hypervisor parameters of instances with this system, HYPERVISOR:NAME=VALUE,...;"
    " may be repeated"
)
OSPARAMS = Opt(
    ("-O", "--os-parameters"),
    "osparams",
    "Parameters of the operating system; -NAME removes one",
    type="keyval",
    default={},
)
OSPARAMS_PRIVATE = Opt(
    ("--os-parameters-private",),
    "osparams_private",
    "Parameters of the operating system that are not shown",
    type="keyprivateval",
    default={},
)
HIDDEN = Opt(
    ("--hidden",),
    "hidden",
    "Leave the system out of 'list', or show it again",
    type="bool",
    metavar="yes|no",
)
BLACKLISTED = Opt(
    ("--blacklisted",),
    "blacklisted",
    "Do not offer the system for new instances, or offer it again",
    type="bool",
    metavar="yes|no",
)

MODIFY_OPTIONS = (
    HVPARAMS,
    OSPARAMS,
    OSPARAMS_PRIVATE,
    HIDDEN,
    BLACKLISTED,
    common.DRY_RUN,
    common.PRIORITY,
    *common.SUBMIT_OPTIONS,
)
