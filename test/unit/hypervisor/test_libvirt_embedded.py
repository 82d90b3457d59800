"""The folder of libvirt's embedded driver."""

from __future__ import annotations

import os
from pathlib import Path

import pytest

from ganeti.errors import HypervisorError
from ganeti.hypervisor.libvirt.embedded import (
    _link_name,
    _places,
    embedded_uri,
    thd_defined,
    thd_prepare,
    thd_share_capabilities,
    thd_short_path,
)
from ganeti.hypervisor.libvirt.library import is_embedded

CAPABILITIES = Path("cache/qemu/capabilities")
LONGEST = "/lib/qemu/channel/target/domain-12345-inst1.example.com.xy/org.qemu.guest_agent.0"
SOCKET_LIMIT = 107  # unix(7), without the last byte


@pytest.fixture
def long_folder(tmp_path: Path) -> str:
    folder = tmp_path / ("x" * 80)
    folder.mkdir()
    return str(folder)


def test_short_folder() -> None:
    """A short path needs no link."""
    assert thd_short_path("/tmp/a") == "/tmp/a"


def test_long_folder(long_folder: str, tmp_path: Path) -> None:
    """A long one gets a link that leads to it, the same one each time."""
    place = tmp_path / "run"
    place.mkdir()
    link = thd_short_path(long_folder, [str(place)])
    assert os.readlink(link) == long_folder
    assert thd_short_path(long_folder, [str(place)]) == link
    assert thd_short_path(f"{long_folder}y", [str(place)]) != link


@pytest.mark.parametrize("uid", [0, 1000])
def test_sockets_fit(uid: int) -> None:
    """Behind a link, and in the longest folder without one, libvirt's sockets have room."""
    for place in _places(uid):
        link = f"{place}/{_link_name('/some/folder', place)}"
        assert len(link + LONGEST) <= SOCKET_LIMIT
        assert link.startswith(f"{place}/gnt-")
    longest = "/" + "x" * 25
    assert thd_short_path(longest) == longest
    assert len(longest + LONGEST) <= SOCKET_LIMIT


def test_link_of_another_folder(long_folder: str, tmp_path: Path) -> None:
    """A link of ours that leads elsewhere is set right."""
    link = thd_short_path(long_folder, [str(tmp_path)])
    os.unlink(link)
    os.symlink("/elsewhere", link)
    assert thd_short_path(long_folder, [str(tmp_path)]) == link
    assert os.readlink(link) == long_folder


def test_no_place_for_a_link(long_folder: str, tmp_path: Path) -> None:
    """A file in its place is left alone, and the next place is taken; the error names all."""
    first, second = tmp_path / "first", tmp_path / "second"
    first.mkdir()
    second.mkdir()
    name = os.path.basename(thd_short_path(long_folder, [str(second)]))
    assert name == _link_name(long_folder, str(first))
    (first / name).write_text("somebody's")
    assert thd_short_path(long_folder, [str(first), str(second)]) == str(second / name)
    assert (first / name).read_text() == "somebody's"
    with pytest.raises(HypervisorError, match=r"first/gnt-.*is not ours; /no/such/gnt-"):
        thd_short_path(long_folder, [str(first), "/no/such"])


def test_prepare(tmp_path: Path) -> None:
    """The folder has its configuration, for the user of this process, and knows its short path."""
    folder = tmp_path / "libvirt"
    root = thd_prepare(str(folder), str(tmp_path / "cache"))
    configuration = (folder / "etc" / "qemu.conf").read_text()
    assert f'user = "+{os.geteuid()}"' in configuration
    assert 'stdio_handler = "file"' in configuration
    assert (folder / "short-path").read_text() == f"{root}\n"
    assert folder.stat().st_mode & 0o077 == 0
    if root != str(folder):
        os.unlink(root)


def test_prepare_again(tmp_path: Path) -> None:
    """A configuration that somebody changed is written anew; one that holds is left."""
    folder = tmp_path / "libvirt"
    root = thd_prepare(str(folder), str(tmp_path / "cache"))
    path = folder / "etc" / "qemu.conf"
    before = path.stat().st_ino
    thd_prepare(str(folder), str(tmp_path / "cache"))
    assert path.stat().st_ino == before
    text = path.read_text()
    path.write_text("# other")
    thd_prepare(str(folder), str(tmp_path / "cache"))
    assert path.read_text() == text
    if root != str(folder):
        os.unlink(root)


def test_no_folder(tmp_path: Path) -> None:
    """A folder that cannot be made is named."""
    (tmp_path / "file").write_text("")
    with pytest.raises(HypervisorError, match=r"libvirt's folder .*/file/libvirt"):
        thd_prepare(str(tmp_path / "file" / "libvirt"), str(tmp_path / "cache"))


def test_capabilities_are_shared(tmp_path: Path) -> None:
    """What one node finds out about QEMU the next one has; newer files take the older's place."""
    one, two, cache = tmp_path / "one", tmp_path / "two", tmp_path / "cache"
    (one / CAPABILITIES).mkdir(parents=True)
    (one / CAPABILITIES / "abc.xml").write_text("new")
    (one / CAPABILITIES / "other").write_text("no capabilities")
    thd_share_capabilities(str(one), str(cache))
    assert os.listdir(cache) == ["abc.xml"]
    old = two / CAPABILITIES / "abc.xml"
    old.parent.mkdir(parents=True)
    old.write_text("old")
    os.utime(old, (1, 1))
    root = thd_prepare(str(two), str(cache))
    assert old.read_text() == "new"
    os.utime(cache / "abc.xml", (2, 2))
    (cache / "abc.xml").write_text("older")
    os.utime(cache / "abc.xml", (2, 2))
    thd_prepare(str(two), str(cache))
    assert old.read_text() == "new"
    if root != str(two):
        os.unlink(root)


def test_defined(tmp_path: Path) -> None:
    """Whether libvirt keeps guests there is seen without asking it."""
    assert not thd_defined(str(tmp_path))
    (tmp_path / "etc" / "qemu").mkdir(parents=True)
    assert not thd_defined(str(tmp_path))
    (tmp_path / "etc" / "qemu" / "inst1.example.com.xml").write_text("")
    assert thd_defined(str(tmp_path))


def test_address() -> None:
    """libvirt's address of the driver, also of a folder with a strange name."""
    assert embedded_uri("/run/gnt-1") == "qemu:///embed?root=/run/gnt-1"
    assert embedded_uri("/a b&c") == "qemu:///embed?root=/a%20b%26c"
    assert is_embedded(embedded_uri("/a"))
    assert not is_embedded("qemu:///system")
