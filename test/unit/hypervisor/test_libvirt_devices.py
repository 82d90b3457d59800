"""A kvm guest's disks, interfaces, ports and screens."""

from __future__ import annotations

from typing import Any
from xml.etree.ElementTree import Element

import pytest
from msgspec.structs import replace
from support.kvm import describe, kvm_spec
from support.samples import make_disk

from ganeti.errors import HypervisorError
from ganeti.model.disk import DiskMode
from ganeti.model.live import InstanceSpec
from ganeti.model.parameters import NicMode, NicParams
from ganeti.model.secret import Secret


def spec(disks: tuple[Any, ...] = (), **hvparams: Any) -> InstanceSpec:
    return kvm_spec(1, hvparams=hvparams, disks=disks, network_port=11000)


def with_nic(made: InstanceSpec, **params: Any) -> InstanceSpec:
    (nic,) = made.nics
    return replace(made, nics=(replace(nic, params=NicParams(**params)),))


def places(top: Element) -> list[dict[str, str]]:
    """Where disks and drives are attached."""
    return [disk.find("target").attrib for disk in top.iter("disk")]  # type: ignore[union-attr]


def one(top: Element, path: str) -> Element:
    (found,) = top.findall(path)
    return found


# -- disks


def test_disks() -> None:
    """Files and devices, in order; with what tells the guest which is which."""
    disks = (make_disk(1), make_disk(1, 1, mode=DiskMode.READ_ONLY))
    top = describe(spec(disks), ("/srv/disk0", "/dev/vg/disk1"))
    first, second = top.iter("disk")
    assert (first.get("type"), one(first, "source").get("file")) == ("file", "/srv/disk0")
    assert (second.get("type"), one(second, "source").get("dev")) == ("block", "/dev/vg/disk1")
    assert places(top) == [{"dev": "vda", "bus": "virtio"}, {"dev": "vdb", "bus": "virtio"}]
    assert first.findtext("serial") == disks[0].uuid.replace("-", "")[:20]
    assert first.find("readonly") is None
    assert second.find("readonly") is not None


@pytest.mark.parametrize(
    ("disk_type", "device", "target"),
    [
        ("ide", "disk", {"dev": "hda", "bus": "ide"}),
        ("paravirtual", "disk", {"dev": "vda", "bus": "virtio"}),
        ("scsi", "disk", {"dev": "sda", "bus": "scsi"}),
        ("scsi-block", "lun", {"dev": "sda", "bus": "scsi"}),
        ("scsi-cd", "cdrom", {"dev": "sda", "bus": "scsi"}),
        ("scsi-generic", "lun", {"dev": "sda", "bus": "scsi"}),
        ("scsi-hd", "disk", {"dev": "sda", "bus": "scsi"}),
        ("sd", "disk", {"dev": "sda", "bus": "sd"}),
    ],
)
def test_disk_types(disk_type: str, device: str, target: dict[str, str]) -> None:
    """Each type that libvirt has."""
    top = describe(spec(disk_type=disk_type), ("/d",))
    assert one(top, "devices/disk").get("device") == device
    assert places(top) == [target]


@pytest.mark.parametrize(
    ("controller", "model"),
    [
        ("dc390", "dc390"),
        ("lsi", "lsilogic"),
        ("megasas", "lsisas1078"),
        ("virtio-scsi-pci", "virtio-scsi"),
    ],
)
def test_scsi_controllers(controller: str, model: str) -> None:
    """SCSI disks, and only they, need a controller."""
    path = "devices/controller[@type='scsi']"
    top = describe(spec(disk_type="scsi", scsi_controller_type=controller), ("/d",))
    assert one(top, path).get("model") == model
    assert describe(spec(scsi_controller_type=controller), ("/d",)).find(path) is None


def test_disk_driver() -> None:
    """How QEMU reads and writes."""
    top = describe(spec(disk_cache="none", disk_aio="native", disk_discard="unmap"), ("/d",))
    driver = {"name": "qemu", "type": "raw", "cache": "none", "io": "native", "discard": "unmap"}
    assert one(top, "devices/disk/driver").attrib == driver
    plain = one(describe(spec(), ("/d",)), "devices/disk/driver").attrib
    assert plain == {"name": "qemu", "type": "raw", "io": "threads", "discard": "ignore"}


def test_drives() -> None:
    """Two CD drives after the disks, of a file and of an address; a floppy drive."""
    images = {
        "cdrom_image_path": "/iso/a.iso",
        "cdrom2_image_path": "https://example.com:8443/b.iso?x=1&y",
        "floppy_image_path": "/img/floppy",
    }
    top = describe(spec(disk_type="ide", **images), ("/d",))
    assert [each["dev"] for each in places(top)] == ["hda", "hdb", "hdc", "fda"]
    first, second = top.findall("devices/disk[@device='cdrom']")
    assert one(first, "source").get("file") == "/iso/a.iso"
    assert one(second, "source").attrib == {
        "protocol": "https", "name": "b.iso", "query": "x=1&y"
    }  # fmt: skip
    assert one(second, "source/host").attrib == {"name": "example.com", "port": "8443"}
    assert one(top, "devices/disk[@device='floppy']/source").get("file") == "/img/floppy"


