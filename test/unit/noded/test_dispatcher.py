"""What gets past the dispatcher, and how a node's role record changes."""

from __future__ import annotations

from typing import Any

from support.samples import node_uuid
from support.simnode import CANDIDATE, MASTER, ORDINARY, SimNode, record
from twisted.internet.defer import Deferred
from twisted.internet.task import Clock
from twisted.trial.unittest import SynchronousTestCase

from ganeti.errors import ProgrammerError
from ganeti.noded.dispatcher import Dispatcher
from ganeti.rpc.calls import (
    CALLS,
    Call,
    ListRequests,
    NodeVersion,
    SetRole,
    StorePosition,
    encode_call,
)
from ganeti.rpc.envelope import AnswerOk, AnswerRefused, Refusal, build_envelope, parse_answer
from ganeti.rpc.roles import PeerIdentity
from ganeti.version import PROTOCOL_VERSION

STRANGER = PeerIdentity(uuid="", digest="digest of nobody")


class DispatcherTests(SynchronousTestCase):
    """A whole node, in memory."""

    def setUp(self) -> None:
        self.node = SimNode(Clock())

    def raw(self, body: bytes, peer: PeerIdentity = MASTER) -> Any:
        answer = self.successResultOf(Deferred.fromCoroutine(self.node.node.dispatcher(peer, body)))
        return parse_answer(answer)

    def code(self, call: Call[Any], **settings: Any) -> Refusal | None:
        answer = self.successResultOf(self.node.send(call, **settings))
        return answer.code if isinstance(answer, AnswerRefused) else None

    def test_every_call_is_served(self) -> None:
        """No call without a handler."""
        served = self.node.node.dispatcher.registered()
        self.assertEqual(set(CALLS.values()) - served, set())

    def test_roles(self) -> None:
        """Each call is for whom it says."""
        self.assertIsNone(self.code(ListRequests()))
        self.assertIsNone(self.code(NodeVersion(), peer=CANDIDATE))
        self.assertEqual(self.code(ListRequests(), peer=CANDIDATE), Refusal.ROLE)
        self.assertEqual(self.code(NodeVersion(), peer=ORDINARY), Refusal.ROLE)
        self.assertEqual(self.code(NodeVersion(), peer=STRANGER), Refusal.ROLE)

    def test_right_uuid_wrong_certificate(self) -> None:
        """The uuid is not enough: it must be the certificate that the record names."""
        self.assertEqual(
            self.code(NodeVersion(), peer=PeerIdentity(MASTER.uuid, "another")), Refusal.ROLE
        )

    def test_terms(self) -> None:
        """Only the node's own term is heard."""
        self.node.ask(SetRole(record=record(3)), term=3)
        self.assertEqual(self.code(NodeVersion(), term=2), Refusal.TERM)
        self.assertEqual(self.code(NodeVersion(), term=4), Refusal.TERM)
        self.assertIsNone(self.code(NodeVersion(), term=3))

    def test_promised_term(self) -> None:
        """A promise closes the terms below, before there is a record of the new one."""
        self.node.now(self.node.state.promise(5))
        self.assertEqual(self.code(NodeVersion(), term=1), Refusal.TERM)
        self.assertEqual(self.code(SetRole(record=record(4)), term=4), Refusal.TERM)
        self.assertIsNone(self.code(SetRole(record=record(5)), term=5))

    def test_removed_at_once(self) -> None:
        """Who loses an office is refused at the next call."""
        self.assertIsNone(self.code(NodeVersion(), peer=CANDIDATE))
        self.node.ask(SetRole(record=record(candidates={})))
        self.assertEqual(self.code(NodeVersion(), peer=CANDIDATE), Refusal.ROLE)

    def test_new_master(self) -> None:
        """A higher term may have another master; the old one is refused from then on."""
        new = record(2, master_uuid=CANDIDATE.uuid, master_digest=CANDIDATE.digest, candidates={})
        self.assertIsNone(self.code(SetRole(record=new), term=2))
        self.assertEqual(self.code(ListRequests(), term=2), Refusal.ROLE)
        self.assertEqual(self.code(ListRequests(), term=1), Refusal.ROLE)
        self.assertIsNone(self.code(ListRequests(), term=2, peer=CANDIDATE))

    def test_one_master_per_term(self) -> None:
        """The running term keeps its master."""
        other = record(master_uuid=CANDIDATE.uuid, master_digest=CANDIDATE.digest)
        self.assertEqual(self.code(SetRole(record=other)), Refusal.TERM)

    def test_record_of_another_term(self) -> None:
        """A record comes in a call of its own term."""
        self.assertEqual(self.code(SetRole(record=record(2)), term=1), Refusal.TERM)
        self.assertEqual(self.code(SetRole(record=record(1)), term=2), Refusal.TERM)

    def test_record_survives(self) -> None:
        """The record in force outlives a restart."""
        self.node.ask(SetRole(record=record(7, candidates={})), term=7)
        self.node.restart()
        self.assertEqual(self.code(NodeVersion(), term=1), Refusal.TERM)
        self.assertEqual(self.code(NodeVersion(), term=7, peer=CANDIDATE), Refusal.ROLE)

    def test_malformed(self) -> None:
        """Bytes that are no envelope, or no call."""
        for body, code in (
            (b"", Refusal.MALFORMED),
            (b"\xff\xfe", Refusal.MALFORMED),
            (b"[]", Refusal.MALFORMED),
            (b"[" * 200_000, Refusal.MALFORMED),
            (b'{"protocol":1}', Refusal.MALFORMED),
            (build_envelope(b"{}", 1), Refusal.UNKNOWN),
            (build_envelope(b'{"call":"format_disks"}', 1), Refusal.UNKNOWN),
            (build_envelope(b'{"call":"get_os"}', 1), Refusal.UNKNOWN),
            (build_envelope(b'{"call":"node_version"}', 1, "../x"), Refusal.MALFORMED),
            (build_envelope(b'{"call":"node_version"}', 1, "1/0/" + "9" * 90), Refusal.MALFORMED),
            (build_envelope(b'{"call":"node_version"}', 0), Refusal.MALFORMED),
        ):
            self.assertEqual(self.raw(body).code, code, body[:80])

    def test_deep_call(self) -> None:
        """A call nested without end is refused like any malformed one."""
        body = build_envelope(encode_call(NodeVersion()), 1)
        deep = body.replace(b'"node_version"', b'"node_version","x":' + b"[" * 100_000)
        self.assertIsInstance(self.raw(deep), AnswerRefused)

    def test_old_protocol(self) -> None:
        """Older than the release before is refused; newer is the newer side's affair."""
        body = build_envelope(encode_call(NodeVersion()), 1)
        ours = b"%d" % PROTOCOL_VERSION
        for version, code in ((-2, Refusal.PROTOCOL), (-1, None), (5, None)):
            theirs = body.replace(ours, b"%d" % (PROTOCOL_VERSION + version))
            answer = self.raw(theirs)
            self.assertEqual(getattr(answer, "code", None), code)

    def test_newer_fields(self) -> None:
        """What a newer master adds is ignored."""
        body = build_envelope(b'{"call":"node_version","colour":"blue"}', 1)
        self.assertIsInstance(self.raw(body), AnswerOk)

    def test_two_handlers(self) -> None:
        """A call has one handler."""

        async def handler(call: object, context: object) -> None:
            """Never called."""

        dispatcher = Dispatcher(self.node.node.roles, self.node.node.requests)
        dispatcher.register(NodeVersion, handler)
        with self.assertRaises(ProgrammerError):
            dispatcher.register(NodeVersion, handler)

    def test_no_record(self) -> None:
        """A node that has left obeys nobody."""
        self.node.now(self.node.node.roles.resign())
        self.assertEqual(self.code(NodeVersion()), Refusal.ROLE)
        self.assertEqual(self.code(SetRole(record=record(9)), term=9), Refusal.ROLE)


