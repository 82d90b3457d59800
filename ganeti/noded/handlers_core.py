"""Calls about the node's membership, its copy of the log, and its requests."""

from __future__ import annotations

from dataclasses import dataclass
from typing import TYPE_CHECKING

from ganeti.errors import OpExecError, StorageError
from ganeti.noded.leaving import thd_forget_cluster, thd_write_file
from ganeti.noded.work import CallContext
from ganeti.rpc.calls import (
    CancelTask,
    Delay,
    EndRequest,
    ForgetJob,
    LeaveCluster,
    ListRequests,
    LogPosition,
    NodeVersion,
    RequestInfo,
    SetRole,
    StoreAppend,
    StorePosition,
    StoreSnapshot,
    TaskProgress,
    UploadFile,
    VersionInfo,
    WatchTask,
    WriteSsconf,
)
from ganeti.store.candidate import Copy, SsconfFiles
from ganeti.utils.aio import sleep
from ganeti.version import PROTOCOL_VERSION, RELEASE

if TYPE_CHECKING:
    from ganeti.noded.dispatcher import Dispatcher
    from ganeti.noded.node import Node


def register(dispatcher: Dispatcher, node: Node) -> None:
    """Let C{dispatcher} answer the calls of this module."""
    member, copy, requests = _Member(node), _Store(node), _Requests(node)
    dispatcher.register(NodeVersion, member.version)
    dispatcher.register(SetRole, member.set_role)
    dispatcher.register(LeaveCluster, member.leave)
    dispatcher.register(UploadFile, member.upload)
    dispatcher.register(WriteSsconf, member.write_ssconf)
    dispatcher.register(StorePosition, copy.position)
    dispatcher.register(StoreAppend, copy.append)
    dispatcher.register(StoreSnapshot, copy.snapshot)
    dispatcher.register(ListRequests, requests.list)
    dispatcher.register(ForgetJob, requests.forget)
    dispatcher.register(EndRequest, requests.end)
    dispatcher.register(WatchTask, requests.watch)
    dispatcher.register(CancelTask, requests.cancel)
    dispatcher.register(Delay, requests.delay)


@dataclass(frozen=True)
class _Member:
    node: Node

    async def version(self, call: NodeVersion, context: CallContext) -> VersionInfo:
        services = self.node.services
        return VersionInfo(
            protocol=PROTOCOL_VERSION,
            release=RELEASE,
            name=services.name,
            uuid=services.uuid,
            term=self.node.roles.term,
            certificate_digest=services.certificate_digest,
        )

    async def set_role(self, call: SetRole, context: CallContext) -> None:
        await self.node.set_role(call.record, context.term)

    async def leave(self, call: LeaveCluster, context: CallContext) -> None:
        services = self.node.services
        await self.node.resign()
        try:
            await services.threads.run(thd_forget_cluster, services.paths)
        except OSError as err:
            raise _cannot_write(err) from err
        services.stop()

    async def upload(self, call: UploadFile, context: CallContext) -> None:
        content = None if call.content is None else call.content.reveal()
        services = self.node.services
        try:
            await services.threads.run(thd_write_file, services.paths, call.name, content)
        except OSError as err:
            raise _cannot_write(err) from err

    async def write_ssconf(self, call: WriteSsconf, context: CallContext) -> None:
        services = self.node.services
        if self.node.copy is not None:
            self.node.copy.rewrite()
            return
        try:
            await services.threads.run(SsconfFiles(services.paths).write, call.values)
        except OSError as err:
            raise _cannot_write(err) from err


def _cannot_write(error: OSError) -> StorageError:
    return StorageError(f"Cannot write {error.filename or 'a file'}: {error.strerror}")


@dataclass(frozen=True)
class _Store:
    node: Node

    async def position(self, call: StorePosition, context: CallContext) -> LogPosition:
        return LogPosition() if self.node.copy is None else _position(self.node.copy)

    async def append(self, call: StoreAppend, context: CallContext) -> LogPosition:
        copy = self._copy()
        await copy.append(context.term, call.entries)
        return _position(copy)

    async def snapshot(self, call: StoreSnapshot, context: CallContext) -> LogPosition:
        copy = self._copy()
        await copy.snapshot_part(context.term, call.snapshot_id, call.part, call.data, call.last)
        return _position(copy)

    def _copy(self) -> Copy:
        if self.node.copy is None:
            raise OpExecError("This node is not a master candidate")
        return self.node.copy


def _position(copy: Copy) -> LogPosition:
    position = copy.position
    return LogPosition(index=position.index, term=position.term, digest=position.digest)


@dataclass(frozen=True)
class _Requests:
    node: Node

    async def list(self, call: ListRequests, context: CallContext) -> tuple[RequestInfo, ...]:
        return await self.node.requests.list()

    async def forget(self, call: ForgetJob, context: CallContext) -> None:
        await self.node.requests.forget(call.job_ids)

    async def end(self, call: EndRequest, context: CallContext) -> None:
        await self.node.requests.end(call.request_id)

    async def watch(self, call: WatchTask, context: CallContext) -> TaskProgress:
        return await self.node.requests.watch(call)

    async def cancel(self, call: CancelTask, context: CallContext) -> None:
        await self.node.requests.cancel(call.request_id)

    async def delay(self, call: Delay, context: CallContext) -> None:
        await sleep(self.node.services.clock, call.duration_s)
