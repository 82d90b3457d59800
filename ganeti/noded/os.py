"""
OS definitions: directories with scripts that install, rename and copy a guest's system.

What is there is read first (C{thd_…}), then judged by pure functions. See
ganeti-os-interface(7).
"""

from __future__ import annotations

import os
import re
import stat
from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass

from twisted.logger import Logger
from zope.interface import Interface, implementer

from ganeti.model.live import OsInfo
from ganeti.utils.threads import Threads
from ganeti.version import OS_API_VERSIONS

log = Logger()

API_FILE = "ganeti_api_version"
VARIANTS_FILE = "variants.list"
PARAMETERS_FILE = "parameters.list"
CREATE = "create"
CREATE_UNTRUSTED = "create_untrusted"
RENAME = "rename"
VERIFY = "verify"
VERIFY_FROM_API = 20
_SCRIPTS = ("export", "import", RENAME)
_TEXTS = (API_FILE, VARIANTS_FILE, PARAMETERS_FILE)
_ALL = (*_TEXTS, CREATE, CREATE_UNTRUSTED, *_SCRIPTS, VERIFY)

_NAME = re.compile(r"[A-Za-z0-9_][A-Za-z0-9_.-]*")
_TEXT_LIMIT = 1 << 16


@dataclass(frozen=True)
class OsFile:
    """One file of a definition; C{text} only where it is one that we read."""

    regular: bool = True
    executable: bool = False
    text: str | None = None


class _Invalid(Exception):
    """Why a definition cannot be used."""


def parse_os(name: str, path: str, files: Mapping[str, OsFile]) -> OsInfo:
    """
    Judge what is in a directory.

    @param files: by name; what is missing is not there.
    """
    versions: tuple[int, ...] = ()
    variants: tuple[str, ...] = ()
    parameters: tuple[tuple[str, str], ...] = ()
    reason = ""
    try:
        versions = _parse_versions(path, files)
        api = common_api(versions)
        if api is None:
            found = ", ".join(map(str, versions))
            want = ", ".join(map(str, OS_API_VERSIONS))
            raise _Invalid(f"API version mismatch for path '{path}': found {found}, want {want}")
        _check_scripts(path, files, api)
        if api >= 15:
            variants = parse_variants(_text(path, files, VARIANTS_FILE, required=False))
        if api >= 20:
            parameters = parse_parameters(_text(path, files, PARAMETERS_FILE))
    except _Invalid as err:
        reason = str(err)
    return OsInfo(
        name=name,
        path=path,
        valid=not reason,
        reason=reason,
        variants=variants,
        parameters=parameters,
        api_versions=versions,
        trusted=CREATE_UNTRUSTED not in files,
    )


def common_api(versions: Iterable[int]) -> int | None:
    """The highest API version that both a definition and we know."""
    return max(set(versions) & set(OS_API_VERSIONS), default=None)


def parse_variants(text: str) -> tuple[str, ...]:
    """Names of variants, one a line; empty lines and comments do not count."""
    lines = (line.strip() for line in text.splitlines())
    return tuple(line for line in lines if line and not line.startswith("#"))


def parse_parameters(text: str) -> tuple[tuple[str, str], ...]:
    """(name, documentation), one a line; the name ends at the first blank."""
    pairs = (line.strip().partition(" ") for line in text.expandtabs().splitlines())
    return tuple((name, doc.strip()) for name, _, doc in pairs if name)


def _parse_versions(path: str, files: Mapping[str, OsFile]) -> tuple[int, ...]:
    text = _text(path, files, API_FILE)
    try:
        versions = tuple(int(line) for line in text.split())
    except ValueError as err:
        raise _Invalid(f"File '{API_FILE}' under path '{path}': {err}") from err
    if not versions:
        raise _Invalid(f"File '{API_FILE}' under path '{path}' is empty")
    return versions


def _check_scripts(path: str, files: Mapping[str, OsFile], api: int) -> None:
    if CREATE not in files and CREATE_UNTRUSTED not in files:
        raise _Invalid(
            f"Neither file '{CREATE}' nor file '{CREATE_UNTRUSTED}' found under path '{path}'"
        )
    optional = [name for name in (CREATE, CREATE_UNTRUSTED) if name in files]
    for name in (*optional, *_SCRIPTS, *((VERIFY,) if api >= VERIFY_FROM_API else ())):
        if not _file(path, files, name).executable:
            raise _Invalid(f"File '{name}' under path '{path}' is not executable")


