"""Install an instance's operating system anew."""

from __future__ import annotations

from dataclasses import dataclass

from msgspec.structs import replace

from ganeti.errors import ErrorCode, OpPrereqError
from ganeti.model.disk import Disk
from ganeti.model.instance import AdminState, Instance
from ganeti.model.live import InstanceSpec
from ganeti.model.recovery import InConfig, ModifyInstance
from ganeti.model.secret import Secret
from ganeti.model.state import State
from ganeti.opcodes.instance import OpInstanceReinstall
from ganeti.operations.asking import check_online
from ganeti.operations.instance.environment import instance_hooks
from ganeti.operations.instance.os_check import check_os
from ganeti.operations.instance.os_create import run_os_create
from ganeti.operations.instance.osparams import check_given_once, read_osparams
from ganeti.operations.instance.spec import build_spec, secret_osparams
from ganeti.operations.instance.state import (
    check_marked,
    check_not_running,
    find_instance,
    instance_locks,
)
from ganeti.operations.unit import HookPlan, LockRequest, Unit
from ganeti.rpc.calls import RunOsCreate

CANNOT = "cannot reinstall"


@dataclass(frozen=True, kw_only=True)
class ReinstallPlan:
    """
    What to install.

    @ivar instance: with the OS that it gets.
    @ivar spec: with the OS parameters of this time.
    """

    before: Instance
    instance: Instance
    disks: tuple[Disk, ...]
    spec: InstanceSpec
    node_name: str


class InstanceReinstall(Unit[OpInstanceReinstall, ReinstallPlan]):
    """
    Run the OS scripts, then note the OS if it is another one.

    OS parameters that the request gives hold for this time only.
    """

    OP = OpInstanceReinstall

    def locks(self, state: State) -> LockRequest:
        return instance_locks(state.config, self._instance(state))

    def _instance(self, state: State) -> Instance:
        return find_instance(state.config, self.op.instance_name, self.op.instance_uuid)

    async def plan(self) -> ReinstallPlan:
        state = self.job.snapshot()
        config = state.config
        before = self._instance(state)
        node = config.nodes[before.primary_node]
        check_online(node)
        _check_disks(before)
        check_marked(before, (AdminState.DOWN,), CANNOT)
        await check_not_running(self.job, node, before, CANNOT)
        instance = replace(before, os=self.op.os_type or before.os)
        _check_named(instance)
        disks = tuple(config.instance_disks(instance))
        check_given_once(self.op.osparams, self.op.osparams_private, self.op.osparams_secret)
        osparams = {**instance.osparams, **read_osparams(self.op.osparams or {})}
        spec = build_spec(config, replace(instance, osparams=osparams), disks)
        await check_os(
            self.job,
            node,
            instance.os,
            {*spec.osparams, *self._secrets(instance)},
            force_variant=self.op.force_variant,
        )
        return ReinstallPlan(
            before=before, instance=instance, disks=disks, spec=spec, node_name=node.name
        )

    def _secrets(self, instance: Instance) -> dict[str, Secret]:
        config = self.job.snapshot().config
        given = {**(self.op.osparams_private or {}), **(self.op.osparams_secret or {})}
        return secret_osparams(config, instance, given)

    def hooks(self, plan: ReinstallPlan) -> HookPlan:
        return self._hooks(plan, plan.before)

    def hooks_after(self, plan: ReinstallPlan) -> dict[str, str]:
        known = self.job.snapshot().config.instances.get(plan.instance.uuid, plan.instance)
        return dict(self._hooks(plan, known).env)

    def _hooks(self, plan: ReinstallPlan, instance: Instance) -> HookPlan:
        config = self.job.snapshot().config
        return instance_hooks(config, "instance-reinstall", instance, plan.disks, {})

    def describe(self, plan: ReinstallPlan) -> list[str]:
        lines = [f"run the create script of {plan.instance.os} on {plan.node_name}"]
        if plan.instance.os != plan.before.os:
            lines.append(f"change the OS of instance {plan.instance.name} to {plan.instance.os}")
        return lines

    async def execute(self, plan: ReinstallPlan) -> None:
        changes = plan.instance.os != plan.before.os
        if changes:
            self.job.log(f"Changing OS to '{plan.instance.os}'...")
        await self._install(plan)
        note = ModifyInstance(uuid=plan.instance.uuid, os=plan.instance.os)
        await self.job.finish((InConfig(compensation=note),) if changes else ())

    async def _install(self, plan: ReinstallPlan) -> None:
        self.job.log("Running the instance OS create scripts...")
        call = RunOsCreate(
            spec=plan.spec,
            os_name=plan.instance.os,
            secret_osparams=self._secrets(plan.instance),
            reinstall=True,
            debug=self.op.debug_level or 0,
        )
        await run_os_create(self.job, plan.node_name, call, "Could not install OS")


def _check_disks(instance: Instance) -> None:
    if not instance.disks:
        raise OpPrereqError(f"Instance '{instance.name}' has no disks", ErrorCode.WRONG_INPUT)


def _check_named(instance: Instance) -> None:
    if not instance.os:
        raise OpPrereqError(
            f"Instance '{instance.name}' has no OS: name the one to install", ErrorCode.WRONG_INPUT
        )
