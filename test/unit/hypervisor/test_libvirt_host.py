"""What a guest finds on its node."""

from __future__ import annotations

import os
import pwd
from pathlib import Path
from typing import Any

import pytest
from support.kvm import kvm_spec

from ganeti.errors import HypervisorError
from ganeti.hypervisor.libvirt.host import (
    thd_address_of,
    thd_disk_source,
    thd_find_emulator,
    thd_locate,
    thd_look,
    thd_make_room,
    thd_missing_links,
    thd_security_label,
    thd_touched_mib,
    thd_trim,
)
from ganeti.hypervisor.libvirt.surroundings import KVM, TCG, DiskSource
from ganeti.model.live import InstanceSpec


@pytest.fixture
def emulator(tmp_path: Path) -> str:
    """A QEMU, and a link to it."""
    path = tmp_path / "qemu-real"
    path.write_text("")
    path.chmod(0o755)
    (tmp_path / "qemu").symlink_to(path)
    return str(tmp_path / "qemu")


def spec(**hvparams: Any) -> InstanceSpec:
    return kvm_spec(1, hvparams=hvparams)


def test_look(tmp_path: Path, emulator: str) -> None:
    """Disks, QEMU, files below the node's root, bridges that are not there, passwords."""
    (tmp_path / "disk").write_text("")
    (tmp_path / "root" / "boot").mkdir(parents=True)
    kernel = tmp_path / "root" / "boot" / "ganeti-test-kernel"
    kernel.write_text("")
    password = tmp_path / "root" / "password"
    password.write_text("s3cret\n")
    made = spec(
        kvm_path=emulator, kernel_path="/boot/ganeti-test-kernel", vnc_password_file="/password"
    )
    disks = (str(tmp_path / "disk"),)
    found = thd_look(made, disks, str(tmp_path / "root"), "x86_64")
    around = found.surroundings(False, "x86_64", "/socket", "/log")
    assert found.spec.hvparams["kernel_path"] == str(kernel)
    assert around.emulator == str(tmp_path / "qemu-real")
    assert around.disks == (DiskSource(disks[0]),)
    assert around.loose_links == {"xen-br0"}
    assert around.domain_type == TCG
    assert found.surroundings(True, "x86_64", "", "").domain_type == KVM
    assert around.vnc_password is not None
    assert around.vnc_password.reveal() == "s3cret"
    assert around.spice_password is None
    assert "s3cret" not in repr(around)


def test_real_node(emulator: str) -> None:
    """On a real node a bridge that is not there is libvirt's to refuse."""
    assert thd_look(spec(kvm_path=emulator), (), "", "x86_64").loose_links == frozenset()
    assert thd_missing_links(spec()) == {"xen-br0"}


def test_missing_qemu(monkeypatch: pytest.MonkeyPatch) -> None:
    """The error names the guest, where QEMU was looked for, and what to install."""
    monkeypatch.setattr("ganeti.hypervisor.libvirt.host._EMULATORS", ("/no/qemu-{arch}",))
    if os.path.exists("/usr/bin/kvm"):
        monkeypatch.setattr(os, "access", lambda *_: False)
    words = r"inst1.example.com: QEMU is not installed .*/usr/bin/kvm, /no/qemu-x86_64.*install"
    with pytest.raises(HypervisorError, match=words):
        thd_look(spec(), (), "", "x86_64")


def test_chosen_qemu() -> None:
    """One that was chosen and is not there is not silently another one."""
    with pytest.raises(HypervisorError, match="none of /no/such/qemu is there"):
        thd_find_emulator("/no/such/qemu", "x86_64")


@pytest.mark.parametrize("name", ["kernel_path", "initrd_path", "cdrom_image_path"])
def test_missing_file(name: str, emulator: str) -> None:
    """The error names the guest, the parameter and the file."""
    words = f"inst1.example.com: parameter {name}: this node has no file /no/such"
    with pytest.raises(HypervisorError, match=words):
        thd_look(spec(kvm_path=emulator, **{name: "/no/such"}), (), "", "x86_64")


def test_locate(tmp_path: Path) -> None:
    """Files below the root come first, those of the machine do too; addresses are left alone."""
    (tmp_path / "etc").mkdir()
    (tmp_path / "etc" / "passwd").write_text("")
    hvparams = spec(
        kernel_path="/etc/passwd",
        initrd_path=f"{tmp_path}/etc/passwd",
        floppy_image_path="/etc/group",
        cdrom_image_path="http://example.com/a.iso",
    ).hvparams
    located = thd_locate(hvparams, str(tmp_path))
    assert located["kernel_path"] == located["initrd_path"] == f"{tmp_path}/etc/passwd"
    assert located["floppy_image_path"] == "/etc/group"
    assert located["cdrom_image_path"] == "http://example.com/a.iso"


