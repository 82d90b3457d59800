"""The lock table: no two conflicting holders, order, and nobody waits without a reason."""

from __future__ import annotations

from hypothesis import settings
from hypothesis import strategies as st
from hypothesis.stateful import RuleBasedStateMachine, invariant, precondition, rule
from support.thorough import examples
from twisted.trial.unittest import SynchronousTestCase

from ganeti.errors import LockError
from ganeti.masterd.locktable import Key, LockTable, Wanted, covers, merge, wanted_from_locks
from ganeti.model.locks import BGL, LOCKSET, Level, LockMode, exclusive, shared

S, X = LockMode.SHARED, LockMode.EXCLUSIVE


def node(name: str, mode: LockMode = X) -> dict[Key, LockMode]:
    return {(Level.NODE, name): mode}


def conflict(first: Wanted, second: Wanted) -> bool:
    """The rule itself, as plainly as it can be said."""
    return any(
        level == other_level
        and (name == other_name or LOCKSET in (name, other_name))
        and LockMode.EXCLUSIVE in (mode, other_mode)
        for (level, name), mode in first.items()
        for (other_level, other_name), other_mode in second.items()
    )


class LockTableTests(SynchronousTestCase):
    def setUp(self) -> None:
        self.table = LockTable()

    def test_exclusive_waits(self) -> None:
        """The second exclusive owner gets the lock when the first frees it."""
        self.assertTrue(self.table.request(1, node("a"), 0))
        self.assertFalse(self.table.request(2, node("a"), 0))
        self.assertEqual(self.table.release(1), [2])
        self.assertEqual(self.table.held(2), node("a"))

    def test_shared_together(self) -> None:
        """Shared owners hold a lock at the same time."""
        self.assertTrue(self.table.request(1, node("a", S), 0))
        self.assertTrue(self.table.request(2, node("a", S), 0))

    def test_set_conflicts_with_members(self) -> None:
        """The set stands for every member, also those that are not there yet."""
        self.assertTrue(self.table.request(1, node(LOCKSET, S), 0))
        self.assertFalse(self.table.request(2, node("new"), 0))
        self.assertTrue(self.table.request(3, {(Level.INSTANCE, "new"): X}, 0))
        self.assertEqual(self.table.release(1), [2])
        self.assertFalse(self.table.request(4, node(LOCKSET, S), 0))

    def test_no_overtaking(self) -> None:
        """A shared request does not pass the exclusive one that came before it."""
        self.table.request(1, node("a", S), 0)
        self.assertFalse(self.table.request(2, node("a"), 0))
        self.assertFalse(self.table.request(3, node("a", S), 0))
        self.assertEqual(self.table.release(1), [2])

    def test_passing_without_conflict(self) -> None:
        """A request that conflicts with nobody before it is granted at once."""
        self.table.request(1, node("a"), 0)
        self.table.request(2, node("a") | node("b"), 0)
        self.assertTrue(self.table.request(3, node("c"), 0))
        self.assertFalse(self.table.request(4, node("b"), 0))

    def test_priority(self) -> None:
        """The more urgent request comes first, whenever it arrived or became urgent."""
        self.table.request(1, node("a"), 0)
        for owner, priority in ((2, 0), (3, 10), (4, -10)):
            self.table.request(owner, node("a"), priority)
        self.table.reprioritise(3, -20)
        self.assertEqual(self.table.waiting(), [3, 4, 2])

    def test_again_keeps_the_place(self) -> None:
        """Who asks for more gives all back, and stands before those that came later."""
        self.table.request(1, node("b"), 0)
        self.table.request(2, node("a"), 0)
        self.table.request(3, node("b"), 0)
        self.table.request(4, node("a"), 0)
        self.assertEqual(self.table.again(2, node("a") | node("b")), [])
        self.assertEqual(self.table.waiting(), [2, 3, 4])
        self.assertEqual(self.table.release(1), [2])

    def test_shrink(self) -> None:
        """What is freed early lets others in; what is kept does not."""
        self.table.request(1, node("a") | node("b"), 0)
        self.table.request(2, node("a"), 0)
        self.table.request(3, node("b"), 0)
        self.assertEqual(self.table.shrink(1, [(Level.NODE, "b")]), [2])

    def test_asking_twice(self) -> None:
        """An owner holds or waits once: anything else could deadlock."""
        self.table.request(1, node("a"), 0)
        self.assertRaises(LockError, self.table.request, 1, node("b"), 0)

    def test_adopted_hold(self) -> None:
        """An adopted owner keeps others out until it is released."""
        self.table.adopt(7, node("a"), 0)
        self.assertFalse(self.table.request(8, node("a"), 0))
        self.assertEqual(self.table.release(7), [8])

    def test_rows(self) -> None:
        """The listing has held and awaited locks and the sets of their levels, by name."""
        wanted = {(Level.CLUSTER, BGL): S, (Level.NODE, "u1"): X}
        self.table.request(23, wanted, 0)
        self.table.request(24, wanted, 0)
        rows = [(row.name, row.mode, row.owners, row.pending) for row in self.table.rows()]
        self.assertEqual(
            rows,
            [
                ("cluster/BGL", S, (23,), ((S, 24),)),
                ("cluster/[lockset]", None, (), ()),
                ("node/[lockset]", None, (), ()),
                ("node/u1", X, (23,), ((X, 24),)),
            ],
        )


