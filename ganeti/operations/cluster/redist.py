"""Give all nodes the cluster's files again."""

from __future__ import annotations

from ganeti.errors import NodeTimeout, NodeUnreachable, RpcError
from ganeti.model.delta import Delta, put
from ganeti.model.locks import LOCKSET, Level, shared
from ganeti.model.node import Node
from ganeti.model.secret import Secret
from ganeti.model.ssconf import build_ssconf
from ganeti.model.state import State
from ganeti.opcodes.cluster import OpClusterRedistConf
from ganeti.operations.asking import reason
from ganeti.operations.unit import LockRequest, Unit
from ganeti.rpc.calls import LogicalFile, UploadFile, WriteSsconf
from ganeti.utils.aio import gather
from ganeti.utils.text import nice_sort_key

_SSCONF_TRIES = 5


class ClusterRedistConf(Unit[OpClusterRedistConf, tuple[Node, ...]]):
    """
    Send files and ssconf to all nodes but the master; the plan is these nodes.

    They have all of that already, unless somebody changed it on a node. In the end the
    configuration counts one change more, so that candidates write theirs anew.
    """

    OP = OpClusterRedistConf

    def locks(self, state: State) -> LockRequest:
        return shared(Level.NODE, LOCKSET)

    async def plan(self) -> tuple[Node, ...]:
        config = self.job.snapshot().config
        master = config.cluster.master_node
        found = [n for n in config.nodes.values() if not n.offline and n.uuid != master]
        return tuple(sorted(found, key=lambda node: nice_sort_key(node.name)))

    def describe(self, plan: tuple[Node, ...]) -> tuple[str, ...]:
        return tuple(f"send the cluster's files to node {node.name}" for node in plan)

    async def execute(self, plan: tuple[Node, ...]) -> None:
        await gather([self._send(node) for node in plan])
        await self.job.conclude(_touch)

    async def _send(self, node: Node) -> None:
        """What fails is a line in the log; of a node that does not answer, for each file."""
        lost: RpcError | None = None
        for name, content in self._files(node).items():
            error = lost or await self._upload(node, name, content)
            if error is not None:
                path = getattr(self.job.paths, name.value)
                self._warn(f"file {path}", node, error)
            if isinstance(error, NodeUnreachable | NodeTimeout):
                lost = error
        error = lost or await self._write_ssconf(node)
        if error is not None:
            self._warn("ssconf files", node, error)

    def _files(self, node: Node) -> dict[LogicalFile, str]:
        """Ordinary nodes do not get the key of the cluster's authority."""
        files = dict(self.job.cluster_files())
        if not node.master_candidate:
            files.pop(LogicalFile.CA_KEY, None)
        return files

    async def _upload(self, node: Node, name: LogicalFile, content: str) -> RpcError | None:
        try:
            await self.job.step(node.uuid, UploadFile(name=name, content=Secret(content)))
        except RpcError as err:
            return err
        return None

    async def _write_ssconf(self, node: Node) -> RpcError | None:
        """Again while others change what is in them: the last one to arrive must be right."""
        sent: dict[str, str] = {}
        for _ in range(_SSCONF_TRIES):
            values = build_ssconf(self.job.snapshot().config)
            if values == sent:
                break
            try:
                await self.job.step(node.uuid, WriteSsconf(values=values))
            except RpcError as err:
                return err
            sent = values
        return None

    def _warn(self, what: str, node: Node, error: RpcError) -> None:
        self.job.warn(f"Copy of {what} to node {node.name} failed: {reason(error)}")


def _touch(state: State) -> Delta:
    return (put(state.config.cluster),)