@pytest.mark.parametrize(
    ("hvparams", "bus"),
    [
        ({}, "ide"),
        ({"machine_version": "pc-q35-7.2"}, "sata"),
        ({"cdrom_disk_type": "paravirtual"}, "ide"),
        ({"cdrom_disk_type": "scsi-cd"}, "scsi"),
    ],
)
def test_cdrom_type(hvparams: dict[str, str], bus: str) -> None:
    """As it is asked for; else what the machine has."""
    top = describe(spec(cdrom_image_path="/a.iso", **hvparams))
    assert places(top)[0]["bus"] == bus


def test_image_address() -> None:
    """An address that libvirt cannot read is refused."""
    with pytest.raises(HypervisorError, match=r"Image rsync://example.com/x cannot be used"):
        describe(spec(cdrom_image_path="rsync://example.com/x"))


def test_many_disks() -> None:
    """Names go on after z."""
    top = describe(spec(), tuple(f"/d{number}" for number in range(28)))
    assert [each["dev"] for each in places(top)][25:] == ["vdz", "vdaa", "vdab"]


# -- interfaces


def nic(top: Element) -> Element:
    return one(top, "devices/interface")


def test_bridge() -> None:
    """On a bridge, with its address."""
    found = nic(describe(with_nic(spec(), link="br7")))
    assert found.get("type") == "bridge"
    assert one(found, "source").get("bridge") == "br7"
    assert one(found, "mac").get("address") == "aa:00:00:00:00:01"
    assert found.find("virtualport") is None


@pytest.mark.parametrize(
    ("vlan", "trunk", "tags"),
    [
        ("", None, []),
        (".5", None, [("5", None)]),
        (":5:6", "yes", [("5", None), ("6", None)]),
        (".5:6", "yes", [("5", "untagged"), ("6", None)]),
    ],
)
def test_switch(vlan: str, trunk: str | None, tags: list[tuple[str, str | None]]) -> None:
    """On Open vSwitch, in its VLANs."""
    found = nic(describe(with_nic(spec(), mode=NicMode.OPENVSWITCH, vlan=vlan)))
    assert one(found, "virtualport").get("type") == "openvswitch"
    assert [(tag.get("id"), tag.get("nativeMode")) for tag in found.iter("tag")] == tags
    if tags:
        assert one(found, "vlan").get("trunk") == trunk


def test_no_vlan() -> None:
    """What is no VLAN is refused."""
    with pytest.raises(HypervisorError, match="NIC 0: 'x' is no VLAN"):
        describe(with_nic(spec(), mode=NicMode.OPENVSWITCH, vlan="x"))


def test_routed() -> None:
    """A mode that libvirt cannot give is refused."""
    with pytest.raises(HypervisorError, match="NIC 0 has mode routed"):
        describe(with_nic(spec(), mode=NicMode.ROUTED))


@pytest.mark.parametrize(
    ("hvparams", "model", "driver"),
    [
        ({}, "virtio", {"name": "vhost"}),
        ({"vhost_net": False}, "virtio", {"name": "qemu"}),
        ({"virtio_net_queues": 4}, "virtio", {"name": "vhost", "queues": "4"}),
        ({"nic_type": "e1000"}, "e1000", None),
        ({"nic_type": "ne2k_isa"}, "ne2k_isa", None),
    ],
)
def test_nic_types(hvparams: dict[str, Any], model: str, driver: dict[str, str] | None) -> None:
    """The card, and who moves its packets."""
    found = nic(describe(spec(**hvparams)))
    assert one(found, "model").get("type") == model
    given = found.find("driver")
    assert (None if given is None else given.attrib) == driver


@pytest.mark.parametrize(
    ("nic_type", "words"),
    [
        ("paravirtual", "virtio-net-pci,mac=aa:00:00:00:00:01,addr=0x18"),
        ("e1000", "e1000,mac=aa:00:00:00:00:01,addr=0x18"),
        ("ne2k_isa", "ne2k_isa,mac=aa:00:00:00:00:01"),
    ],
)
def test_loose_nic(nic_type: str, words: str) -> None:
    """A bridge that the node does not have: the card is there, its cable is not."""
    top = describe(spec(nic_type=nic_type), loose_links=frozenset({"xen-br0"}))
    assert top.find("devices/interface") is None
    assert [each.get("value") for each in top.iter() if each.tag.endswith("}arg")] == [
        "-device", words
    ]  # fmt: skip


# -- ports


def test_serial_port() -> None:
    """Served on a socket, and kept in a log."""
    port = one(describe(spec()), "devices/serial")
    assert one(port, "source").attrib == {"mode": "bind", "path": "/serial"}
    assert one(port, "log").attrib == {"file": "/log", "append": "on"}
    assert describe(spec(serial_console=False)).find("devices/serial") is None


