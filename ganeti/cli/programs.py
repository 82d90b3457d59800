"""Where the programs are, in a checkout and installed, and how an installed one starts."""

from __future__ import annotations

import os
import sys

import ganeti


def gnt() -> None:
    """The entry point of an installed C{gnt-*}: its name is the program's."""
    from ganeti.cli.main import main

    sys.exit(main(os.path.basename(sys.argv[0]), sys.argv[1:], os.environ))


def checkout() -> str | None:
    """The checkout that this code is in; None when it is installed."""
    top = os.path.dirname(os.path.dirname(os.path.abspath(ganeti.__file__)))
    return top if os.path.exists(os.path.join(top, "bin", "gnt-cluster")) else None


def directories() -> list[str]:
    """Where our programs are, for a PATH; then those of the same environment."""
    top = checkout()
    environment = os.path.dirname(sys.executable)
    return [os.path.join(top, "bin"), environment] if top else [environment]


def program(name: str) -> str:
    """The path of one of our programs."""
    return os.path.join(directories()[0], name)
