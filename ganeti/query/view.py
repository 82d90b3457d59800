"""What rows are made from: the committed state, and what was gathered for a query."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field
from typing import Protocol

from ganeti.errors import GanetiError
from ganeti.model.config import Configuration
from ganeti.model.job import Job, LogLine
from ganeti.model.live import InstanceRuntime, NodeResources, OsInfo
from ganeti.model.locks import LockMode
from ganeti.model.state import State
from ganeti.query.once import once


class LockView(Protocol):
    """A lock as the lock table shows it."""

    @property
    def name(self) -> str:
        """C{level/name}."""

    @property
    def mode(self) -> LockMode | None:
        """How it is held; None: not held."""

    @property
    def owners(self) -> Sequence[int]:
        """Ids of the jobs that hold it."""

    @property
    def pending(self) -> Sequence[tuple[LockMode, int]]:
        """Who waits for it, first in line first."""


Runtimes = Mapping[str, InstanceRuntime]
"""By instance name."""


@dataclass(frozen=True, slots=True, kw_only=True)
class LiveData:
    """
    What nodes answered, by node uuid; an error stands for no answer.

    Nodes that were not asked are missing.
    """

    instances: Mapping[str, Runtimes | GanetiError] = field(default_factory=dict)
    resources: Mapping[str, NodeResources | GanetiError] = field(default_factory=dict)
    os: Mapping[str, Sequence[OsInfo] | GanetiError] = field(default_factory=dict)
    exports: Mapping[str, Sequence[str] | GanetiError] = field(default_factory=dict)


@dataclass(frozen=True, kw_only=True)
class View:
    """One moment of the cluster, as one query sees it."""

    state: State
    live: LiveData = field(default_factory=LiveData)
    archived: Sequence[Job] = ()
    """Those that the query asks for, as far as they exist, by id."""
    logs: Mapping[int, Sequence[LogLine]] = field(default_factory=dict)
    """By job id."""
    locks: Sequence[LockView] = ()
    machine: str = ""
    """Processor architecture of the master, such as C{x86_64}."""

    @property
    def config(self) -> Configuration:
        """The committed configuration."""
        return self.state.config

    @once
    def whereabouts(self) -> Mapping[str, tuple[str, InstanceRuntime]]:
        """Node uuid and runtime by instance name, of all that the asked nodes run."""
        found: dict[str, tuple[str, InstanceRuntime]] = {}
        for node_uuid, runtimes in self.live.instances.items():
            if not isinstance(runtimes, GanetiError):
                found.update((name, (node_uuid, one)) for name, one in runtimes.items())
        return found