def test_guest_agent() -> None:
    """A channel for the agent in the guest."""
    channel = one(describe(spec(use_guest_agent=True)), "devices/channel/target")
    assert channel.get("name") == "org.qemu.guest_agent.0"
    assert describe(spec()).find("devices/channel") is None


def test_usb() -> None:
    """Mouse, tablet, and devices of the node by address or kind; else no bus at all."""
    top = describe(spec(usb_mouse="mouse", usb_devices="tablet host:1.2, host:46d:c52b"))
    assert [each.get("type") for each in top.iter("input")] == ["mouse", "tablet"]
    by_address, by_kind = top.findall("devices/hostdev/source")
    assert one(by_address, "address").attrib == {"bus": "1", "device": "2"}
    assert one(by_kind, "vendor").get("id") == "0x046d"
    assert one(by_kind, "product").get("id") == "0xc52b"
    bus = "devices/controller[@type='usb']"
    assert top.find(bus) is None
    assert one(describe(spec()), bus).get("model") == "none"


# -- screens


def test_vnc() -> None:
    """On an address: with the port of the instance, keys and password."""
    vnc = spec(vnc_bind_address="192.0.2.1", keymap="de")
    screen = one(describe(vnc, vnc_password=Secret("s3")), "devices/graphics")
    assert screen.attrib == {
        "type": "vnc", "port": "11000", "autoport": "no", "keymap": "de", "passwd": "s3"
    }  # fmt: skip
    assert one(screen, "listen").attrib == {"type": "address", "address": "192.0.2.1"}


def test_vnc_socket() -> None:
    """In a folder: a socket with the instance's name, and no port."""
    screen = one(describe(spec(vnc_bind_address="/run/vnc")), "devices/graphics")
    assert screen.get("port") is None
    assert one(screen, "listen").get("socket") == "/run/vnc/inst1.example.com.vnc"


@pytest.mark.parametrize("bind", ["vnc_bind_address", "spice_bind"])
def test_no_port(bind: str) -> None:
    """An instance without a port of its own cannot have one of them."""
    without = kvm_spec(1, hvparams={bind: "192.0.2.1"})
    with pytest.raises(HypervisorError, match=r"inst1.example.com has no network port"):
        describe(without)


@pytest.mark.parametrize(
    ("name", "value", "tag", "attribute"),
    [
        ("spice_image_compression", "quic", "image", "compression"),
        ("spice_jpeg_wan_compression", "never", "jpeg", "compression"),
        ("spice_zlib_glz_wan_compression", "always", "zlib", "compression"),
        ("spice_streaming_video", "filter", "streaming", "mode"),
    ],
)
def test_spice(name: str, value: str, tag: str, attribute: str) -> None:
    """On an address, with the port of the instance, and what is compressed."""
    spice = spec(spice_bind="192.0.2.1", **{name: value})
    screen = one(describe(spice, spice_password=Secret("s3")), "devices/graphics")
    assert (screen.get("type"), screen.get("port"), screen.get("passwd")) == (
        "spice",
        "11000",
        "s3",
    )
    assert one(screen, tag).get(attribute) == value


def test_spice_agent() -> None:
    """The guest's agent for SPICE; sound is compressed unless that is switched off."""
    path = "devices/channel[@type='spicevmc']"
    assert describe(spec(spice_bind="192.0.2.1")).find(path) is not None
    top = describe(
        spec(spice_bind="192.0.2.1", spice_use_vdagent=False, spice_playback_compression=False)
    )
    assert top.find(path) is None
    assert one(top, "devices/graphics/playback").get("compression") == "off"


@pytest.mark.parametrize(
    ("vga", "model"),
    [
        ("cirrus", "cirrus"),
        ("none", "none"),
        ("qxl", "qxl"),
        ("std", "vga"),
        ("virtio", "virtio"),
        ("vmware", "vmvga"),
    ],
)
def test_video(vga: str, model: str) -> None:
    """The card that is asked for."""
    assert one(describe(spec(vga=vga)), "devices/video/model").get("type") == model


def test_no_video() -> None:
    """Without a screen there is no card; with one libvirt chooses it."""
    assert one(describe(spec()), "devices/video/model").get("type") == "none"
    assert describe(spec(vnc_bind_address="192.0.2.1")).find("devices/video") is None


@pytest.mark.parametrize(
    ("soundhw", "models"),
    [
        ("", []),
        ("hda", ["ich6"]),
        ("ac97,es1370", ["ac97", "es1370"]),
        ("ich9-intel-hda", ["ich9"]),
    ],
)
def test_sound(soundhw: str, models: list[str]) -> None:
    """Sound cards, several joined by commas."""
    assert [each.get("model") for each in describe(spec(soundhw=soundhw)).iter("sound")] == models
