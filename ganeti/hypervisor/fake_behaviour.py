"""
Telling the fake hypervisor to be slow, or to fail.

A running node daemon is told by C{behaviour.json} in the fake hypervisor's
directory (removing it ends the trouble), a test by an object::

    {"rules": [{"method": "start", "instance": "web*", "delay_s": 5},
               {"method": "stop", "error": "the guest does not react"}],
     "memory_total_mib": 4096, "guest_shutdown_s": 2}
"""

from __future__ import annotations

from collections.abc import Awaitable, Callable
from fnmatch import fnmatchcase
from typing import Annotated

from msgspec import Meta, Struct

from ganeti.errors import HypervisorError, ParseError
from ganeti.model.codec import decode
from ganeti.utils.durable import read_limited

Seconds = Annotated[float, Meta(ge=0)]

_FILE_LIMIT = 1 << 16


class Rule(Struct, frozen=True, kw_only=True, forbid_unknown_fields=True):
    """What happens to calls of one method about some guests (patterns as in a shell)."""

    method: str = "*"
    instance: str = "*"
    delay_s: Seconds = 0.0
    error: str = ""
    """What the call fails with; empty: it does not."""
    after: bool = False
    """The trouble comes after the effect: what was asked has been done then."""


class Behaviour(Struct, frozen=True, kw_only=True, forbid_unknown_fields=True):
    """How the fake hypervisor behaves."""

    rules: tuple[Rule, ...] = ()
    memory_total_mib: Annotated[int, Meta(ge=0)] | None = None
    """The node's memory, in place of the machine's."""
    guest_shutdown_s: Seconds = 0.0
    """What a guest needs to shut itself down."""

    def matching(self, method: str, instance: str, after: bool) -> tuple[Rule, ...]:
        """The rules that apply to one call."""
        return tuple(
            rule
            for rule in self.rules
            if rule.after is after
            and fnmatchcase(method, rule.method)
            and fnmatchcase(instance, rule.instance)
        )


BehaviourSource = Callable[[], Awaitable[Behaviour]]
"""How the fake hypervisor learns its behaviour; asked at every call."""


class SetBehaviour:
    """A source for tests: set C{now}."""

    def __init__(self, now: Behaviour | None = None) -> None:
        self.now = now or Behaviour()

    async def __call__(self) -> Behaviour:
        return self.now


def thd_read_behaviour(path: str) -> Behaviour:
    """
    What a file tells; no file, no trouble.

    @raise HypervisorError: the file cannot be read, or does not follow the form.
    """
    try:
        return decode(read_limited(path, _FILE_LIMIT), Behaviour)
    except FileNotFoundError:
        return Behaviour()
    except (OSError, ParseError) as err:
        raise HypervisorError(f"The fake hypervisor's {path} is of no use: {err}") from err
