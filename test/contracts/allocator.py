"""The contract of L{IInstanceAllocator}."""

from __future__ import annotations

import json
from collections.abc import Coroutine
from typing import Any

from twisted.internet.defer import Deferred
from twisted.trial.unittest import SynchronousTestCase
from zope.interface.verify import verifyObject

from ganeti.errors import OpPrereqError
from ganeti.htools.requests import Answer
from ganeti.model.templates import DiskTemplate
from ganeti.operations.allocators.interface import IInstanceAllocator
from ganeti.operations.allocators.requests import Allocate, plain_request


def request(memory: int = 128) -> Allocate:
    """For a new instance without disks."""
    return Allocate(
        name="new.example.com",
        memory=memory,
        vcpus=1,
        disks=(),
        disk_space_total=0,
        disk_template=DiskTemplate.DISKLESS,
        hypervisor="fake",
        nics=({"mac": "auto"},),
        required_nodes=1,
    )


FITS, TOO_LARGE = request(), request(memory=1 << 20)


class AllocatorContract(SynchronousTestCase):
    """C{hail} finds a place for C{FITS}, and none for C{TOO_LARGE}; there is no C{nosuch}."""

    __test__ = False

    def make(self) -> Any:
        """The allocators."""
        raise NotImplementedError

    def setUp(self) -> None:
        self.allocator = self.make()
        self.reserved: list[Answer] = []

    def result(self, asking: Coroutine[Any, Any, Any]) -> Any:
        return self.successResultOf(Deferred.fromCoroutine(asking))

    def test_interface(self) -> None:
        """It has all methods."""
        self.assertTrue(verifyObject(IInstanceAllocator, self.allocator))

    def test_success(self) -> None:
        """The answer names the node, and is reserved before it is returned."""
        answer = self.result(self.allocator.ask("hail", FITS, self.reserved.append))
        self.assertTrue(answer.success)
        self.assertEqual(len(answer.result), 1)
        self.assertEqual(self.reserved, [answer])
        self.assertEqual(self.result(self.allocator.ask("hail", FITS)).success, True)

    def test_failure(self) -> None:
        """There is nothing to reserve, and a reason."""
        answer = self.result(self.allocator.ask("hail", TOO_LARGE, self.reserved.append))
        self.assertEqual((answer.success, answer.result, self.reserved), (False, [], []))
        self.assertNotEqual(answer.info, "")

    def test_refused_by_who_reserves(self) -> None:
        """What is raised while the answer is reserved comes through, and ends the turn."""

        def reserve(_answer: Answer) -> None:
            raise KeyError("taken")

        asking = Deferred.fromCoroutine(self.allocator.ask("hail", FITS, reserve))
        self.failureResultOf(asking, KeyError)
        self.assertTrue(self.result(self.allocator.ask("hail", FITS)).success)

    def test_unknown(self) -> None:
        """Allocators that are not there are refused."""
        for asking in (self.allocator.ask("nosuch", FITS), self.allocator.output("nosuch", FITS)):
            self.failureResultOf(Deferred.fromCoroutine(asking), OpPrereqError)

    def test_output(self) -> None:
        """What it prints is an answer as JSON, in a line."""
        printed = self.result(self.allocator.output("hail", FITS))
        self.assertTrue(printed.endswith(b"\n"))
        self.assertEqual(set(json.loads(printed)), {"success", "info", "result"})

    def test_document(self) -> None:
        """The input file has the request in it."""
        told = json.loads(self.result(self.allocator.document(FITS)))
        self.assertEqual(told["request"], plain_request(FITS))

    def test_explanation(self) -> None:
        """Lines for people."""
        lines = self.result(self.allocator.explain(TOO_LARGE))
        self.assertTrue(all(isinstance(line, str) for line in lines))
        self.assertGreater(len(lines), 0)