class SetTests(SynchronousTestCase):
    def test_covers(self) -> None:
        """Exclusive covers shared, a set covers its members, nothing else does."""
        self.assertTrue(covers(node(LOCKSET), node("a", S)))
        self.assertFalse(covers(node(LOCKSET, S), node("a")))
        self.assertFalse(covers(node("a"), node(LOCKSET, S)))

    def test_merge(self) -> None:
        """Of two modes the stronger stays."""
        self.assertEqual(merge(node("a"), node("a", S) | node("b", S)), node("a") | node("b", S))

    def test_from_records(self) -> None:
        """A lock named twice is taken in the stronger mode."""
        self.assertEqual(
            wanted_from_locks(exclusive(Level.NODE, "a") + shared(Level.NODE, "a")), node("a")
        )


KEYS = st.sampled_from(
    [(Level.NODE, name) for name in ("a", "b", "c", LOCKSET)]
    + [(Level.INSTANCE, "i"), (Level.INSTANCE, LOCKSET)]
)
WANTED = st.dictionaries(KEYS, st.sampled_from(LockMode), min_size=1, max_size=4)
PRIORITIES = st.sampled_from([-10, 0, 10])


class LockMachine(RuleBasedStateMachine):
    """Any sequence of requests, releases, growth and shrinking keeps the rules."""

    def __init__(self) -> None:
        super().__init__()
        self.table = LockTable()
        self.wanted: dict[int, Wanted] = {}
        self.places: dict[int, tuple[int, int]] = {}
        self.holders: set[int] = set()
        self.last = 0

    @rule(wanted=WANTED, priority=PRIORITIES)
    def request(self, wanted: Wanted, priority: int) -> None:
        self.last += 1
        self.wanted[self.last], self.places[self.last] = wanted, (priority, self.last)
        if self.table.request(self.last, wanted, priority):
            self.holders.add(self.last)

    @precondition(lambda self: self.wanted)
    @rule(data=st.data())
    def release(self, data: st.DataObject) -> None:
        owner = data.draw(st.sampled_from(sorted(self.wanted)))
        del self.wanted[owner], self.places[owner]
        self.holders.discard(owner)
        self.holders.update(self.table.release(owner))

    @precondition(lambda self: self.holders)
    @rule(data=st.data(), more=WANTED)
    def again(self, data: st.DataObject, more: Wanted) -> None:
        owner = data.draw(st.sampled_from(sorted(self.holders)))
        self.wanted[owner] = merge(self.wanted[owner], more)
        self.holders.discard(owner)
        self.holders.update(self.table.again(owner, self.wanted[owner]))

    @precondition(lambda self: self.holders)
    @rule(data=st.data())
    def shrink(self, data: st.DataObject) -> None:
        owner = data.draw(st.sampled_from(sorted(self.holders)))
        keep = data.draw(st.sets(KEYS))
        self.wanted[owner] = {key: mode for key, mode in self.wanted[owner].items() if key in keep}
        self.holders.update(self.table.shrink(owner, keep))

    @precondition(lambda self: self.wanted)
    @rule(data=st.data(), priority=PRIORITIES)
    def reprioritise(self, data: st.DataObject, priority: int) -> None:
        owner = data.draw(st.sampled_from(sorted(self.wanted)))
        self.places[owner] = (priority, owner)
        self.holders.update(self.table.reprioritise(owner, priority))

    @invariant()
    def no_two_conflict(self) -> None:
        holders = sorted(self.holders)
        for place, owner in enumerate(holders):
            for other in holders[place + 1 :]:
                assert not conflict(self.wanted[owner], self.wanted[other])

    @invariant()
    def table_agrees(self) -> None:
        for owner in self.wanted:
            assert self.table.held(owner) == (self.wanted[owner] if owner in self.holders else {})
        assert set(self.table.waiting()) == self.wanted.keys() - self.holders

    @invariant()
    def each_wait_has_a_reason(self) -> None:
        """Who waits conflicts with a holder or one before it: the first in line with a holder."""
        waiting = self.table.waiting()
        assert waiting == sorted(waiting, key=self.places.__getitem__)
        for place, owner in enumerate(waiting):
            before = [*self.holders, *waiting[:place]]
            assert any(conflict(self.wanted[owner], self.wanted[other]) for other in before)


TestLocks = LockMachine.TestCase
TestLocks.settings = settings(max_examples=examples(150), stateful_step_count=40, deadline=None)
