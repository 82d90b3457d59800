"""Restart an instance."""

from __future__ import annotations

from dataclasses import dataclass

from msgspec import Raw

from ganeti.model.disk import Disk
from ganeti.model.hypervisors import check_hvparams
from ganeti.model.instance import AdminState, AdminStateSource, Instance
from ganeti.model.live import InstanceSpec
from ganeti.model.recovery import Action, InConfig, MarkInstance, OnNode
from ganeti.model.state import State
from ganeti.opcodes.instance import OpInstanceReboot, RebootType
from ganeti.operations.asking import check_online
from ganeti.operations.describing import describe_actions, node_name
from ganeti.operations.instance.environment import instance_hooks
from ganeti.operations.instance.memory import check_memory_bounds, choose_memory
from ganeti.operations.instance.spec import build_spec
from ganeti.operations.instance.startup import start_guest, stop_call
from ganeti.operations.instance.state import (
    check_not_offline,
    find_guest,
    find_instance,
    instance_locks,
    is_running,
)
from ganeti.operations.unit import HookPlan, LockRequest, Unit
from ganeti.rpc.calls import (
    Call,
    DeactivateDisk,
    RebootInstance,
    StartInstance,
    encode_call,
)


@dataclass(frozen=True, kw_only=True)
class RebootPlan:
    """
    What to restart.

    @ivar running: it runs; else it is only started.
    @ivar remains: it has ended itself and must be cleared away first.
    """

    instance: Instance
    disks: tuple[Disk, ...]
    spec: InstanceSpec
    running: bool
    remains: bool


class InstanceReboot(Unit[OpInstanceReboot, RebootPlan]):
    """
    Stop it and start it, or let its hypervisor do both; then mark it as up.

    Once it is begun it is brought to its end: an instance is not left stopped because
    the master died between the two.
    """

    OP = OpInstanceReboot

    def locks(self, state: State) -> LockRequest:
        return instance_locks(state.config, self._instance(state))

    def _instance(self, state: State) -> Instance:
        return find_instance(state.config, self.op.instance_name, self.op.instance_uuid)

    async def plan(self) -> RebootPlan:
        state = self.job.snapshot()
        config = state.config
        instance = self._instance(state)
        check_not_offline(instance)
        node = config.nodes[instance.primary_node]
        check_online(node)
        disks = tuple(config.instance_disks(instance))
        spec = build_spec(config, instance, disks)
        check_hvparams(spec.hypervisor, spec.hvparams, config.hvparam_levels(instance))
        check_memory_bounds(spec.beparams, config.beparam_levels(instance))
        guest = await find_guest(self.job, node, instance)
        running = is_running(guest)
        used_mib = guest.memory_mib if running and guest else 0
        doing = "rebooting" if running else "starting"
        spec = await choose_memory(self.job, node, spec, used_mib, doing)
        return RebootPlan(
            instance=instance,
            disks=disks,
            spec=spec,
            running=running,
            remains=guest is not None and not running,
        )

    def hooks(self, plan: RebootPlan) -> HookPlan:
        return self._hooks(plan, plan.instance)

    def hooks_after(self, plan: RebootPlan) -> dict[str, str]:
        known = self.job.snapshot().config.instances.get(plan.instance.uuid, plan.instance)
        return dict(self._hooks(plan, known).env)

    def _hooks(self, plan: RebootPlan, instance: Instance) -> HookPlan:
        extra = {
            "IGNORE_SECONDARIES": str(self.op.ignore_secondaries),
            "REBOOT_TYPE": self.op.reboot_type.value,
            "SHUTDOWN_TIMEOUT": str(self.op.shutdown_timeout),
        }
        config = self.job.snapshot().config
        return instance_hooks(config, "instance-reboot", instance, plan.disks, extra)

    def describe(self, plan: RebootPlan) -> tuple[str, ...]:
        config = self.job.snapshot().config
        actions = describe_actions(config, self._actions(plan))
        if plan.running:
            return actions
        where = node_name(config, plan.instance.primary_node)
        return (f"start instance {plan.instance.name} on {where}", *actions)

    async def execute(self, plan: RebootPlan) -> None:
        if not plan.running:
            self.job.info(f"Instance {plan.instance.name} was already stopped, starting now")
            if plan.remains:
                await self.job.step(plan.instance.primary_node, stop_call(plan.instance))
            await start_guest(self.job, plan.spec)
        await self.job.finish(self._actions(plan))

    def _actions(self, plan: RebootPlan) -> tuple[Action, ...]:
        mark = MarkInstance(
            uuid=plan.instance.uuid,
            admin_state=AdminState.UP,
            disks_active=True,
            admin_state_source=AdminStateSource.ADMIN,
        )
        restart = self._restart(plan) if plan.running else ()
        return (*restart, InConfig(compensation=mark))

    def _restart(self, plan: RebootPlan) -> tuple[Action, ...]:
        name = plan.instance.name
        if self.op.reboot_type is RebootType.SOFT:
            call = RebootInstance(spec=plan.spec)
            return (_on(plan, call, f"Could not reboot instance '{name}'"),)
        stop = stop_call(plan.instance, timeout_s=float(self.op.shutdown_timeout))
        start = StartInstance(spec=plan.spec)
        end = "" if self.op.reboot_type is RebootType.HARD else "full "
        free = [
            _on(plan, DeactivateDisk(disk=disk), f"Could not deactivate disk {place}")
            for place, disk in enumerate(plan.disks)
            if self.op.reboot_type is RebootType.FULL
        ]
        return (
            _on(plan, stop, f"Could not shutdown instance '{name}' for {end}reboot"),
            *free,
            _on(plan, start, f"Could not start instance '{name}' for {end}reboot"),
        )


def _on(plan: RebootPlan, call: Call[None] | Call[str], what: str) -> OnNode:
    return OnNode(node_uuid=plan.instance.primary_node, call=Raw(encode_call(call)), what=what)
