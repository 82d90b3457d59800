"""Start an instance."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from typing import Any

from ganeti.errors import OpExecError, RpcError
from ganeti.model.disk import Disk
from ganeti.model.hypervisors import check_hvparams, check_instance_hvparams, parse_hvparams
from ganeti.model.instance import Instance
from ganeti.model.live import InstanceSpec
from ganeti.model.node import Node
from ganeti.model.origins import Origin
from ganeti.model.parameters import PartialBeParams, own_values, parse_beparams
from ganeti.model.state import State
from ganeti.opcodes.instance import OpInstanceStartup
from ganeti.operations.asking import check_online
from ganeti.operations.describing import node_name
from ganeti.operations.instance.environment import instance_hooks
from ganeti.operations.instance.memory import check_memory_bounds, choose_memory
from ganeti.operations.instance.spec import build_spec
from ganeti.operations.instance.state import (
    check_not_offline,
    find_guest,
    find_instance,
    instance_locks,
    is_running,
    mark_up,
)
from ganeti.operations.unit import HookPlan, JobContext, LockRequest, Unit
from ganeti.rpc.calls import StartInstance, StopInstance


@dataclass(frozen=True, kw_only=True)
class StartupPlan:
    """
    What to start.

    @ivar node_offline: only mark the instance.
    @ivar running: it runs already: only mark it.
    @ivar remains: it has ended itself and must be cleared away first.
    """

    instance: Instance
    disks: tuple[Disk, ...]
    spec: InstanceSpec
    node_offline: bool = False
    running: bool = False
    remains: bool = False


class InstanceStartup(Unit[OpInstanceStartup, StartupPlan]):
    """Start it, then mark it as up; a failure leaves it as it was."""

    OP = OpInstanceStartup

    def locks(self, state: State) -> LockRequest:
        return instance_locks(state.config, self._instance(state))

    def _instance(self, state: State) -> Instance:
        return find_instance(state.config, self.op.instance_name, self.op.instance_uuid)

    async def plan(self) -> StartupPlan:
        state = self.job.snapshot()
        config = state.config
        instance = self._instance(state)
        disks = tuple(config.instance_disks(instance))
        hvparams, beparams = self._parameters(instance)
        spec = build_spec(config, instance, disks, hvparams=hvparams, beparams=beparams)
        levels = {**config.hvparam_levels(instance), Origin.REQUEST: hvparams}
        check_hvparams(spec.hypervisor, spec.hvparams, levels)
        check_not_offline(instance)
        node = config.nodes[instance.primary_node]
        if node.offline and self.op.ignore_offline_nodes:
            self._warn_offline()
            return StartupPlan(instance=instance, disks=disks, spec=spec, node_offline=True)
        check_online(node)
        return await self._look(instance, disks, spec, node)

    def _parameters(self, instance: Instance) -> tuple[dict[str, Any], PartialBeParams]:
        hvparams = parse_hvparams(instance.hypervisor, self.op.hvparams)
        check_instance_hvparams(hvparams)
        return hvparams, parse_beparams(self.op.beparams)

    def _warn_offline(self) -> None:
        self.job.warn("Ignoring offline primary node")
        if self.op.hvparams or self.op.beparams:
            self.job.warn("Overridden parameters are ignored")

    async def _look(
        self, instance: Instance, disks: tuple[Disk, ...], spec: InstanceSpec, node: Node
    ) -> StartupPlan:
        found = await find_guest(self.job, node, instance)
        running = is_running(found)
        if not running:
            levels: dict[str, Mapping[str, Any]] = {
                **self.job.snapshot().config.beparam_levels(instance),
                Origin.REQUEST: own_values(parse_beparams(self.op.beparams)),
            }
            check_memory_bounds(spec.beparams, levels)
            spec = await choose_memory(self.job, node, spec, 0, "starting")
        return StartupPlan(
            instance=instance,
            disks=disks,
            spec=spec,
            running=running,
            remains=found is not None and not running,
        )

    def hooks(self, plan: StartupPlan) -> HookPlan:
        config = self.job.snapshot().config
        extra = {"FORCE": str(self.op.force)}
        return instance_hooks(config, "instance-start", plan.instance, plan.disks, extra)

    def hooks_after(self, plan: StartupPlan) -> dict[str, str]:
        config = self.job.snapshot().config
        instance = config.instances.get(plan.instance.uuid, plan.instance)
        extra = {"FORCE": str(self.op.force)}
        return dict(instance_hooks(config, "instance-start", instance, plan.disks, extra).env)

    def describe(self, plan: StartupPlan) -> list[str]:
        config = self.job.snapshot().config
        instance = plan.instance
        idle = plan.node_offline or plan.running
        where = node_name(config, instance.primary_node)
        starting = [] if idle else [f"start instance {instance.name} on {where}"]
        marking = [] if self.op.no_remember else [f"mark instance {instance.name} as up"]
        return starting + marking

    async def execute(self, plan: StartupPlan) -> None:
        if plan.node_offline:
            self.job.info("Primary node offline, marked instance as started")
        elif not plan.running:
            await self._start(plan)
        if not self.op.no_remember:
            await self.job.conclude(mark_up(plan.instance.uuid))

    async def _start(self, plan: StartupPlan) -> None:
        if plan.remains:
            timeout_s = float(self.op.shutdown_timeout)
            stop = stop_call(plan.instance, timeout_s=timeout_s)
            await self.job.step(plan.instance.primary_node, stop)
        await start_guest(self.job, plan.spec, paused=self.op.startup_paused)


async def start_guest(job: JobContext, spec: InstanceSpec, *, paused: bool = False) -> None:
    """
    Start an instance that does not run; stopping it undoes that.

    @raise OpExecError: it could not be started.
    """
    instance = spec.instance
    call = StartInstance(spec=spec, paused=paused)
    try:
        await job.step(instance.primary_node, call, stop_call(instance, force=True))
    except RpcError as err:
        raise OpExecError(f"Could not start instance '{instance.name}': {err}") from err


def stop_call(instance: Instance, *, timeout_s: float = 120, force: bool = False) -> StopInstance:
    """The call that stops C{instance}."""
    return StopInstance(
        name=instance.name,
        uuid=instance.uuid,
        hypervisor=instance.hypervisor,
        shutdown_timeout_s=timeout_s,
        force=force,
    )
