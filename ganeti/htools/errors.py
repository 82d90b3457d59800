"""What is told when placement cannot be computed."""

from __future__ import annotations

from ganeti.errors import GanetiError


class InputError(GanetiError):
    """
    What was loaded makes no sense.

    The text names the file (or the kind of source), the line and the field, as far
    as they are known.
    """


class UnknownName(InputError):
    """An option or a request names a node, group or instance that is not there."""
