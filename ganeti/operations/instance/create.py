"""Make a new instance."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass

from ganeti.errors import ErrorCode, OpPrereqError
from ganeti.model.config import Configuration
from ganeti.model.delta import Delta, put
from ganeti.model.disk import Disk
from ganeti.model.hypervisors import check_cpu_mask, check_hvparams
from ganeti.model.instance import AdminState, Instance
from ganeti.model.live import InstanceSpec
from ganeti.model.locks import Level, exclusive, shared
from ganeti.model.node import Node
from ganeti.model.ports import take_port
from ganeti.model.recovery import RemoveInstance
from ganeti.model.reservation import Reservation, ReservationKind
from ganeti.model.secret import Secret
from ganeti.model.state import State
from ganeti.model.templates import TEMPLATES
from ganeti.opcodes.instance import FileDriver, OpInstanceCreate
from ganeti.operations.describing import describe_disk
from ganeti.operations.instance.create_checks import check_node, check_policy
from ganeti.operations.instance.create_request import (
    InstanceRequest,
    check_new_name,
    check_supported,
    find_primary,
    read_request,
)
from ganeti.operations.instance.disks import make_disk, storage_folder
from ganeti.operations.instance.environment import instance_hooks
from ganeti.operations.instance.memory import check_memory_bounds
from ganeti.operations.instance.naming import reserve_name, resolve_name
from ganeti.operations.instance.nics import NicContext, make_nics, read_nics
from ganeti.operations.instance.os_create import run_os_create
from ganeti.operations.instance.placement import candidates, choose_nodes
from ganeti.operations.instance.ports import reserve_port
from ganeti.operations.instance.spec import build_spec, secret_osparams
from ganeti.operations.instance.startup import start_guest
from ganeti.operations.unit import HookPlan, LockRequest, Unit
from ganeti.rpc.calls import CreateDisk, RemoveDisk, RunOsCreate
from ganeti.utils.text import format_unit


@dataclass(frozen=True, kw_only=True)
class CreatePlan:
    """The new instance as it will be, and what to do for it."""

    instance: Instance
    disks: tuple[Disk, ...]
    spec: InstanceSpec
    node_name: str
    install: bool
    start: bool


class InstanceCreate(Unit[OpInstanceCreate, CreatePlan]):
    """Disks, operating system, configuration, start; a failure leaves nothing behind."""

    OP = OpInstanceCreate

    def locks(self, state: State) -> LockRequest:
        check_supported(self.op)
        name = check_new_name(state.config, self.op.instance_name)
        primary = find_primary(state.config, self.op)
        nodes = [primary] if primary is not None else candidates(state.config, self.op)
        if primary is None and self.op.opportunistic_locking:
            nodes = []  # the plan takes those that are free
        return (*exclusive(Level.INSTANCE, name), *shared(Level.NODE, *(one.uuid for one in nodes)))

    async def plan(self) -> CreatePlan:
        config = self.job.snapshot().config
        primary = find_primary(config, self.op)
        request = read_request(config, self.op)
        self._say_what_is_ignored(request)
        own_ip = await resolve_name(
            self.job, request.name, name_check=self.op.name_check, ip_check=self.op.ip_check
        )
        if primary is None:
            primary, *_ = await choose_nodes(self.job, self.op, request)
            config = self.job.snapshot().config
        instance, disks = self._design(config, request, primary, own_ip)
        spec = build_spec(config, instance, disks)
        check_hvparams(spec.hypervisor, spec.hvparams, config.hvparam_levels(instance))
        check_cpu_mask(spec.hvparams, spec.beparams.vcpus)
        check_memory_bounds(spec.beparams, config.beparam_levels(instance))
        check_policy(self.job, self.op, config, request, spec, primary)
        await check_node(self.job, self.op, config, request, spec, primary)
        return CreatePlan(
            instance=instance,
            disks=disks,
            spec=spec,
            node_name=primary.name,
            install=request.install,
            start=request.start,
        )

    def _say_what_is_ignored(self, request: InstanceRequest) -> None:
        if self.op.snode is not None and not TEMPLATES[request.template].mirrored_internal:
            self.job.warn("Secondary node will be ignored on non-mirrored disk template")
        if self.op.no_install and self.op.start:
            self.job.info("No-installation mode selected, disabling startup")

    def _design(
        self, config: Configuration, request: InstanceRequest, node: Node, own_ip: str | None
    ) -> tuple[Instance, tuple[Disk, ...]]:
        reserve_name(self.job, request.name)
        context = NicContext(
            config=config,
            node=node,
            own_ip=own_ip,
            conflicts_check=self.op.conflicts_check,
            identify_defaults=self.op.identify_defaults,
        )
        nics = make_nics(read_nics(self.op.nics, context), self.job)
        disks = self._make_disks(config, request, node)
        now = self.job.clock.seconds()  # what OS scripts are told; the commit stamps it anew
        instance = Instance(
            uuid=self.job.random.uuid(),
            ctime=now,
            mtime=now,
            name=request.name,
            primary_node=node.uuid,
            os=request.os_name,
            hypervisor=request.hypervisor,
            admin_state=AdminState.UP if request.start else AdminState.DOWN,
            hvparams=request.hvparams,
            beparams=request.beparams,
            osparams=request.osparams,
            osparams_private=self.op.osparams_private or {},
            nics=tuple(nics),
            disks=tuple(disk.uuid for disk in disks),
            disks_active=request.start,
            tags=request.tags,
            network_port=reserve_port(self.job, config, request.hypervisor),
        )
        return instance, disks

    def _make_disks(
        self, config: Configuration, request: InstanceRequest, node: Node
    ) -> tuple[Disk, ...]:
        folder = storage_folder(config, request.template, self.op.file_storage_dir, request.name)
        disks = tuple(
            make_disk(
                place,
                wished,
                template=request.template,
                uuid=self.job.random.uuid(),
                folder=folder,
                driver=self.op.file_driver or FileDriver.LOOP,
                node_uuid=node.uuid,
            )
            for place, wished in enumerate(request.disks)
        )
        self.job.reserve(
            *(
                Reservation(kind=ReservationKind.DISK, key=disk.uuid, job_id=self.job.id)
                for disk in disks
            )
        )
        return disks

    def hooks(self, plan: CreatePlan) -> HookPlan:
        config = self.job.snapshot().config
        return instance_hooks(
            config,
            "instance-add",
            plan.instance,
            plan.disks,
            {"ADD_MODE": self.op.mode},
            status=str(plan.start),
        )

    def describe(self, plan: CreatePlan) -> list[str]:
        name, where = plan.instance.name, f"on {plan.node_name}"
        lines = [f"create {describe_disk(disk)} {where}" for disk in plan.disks]
        if plan.install:
            lines.append(f"run the create script of {plan.instance.os} {where}")
        lines.append(f"add instance {name} to the configuration")
        return [*lines, f"start instance {name} {where}"] if plan.start else lines

    def dry_result(self, plan: CreatePlan) -> list[str]:
        return [plan.node_name]

    async def execute(self, plan: CreatePlan) -> list[str]:
        await self._create_disks(plan)
        if plan.install:
            await self._install(plan)
        await self._configure(plan)
        if plan.start:
            await self._start(plan)
        return [plan.node_name]

    async def _create_disks(self, plan: CreatePlan) -> None:
        for place, disk in enumerate(plan.disks):
            self.job.log(f"* disk {place}, size {format_unit(disk.size)}")
        self.job.log("* creating instance disks...")
        for disk in plan.disks:
            call = CreateDisk(
                disk=disk, instance_uuid=plan.instance.uuid, instance_name=plan.instance.name
            )
            await self.job.step(plan.instance.primary_node, call, RemoveDisk(disk=disk))

    async def _install(self, plan: CreatePlan) -> None:
        self.job.log("* running the instance OS create scripts...")
        call = RunOsCreate(
            spec=plan.spec,
            os_name=plan.instance.os,
            secret_osparams=self._secrets(plan.instance),
            debug=self.op.debug_level or 0,
        )
        await run_os_create(self.job, plan.node_name, call, "Could not add os")

    def _secrets(self, instance: Instance) -> dict[str, Secret]:
        config = self.job.snapshot().config
        return secret_osparams(config, instance, self.op.osparams_secret)

    async def _configure(self, plan: CreatePlan) -> None:
        self.job.log(f"adding instance {plan.instance.name} to cluster config")
        self.job.log("adding disks to cluster config")
        undo = RemoveInstance(uuid=plan.instance.uuid)
        await self.job.commit(add_instance(plan.instance, plan.disks), undo)

    async def _start(self, plan: CreatePlan) -> None:
        self.job.log("* starting instance...")
        await start_guest(self.job, plan.spec)


def add_instance(instance: Instance, disks: tuple[Disk, ...]) -> Callable[[State], Delta]:
    """The change that puts a new instance into the configuration."""

    def change(state: State) -> Delta:
        config = state.config
        check_new_name(config, instance.name)
        config.find_node(instance.primary_node)
        for nic in instance.nics:
            if nic.mac in config.indexes.macs:
                raise OpPrereqError(
                    f"Cannot add '{instance.name}': MAC address '{nic.mac}' already in use",
                    ErrorCode.NOT_UNIQUE,
                )
        return (*_taken_port(config, instance), *map(put, disks), put(instance))

    return change


def _taken_port(config: Configuration, instance: Instance) -> Delta:
    if instance.network_port is None:
        return ()
    return (put(take_port(config.cluster, instance.network_port)),)
