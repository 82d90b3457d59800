"""Files that must be the same on several nodes. Pure."""

from __future__ import annotations

from collections.abc import Iterable, Mapping
from dataclasses import dataclass

from ganeti.model.config import Configuration
from ganeti.model.findings import NodeFindings
from ganeti.model.node import Node
from ganeti.model.ssconf import build_ssconf
from ganeti.opcodes.verify import VerifyCode as Code
from ganeti.operations.cluster.verify.report import Report
from ganeti.paths import Paths
from ganeti.utils.text import nice_sort_key

RELEASE_KEY = "release_version"
_REAL = Paths()
"""Names of files are those of a real machine."""


@dataclass(frozen=True, kw_only=True)
class FileRule:
    """
    One file.

    @ivar candidates: only master candidates have it.
    @ivar optional: all of those who may have it have it, or none.
    @ivar follows: it follows the cluster's state by a second or so.
    """

    path: str
    candidates: bool = False
    optional: bool = False
    follows: bool = False


def file_rules(config: Configuration) -> list[FileRule]:
    """All but one: candidates write their own release into ssconf, which is compared by itself."""
    keys = sorted(build_ssconf(config).keys() - {RELEASE_KEY})
    return [
        FileRule(path=_REAL.ca_pem),
        FileRule(path=_REAL.hmac_key),
        FileRule(path=_REAL.cluster_domain_secret),
        FileRule(path=_REAL.file_storage_paths_file, optional=True),
        FileRule(path=_REAL.config_data, candidates=True, follows=True),
        FileRule(path=_REAL.ca_key, candidates=True, follows=True),
        FileRule(path=_REAL.rapi_pem, candidates=True, optional=True, follows=True),
        FileRule(path=_REAL.known_hosts, candidates=True, optional=True, follows=True),
        *(FileRule(path=_REAL.ssconf(key), follows=True) for key in keys),
    ]


def lagging(
    rules: Iterable[FileRule], nodes: Iterable[Node], found: Mapping[str, NodeFindings]
) -> bool:
    """Whether files that follow the cluster's state are not as they should be."""
    quiet = _Silent()
    check_files(quiet, [rule for rule in rules if rule.follows], nodes, found, "")
    return quiet.noticed


class _Silent:
    """A report that only knows whether there is something."""

    noticed = False

    def error(self, bad: object, code: Code, name: str | None, text: str) -> bool:
        self.noticed = self.noticed or bool(bad)
        return bool(bad)


def check_files(
    report: Report | _Silent,
    rules: Iterable[FileRule],
    nodes: Iterable[Node],
    found: Mapping[str, NodeFindings],
    root: str,
) -> None:
    """
    Report what is missing, superfluous, or different.

    @param nodes: those that were asked.
    @param found: by uuid; nodes that did not answer are not in it.
    @param root: of the master, put before the paths that are shown.
    """
    known = [node for node in nodes if node.uuid in found]
    for node in nodes:
        report.error(
            node.uuid not in found,
            Code.ENODEFILECHECK,
            node.name,
            "Node did not return file checksum data",
        )
    for rule in rules:
        _check_file(report, rule, known, found, root + rule.path)


def _check_file(
    report: Report | _Silent,
    rule: FileRule,
    nodes: list[Node],
    found: Mapping[str, NodeFindings],
    shown: str,
) -> None:
    files = {node.name: found[node.uuid].files for node in nodes}
    having = {name: sums[rule.path] for name, sums in files.items() if rule.path in sums}
    expected = {n.name for n in nodes if n.master_candidate or not rule.candidates}
    missing = expected - having.keys()
    if rule.optional:
        report.error(
            missing and missing != expected,
            Code.ECLUSTERFILECHECK,
            None,
            f"File {shown} is optional, but it must exist on all or no nodes"
            f" (not found on {_names(missing)})",
        )
    else:
        report.error(
            missing,
            Code.ECLUSTERFILECHECK,
            None,
            f"File {shown} is missing from node(s) {_names(missing)}",
        )
    extra = having.keys() - expected
    report.error(
        extra,
        Code.ECLUSTERFILECHECK,
        None,
        f"File {shown} should not exist on node(s) {_names(extra)}",
    )
    _check_equal(report, having, shown)


def _check_equal(report: Report | _Silent, having: Mapping[str, str], shown: str) -> None:
    variants: dict[str, list[str]] = {}
    for name in sorted(having, key=nice_sort_key):
        variants.setdefault(having[name], []).append(name)
    text = "; ".join(f"variant {n} on {_names(v)}" for n, v in enumerate(variants.values(), 1))
    report.error(
        len(variants) > 1,
        Code.ECLUSTERFILECHECK,
        None,
        f"File {shown} found with {len(variants)} different checksums ({text})",
    )


def _names(names: Iterable[str]) -> str:
    return ", ".join(sorted(names, key=nice_sort_key))
