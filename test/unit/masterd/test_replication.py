"""Feeding the nodes: roles, ssconf, log entries, snapshots, and what nodes may forget."""

from __future__ import annotations

from typing import Any

from msgspec.structs import replace
from support.manynodes import TERM, ManyNodes, digest, position_of
from support.samples import make_instance, node_uuid
from twisted.trial.unittest import SynchronousTestCase

from ganeti.model.delta import Delta, put
from ganeti.model.job import is_final
from ganeti.model.state import State
from ganeti.opcodes.test import OpTestDelay
from ganeti.rpc.calls import Delay, encode_call
from ganeti.rpc.envelope import AnswerRefused, Refusal, build_envelope, parse_answer
from ganeti.rpc.roles import PeerIdentity, decode_role_record
from ganeti.store.memory_journal import MemoryJournal


class ReplicationCase(SynchronousTestCase):
    NODES = 12

    def setUp(self) -> None:
        self.cluster = ManyNodes(self.NODES)
        self.cluster.advance(2)

    def commit(self, change: Any) -> None:
        self.cluster.wait(self.cluster.master.store.commit(change))

    def demote(self, number: int, pool: int = 10) -> None:
        """A node is no candidate any more; there should be C{pool} of them."""
        uuid = node_uuid(number)

        def change(state: State) -> Delta:
            cluster = state.config.cluster
            certs = {k: v for k, v in cluster.candidate_certs.items() if k != uuid}
            node = replace(state.config.nodes[uuid], master_candidate=False)
            cluster = replace(cluster, candidate_certs=certs, candidate_pool_size=pool)
            return (put(node), put(cluster))

        self.commit(change)

    def position(self, number: int) -> Any:
        """Where a node's copy of the log ends."""
        journal = self.cluster.nodes[number - 1].candidate.journal
        return position_of(self.cluster.wait(journal.load()).position)

    @property
    def master_position(self) -> Any:
        return position_of(self.cluster.master.store.position)

    def record(self, number: int) -> Any:
        """A node's role record."""
        row = self.cluster.nodes[number - 1].state.role
        assert row is not None
        return decode_role_record(row.record)

    def add_instances(self, *numbers: int) -> None:
        for number in numbers:
            self.commit(lambda state, n=number: (put(make_instance(n, disks=())),))


class CandidateTests(ReplicationCase):
    def test_follow(self) -> None:
        """Candidates have what is committed soon after; other nodes have no copy."""
        self.add_instances(1, 2, 3)
        self.cluster.advance(1)
        for number in range(2, 11):
            self.assertEqual(self.position(number), self.master_position)
        for number in (1, 11, 12):
            self.assertEqual(self.position(number)[0], 0)

    def test_away(self) -> None:
        """A candidate that was away gets what it missed when it is back."""
        node = self.cluster.nodes[1]
        self.cluster.network.detach(node.host)
        self.add_instances(1, 2)
        self.cluster.advance(60)
        self.assertNotEqual(self.position(2), self.master_position)
        self.assertEqual(self.position(3), self.master_position)
        assert node.daemon is not None
        self.cluster.network.attach(node.host, node.uuid, node.daemon.dispatcher)
        self.cluster.advance(40)
        self.assertEqual(self.position(2), self.master_position)

    def test_other_history(self) -> None:
        """A copy with another history is replaced by a snapshot."""
        node = self.cluster.nodes[1]
        other = ManyNodes(2, seed=9)
        other.wait(other.master.store.commit(lambda state: (put(make_instance(77, disks=())),)))
        other.advance(2)
        self.cluster.network.detach(node.host)
        self.cluster.advance(1)
        assert node.daemon is not None
        self.cluster.wait(node.daemon.stop(1))
        node.candidate = other.nodes[1].candidate
        self.cluster.start_node(node)
        self.add_instances(1)
        self.cluster.advance(60)
        self.assertEqual(self.position(2), self.master_position)
        instances = self.cluster.wait(node.candidate.journal.load()).state.config.instances
        self.assertEqual([instance.name for instance in instances.values()], ["inst1.example.com"])

    def test_far_behind(self) -> None:
        """A new candidate of an old cluster begins with a snapshot."""
        self.cluster.master.store.journal._database._log_kept = 2
        self.add_instances(1, 2, 3, 4, 5)
        self.promote(11)
        self.cluster.advance(2)
        self.assertEqual(self.position(11), self.master_position)

    def promote(self, number: int) -> None:
        uuid = node_uuid(number)

        def change(state: State) -> Delta:
            cluster = state.config.cluster
            certs = {**cluster.candidate_certs, uuid: digest(number)}
            node = replace(state.config.nodes[uuid], master_candidate=True)
            return (put(node), put(replace(cluster, candidate_certs=certs)))

        self.commit(change)

    def test_promotion(self) -> None:
        """A promoted node is told so, like all others, and gets a copy."""
        self.promote(11)
        self.cluster.advance(2)
        for number in range(1, self.NODES + 1):
            self.assertIn(node_uuid(11), self.record(number).candidates)
        self.assertEqual(self.position(11), self.master_position)

    def test_demotion(self) -> None:
        """A demoted node drops its copy."""
        self.demote(2)
        self.cluster.advance(2)
        self.assertNotIn(node_uuid(2), self.record(3).candidates)
        self.assertEqual(self.position(2)[0], 0)

    def test_offline(self) -> None:
        """An offline node is left alone, and gets everything when it is back."""
        uuid = node_uuid(2)
        self.cluster.network.detach(self.cluster.nodes[1].host)
        self.commit(lambda s: (put(replace(s.config.nodes[uuid], offline=True)),))
        self.cluster.advance(2)
        self.assertNotIn(uuid, self.cluster.master.replication._peers)

    def test_master_restarts(self) -> None:
        """After a restart of the master the candidates are still equal to it."""
        self.add_instances(1)
        self.cluster.restart_master()
        self.add_instances(2)
        self.cluster.advance(2)
        self.assertEqual(self.position(2), self.master_position)


