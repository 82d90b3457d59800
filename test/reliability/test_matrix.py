"""
Who may send which call: every identity, every call, to a real node daemon over real TLS.

The table is printed, and must equal matrix.txt, which is reviewed by hand: a changed cell
is a changed right. Cells say what happened to the call::

    yes   it was run (and answered, or failed for a reason of its own)
    role  refused: the sender holds no office that may do this
    term  refused: it is not the node's term
    tls   the connection was refused before anything of it could be sent

Run C{python -m reliability.test_matrix} (from test/) to write the table anew.
"""

from __future__ import annotations

import difflib
import sys
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from OpenSSL import SSL
from support.nodedrig import NodedRig
from support.peers import NOW, identity, node_pem, options
from support.samplecalls import sample
from support.samples import node_uuid
from twisted.internet import reactor
from twisted.internet.defer import Deferred
from twisted.trial.unittest import TestCase

from ganeti.errors import NodeRefused
from ganeti.rpc.calls import CALLS, Call, LeaveCluster, NodeVersion, SetRole, encode_call
from ganeti.rpc.certificates import make_authority, make_node_pem
from ganeti.rpc.client import PbTransport
from ganeti.rpc.envelope import AnswerRefused, Refusal, build_envelope, parse_answer
from ganeti.rpc.roles import RoleRecord
from ganeti.rpc.tls import TlsOptions
from ganeti.rpc.transport import NodeAddress

REVIEWED = Path(__file__).with_name("matrix.txt")

NODE, MASTER, OLD, CANDIDATE, REMOVED, ORDINARY = map(node_uuid, range(2, 8))
TERM = 5
LONG_AGO = NOW - 20 * 365 * 86400


def record(term: int, master: str, *candidates: str) -> RoleRecord:
    """These in office, each with the certificate of this test."""
    return RoleRecord(
        term=term,
        cluster_name="cluster.example.com",
        master_uuid=master,
        master_digest=digest(master),
        candidates={uuid: digest(uuid) for uuid in candidates},
    )


def digest(uuid: str) -> str:
    return identity(node_pem(uuid), uuid).digest


def no_certificate() -> TlsOptions:
    """Trusts the cluster, and shows nothing."""
    anybody = options(node_pem(MASTER))
    context: Any = SSL.Context(SSL.TLS_METHOD)
    anybody._context = context
    return anybody


def self_signed() -> TlsOptions:
    """Calls itself the master, and says so itself."""
    own = make_authority(NOW)
    return options(make_node_pem(own, MASTER, "node3.example.com", NOW))


@dataclass
class Sender:
    """One column: whoever holds these, and the term it claims."""

    name: str
    tls: TlsOptions
    term: int = TERM


def senders() -> list[Sender]:
    """All columns, in the order in which they are tried: what they change, they change last."""
    return [
        Sender("no cert", no_certificate()),
        Sender("self-sgnd", self_signed()),
        Sender("other CA", options(node_pem(MASTER, "theirs"))),
        Sender("expired", options(node_pem(MASTER, "ours", LONG_AGO))),
        Sender("node", options(node_pem(ORDINARY))),
        Sender("removed", options(node_pem(REMOVED))),
        Sender("master's uuid", options(node_pem(MASTER, "ours", NOW - 1))),
        Sender("ex-master", options(node_pem(OLD))),
        Sender("ex-m, old t", options(node_pem(OLD)), TERM - 1),
        Sender("cand", options(node_pem(CANDIDATE))),
        Sender("cand, old t", options(node_pem(CANDIDATE)), TERM - 1),
        Sender("mast, old t", options(node_pem(MASTER)), TERM - 1),
        Sender("master", options(node_pem(MASTER))),
        Sender("mast, new t", options(node_pem(MASTER)), TERM + 1),
    ]


