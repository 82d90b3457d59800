"""Calls that run hook scripts."""

from __future__ import annotations

from dataclasses import dataclass

from ganeti.model.live import HookResult
from ganeti.noded.dispatcher import Dispatcher
from ganeti.noded.handlers_os import script_limit_s
from ganeti.noded.hooks import HookRunner
from ganeti.noded.services import NodeServices
from ganeti.noded.work import CallContext
from ganeti.rpc.calls import RunHooks


def register(dispatcher: Dispatcher, node: NodeServices) -> None:
    """Let C{dispatcher} answer the calls of this module."""
    runner = HookRunner(
        node.paths.hooks_dir, node.processes, node.threads, node.clock, node.hook_limit_s
    )
    dispatcher.register(RunHooks, _Hooks(runner).run)


@dataclass(frozen=True)
class _Hooks:
    runner: HookRunner

    async def run(self, call: RunHooks, context: CallContext) -> tuple[HookResult, ...]:
        limit_s = script_limit_s(call.deadline_s)
        return await self.runner.run(call.path, call.phase, call.env, limit_s, context.on_start)
