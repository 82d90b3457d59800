"""Calls that ask what is on the node."""

from __future__ import annotations

import os
from dataclasses import dataclass

from ganeti.errors import OpExecError
from ganeti.model.live import NodeResources
from ganeti.noded.dispatcher import Dispatcher
from ganeti.noded.info import collect_info
from ganeti.noded.services import NodeServices
from ganeti.noded.work import CallContext
from ganeti.paths import Paths
from ganeti.rpc.calls import FileKind, GetNodeInfo, ListFiles
from ganeti.storage.file import thd_list_files


def register(dispatcher: Dispatcher, node: NodeServices) -> None:
    """Let C{dispatcher} answer the calls of this module."""
    info = _Info(node)
    dispatcher.register(GetNodeInfo, info.get)
    dispatcher.register(ListFiles, info.list_files)


@dataclass(frozen=True)
class _Info:
    node: NodeServices

    async def get(self, call: GetNodeInfo, context: CallContext) -> NodeResources:
        node = self.node
        return await collect_info(
            node.hypervisors, node.storage, node.clock, node.threads, call.hypervisors, call.storage
        )

    async def list_files(self, call: ListFiles, context: CallContext) -> tuple[str, ...]:
        return await self.node.threads.run(thd_list, self.node.paths, call.kind)


def thd_list(paths: Paths, kind: FileKind) -> tuple[str, ...]:
    """
    Files of one kind, sorted, as on a real machine (without the node's root).

    @raise OpExecError: a directory cannot be read.
    """
    match kind:
        case FileKind.FILE_STORAGE:
            return thd_list_files(paths)
        case FileKind.OS_LOG:
            found = _files_in(paths.os_log_dir)
        case FileKind.CLUSTER:
            found = [path for path in _cluster_files(paths) if os.path.lexists(path)]
    return tuple(sorted(path.removeprefix(paths.root) for path in found))


def _files_in(directory: str) -> list[str]:
    try:
        return [os.path.join(directory, name) for name in os.listdir(directory)]
    except FileNotFoundError:
        return []
    except OSError as err:
        raise OpExecError(f"Cannot list {directory}: {err.strerror}") from err


def _cluster_files(paths: Paths) -> list[str]:
    """Configuration, keys and ssconf: what a node that is no member does not have."""
    ssconf = paths.ssconf("")
    return [
        paths.config_data,
        paths.store_db,
        paths.server_pem,
        paths.ca_pem,
        paths.ca_key,
        paths.hmac_key,
        paths.cluster_domain_secret,
        paths.rapi_pem,
        paths.known_hosts,
        *(path for path in _files_in(paths.ssconf_dir) if path.startswith(ssconf)),
    ]
