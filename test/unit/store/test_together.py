"""Many changes of node.db in one transaction."""

from __future__ import annotations

from functools import partial
from typing import Any

from twisted.internet.defer import CancelledError, Deferred
from twisted.trial.unittest import SynchronousTestCase

from ganeti.errors import StorageError
from ganeti.store.nodestate_db import NodeDatabase
from ganeti.store.together import MOST, Together
from ganeti.utils import failpoints


class TurnedRunner:
    """Makes a call when told so, as a thread that has not come to it yet."""

    def __init__(self) -> None:
        self.asked: list[tuple[Any, Deferred[Any]]] = []

    def run(self, function: Any, /, *args: Any, **kwargs: Any) -> Deferred[Any]:
        answer: Deferred[Any] = Deferred()
        self.asked.append((partial(function, *args, **kwargs), answer))
        return answer

    def turn(self) -> None:
        make, answer = self.asked.pop(0)
        try:
            result = make()
        except Exception:
            answer.errback()
        else:
            answer.callback(result)


class TogetherTests(SynchronousTestCase):
    """Together over a node's database in memory."""

    def setUp(self) -> None:
        self.database = NodeDatabase(":memory:")
        self.addCleanup(self.database.close)
        self.runner = TurnedRunner()
        self.together = Together(self.runner, self.database)
        self.reached: list[str] = []
        failpoints.on_reach(lambda name, detail: self.reached.append(f"{name} {detail}"))
        self.addCleanup(failpoints.on_reach, None)

    def begin(self, request_id: str) -> Deferred[Any]:
        return self.together.run(self.database.begin, request_id, b"call")

    def states(self) -> dict[str, str]:
        return {request.id: request.state.value for request in self.database.requests()}

    def test_one_sync_for_what_waits(self) -> None:
        """The first alone, then all that came meanwhile; each is told when all are durable."""
        answers = [self.begin(f"1/0/{number}") for number in range(4)]
        self.assertEqual(len(self.runner.asked), 1)
        self.runner.turn()
        self.assertIsNone(self.successResultOf(answers[0]))
        self.assertNoResult(answers[1])
        self.runner.turn()
        self.assertEqual([self.successResultOf(each) for each in answers[1:]], [None] * 3)
        self.assertEqual(self.runner.asked, [])
        before, after = "nodestate.write.before begin 1/0/", "nodestate.write.after begin 1/0/"
        self.assertEqual(
            self.reached,
            [f"{before}0", f"{after}0", *(f"{before}{n}" for n in (1, 2, 3))]
            + [f"{after}{n}" for n in (1, 2, 3)],
        )

    def test_order(self) -> None:
        """A call sees what those before it did."""
        self.begin("1/0/0")
        first, second = self.begin("1/0/1"), self.begin("1/0/1")
        finished = self.together.run(self.database.finish, "1/0/1", b"answer")
        self.runner.turn()
        self.runner.turn()
        self.assertIsNone(self.successResultOf(first))
        self.assertEqual(self.successResultOf(second).id, "1/0/1")
        self.assertTrue(self.successResultOf(finished))
        self.assertEqual(self.states()["1/0/1"], "done")

    def test_refused(self) -> None:
        """What one of them refuses hurts no other."""
        self.begin("1/0/0")
        promised = self.together.run(self.database.promise, 5)
        refused = self.together.run(self.database.set_role, 4, b"role")
        begun = self.begin("1/0/1")
        self.runner.turn()
        self.runner.turn()
        self.successResultOf(promised)
        self.failureResultOf(refused, StorageError)
        self.successResultOf(begun)
        self.assertIsNone(self.database.role())
        self.assertEqual(self.database.promised_term(), 5)

    def test_failed(self) -> None:
        """When one cannot be written, none is, and all are told."""
        self.begin("1/0/0")
        answers = [self.begin("1/0/1"), self.begin("1/0/2")]
        broken = self.together.run(self.database._write, "nonsense", [("INSERT nonsense", ())])
        answers.append(self.begin("1/0/3"))
        self.runner.turn()
        self.runner.turn()
        for each in (*answers, broken):
            self.failureResultOf(each, StorageError)
        self.assertEqual(self.states(), {"1/0/0": "open"})
        later = self.begin("1/0/4")
        self.runner.turn()
        self.successResultOf(later)
        self.assertEqual(self.states(), {"1/0/0": "open", "1/0/4": "open"})

    def test_cancelled(self) -> None:
        """Nobody waits for it any more; it is made all the same."""
        self.begin("1/0/0")
        given_up, kept = self.begin("1/0/1"), self.begin("1/0/2")
        given_up.cancel()
        self.failureResultOf(given_up, CancelledError)
        self.runner.turn()
        self.runner.turn()
        self.successResultOf(kept)
        self.assertEqual(set(self.states()), {"1/0/0", "1/0/1", "1/0/2"})

    def test_drained(self) -> None:
        """It can be waited for, more calls than fit into one transaction, too."""
        for number in range(MOST + 2):
            self.begin(f"1/0/{number}")
        drained = Deferred.fromCoroutine(self.together.drained())
        for _ in range(3):
            self.assertNoResult(drained)
            self.runner.turn()
        self.successResultOf(drained)
        self.assertEqual(len(self.states()), MOST + 2)
