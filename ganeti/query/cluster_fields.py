"""Fields of the cluster as a whole."""

from __future__ import annotations

from ganeti import version
from ganeti.model.config import Configuration
from ganeti.query.fields import Field, Kind, Matching, Resource, table, unavailable_if_none
from ganeti.query.view import View


def architecture(machine: str) -> list[str]:
    """Word size and machine, as clients print them."""
    return ["64bits" if machine.endswith("64") else "32bits", machine]


def _row(config: Configuration, view: View) -> View:
    return view


FIELDS = [
    Field("name", "Name", Kind.TEXT, "Name of the cluster",
          lambda view: view.config.cluster.cluster_name, matching=Matching.HOSTNAME),
    Field("cluster_name", "Name", Kind.TEXT, "The same as name",
          lambda view: view.config.cluster.cluster_name, matching=Matching.HOSTNAME),
    Field("master_node", "Master", Kind.TEXT, "Name of the master node",
          lambda view: view.config.master.name, matching=Matching.HOSTNAME),
    Field("ctime", "CTime", Kind.TIMESTAMP, "When the cluster was created",
          lambda view: view.config.cluster.ctime),
    Field("mtime", "MTime", Kind.TIMESTAMP, "When the cluster was last changed",
          lambda view: view.config.cluster.mtime),
    Field("tags", "Tags", Kind.OTHER, "Tags of the cluster",
          lambda view: list(view.config.cluster.tags)),
    Field("volume_group_name", "VgName", Kind.TEXT, "LVM volume group",
          lambda view: unavailable_if_none(view.config.cluster.volume_group_name)),
    Field("drain_flag", "QueueDrained", Kind.BOOL, "Whether no new jobs are taken",
          lambda view: view.state.queue.drained),
    Field("watcher_pause", "WatcherPause", Kind.TIMESTAMP, "Until when the watcher rests",
          lambda view: unavailable_if_none(view.state.watcher_pause)),
    Field("architecture", "ArchInfo", Kind.OTHER, "Word size and machine of the master",
          lambda view: architecture(view.machine)),
    Field("config_version", "ConfigVersion", Kind.NUMBER, "Version of config.data",
          lambda view: version.CONFIG_VERSION),
    Field("export_version", "ExportVersion", Kind.NUMBER, "Version of exports",
          lambda view: version.EXPORT_VERSION),
    Field("os_api_version", "OsApiVersion", Kind.NUMBER, "Newest version of the OS interface",
          lambda view: max(version.OS_API_VERSIONS)),
    Field("protocol_version", "ProtocolVersion", Kind.NUMBER, "Version of node calls",
          lambda view: version.PROTOCOL_VERSION),
    Field("software_version", "SoftwareVersion", Kind.TEXT, "Release",
          lambda view: version.RELEASE),
    Field("vcs_version", "VCSVersion", Kind.TEXT, "Release, and revision if it was built from one",
          lambda view: f"(ganeti) version {version.RELEASE}"),
]  # fmt: skip

CLUSTER = Resource(
    name="cluster",
    label="Cluster",
    fields=table(FIELDS),
    objects=lambda view: [view.config],
    row=_row,
)
