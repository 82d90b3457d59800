"""What every hypervisor can do."""

from __future__ import annotations

from zope.interface import Attribute, Interface

from ganeti.model.live import InstanceRuntime, InstanceSpec, NodeResources


class IHypervisor(Interface):
    """
    The guests of one kind on one node.

    Names are unique among them. Memory is in MiB. Every method may be repeated
    after a crash at any point of its first run: C{start}, C{stop}, C{resume} and
    C{set_memory} do nothing when things already are as asked. Calls about one
    guest come one after another; calls about different guests may overlap.
    All raise L{ganeti.errors.HypervisorError} when the hypervisor fails; its
    text names the guest.
    """

    name = Attribute("HypervisorName: what the configuration calls it")

    async def verify() -> tuple[str, ...]:
        """What keeps it from running guests on this node, one text each; empty when all is well."""

    async def node_info() -> NodeResources:
        """Memory, processors and boot id, as far as it can know; no storage."""

    async def list() -> tuple[InstanceRuntime, ...]:
        """The guests that it knows, sorted by name. One that was stopped is not known."""

    async def get(name: str) -> InstanceRuntime | None:
        """One guest, or None when it is not known."""

    async def start(spec: InstanceSpec, disk_paths: tuple[str, ...], paused: bool = False) -> None:
        """
        Run a guest with C{start_memory_mib} of memory, that can get C{beparams.maxmem}.

        One that runs, or is paused, under the same name and uuid is left as it is.

        @param disk_paths: where its disks are, in the guest's order.
        @param paused: let it not execute anything before C{resume}.
        @raise HypervisorError: too little memory, a disk that is not there, or a guest
            with that name and another uuid; nothing was started.
        """

    async def stop(name: str, timeout_s: float = 0.0, force: bool = False) -> None:
        """
        End a guest and remove what is left of it; an unknown one is fine.

        @param timeout_s: how long it may take to shut itself down before it is killed.
        @param force: kill it at once.
        """

    async def reboot(spec: InstanceSpec, disk_paths: tuple[str, ...], mark: str = "") -> None:
        """
        Start a running guest anew, without asking it; parameters are taken from C{spec}.

        @param mark: what the guest is known with from then on: after a crash it tells that
            this very reboot was done.
        @raise HypervisorError: it does not run.
        """

    async def resume(name: str) -> None:
        """
        Let a paused guest run; a running one is fine.

        @raise HypervisorError: unknown.
        """

    async def set_memory(name: str, memory_mib: int) -> None:
        """
        Change the memory of a running guest.

        @raise HypervisorError: unknown, or the node has too little; nothing changed.
        """

    async def close() -> None:
        """Let go of what it holds in this process; guests run on. It is not used any more."""
