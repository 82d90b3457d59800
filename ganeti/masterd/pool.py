"""Keep the pool of master candidates full (Ganeti admin guide, Node roles)."""

from __future__ import annotations

from msgspec.structs import replace
from twisted.logger import Logger

from ganeti.errors import GanetiError
from ganeti.model.delta import Delta, put
from ganeti.model.roles import may_be_candidate, promotions
from ganeti.model.state import State
from ganeti.rpc.calls import NodeVersion
from ganeti.rpc.nodes import NodeRpc
from ganeti.store.commit import Store


class CandidatePool:
    """
    Promotes nodes when there are fewer candidates than there should be.

    Operations that take a candidate away promote another one themselves; this is for the
    time when none of the others answered.
    """

    log = Logger()

    def __init__(self, store: Store, rpc: NodeRpc) -> None:
        self._store = store
        self._rpc = rpc

    async def fill(self) -> None:
        """
        One attempt, with those nodes that answer.

        @raise StorageError: it could not be written.
        """
        config = self._store.committed.config
        if not promotions(config):
            return
        eligible = [
            node.uuid
            for node in config.nodes.values()
            if may_be_candidate(node) and not node.master_candidate
        ]
        answers = await self._rpc.call_all(eligible, NodeVersion())
        digests = {
            uuid: answer.certificate_digest
            for uuid, answer in answers.items()
            if not isinstance(answer, GanetiError) and answer.certificate_digest
        }
        if digests:
            await self._store.commit(lambda state: promote(state, digests))
            self.log.info("The pool of master candidates was filled")


def promote(state: State, digests: dict[str, str]) -> Delta:
    """
    What makes the pool full again, as far as it can be; nothing when it is.

    @param digests: of the certificates of those nodes to choose from, by uuid.
    """
    config = state.config
    chosen = promotions(config, among=digests)
    if not chosen:
        return ()
    certs = config.cluster.candidate_certs | {node.uuid: digests[node.uuid] for node in chosen}
    promoted = [put(replace(node, master_candidate=True)) for node in chosen]
    return (*promoted, put(replace(config.cluster, candidate_certs=certs)))
