"""Where a node's files are."""

import pytest

from ganeti.errors import ConfigurationError
from ganeti.paths import MASTERD, Paths


def test_real_machine() -> None:
    """Without a root the paths are the ones that Ganeti always had."""
    paths = Paths.from_environ({})
    assert not paths.virtual
    assert paths.config_data == "/var/lib/ganeti/config.data"
    assert paths.query_socket == "/var/run/ganeti/socket/ganeti-query"
    assert paths.log_file(MASTERD) == "/var/log/ganeti/master-daemon.log"
    assert paths.hosts_file == "/etc/hosts"


def test_virtual_node() -> None:
    """Each path of a virtual node lies below its root; the hosts file beside it."""
    paths = Paths.from_environ({"GANETI_ROOTDIR": "/tmp/c/n1.ex/", "GANETI_HOSTNAME": "n1.ex"})
    assert paths.virtual
    assert paths.hostname == "n1.ex"
    assert paths.cluster_dir == "/tmp/c"
    assert paths.hosts_file == "/tmp/c/hosts"
    assert paths.ssconf("master_node") == "/tmp/c/n1.ex/var/lib/ganeti/ssconf_master_node"
    for path, _ in paths.directories():
        assert path.startswith("/tmp/c/n1.ex/")
    for path in paths.os_search_path:
        assert path.startswith("/tmp/c/n1.ex/")


@pytest.mark.parametrize(
    "environ",
    [
        {"GANETI_ROOTDIR": "/tmp/c/n1"},
        {"GANETI_ROOTDIR": "/tmp/c/n1", "GANETI_HOSTNAME": "n2"},
        {"GANETI_ROOTDIR": "c/n1", "GANETI_HOSTNAME": "n1"},
        {"GANETI_ROOTDIR": "/tmp/../n1", "GANETI_HOSTNAME": "n1"},
        {"GANETI_ROOTDIR": "/tmp//n1", "GANETI_HOSTNAME": "n1"},
        {"GANETI_ROOTDIR": "/", "GANETI_HOSTNAME": "n1"},
    ],
    ids=str,
)
def test_contradictions(environ: dict[str, str]) -> None:
    """An environment that does not name one node is refused."""
    with pytest.raises(ConfigurationError, match="GANETI_ROOTDIR"):
        Paths.from_environ(environ)
