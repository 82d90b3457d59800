"""Calls about OS definitions and their scripts."""

from __future__ import annotations

from dataclasses import dataclass

from ganeti.model.live import OsInfo
from ganeti.noded.dispatcher import Dispatcher
from ganeti.noded.handlers_instances import activate_disks
from ganeti.noded.os import IOsDefinitions, OsDirectories
from ganeti.noded.os_scripts import OsLogFiles, OsScripts, ScriptJob
from ganeti.noded.services import NodeServices
from ganeti.noded.work import CallContext
from ganeti.rpc.calls import DiagnoseOs, GetOs, RunOsCreate, RunOsRename


def register(dispatcher: Dispatcher, node: NodeServices) -> None:
    """Let C{dispatcher} answer the calls of this module."""
    definitions = node.os_definitions or OsDirectories(node.paths.os_search_path, node.threads)
    logs = node.os_logs or OsLogFiles(node.paths.os_log_dir, node.threads)
    oses = _Oses(node, definitions, OsScripts(definitions, node.processes, logs, node.clock))
    dispatcher.register(DiagnoseOs, oses.diagnose)
    dispatcher.register(GetOs, oses.get)
    dispatcher.register(RunOsCreate, oses.create)
    dispatcher.register(RunOsRename, oses.rename)


def script_limit_s(deadline_s: float) -> float:
    """How long a script may run, so that its end can still be reported within the deadline."""
    return max(deadline_s - 10, deadline_s * 0.9)


@dataclass(frozen=True)
class _Oses:
    node: NodeServices
    definitions: IOsDefinitions
    scripts: OsScripts

    async def diagnose(self, call: DiagnoseOs, context: CallContext) -> tuple[OsInfo, ...]:
        return await self.definitions.diagnose()

    async def get(self, call: GetOs, context: CallContext) -> OsInfo | None:
        return await self.definitions.find(call.name)

    async def create(self, call: RunOsCreate, context: CallContext) -> None:
        job = await self._job(call, call.os_name, context)
        await self.scripts.create(job, call.reinstall)

    async def rename(self, call: RunOsRename, context: CallContext) -> None:
        job = await self._job(call, call.spec.instance.os, context)
        await self.scripts.rename(job, call.old_name)

    async def _job(
        self, call: RunOsCreate | RunOsRename, os_name: str, context: CallContext
    ) -> ScriptJob:
        return ScriptJob(
            spec=call.spec,
            os_name=os_name,
            disk_paths=await activate_disks(self.node.storage, call.spec),
            secrets=call.secret_osparams,
            debug=call.debug,
            limit_s=script_limit_s(call.deadline_s),
            on_line=context.on_line,
            on_start=context.on_start,
        )