class CopyTests(SynchronousTestCase):
    """A node keeps a copy of the log just while it is a candidate."""

    def setUp(self) -> None:
        self.node = SimNode(Clock())
        self.ours = {node_uuid(2): "digest of this node"}

    def test_becomes_candidate(self) -> None:
        """The copy is opened with the role, and again after a restart."""
        self.assertIsNone(self.node.node.copy)
        self.node.ask(SetRole(record=record(candidates=self.ours)))
        self.assertIsNotNone(self.node.node.copy)
        self.assertEqual(self.node.ask(StorePosition()).index, 0)
        self.node.restart()
        self.assertIsNotNone(self.node.node.copy)

    def test_leaves_the_pool(self) -> None:
        """It is removed with the role."""
        self.node.ask(SetRole(record=record(candidates=self.ours)))
        journal = self.node.candidate.journal
        self.node.ask(SetRole(record=record(candidates={})))
        self.assertIsNone(self.node.node.copy)
        self.assertIsNot(self.node.candidate.journal, journal)

    def test_becomes_master(self) -> None:
        """On the master it belongs to the master daemon: let go of, not removed."""
        self.node.ask(SetRole(record=record(candidates=self.ours)))
        journal = self.node.candidate.journal
        mine = record(2, master_uuid=node_uuid(2), master_digest="x", candidates=self.ours)
        self.node.ask(SetRole(record=mine), term=2)
        self.assertIsNone(self.node.node.copy)
        self.assertIs(self.node.candidate.journal, journal)
