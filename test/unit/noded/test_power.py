"""The node's power switch: nothing here is ever run."""

from __future__ import annotations

import shutil
import sys
from pathlib import Path

from support.simnode import SimNode, temporary_root
from twisted.internet.defer import Deferred
from twisted.internet.task import Clock
from twisted.trial.unittest import SynchronousTestCase

from ganeti.errors import CommandError, OpExecError
from ganeti.noded.handlers_power import Power, reboot_argv, restart_argv
from ganeti.noded.work import CallContext
from ganeti.paths import Paths
from ganeti.rpc.calls import POWERCYCLE_DELAY_S, PowercycleNode
from ganeti.utils.scripted import Command


class PowerTests(SynchronousTestCase):
    def cycle(self, node: SimNode, uid: int, context: CallContext | None = None) -> Deferred[None]:
        power = Power(node.node.services, lambda: uid)
        return Deferred.fromCoroutine(power.cycle(PowercycleNode(), context or CallContext()))

    def test_guard(self) -> None:
        """Only root, and only outside a virtual cluster, may restart the machine."""
        for paths, uid in ((Paths("/c/node1", "node1"), 0), (Paths(), 1000)):
            with self.assertRaises(OpExecError):
                reboot_argv(paths, uid)
        self.assertEqual(reboot_argv(Paths(), 0), ["/sbin/reboot", "-f", "-n"])

    def test_virtual_guard(self) -> None:
        """A real node has no daemons that are restarted without it."""
        with self.assertRaises(OpExecError):
            restart_argv(Paths())

    def test_virtual(self) -> None:
        """A node of a virtual cluster has its own daemons restarted, whoever runs it."""
        root = temporary_root()
        self.addCleanup(shutil.rmtree, str(Path(root).parent))
        node = SimNode(Clock(), root=root)
        self.assertIsNone(self.successResultOf(self.cycle(node, 0)))
        [command] = node.processes.commands
        wanted = (sys.executable, "-I", "-m", "ganeti.cli.powercycle", root, "5")
        self.assertEqual(command.argv, wanted)
        node.clock.advance(POWERCYCLE_DELAY_S + 1)
        self.assertEqual(len(node.processes.commands), 1)

    def test_real(self) -> None:
        """A real node answers, and is restarted then."""
        node = SimNode(Clock())
        self.assertIsNone(self.successResultOf(self.cycle(node, 0)))
        self.assertEqual(node.processes.commands, [])
        node.clock.advance(POWERCYCLE_DELAY_S)
        self.assertEqual([c.argv for c in node.processes.commands], [("/sbin/reboot", "-f", "-n")])

    def test_not_root(self) -> None:
        """Nobody else restarts a real node."""
        node = SimNode(Clock())
        self.failureResultOf(self.cycle(node, 1000), OpExecError)
        node.clock.advance(POWERCYCLE_DELAY_S)
        self.assertEqual(node.processes.commands, [])

    def test_failure(self) -> None:
        """A machine that does not restart goes on."""
        node = SimNode(Clock())

        def refuse(command: Command) -> None:
            raise CommandError("reboot: no such program")

        node.processes.answer = refuse
        self.successResultOf(self.cycle(node, 0))
        node.clock.advance(POWERCYCLE_DELAY_S)
        self.assertEqual(len(node.processes.commands), 1)

    def test_repeated(self) -> None:
        """A request that a restart interrupted does not cause another one."""
        node = SimNode(Clock())
        self.successResultOf(self.cycle(node, 0, CallContext(repeated=True)))
        node.clock.advance(POWERCYCLE_DELAY_S)
        self.assertEqual(node.processes.commands, [])
