"""
Keep the nodes in step with the committed state: candidates by log entries, others by ssconf.

Each node has a pump of its own, so that one that hangs delays nobody. What a
node should have is compared with what it is known to have; after a start that
is nothing, and everything is sent once more.
"""

from __future__ import annotations

from collections.abc import Callable, Sequence

import msgspec
from twisted.internet.defer import Deferred
from twisted.internet.interfaces import IReactorTime

from ganeti.errors import GanetiError
from ganeti.masterd.background import Pump
from ganeti.masterd.debts import Debts
from ganeti.masterd.forgetting import Forgetting
from ganeti.model import codec
from ganeti.model.secret import Secret
from ganeti.model.ssconf import build_ssconf
from ganeti.model.state import State
from ganeti.operations.node.role_record import build_role_record
from ganeti.rpc.calls import (
    LogicalFile,
    LogPosition,
    SetRole,
    StoreAppend,
    StorePosition,
    StoreSnapshot,
    UploadFile,
    WriteSsconf,
)
from ganeti.rpc.nodes import NodeRpc
from ganeti.rpc.roles import RoleRecord
from ganeti.store.commit import Commit, Store
from ganeti.store.entry import Position
from ganeti.store.replica import continuation
from ganeti.utils.aio import gather
from ganeti.utils.randomness import Randomness

REST_S = 0.2
"""Between two messages to a candidate: what is committed meanwhile goes together."""
RETRY_S = 3.0
"""Longest rest before a node that is away is tried again: it has to be in step soon after."""
APPEND_BYTES = 400_000

ClusterFiles = Callable[[], dict[LogicalFile, str]]
"""The files that candidates have, with their contents."""


class _Peer:
    """What one node is known to have."""

    def __init__(self, pump: Pump) -> None:
        self.pump = pump
        self.role: RoleRecord | None = None
        self.ssconf: dict[str, str] | None = None
        self.files: dict[LogicalFile, str] | None = None
        self.position: Position | None = None


class Replication:
    """Feeds all nodes. C{files} is read anew for each node that becomes a candidate."""

    def __init__(
        self,
        store: Store,
        rpc: NodeRpc,
        clock: IReactorTime,
        random: Randomness,
        files: ClusterFiles,
        debts: Debts,
        forgetting: Forgetting,
    ) -> None:
        self._store = store
        self._rpc = rpc
        self._clock = clock
        self._random = random
        self._files = files
        self._debts = debts
        self._forgetting = forgetting
        self._peers: dict[str, _Peer] = {}
        self._stopping: list[Deferred[None]] = []
        self._config = store.committed.config

    def start(self) -> None:
        """Begin with all nodes of the committed configuration, and follow its changes."""
        self._store.on_commit(self._committed)
        self._match_peers()

    async def stop(self) -> None:
        """End all pumps."""
        peers, self._peers = self._peers, {}
        await gather([*self._stopping, *(peer.pump.stop() for peer in peers.values())])

    def wake(self, node_uuid: str) -> None:
        """There is something for one node."""
        if node_uuid in self._peers:
            self._peers[node_uuid].pump.wake()

    def _committed(self, commits: Sequence[Commit], state: State) -> None:
        if state.config is not self._config:
            self._config = state.config
            self._match_peers()
            for peer in self._peers.values():
                peer.pump.wake()
        else:
            for uuid in state.config.cluster.candidate_certs:
                self.wake(uuid)

    def _match_peers(self) -> None:
        """One pump for each node that is not offline."""
        wanted = {uuid for uuid, node in self._config.nodes.items() if not node.offline}
        for uuid in wanted - self._peers.keys():
            self._begin(uuid)
        for uuid in self._peers.keys() - wanted:
            self._stopping = [stopping for stopping in self._stopping if not stopping.called]
            self._stopping.append(Deferred.fromCoroutine(self._peers.pop(uuid).pump.stop()))

    def _begin(self, uuid: str) -> None:
        name = f"Feeding node {self._config.nodes[uuid].name}"
        peer = _Peer(
            Pump(
                lambda: self._feed(uuid, peer),
                self._clock,
                name,
                rest_s=REST_S,
                retry_max_s=RETRY_S,
            )
        )
        self._peers[uuid] = peer
        peer.pump.start()

    # -- one node

    async def _feed(self, uuid: str, peer: _Peer) -> None:
        """Send what the node lacks; raises when it cannot be reached, and is tried again."""
        state = self._store.committed
        node = state.config.nodes.get(uuid)
        if self._peers.get(uuid) is not peer or node is None:
            return
        await self._send_role(uuid, peer, state)
        if uuid == state.config.cluster.master_node:
            pass  # what it needs it writes itself
        elif uuid in state.config.cluster.candidate_certs:
            await self._send_files(uuid, peer)
            await self._send_log(uuid, peer)
        else:
            await self._send_ssconf(uuid, peer, state)
        await self._forgetting.tell(uuid)
        await self._debts.pay(uuid)

    async def _send_role(self, uuid: str, peer: _Peer, state: State) -> None:
        record = build_role_record(state.config, self._store.term)
        if peer.role != record:
            await self._rpc.call(uuid, SetRole(record=record))
            peer.role = record

    async def _send_ssconf(self, uuid: str, peer: _Peer, state: State) -> None:
        peer.position = None
        if peer.files != {}:
            await self._rpc.call(uuid, UploadFile(name=LogicalFile.CA_KEY, content=None))
            peer.files = {}
        values = build_ssconf(state.config)
        if peer.ssconf != values:
            await self._rpc.call(uuid, WriteSsconf(values=values))
            peer.ssconf = values

    async def _send_files(self, uuid: str, peer: _Peer) -> None:
        peer.ssconf = None
        if not peer.files:
            files = self._files()
            for name, content in files.items():
                await self._rpc.call(uuid, UploadFile(name=name, content=Secret(content)))
            peer.files = files

    async def _send_log(self, uuid: str, peer: _Peer) -> None:
        """Entries, or a snapshot, until the node has all that is committed now."""
        if peer.position is None:
            peer.position = _position(await self._rpc.call(uuid, StorePosition()))
        while peer.position != self._store.position:
            end, at = self._store.position, peer.position
            entries = await continuation(self._store.journal, end, at)
            if entries is None:
                peer.position = await self._send_snapshot(uuid)
                continue
            chosen: list[msgspec.Raw] = []
            size = 0
            for entry in entries:
                size += len(bytes(entry.body)) + 200
                if chosen and size > APPEND_BYTES:
                    break
                chosen.append(msgspec.Raw(codec.encode(entry)))
            peer.position = None
            call = StoreAppend(entries=tuple(chosen))
            answer = _position(await self._rpc.call(uuid, call))
            if answer == at:
                answer = await self._send_snapshot(uuid)
            peer.position = answer

    async def _send_snapshot(self, uuid: str) -> Position:
        snapshot = await self._store.journal.open_snapshot()
        try:
            snapshot_id = self._random.uuid()
            number, answer = 0, LogPosition()
            part = await snapshot.next_part()
            while part is not None:
                following = await snapshot.next_part()
                call = StoreSnapshot(
                    snapshot_id=snapshot_id, part=number, data=part, last=following is None
                )
                answer = await self._rpc.call(uuid, call)
                part, number = following, number + 1
        finally:
            await snapshot.close()
        if _position(answer) != snapshot.position:
            raise GanetiError("The snapshot was not taken over")
        return _position(answer)


def _position(answer: LogPosition) -> Position:
    return Position(index=answer.index, term=answer.term, digest=answer.digest)
