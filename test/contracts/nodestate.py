"""The contract of INodeState: the tests that every provider passes."""

from __future__ import annotations

from typing import Any

from twisted.trial.unittest import TestCase
from zope.interface.verify import verifyObject

from ganeti.errors import StorageError
from ganeti.store.nodestate import INodeState, Request, RequestState, RoleRow


class NodeStateContract(TestCase):
    """Mixed into one TestCase per provider."""

    state: Any

    async def make(self) -> Any:
        """The record of a new node."""
        raise NotImplementedError

    async def reopened(self, state: Any) -> Any:
        """The same record after the daemon has ended and begun again."""
        raise NotImplementedError

    async def setUp(self) -> None:
        self.state = await self.make()

    async def tearDown(self) -> None:
        await self.state.close()

    async def restart(self) -> None:
        self.state = await self.reopened(self.state)

    def test_interface(self) -> None:
        """It provides what it says."""
        verifyObject(INodeState, self.state)

    async def test_role(self) -> None:
        """The role record is there at once and after a restart, and its term is promised."""
        self.assertIsNone(self.state.role)
        await self.state.set_role(3, b"record")
        for _ in range(2):
            self.assertEqual(self.state.role, RoleRow(term=3, record=b"record"))
            self.assertEqual(self.state.promised_term, 3)
            await self.restart()

    async def test_lower_terms_are_refused(self) -> None:
        """No record and no promise of a term below the promised one; the same term may repeat."""
        await self.state.set_role(3, b"three")
        await self.state.promise(5)
        await self.restart()
        for refused in (self.state.set_role(4, b"four"), self.state.promise(4)):
            with self.assertRaises(StorageError):
                await refused
        await self.state.promise(5)
        self.assertEqual(self.state.role.record, b"three")
        await self.state.set_role(5, b"five")
        await self.state.set_role(5, b"five again")
        self.assertEqual((self.state.promised_term, self.state.role.record), (5, b"five again"))

    async def test_request(self) -> None:
        """A request is begun once, and its answer kept."""
        call = b"create \x00 disk"
        self.assertIsNone(await self.state.begin("12/0/3", call))
        opened = Request(id="12/0/3", state=RequestState.OPEN, call=call)
        await self.restart()
        self.assertEqual(await self.state.begin("12/0/3", b"another"), opened)
        self.assertEqual(await self.state.unfinished(), (opened,))
        self.assertTrue(await self.state.finish("12/0/3", b"answer"))
        await self.restart()
        done = Request(id="12/0/3", state=RequestState.DONE, call=call, answer=b"answer")
        self.assertEqual(await self.state.lookup("12/0/3"), done)
        self.assertEqual(await self.state.begin("12/0/3", call), done)
        self.assertEqual(await self.state.unfinished(), ())
        self.assertFalse(await self.state.finish("12/0/3", b"second answer"))
        self.assertEqual((await self.state.lookup("12/0/3")).answer, b"answer")

    async def test_process(self) -> None:
        """An open request remembers the process that works for it; a finished one does not."""
        await self.state.begin("1/0/1", b"call")
        await self.state.note_process("1/0/1", 4711, 99)
        await self.restart()
        found = await self.state.lookup("1/0/1")
        self.assertEqual((found.pid, found.pid_started), (4711, 99))
        await self.state.finish("1/0/1", b"")
        self.assertIsNone((await self.state.lookup("1/0/1")).pid)

    async def test_tombstone_before_the_request(self) -> None:
        """What was never seen is never run afterwards."""
        self.assertIsNone(await self.state.tombstone("1/0/1"))
        await self.restart()
        known = await self.state.begin("1/0/1", b"late call")
        self.assertEqual(known.state, RequestState.TOMBSTONE)
        self.assertEqual(await self.state.unfinished(), ())

    async def test_tombstone_after_the_request(self) -> None:
        """A request that was ended takes no answer any more."""
        await self.state.begin("1/0/1", b"call")
        known = await self.state.tombstone("1/0/1")
        self.assertEqual((known.state, known.call), (RequestState.OPEN, b"call"))
        self.assertFalse(await self.state.finish("1/0/1", b"late answer"))
        await self.restart()
        self.assertEqual((await self.state.lookup("1/0/1")).state, RequestState.TOMBSTONE)
        again = await self.state.tombstone("1/0/1")
        self.assertEqual(again.state, RequestState.TOMBSTONE)

    async def test_forget(self) -> None:
        """A final job's requests and tombstones go; those of others stay."""
        for request_id in ("1/0/1", "1/1/1", "11/0/1"):
            await self.state.begin(request_id, b"call")
        await self.state.tombstone("1/0/2")
        self.assertEqual(await self.state.forget_job(1), 3)
        self.assertEqual(await self.state.forget_job(1), 0)
        await self.restart()
        self.assertEqual([found.id for found in await self.state.requests()], ["11/0/1"])
        self.assertIsNone(await self.state.lookup("1/0/1"))

    async def test_ids_of_other_shapes(self) -> None:
        """An id that names no job is kept until it is ended like any other."""
        await self.state.begin("setup", b"call")
        self.assertEqual(await self.state.forget_job(1), 0)
        self.assertEqual((await self.state.lookup("setup")).job_id, 0)