class ForgettingTests(ReplicationCase):
    NODES = 3

    def requests(self) -> list[Any]:
        daemons = [node.daemon for node in self.cluster.nodes]
        return [
            request
            for daemon in daemons
            if daemon is not None
            for request in self.cluster.wait(daemon.requests.list())
        ]

    DELAY = OpTestDelay(duration=1, on_master=False, on_nodes=("node2", "node3"))

    def run_delay(self) -> None:
        self.cluster.run([[self.DELAY]])

    def test_final_jobs(self) -> None:
        """Soon after a job's end no node remembers it."""
        self.run_delay()
        self.cluster.advance(2)
        self.assertEqual(self.requests(), [])

    def test_after_restart(self) -> None:
        """A master that died before it said so says so in its next life."""
        self.run_delay()
        self.assertNotEqual(self.requests(), [])
        self.cluster.restart_master()
        self.cluster.advance(5)
        self.assertEqual(self.requests(), [])

    def test_after_a_debt(self) -> None:
        """A node that is no candidate forgets, too, once it has paid what it owed."""
        self.demote(3, pool=2)
        node = self.cluster.nodes[2]
        [job_id] = self.cluster.submit([[self.DELAY]])
        self.cluster.advance(0.5)
        self.cluster.network.detach(node.host)
        self.cluster.run_until(lambda: is_final(self.cluster.job(job_id)), 600)
        self.assertEqual(len(self.cluster.master.store.committed.debts), 1)
        assert node.daemon is not None
        self.cluster.network.attach(node.host, node.uuid, node.daemon.dispatcher)
        self.cluster.advance(60)
        self.assertEqual(len(self.cluster.master.store.committed.debts), 0)
        self.assertEqual(self.requests(), [])

    def test_call_of_a_dead_master(self) -> None:
        """What a dead master had sent is refused, where it was not seen before, when it arrives."""
        self.cluster.submit([[self.DELAY]])
        self.cluster.advance(0.5)
        self.cluster.restart_master()
        self.cluster.advance(30)
        call = encode_call(Delay(duration_s=1))
        body = build_envelope(call, TERM, "1/0/instance-add-post")
        callee = self.cluster.network.callees[self.cluster.nodes[0].host]
        peer = PeerIdentity(uuid=node_uuid(1), digest=digest(1))
        answer = parse_answer(self.cluster.wait(callee(peer, body)))
        assert isinstance(answer, AnswerRefused)
        self.assertEqual(answer.code, Refusal.ENDED)
        self.assertEqual(self.requests(), [])


class PoolTests(ReplicationCase):
    NODES = 12  # two more than there should be candidates

    def candidates(self) -> set[str]:
        config = self.cluster.master.store.committed.config
        marked = {node.uuid for node in config.nodes.values() if node.master_candidate}
        self.assertEqual(marked, set(config.cluster.candidate_certs))
        return marked

    def test_filled(self) -> None:
        """A node takes the place of a candidate that is gone as soon as one answers."""
        for number in (11, 12):
            self.cluster.network.detach(self.cluster.nodes[number - 1].host)
        self.demote(10)
        self.cluster.network.detach(self.cluster.nodes[9].host)
        self.cluster.advance(40)
        self.assertEqual(len(self.candidates()), 9)
        node = self.cluster.nodes[11]
        assert node.daemon is not None
        self.cluster.network.attach(node.host, node.uuid, node.daemon.dispatcher)
        self.cluster.advance(60)
        self.assertEqual(len(self.candidates()), 10)
        self.assertIn(node_uuid(12), self.candidates())
        self.assertEqual(self.position(12), self.master_position)

    def test_full(self) -> None:
        """Nobody is asked while there are enough."""
        before = self.cluster.master.store.position
        self.cluster.advance(60)
        self.assertEqual(self.cluster.master.store.position, before)


class JournalTypeTests(SynchronousTestCase):
    def test_memory(self) -> None:
        """The simulated cluster keeps its log in memory."""
        self.assertIsInstance(ManyNodes(1).journal, MemoryJournal)