@pytest.mark.parametrize(
    ("bind", "expected"),
    [
        ("lo", "127.0.0.1"),
        ("192.0.2.1", "192.0.2.1"),
        ("::1", "::1"),
        ("/run/vnc", "/run/vnc"),
        ("", ""),
    ],
)
def test_bind(bind: str, expected: str) -> None:
    """An interface stands for its address."""
    assert thd_locate(spec(vnc_bind_address=bind).hvparams, "")["vnc_bind_address"] == expected


def test_no_interface() -> None:
    """An interface that is not there is named; those of VLANs have a dot."""
    with pytest.raises(HypervisorError, match=r"network interface nosuch0\.100"):
        thd_locate(spec(spice_bind="nosuch0.100").hvparams, "")
    with pytest.raises(HypervisorError, match="network interface nosuch0"):
        thd_address_of("nosuch0")


def test_disk_sources(tmp_path: Path) -> None:
    """A file, and nothing."""
    assert thd_disk_source(str(tmp_path)) == DiskSource(str(tmp_path), block=False)
    with pytest.raises(HypervisorError, match="no disk at /no/such"):
        thd_disk_source("/no/such")


@pytest.mark.parametrize("content", [None, b"\xff\xfe", b"x" * 300])
def test_password(tmp_path: Path, emulator: str, content: bytes | None) -> None:
    """A password that cannot be read keeps the guest from starting, and is not told."""
    path = tmp_path / "password"
    if content is None:
        path.mkdir()
    else:
        path.write_bytes(content)
    made = spec(kvm_path=emulator, vnc_password_file=str(path))
    with pytest.raises(HypervisorError, match="vnc_password_file: cannot read"):
        thd_look(made, (), "", "x86_64")


def test_security_label() -> None:
    """A user and its group, by number."""
    user = pwd.getpwuid(0)
    wanted = {"security_model": "user", "security_domain": user.pw_name}
    assert thd_security_label(wanted, virtual=False) == f"+0:+{user.pw_gid}"
    assert thd_security_label(wanted | {"security_model": "none"}, virtual=True) == ""
    with pytest.raises(HypervisorError, match="there is no user 'nobody-of-that-name'"):
        thd_security_label(wanted | {"security_domain": "nobody-of-that-name"}, virtual=False)
    with pytest.raises(HypervisorError, match="security_model=user: on a node of a virtual"):
        thd_security_label(wanted, virtual=True)


def test_touched(tmp_path: Path) -> None:
    """The memory of the processes that pid files name; what makes no sense counts nothing."""
    (tmp_path / "me.pid").write_text(f"{os.getpid()}\n")
    (tmp_path / "bad.pid").write_text("x")
    (tmp_path / "gone.pid").write_text("4194304")
    assert thd_touched_mib(str(tmp_path), ("me", "bad", "gone", "missing")) > 5
    assert thd_touched_mib(str(tmp_path), ("bad", "gone", "missing")) == 0


def test_room_for_the_console(tmp_path: Path) -> None:
    """Folders are made; one that cannot be is named."""
    thd_make_room(f"{tmp_path}/a/socket", f"{tmp_path}/b/log")
    assert sorted(os.listdir(tmp_path)) == ["a", "b"]
    (tmp_path / "file").write_text("")
    with pytest.raises(HypervisorError, match="room for the serial console"):
        thd_make_room(f"{tmp_path}/file/x/socket", f"{tmp_path}/b/log")


def test_trim(tmp_path: Path) -> None:
    """A long log is cut, its end is kept; a short one and a missing one are left alone."""
    log = tmp_path / "log"
    log.write_bytes(b"a" * 100 + b"end")
    thd_trim(str(log), limit=103, kept=10)
    assert log.stat().st_size == 103
    with open(log, "ab") as qemu:
        qemu.write(b"!")
        qemu.flush()
        thd_trim(str(log), limit=103, kept=10)
        assert (tmp_path / "log.1").read_bytes() == b"a" * 6 + b"end!"
        qemu.write(b"more")
    assert log.read_bytes() == b"more"
    assert (tmp_path / "log.1").stat().st_mode & 0o077 == 0
    thd_trim(str(tmp_path / "none"), limit=1, kept=1)
