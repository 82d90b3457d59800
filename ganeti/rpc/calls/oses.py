"""OS definitions and their scripts."""

from __future__ import annotations

from typing import ClassVar

from ganeti.model.live import InstanceSpec, OsInfo
from ganeti.model.secret import Secret
from ganeti.rpc.calls.call import MASTER, Call, Seconds
from ganeti.rpc.roles import Role


class DiagnoseOs(Call[tuple[OsInfo, ...]], frozen=True, kw_only=True, tag="diagnose_os"):
    """Which OS definitions are there? All of them, also the hidden and the broken."""

    roles: ClassVar[frozenset[Role]] = MASTER


class GetOs(Call[OsInfo | None], frozen=True, kw_only=True, tag="get_os"):
    """The OS definition that C{name} (without a variant) finds; None: there is none."""

    roles: ClassVar[frozenset[Role]] = MASTER
    name: str


class RunOsCreate(Call[None], frozen=True, kw_only=True, tag="run_os_create"):
    """Run the OS definition's create script on the instance's disks."""

    roles: ClassVar[frozenset[Role]] = MASTER
    changes: ClassVar[bool] = True
    task: ClassVar[bool] = True
    spec: InstanceSpec
    os_name: str
    """With its variant: C{busybox+default}."""
    secret_osparams: dict[str, Secret] = {}
    """Private and secret parameters, by name."""
    reinstall: bool = False
    debug: int = 0
    deadline_s: Seconds = 4 * 3600.0

    def object_key(self) -> str:
        return f"instance/{self.spec.instance.name}"

    def limit_s(self) -> float:
        return self.deadline_s


class RunOsRename(Call[None], frozen=True, kw_only=True, tag="run_os_rename"):
    """Run the OS definition's rename script."""

    roles: ClassVar[frozenset[Role]] = MASTER
    changes: ClassVar[bool] = True
    task: ClassVar[bool] = True
    spec: InstanceSpec
    old_name: str
    secret_osparams: dict[str, Secret] = {}
    debug: int = 0
    deadline_s: Seconds = 4 * 3600.0

    def object_key(self) -> str:
        return f"instance/{self.spec.instance.name}"

    def limit_s(self) -> float:
        return self.deadline_s
