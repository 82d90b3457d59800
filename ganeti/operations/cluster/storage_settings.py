"""Where the cluster's disks are, after a request."""

from __future__ import annotations

import posixpath
from typing import Any

from msgspec.structs import replace

from ganeti.model.cluster import Cluster
from ganeti.model.config import Configuration
from ganeti.model.templates import DiskTemplate, facts
from ganeti.opcodes.cluster import OpClusterSetParams
from ganeti.operations.cluster.parameter_settings import wrong

_FOLDERS = {
    "file_storage_dir": ("file", DiskTemplate.FILE),
    "shared_file_storage_dir": ("shared file", DiskTemplate.SHAREDFILE),
    "gluster_storage_dir": ("gluster", DiskTemplate.GLUSTER),
}


def enabled_templates(cluster: Cluster, op: OpClusterSetParams) -> tuple[DiskTemplate, ...]:
    """
    The templates that are enabled after the request.

    @raise OpPrereqError: there would be none.
    """
    if op.enabled_disk_templates is None:
        return cluster.enabled_disk_templates
    if not op.enabled_disk_templates:
        raise wrong("At least one disk template must be enabled")
    return tuple(dict.fromkeys(op.enabled_disk_templates))


def storage_settings(
    config: Configuration, op: OpClusterSetParams, templates: tuple[DiskTemplate, ...]
) -> dict[str, Any]:
    """
    Fields of the cluster's record that the request changes.

    @param templates: enabled ones, after the request.
    @raise OpPrereqError: something is missing for a template, or given for none.
    """
    changes: dict[str, Any] = {}
    if op.enabled_disk_templates is not None:
        changes["enabled_disk_templates"] = templates
    if op.vg_name is not None:
        changes["volume_group_name"] = op.vg_name or None
    if op.drbd_helper is not None:
        changes["drbd_usermode_helper"] = op.drbd_helper or None
    for name, (kind, _template) in _FOLDERS.items():
        folder = getattr(op, name)
        if folder is not None:
            changes[name] = _checked_folder(kind, folder)
    after = replace(config.cluster, **{**changes, "enabled_disk_templates": templates})
    new = set(templates) - set(config.cluster.enabled_disk_templates)
    _check_lvm(config, op, after, new)
    _check_drbd(op, after, new)
    _check_folders(op, after, new)
    return changes


def _checked_folder(kind: str, folder: str) -> str:
    if folder and not (posixpath.isabs(folder) and posixpath.normpath(folder) == folder):
        raise wrong(f"The {kind} storage directory '{folder}' is not an absolute, normal path")
    return folder


# What the request touches must be complete; what it does not touch is left as it is.


def _check_lvm(
    config: Configuration, op: OpClusterSetParams, after: Cluster, new: set[DiskTemplate]
) -> None:
    lvm = {template for template in after.enabled_disk_templates if facts(template).lvm}
    if op.vg_name and not lvm:
        raise wrong("A volume group was given, but no enabled disk template uses LVM")
    touched = op.vg_name is not None or new & lvm
    if lvm and touched and not after.volume_group_name:
        raise wrong("An enabled disk template uses LVM: a volume group is needed")
    if op.vg_name == "":
        _check_no_lvm(config)


def _check_drbd(op: OpClusterSetParams, after: Cluster, new: set[DiskTemplate]) -> None:
    enabled = DiskTemplate.DRBD in after.enabled_disk_templates
    if op.drbd_helper and not enabled:
        raise wrong("A DRBD usermode helper was given, but DRBD is not enabled")
    touched = op.drbd_helper is not None or DiskTemplate.DRBD in new
    if enabled and touched and not after.drbd_usermode_helper:
        raise wrong("DRBD is enabled: a DRBD usermode helper is needed")


def _check_folders(op: OpClusterSetParams, after: Cluster, new: set[DiskTemplate]) -> None:
    for name, (kind, template) in _FOLDERS.items():
        touched = getattr(op, name) is not None or template in new
        enabled = template in after.enabled_disk_templates
        if enabled and touched and not getattr(after, name):
            raise wrong(
                f"Disk template {template} is enabled: a {kind} storage directory is needed"
            )


def _check_no_lvm(config: Configuration) -> None:
    for disk in config.disks.values():
        if facts(disk.dev_type).lvm:
            owner = config.disk_owner(disk.uuid)
            name = config.instances[owner].name if owner else disk.uuid
            raise wrong(f"The volume group is in use: instance {name} has disks on LVM")