class Matrix:
    """Tries all of it on one node, and keeps what happened."""

    def __init__(self) -> None:
        self.rig = NodedRig(NODE, record(TERM - 1, OLD, CANDIDATE, REMOVED))
        self.senders = senders()
        self.transports = {each.name: self._transport(each.tls) for each in self.senders}
        self.cells: dict[tuple[str, str], str] = {}
        self.requests = 0

    def _transport(self, tls: TlsOptions) -> PbTransport:
        return PbTransport(reactor, tls, lambda uuid: self._address(uuid))

    def _address(self, uuid: str) -> NodeAddress:
        return NodeAddress(uuid, "node2.example.com", "127.0.0.1", self.rig.service.port)

    async def run(self) -> None:
        await self.rig.start()
        await self._change_offices()
        for sender in self.senders:
            for kind in self._order(sender):
                await self._try(sender, kind)
        # The very last: afterwards the node obeys nobody.
        master = next(each for each in self.senders if each.name == "master")
        await self._try(Sender("master", master.tls, TERM + 1), LeaveCluster)

    async def _change_offices(self) -> None:
        """Who held an office has connections from that time, and loses it while they are open."""
        for name in ("removed", "ex-master"):
            await self._must(name, NodeVersion(), TERM - 1)
        await self._must("ex-master", SetRole(record=record(TERM, MASTER, CANDIDATE)), TERM)

    async def _must(self, name: str, call: Call[Any], term: int) -> None:
        answer = await self._send(name, call, term)
        assert not isinstance(answer, AnswerRefused), answer

    def _order(self, sender: Sender) -> list[type[Call[Any]]]:
        kinds = [kind for kind in CALLS.values() if kind is not SetRole]
        if sender.name == "master":
            kinds.remove(LeaveCluster)
        return [*kinds, SetRole]

    async def _try(self, sender: Sender, kind: type[Call[Any]]) -> None:
        call: Call[Any] = sample(kind)
        if kind is SetRole:
            call = SetRole(record=record(sender.term, MASTER, CANDIDATE))
        tag = next(tag for tag, each in CALLS.items() if each is kind)
        try:
            answer = await self._send(sender.name, call, sender.term)
        except NodeRefused as error:
            assert "does not accept our certificate" in str(error), error
            self.cells[sender.name, tag] = "tls"
            return
        if isinstance(answer, AnswerRefused) and answer.code in (Refusal.ROLE, Refusal.TERM):
            self.cells[sender.name, tag] = answer.code.value
        else:
            self.cells[sender.name, tag] = "yes"

    async def _send(self, name: str, call: Call[Any], term: int) -> Any:
        self.requests += 1
        needs_id = call.changes and not call.repeatable
        request_id = f"{1000 + self.requests}/0/0" if needs_id else None
        body = build_envelope(encode_call(call), term, request_id)
        return parse_answer(await self.transports[name].send(NODE, body, 20))

    async def close(self) -> None:
        for transport in self.transports.values():
            await transport.close()
        await self.rig.stop()
        self.rig.remove()

    def table(self) -> str:
        """Rows are calls, columns are senders."""
        names = [each.name for each in self.senders]
        width = max(map(len, CALLS))
        lines = [" ".join([" " * width, *(f"{name:>13}" for name in names)])]
        for tag in sorted(CALLS):
            cells = (f"{self.cells[name, tag]:>13}" for name in names)
            lines.append(" ".join([f"{tag:{width}}", *cells]))
        return "\n".join(lines) + "\n"


async def try_all() -> str:
    matrix = Matrix()
    try:
        await matrix.run()
        return matrix.table()
    finally:
        await matrix.close()


class MatrixTests(TestCase):
    """Row 11 of the figures."""

    timeout = 180

    async def test_matrix(self) -> None:
        """What happens equals what was reviewed."""
        table = await try_all()
        print(table)
        reviewed = REVIEWED.read_text()
        changed = difflib.unified_diff(reviewed.splitlines(), table.splitlines(), lineterm="")
        self.assertEqual(table, reviewed, "\n".join(changed))


def main() -> None:
    """Write the table anew."""
    from twisted.internet.task import react

    def write(table: str) -> None:
        REVIEWED.write_text(table)
        sys.stdout.write(table)

    react(lambda _: Deferred.fromCoroutine(try_all()).addCallback(write))


if __name__ == "__main__":
    main()
