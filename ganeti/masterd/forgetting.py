"""Tell nodes which jobs are final, so that they drop what they remember of their requests."""

from __future__ import annotations

from collections.abc import Callable, Iterable

from ganeti.masterd.debts import Debts, nodes_of
from ganeti.masterd.jobs import ActiveJob
from ganeti.model.job import is_final
from ganeti.model.recovery import Debt
from ganeti.rpc.calls import ForgetJob, ListRequests
from ganeti.rpc.nodes import NodeRpc
from ganeti.store.commit import Store

BATCH = 500


class Forgetting:
    """
    Collects final jobs per node.

    What a restart makes it forget itself, it finds on the nodes: each is asked
    once for the jobs that it remembers.
    """

    def __init__(self, store: Store, rpc: NodeRpc, debts: Debts) -> None:
        self._store = store
        self._rpc = rpc
        self._debts = debts
        self._final: dict[str, set[int]] = {}
        self._asked: set[str] = set()
        self._found_live: dict[int, set[str]] = {}
        """Nodes that remember a job from before a restart, while it is not final."""
        self.wake: Callable[[str], None] = lambda node_uuid: None
        """Called with a node that there is something for."""

    def ended(self, active: ActiveJob) -> None:
        """
        The job is final.

        What a master that died had sent may still be on its way, to whom is not known: after an
        interruption all nodes are told, so that they refuse it when it comes.
        """
        nodes = active.nodes | self._found_live.pop(active.job.id, set())
        if active.interrupted:
            nodes |= set(self._store.committed.config.nodes)
        self._add(active.job.id, nodes)

    def paid(self, debt: Debt) -> None:
        """The nodes kept what they know of the job for this."""
        job = self._store.committed.jobs.get(debt.job_id)
        if job is None or is_final(job):
            self._add(debt.job_id, nodes_of(debt))

    def _add(self, job_id: int, nodes: Iterable[str]) -> None:
        for node_uuid in nodes:
            self._final.setdefault(node_uuid, set()).add(job_id)
            self.wake(node_uuid)

    async def tell(self, node_uuid: str) -> None:
        """
        Send a node what is due.

        @raise RpcError: it cannot be reached; try again.
        """
        due = self._final.setdefault(node_uuid, set())
        if node_uuid not in self._asked:
            due.update(await self._found(node_uuid))
            self._asked.add(node_uuid)
        while chosen := self._chosen(node_uuid, due):
            await self._rpc.call(node_uuid, ForgetJob(job_ids=tuple(chosen)))
            due.difference_update(chosen)

    def _chosen(self, node_uuid: str, due: set[int]) -> list[int]:
        """A node that still owes something of a job must not forget what it knows of it."""
        return sorted(due - self._debts.jobs_of(node_uuid))[:BATCH]

    async def _found(self, node_uuid: str) -> set[int]:
        requests = await self._rpc.call(node_uuid, ListRequests())
        known = {int(request.request_id.split("/", 1)[0]) for request in requests}
        jobs = self._store.committed.jobs
        live = {job_id for job_id in known if job_id in jobs and not is_final(jobs[job_id])}
        for job_id in live:
            self._found_live.setdefault(job_id, set()).add(node_uuid)
        return known - live
