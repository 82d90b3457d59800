"""
Where a node keeps its files.

Everything is below the node's root: the real machine's, or the node directory
of a virtual cluster (C{GANETI_ROOTDIR}). Names are Ganeti's where it had one.
"""

from __future__ import annotations

import os.path
from collections.abc import Mapping
from typing import NamedTuple

from ganeti.errors import ConfigurationError

MASTERD = "ganeti-masterd"
NODED = "ganeti-noded"

_LOG_FILES = {
    MASTERD: "master-daemon.log",
    NODED: "node-daemon.log",
    "ganeti-confd": "conf-daemon.log",
    "ganeti-rapi": "rapi-daemon.log",
    "ganeti-mond": "monitoring-daemon.log",
}


class Paths(NamedTuple):  # not a dataclass: commands start 12 ms sooner
    """
    The paths of one node.

    @ivar root: absolute, without a slash at its end; "" is the real machine.
    @ivar hostname: the node's name when the environment says it, else "".
    """

    root: str = ""
    hostname: str = ""

    @classmethod
    def from_environ(cls, environ: Mapping[str, str]) -> Paths:
        """
        The node that C{GANETI_ROOTDIR} and C{GANETI_HOSTNAME} name.

        @raise ConfigurationError: the two do not fit together.
        """
        root = environ.get("GANETI_ROOTDIR", "").rstrip("/")
        hostname = environ.get("GANETI_HOSTNAME", "")
        if not root:
            if environ.get("GANETI_ROOTDIR"):
                raise ConfigurationError("GANETI_ROOTDIR must not be the root directory")
            return cls(hostname=hostname)
        if not os.path.isabs(root) or os.path.normpath(root) != root:
            raise ConfigurationError(
                f"GANETI_ROOTDIR must be an absolute path without '..' or double slashes: {root}"
            )
        if os.path.basename(root) != hostname:
            raise ConfigurationError(
                f"The last part of GANETI_ROOTDIR ({root}) must equal"
                f" GANETI_HOSTNAME ('{hostname}')"
            )
        return cls(root=root, hostname=hostname)

    @property
    def virtual(self) -> bool:
        """Whether this is a node of a virtual cluster."""
        return bool(self.root)

    @property
    def cluster_dir(self) -> str:
        """The folder of a virtual cluster, which holds all its nodes."""
        return os.path.dirname(self.root)

    @property
    def hosts_file(self) -> str:
        """Names and addresses, in hosts(5) form."""
        return f"{self.cluster_dir}/hosts" if self.virtual else "/etc/hosts"

    # -- /var/lib/ganeti

    @property
    def data_dir(self) -> str:
        return f"{self.root}/var/lib/ganeti"

    @property
    def config_data(self) -> str:
        """The configuration as other programs read it; a projection of C{store_db}."""
        return f"{self.data_dir}/config.data"

    @property
    def ssconf_dir(self) -> str:
        return self.data_dir

    def ssconf(self, key: str) -> str:
        """The file of one ssconf value, such as C{master_node}."""
        return f"{self.ssconf_dir}/ssconf_{key}"

    @property
    def store_db(self) -> str:
        """The cluster's state, on the master and on candidates."""
        return f"{self.data_dir}/store.db"

    @property
    def node_db(self) -> str:
        """What the node itself must remember; written by noded alone."""
        return f"{self.data_dir}/node.db"

    @property
    def known_hosts(self) -> str:
        return f"{self.data_dir}/known_hosts"

    @property
    def hmac_key(self) -> str:
        return f"{self.data_dir}/hmac.key"

    @property
    def cluster_domain_secret(self) -> str:
        return f"{self.data_dir}/cluster-domain-secret"

    @property
    def server_pem(self) -> str:
        """This node's own key and certificate, for calls in both directions."""
        return f"{self.data_dir}/server.pem"

    @property
    def ca_pem(self) -> str:
        """The certificate of the cluster's own authority."""
        return f"{self.data_dir}/ca.pem"

    @property
    def ca_key(self) -> str:
        """The authority's key; on the master and the candidates only."""
        return f"{self.data_dir}/ca.key"

    @property
    def rapi_pem(self) -> str:
        return f"{self.data_dir}/rapi.pem"

    @property
    def masterd_dir(self) -> str:
        """What masterd alone may read."""
        return f"{self.data_dir}/masterd"

    @property
    def job_secret_key(self) -> str:
        """The key of secret values in stored jobs."""
        return f"{self.masterd_dir}/job-secret.key"

    @property
    def queue_dir(self) -> str:
        return f"{self.data_dir}/queue"

    @property
    def queue_drain_file(self) -> str:
        return f"{self.queue_dir}/drain"

    @property
    def watcher_pause_file(self) -> str:
        return f"{self.data_dir}/watcher.pause"

    @property
    def export_dir(self) -> str:
        return f"{self.data_dir}/export"

    @property
    def fake_hypervisor_dir(self) -> str:
        """What the fake hypervisor keeps, and where it is told to misbehave."""
        return f"{self.data_dir}/fake"

    @property
    def libvirt_dir(self) -> str:
        """All that libvirt keeps for this node, in a virtual cluster."""
        return f"{self.data_dir}/libvirt"

    @property
    def libvirt_cache_dir(self) -> str:
        """What was found out about QEMU; the nodes of a virtual cluster share it."""
        return f"{self.cluster_dir if self.virtual else self.data_dir}/libvirt-cache"

    def serial_socket(self, instance_uuid: str) -> str:
        """Where a kvm guest's serial port is served."""
        return f"{self.libvirt_dir}/serial/{instance_uuid}"

    def serial_log(self, instance_name: str) -> str:
        """What a kvm guest printed on its serial port."""
        return f"{self.log_dir}/kvm/{instance_name}.log"

    @property
    def backup_dir(self) -> str:
        return f"{self.root}/var/backups"

    # -- /var/run, /var/lock, /var/log

    @property
    def run_dir(self) -> str:
        return f"{self.root}/var/run/ganeti"

    @property
    def socket_dir(self) -> str:
        return f"{self.run_dir}/socket"

    @property
    def query_socket(self) -> str:
        """Where masterd listens."""
        return f"{self.socket_dir}/ganeti-query"

    @property
    def master_socket(self) -> str:
        """A link to C{query_socket}, for old clients."""
        return f"{self.socket_dir}/ganeti-master"

    def pid_file(self, daemon: str) -> str:
        return f"{self.run_dir}/{daemon}.pid"

    @property
    def lock_dir(self) -> str:
        return f"{self.root}/var/lock"

    @property
    def log_dir(self) -> str:
        return f"{self.root}/var/log/ganeti"

    def log_file(self, daemon: str) -> str:
        return f"{self.log_dir}/{_LOG_FILES.get(daemon, daemon + '.log')}"

    @property
    def os_log_dir(self) -> str:
        return f"{self.log_dir}/os"

    # -- /etc, /srv, /usr

    @property
    def conf_dir(self) -> str:
        return f"{self.root}/etc/ganeti"

    @property
    def hooks_dir(self) -> str:
        return f"{self.conf_dir}/hooks"

    @property
    def file_storage_paths_file(self) -> str:
        """The directories that file storage may use, one a line."""
        return f"{self.conf_dir}/file-storage-paths"

    @property
    def file_storage_dir(self) -> str:
        return f"{self.root}/srv/ganeti/file-storage"

    @property
    def shared_file_storage_dir(self) -> str:
        return f"{self.root}/srv/ganeti/shared-file-storage"

    @property
    def gluster_storage_dir(self) -> str:
        return f"{self.run_dir}/gluster"

    @property
    def os_search_path(self) -> tuple[str, ...]:
        """Where OS definitions are looked for; the first match wins."""
        return (
            f"{self.root}/srv/ganeti/os",
            f"{self.root}/usr/local/lib/ganeti/os",
            f"{self.root}/usr/lib/ganeti/os",
            f"{self.root}/usr/share/ganeti/os",
        )

    @property
    def iallocator_search_path(self) -> tuple[str, ...]:
        """Where instance allocators are looked for; the first match wins."""
        return (
            f"{self.root}/usr/local/lib/ganeti/iallocators",
            f"{self.root}/usr/lib/ganeti/iallocators",
        )

    def directories(self) -> list[tuple[str, int]]:
        """The directories that a node needs, with their modes, parents first."""
        return [
            (self.data_dir, 0o755),
            (self.masterd_dir, 0o700),
            (self.queue_dir, 0o750),
            (self.fake_hypervisor_dir, 0o700),
            (self.export_dir, 0o755),
            (self.run_dir, 0o775),
            (self.socket_dir, 0o770),
            (self.lock_dir, 0o755),
            (self.log_dir, 0o770),
            (self.os_log_dir, 0o750),
            (self.conf_dir, 0o755),
            (self.hooks_dir, 0o755),
            (self.file_storage_dir, 0o750),
            (self.shared_file_storage_dir, 0o755),
            (self.os_search_path[0], 0o755),
        ]
