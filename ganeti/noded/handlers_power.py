"""Restarting the machine, or what stands for it."""

from __future__ import annotations

import os
import sys
from collections.abc import Callable
from dataclasses import dataclass

from twisted.internet.defer import CancelledError, Deferred
from twisted.logger import Logger

from ganeti.errors import GanetiError, OpExecError
from ganeti.noded.dispatcher import Dispatcher
from ganeti.noded.services import NodeServices
from ganeti.noded.work import CallContext
from ganeti.paths import Paths
from ganeti.rpc.calls import POWERCYCLE_DELAY_S, PowercycleNode

log = Logger()

RESTART_PROGRAM = "ganeti.cli.powercycle"
"""What restarts the daemons of a node of a virtual cluster; it outlives them."""
REBOOT = ("/sbin/reboot", "-f", "-n")
_LIMIT_S = 20.0


def register(dispatcher: Dispatcher, node: NodeServices) -> None:
    """Let C{dispatcher} answer the calls of this module."""
    dispatcher.register(PowercycleNode, Power(node).cycle)


def reboot_argv(paths: Paths, uid: int) -> list[str]:
    """
    What restarts this very machine.

    @raise OpExecError: this is a node of a virtual cluster, or we are not root.
    """
    if paths.virtual:
        raise OpExecError("A node of a virtual cluster does not restart its machine")
    if uid != 0:
        raise OpExecError("Only root restarts a machine; the node daemon runs as another user")
    return list(REBOOT)


def restart_argv(paths: Paths) -> list[str]:
    """What restarts the daemons of a node of a virtual cluster."""
    if not paths.virtual:
        raise OpExecError("Only a node of a virtual cluster is restarted without its machine")
    delay = f"{POWERCYCLE_DELAY_S:g}"
    return [sys.executable, "-I", "-m", RESTART_PROGRAM, paths.root, delay]


@dataclass(frozen=True)
class Power:
    """
    The node's power switch.

    @ivar uid: who we are.
    """

    node: NodeServices
    uid: Callable[[], int] = os.geteuid

    async def cycle(self, call: PowercycleNode, context: CallContext) -> None:
        """
        Restart soon; the answer is given before.

        A request that was interrupted is not run again: what interrupted it is most likely this
        very restart.
        """
        if context.repeated:
            return
        paths = self.node.paths
        if paths.virtual:
            # It comes back at once, and leaves a process of a session of its own.
            await self.node.processes.run(restart_argv(paths), timeout_s=_LIMIT_S)
            return
        argv = reboot_argv(paths, self.uid())
        log.critical("This machine restarts in {delay:g} s", delay=POWERCYCLE_DELAY_S)
        self.node.clock.callLater(POWERCYCLE_DELAY_S, self._reboot, argv)

    def _reboot(self, argv: list[str]) -> None:
        Deferred.fromCoroutine(self._run(argv))

    async def _run(self, argv: list[str]) -> None:
        try:
            await self.node.processes.run(argv, timeout_s=_LIMIT_S)
        except CancelledError:
            raise
        except GanetiError as err:
            log.error("The machine did not restart: {err}", err=str(err))
