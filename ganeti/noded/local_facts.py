"""What a verification wants to know of files on the node; blocking."""

from __future__ import annotations

import hashlib
import os
from collections.abc import Callable, Iterable
from typing import Any

from ganeti.errors import FileStoragePathError, X509CertError
from ganeti.model.findings import CertificateFinding, ParameterFile, ParameterFinding
from ganeti.paths import Paths
from ganeti.rpc.calls import VerifyNode
from ganeti.rpc.certificates import expiry
from ganeti.storage.allowed import is_below, on_node
from ganeti.storage.file import thd_check_directory, thd_read_allowed

_CHUNK = 1 << 20
_FILE_LIMIT = 256 << 20

_NO_PROC = (
    "The procfs filesystem doesn't seem to be mounted under /proc,"
    " missing required directory /proc/sys and the file /proc/sysrq-trigger"
)
_NO_SYS = (
    "The sysfs filesystem doesn't seem to be mounted under /sys,"
    " missing required directories /sys/block and /sys/bus"
)
_NO_LIST = "the list of directories for file storage is missing, so none is allowed"


def thd_local_facts(paths: Paths, call: VerifyNode) -> dict[str, Any]:
    """Some fields of C{NodeFindings}."""
    return {
        "certificates": thd_certificates(paths) if call.certificates else (),
        "setup": thd_setup(virtual=paths.virtual) if call.machine else (),
        "parameters": thd_parameters(paths, call.parameter_files),
        "files": thd_checksums(paths, call.files),
        "missing_bridges": tuple(name for name in call.bridges if not _is_bridge(name)),
        "missing_programs": tuple(p for p in call.programs if not _is_program(paths, p)),
        "storage_paths_problem": thd_list_problem(paths) if call.storage else "",
        "storage_problems": thd_storage_problems(paths, call.storage),
    }


def thd_certificates(paths: Paths) -> tuple[CertificateFinding, ...]:
    """The node's own certificate, and that of the cluster's authority."""
    return tuple(_certificate(path) for path in (paths.server_pem, paths.ca_pem))


def _certificate(path: str) -> CertificateFinding:
    try:
        return CertificateFinding(path=path, expires=expiry(path))
    except X509CertError as err:
        return CertificateFinding(path=path, problem=str(err.args[-1]))


def thd_setup(*, virtual: bool, root: str = "") -> tuple[str, ...]:
    """
    What is missing on the machine.

    @param virtual: nodes of a virtual cluster do without the file that restarts a machine.
    @param root: where the machine's own file systems begin; for tests.
    """
    problems = []
    if not all(os.path.isdir(f"{root}/sys/{name}") for name in ("block", "bus")):
        problems.append(_NO_SYS)
    has_trigger = virtual or os.path.isfile(f"{root}/proc/sysrq-trigger")
    if not (os.path.isdir(f"{root}/proc/sys") and has_trigger):
        problems.append(_NO_PROC)
    return tuple(problems)


def thd_checksums(paths: Paths, names: Iterable[str]) -> dict[str, str]:
    """
    SHA-256 of each file that is there; paths of others than the cluster's files are left out.

    @param names: paths of a real machine.
    """
    found = {}
    for name in names:
        local = on_node(paths.root, name)
        if os.path.normpath(local) == local and _is_ours(paths, local):
            digest = _checksum(local)
            if digest is not None:
                found[name] = digest
    return found


def _is_ours(paths: Paths, local: str) -> bool:
    return is_below(local, paths.data_dir) or is_below(local, paths.conf_dir)


def _checksum(path: str) -> str | None:
    digest = hashlib.sha256()
    try:
        with open(path, "rb") as stream:
            for _ in range(_FILE_LIMIT // _CHUNK):
                part = stream.read(_CHUNK)
                if not part:
                    break
                digest.update(part)
    except FileNotFoundError:
        return None
    except OSError as err:
        return f"unreadable: {err.strerror}"
    return digest.hexdigest()


def thd_parameters(paths: Paths, wanted: Iterable[ParameterFile]) -> tuple[ParameterFinding, ...]:
    """Files and directories that hypervisor parameters name, and that are not there."""
    return tuple(
        ParameterFinding(
            source=each.source,
            hypervisor=each.hypervisor,
            problem=f"parameter '{each.parameter}': {each.path} is not a {_kind(each)}",
        )
        for each in wanted
        if not any(map(_test(each), (on_node(paths.root, each.path), each.path)))
    )


def _kind(wanted: ParameterFile) -> str:
    return "directory" if wanted.directory else "file"


def _test(wanted: ParameterFile) -> Callable[[str], bool]:
    return os.path.isdir if wanted.directory else os.path.isfile


def _is_bridge(name: str) -> bool:
    return "/" not in name and os.path.isdir(f"/sys/class/net/{name}/bridge")


def _is_program(paths: Paths, path: str) -> bool:
    local = on_node(paths.root, path)
    return os.path.isfile(local) and os.access(local, os.X_OK)


def thd_list_problem(paths: Paths) -> str:
    """Why the list of directories for file storage cannot be used; empty when it can."""
    try:
        return "" if thd_read_allowed(paths) else _NO_LIST
    except FileStoragePathError as err:
        return str(err)


def thd_storage_problems(paths: Paths, wanted: Iterable[tuple[str, str]]) -> dict[str, str]:
    """Why a directory cannot be used, by storage type."""
    problems = {kind: thd_check_directory(paths, path) for kind, path in wanted}
    return {kind: problem for kind, problem in problems.items() if problem}
