"""The storage settings of a new cluster, from the options of C{gnt-cluster init}."""

from __future__ import annotations

import os.path
from collections.abc import Sequence
from typing import TYPE_CHECKING, Any

from ganeti.cli.settings import dictionary, known, words, wrong
from ganeti.model.parameters import ParameterType, enforce_types
from ganeti.model.templates import (
    TEMPLATES,
    DiskTemplate,
    check_diskparams,
    default_diskparams,
    parse_diskparams,
)
from ganeti.paths import Paths

if TYPE_CHECKING:
    from optparse import Values

_DEFAULT_VG = "xenvg"
_DEFAULT_DRBD_HELPER = "/bin/true"
_DISK_STATE = ("disk_overhead", "disk_reserved", "disk_total")


def enabled_templates(options: Values, paths: Paths) -> tuple[DiskTemplate, ...]:
    """The disk templates to allow; a virtual cluster has no volume group."""
    if options.enabled_disk_templates is None:
        if paths.virtual:
            return (DiskTemplate.DISKLESS, DiskTemplate.FILE)
        return (DiskTemplate.DRBD, DiskTemplate.PLAIN)
    found = known("disk template", words(options.enabled_disk_templates), DiskTemplate)
    if not found:
        raise wrong("At least one disk template must be enabled")
    return found


def complete_diskparams(given: Sequence[tuple[str, Any]]) -> dict[DiskTemplate, dict[str, Any]]:
    """Ganeti's disk parameters, with what C{-D} gave."""
    complete = default_diskparams()
    for word, values in given:
        (template,) = known("disk template", [word], DiskTemplate)
        complete[template] |= parse_diskparams(template, dictionary(f"-D {word}", values))
        check_diskparams(template, complete[template])
    return complete


def disk_state(given: Sequence[tuple[str, Any]]) -> dict[str, Any]:
    """Static sizes of volume groups, from C{--disk-state}."""
    types = dict.fromkeys(_DISK_STATE, ParameterType.INT)
    state: dict[str, dict[str, Any]] = {}
    for word, values in given:
        kind, slash, name = word.partition("/")
        (template,) = known("disk template", [kind], DiskTemplate)
        if not (slash and name and TEMPLATES[template].lvm):
            raise wrong(f"Disk state '{word}': write plain/VOLUME_GROUP:NAME=VALUE")
        checked = enforce_types(dictionary("--disk-state " + word, values), types)
        state.setdefault(template.value, {})[name] = checked
    return state


def storage_settings(options: Values, templates: Sequence[DiskTemplate]) -> dict[str, Any]:
    """
    What belongs to the enabled templates; in a virtual cluster folders count from each node's root.

    @raise OpPrereqError: something is missing for one, or given for none.
    """
    lvm = any(TEMPLATES[template].lvm for template in templates)
    drbd = DiskTemplate.DRBD in templates
    if options.vg_name and not lvm:
        raise wrong("A volume group was given, but no enabled disk template uses LVM")
    if options.vg_name == "" and lvm:
        raise wrong("An enabled disk template uses LVM: a volume group is needed")
    if options.drbd_helper and not drbd:
        raise wrong("A DRBD usermode helper was given, but DRBD is not enabled")
    gluster, real = options.gluster_storage_dir, Paths()
    return {
        "enabled_disk_templates": tuple(templates),
        "volume_group_name": (options.vg_name or _DEFAULT_VG) if lvm else None,
        "drbd_usermode_helper": (options.drbd_helper or _DEFAULT_DRBD_HELPER) if drbd else None,
        "file_storage_dir": _directory(
            "file", DiskTemplate.FILE in templates, options.file_storage_dir, real.file_storage_dir
        ),
        "shared_file_storage_dir": _directory(
            "shared file",
            DiskTemplate.SHAREDFILE in templates,
            options.shared_file_storage_dir,
            real.shared_file_storage_dir,
        ),
        "gluster_storage_dir": _directory(
            "gluster", DiskTemplate.GLUSTER in templates, gluster, gluster
        ),
    }


def _directory(kind: str, needed: bool, given: str | None, default: str) -> str:
    """A storage folder; empty is none, which is refused when an enabled template needs it."""
    folder = default if given is None else given
    if not folder:
        if needed:
            raise wrong(f"An enabled disk template needs a {kind} storage directory")
        return ""
    if not os.path.isabs(folder) or os.path.normpath(folder) != folder:
        raise wrong(f"The {kind} storage directory '{folder}' is not an absolute, normal path")
    return folder