def _file(path: str, files: Mapping[str, OsFile], name: str) -> OsFile:
    if name not in files:
        raise _Invalid(f"Required file '{name}' not found under path '{path}'")
    if not files[name].regular:
        raise _Invalid(f"File '{name}' under path '{path}' is not a regular file")
    return files[name]


def _text(path: str, files: Mapping[str, OsFile], name: str, required: bool = True) -> str:
    if not required and name not in files:
        return ""
    text = _file(path, files, name).text
    if text is None:
        raise _Invalid(f"File '{name}' under path '{path}' cannot be read as text")
    return text


def split_name(os_name: str) -> tuple[str, str]:
    """Definition and variant of C{name+variant}; the variant may be empty."""
    base, _, variant = os_name.partition("+")
    return base, variant


def variant_of(definition: OsInfo, os_name: str) -> str:
    """
    The variant to install: the one asked for, else the first there is, else "".

    Whether the definition offers it was judged by the master, and admins may overrule that.
    """
    variant = split_name(os_name)[1]
    return variant or (definition.variants[0] if definition.variants else "")


class IOsDefinitions(Interface):
    """The OS definitions of one node."""

    async def diagnose() -> tuple[OsInfo, ...]:
        """All there are, in search order; those hidden by another of the same name come later."""

    async def find(name: str) -> OsInfo | None:
        """The one of that name (without variant) that counts; None: there is none."""


@implementer(IOsDefinitions)
class OsDirectories:
    """Definitions in directories; read at every call, as admins change them."""

    def __init__(self, search_path: Sequence[str], threads: Threads) -> None:
        self._search_path = tuple(search_path)
        self._threads = threads

    async def diagnose(self) -> tuple[OsInfo, ...]:
        return await self._threads.run(thd_diagnose, self._search_path)

    async def find(self, name: str) -> OsInfo | None:
        return await self._threads.run(thd_find, self._search_path, name)


@implementer(IOsDefinitions)
class FixedOsDefinitions:
    """Definitions of a simulated node."""

    def __init__(self, *definitions: OsInfo) -> None:
        self._definitions = definitions

    async def diagnose(self) -> tuple[OsInfo, ...]:
        return self._definitions

    async def find(self, name: str) -> OsInfo | None:
        return next((each for each in self._definitions if each.name == name), None)


def thd_diagnose(search_path: Iterable[str]) -> tuple[OsInfo, ...]:
    """Every definition in every directory."""
    return tuple(
        thd_read_os(directory, name)
        for directory in search_path
        for name in _names(directory)
        if os.path.isdir(os.path.join(directory, name))
    )


def thd_find(search_path: Iterable[str], name: str) -> OsInfo | None:
    """The first directory called C{name}."""
    if _NAME.fullmatch(name):
        for directory in search_path:
            if os.path.isdir(os.path.join(directory, name)):
                return thd_read_os(directory, name)
    return None


def _names(directory: str) -> list[str]:
    try:
        return sorted(name for name in os.listdir(directory) if _NAME.fullmatch(name))
    except FileNotFoundError:
        return []
    except OSError as err:
        log.warn("Cannot look for OS definitions: {err}", err=err)
        return []


def thd_read_os(directory: str, name: str) -> OsInfo:
    """Read one definition and judge it."""
    path = os.path.join(directory, name)
    found = {file: _read(os.path.join(path, file)) for file in _ALL}
    return parse_os(name, path, {file: what for file, what in found.items() if what is not None})


def _read(path: str) -> OsFile | None:
    try:
        mode = os.stat(path).st_mode
    except FileNotFoundError:
        return None
    except OSError:  # a loop of links, or a directory that may not be entered
        return OsFile(regular=False)
    regular = stat.S_ISREG(mode)
    text = _read_text(path) if regular and os.path.basename(path) in _TEXTS else None
    return OsFile(regular, bool(mode & stat.S_IXUSR), text)


def _read_text(path: str) -> str | None:
    try:
        with open(path, encoding="utf-8") as stream:
            text = stream.read(_TEXT_LIMIT + 1)
    except (OSError, UnicodeDecodeError):
        return None
    return text if len(text) <= _TEXT_LIMIT else None
