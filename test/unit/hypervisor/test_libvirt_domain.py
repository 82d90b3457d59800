"""The description of a kvm guest, parameter by parameter."""

from __future__ import annotations

from typing import Any

import pytest
from msgspec.structs import replace
from support.kvm import describe, kvm_spec

from ganeti.errors import HypervisorError
from ganeti.hypervisor.libvirt.parameters import IGNORED
from ganeti.model.hypervisors import HVPARAMS, HvParam, HypervisorName
from ganeti.model.live import InstanceSpec
from ganeti.model.parameters import BeParams, ParameterType

KVM = HVPARAMS[HypervisorName.KVM]

# What the node makes of them is in its look at the machine, and from there in the description.
OF_THE_NODE = {
    *("kvm_flag", "kvm_path", "security_domain", "security_model"),
    *("spice_password_file", "vnc_password_file"),
}
# Parameters that mean something only beside others, and an unusual value for those that are
# checked as text.
BESIDE: dict[str, dict[str, Any]] = {
    "cdrom_disk_type": {"cdrom_image_path": "/cd.iso"},
    "boot_order": {"kernel_path": ""},
    "initrd_path": {"kernel_path": "/k"},
    "kernel_args": {"kernel_path": "/k"},
    "keymap": {"vnc_bind_address": "192.0.2.1"},
    "root_path": {"kernel_path": "/k"},
    "scsi_controller_type": {"disk_type": "scsi"},
    "serial_speed": {"kernel_path": "/k"},
}
UNUSUAL: dict[str, Any] = {
    "cdrom_disk_type": "scsi-cd",
    "cpu_cores": 2,
    "cpu_mask": "0-1",
    "cpu_sockets": 2,
    "cpu_threads": 2,
    "soundhw": "ac97",
    "spice_bind": "192.0.2.1",
    "usb_devices": "tablet",
    "vga": "std",
    "vnc_bind_address": "192.0.2.1",
}


def spec(vcpus: int = 2, **hvparams: Any) -> InstanceSpec:
    made = kvm_spec(1, hvparams=hvparams, network_port=11000)
    return replace(made, beparams=BeParams(maxmem=256, minmem=128, vcpus=vcpus))


def text(made: InstanceSpec, path: str, **around: Any) -> str | None:
    return describe(made, **around).findtext(path)


def get(made: InstanceSpec, path: str, attribute: str, **around: Any) -> str | None:
    found = describe(made, **around).find(path)
    return None if found is None else found.get(attribute)


def another(name: str, facts: HvParam) -> Any:
    """A value that is not the default."""
    if name in UNUSUAL:
        return UNUSUAL[name]
    if facts.choices:
        return next(each for each in facts.choices if each not in (facts.default, "mtd", "pool"))
    if facts.type is ParameterType.BOOL:
        return not facts.default
    return 7 if facts.type is ParameterType.INT else "/other"


@pytest.mark.parametrize("name", sorted(KVM))
def test_no_parameter_is_lost(name: str) -> None:
    """Each parameter changes the description, is refused, or is known to mean nothing here."""
    if name in IGNORED or name in OF_THE_NODE:
        return
    beside = {"spice_bind": "192.0.2.1"} if name.startswith("spice_") else {}
    beside |= {"vnc_bind_address": "192.0.2.1"} if name.startswith("vnc_") else {}
    beside = BESIDE.get(name, beside)
    if name in beside:
        beside = {}
    plain = describe(spec(**{**beside, name: KVM[name].default}), ("/d",))
    try:
        changed = describe(spec(**beside, **{name: another(name, KVM[name])}), ("/d",))
    except HypervisorError as err:
        assert f"parameter {name}" in str(err)
    else:
        assert _flat(changed) != _flat(plain)


def _flat(top: Any) -> list[Any]:
    return [(each.tag, each.attrib, (each.text or "").strip()) for each in top.iter()]


def test_ignored_are_parameters() -> None:
    """What is ignored has a reason, and exists."""
    assert set(IGNORED) < set(KVM)
    assert all(IGNORED.values())


def test_name_memory_and_processors() -> None:
    """The guest has its name, its uuid, all its memory and its processors."""
    top = describe(spec(vcpus=3))
    assert top.findtext("name") == "inst1.example.com"
    assert top.findtext("uuid") == spec().instance.uuid
    assert (top.findtext("memory"), top.findtext("currentMemory")) == ("256", "256")
    assert top.findtext("vcpu") == "3"
    assert top.get("type") == "kvm"
    top = describe(replace(spec(), memory_mib=128))
    assert (top.findtext("memory"), top.findtext("currentMemory")) == ("256", "128")


def test_emulation() -> None:
    """Without KVM processors are emulated; QEMU is the one that was found."""
    top = describe(spec(), domain_type="qemu", emulator="/usr/bin/qemu", arch="aarch64")
    assert top.get("type") == "qemu"
    assert top.findtext("devices/emulator") == "/usr/bin/qemu"
    assert top.find("os/type").get("arch") == "aarch64"  # type: ignore[union-attr]


def test_kernel() -> None:
    """A kernel is booted directly, with its initrd; its root, arguments and console."""
    kernel = {"kernel_path": "/boot/k", "initrd_path": "/boot/i", "kernel_args": "ro quiet"}
    top = describe(spec(**kernel, root_path="/dev/vda", serial_speed=115200))
    assert top.findtext("os/kernel") == "/boot/k"
    assert top.findtext("os/initrd") == "/boot/i"
    assert top.findtext("os/cmdline") == "root=/dev/vda ro quiet console=ttyS0,115200"
    assert top.find("os/boot") is None


@pytest.mark.parametrize("root", ["", None])
def test_kernel_without_root(root: str | None) -> None:
    """No root, no arguments, no console: nothing is said of them."""
    bare = spec(kernel_path="/k", root_path=root, kernel_args="", serial_console=False)
    assert not text(bare, "os/cmdline")
    assert describe(bare).find("os/initrd") is None


@pytest.mark.parametrize(
    ("order", "device"),
    [("cdrom", "cdrom"), ("disk", "hd"), ("floppy", "fd"), ("network", "network")],
)
def test_boot_order(order: str, device: str) -> None:
    """Without a kernel the firmware boots from where it is told."""
    assert get(spec(boot_order=order), "os/boot", "dev") == device


@pytest.mark.parametrize(
    ("mask", "shared", "pins"),
    [
        ("all", None, []),
        ("", None, []),
        ("0-2,5", "0-2,5", []),
        ("1:all", None, [("0", "1")]),
        ("1:2-3", None, [("0", "1"), ("1", "2-3")]),
        ("all:all", None, []),
    ],
)
def test_cpu_mask(mask: str, shared: str | None, pins: list[tuple[str, str]]) -> None:
    """One mask holds for all processors; several are for one each."""
    top = describe(spec(cpu_mask=mask))
    assert top.find("vcpu").get("cpuset") == shared  # type: ignore[union-attr]
    found = [(pin.get("vcpu"), pin.get("cpuset")) for pin in top.iter("vcpupin")]
    assert found == pins


def test_cpu_type() -> None:
    """A model with features added and taken away; the host's own one."""
    top = describe(spec(cpu_type="Nehalem,+aes,-vmx")).find("cpu")
    assert top is not None
    assert top.findtext("model") == "Nehalem"
    features = [(each.get("policy"), each.get("name")) for each in top.iter("feature")]
    assert features == [("require", "aes"), ("disable", "vmx")]
    assert get(spec(cpu_type="host"), "cpu", "mode") == "maximum"
    assert describe(spec()).find("cpu") is None


@pytest.mark.parametrize(
    ("given", "sockets", "cores", "threads"),
    [
        ({"cpu_cores": 2, "cpu_threads": 2}, "2", "2", "2"),
        ({"cpu_sockets": 2}, "2", "4", "1"),
        ({"cpu_threads": 2}, "1", "4", "2"),
        ({"cpu_sockets": 8, "cpu_cores": 1, "cpu_threads": 1}, "8", "1", "1"),
    ],
)
def test_topology(given: dict[str, int], sockets: str, cores: str, threads: str) -> None:
    """What is not given follows from the number of processors."""
    found = describe(spec(vcpus=8, **given)).find("cpu/topology")
    assert found is not None
    assert found.attrib == {"sockets": sockets, "cores": cores, "threads": threads}


@pytest.mark.parametrize(
    ("parameter", "value", "words"),
    [
        ("boot_order", "tape", "boot_order=tape"),
        ("cdrom_disk_type", "pflash", "cdrom_disk_type=pflash"),
        ("cpu_mask", "1:2:3", "cpu_mask=1:2:3 is for 3 processors"),
        ("cpu_sockets", 3, "cpu_sockets"),
        ("cpu_type", "host,aes", "cpu_type: 'aes'"),
        ("disk_type", "mtd", "disk_type=mtd"),
        ("kvm_extra", "-name 'x", "kvm_extra=-name 'x: No closing quotation"),
        ("security_model", "pool", "security_model=pool"),
        ("soundhw", "adlib", "soundhw=adlib"),
        ("spice_use_tls", True, "spice_use_tls=True"),
        ("usb_devices", "webcam", "usb_devices: 'webcam'"),
        ("use_chroot", True, "use_chroot=True"),
        ("vga", "tcx", "vga=tcx"),
        ("vnc_tls", True, "vnc_tls=True"),
        ("kernel_path", "/boot/\x07", r"cannot hold '/boot/\x07' (in its part 'kernel')"),
    ],
)
def test_refused(parameter: str, value: Any, words: str) -> None:
    """What cannot be obeyed is refused, and the text names the parameter."""
    with pytest.raises(HypervisorError) as caught:
        describe(spec(**{parameter: value}))
    assert words in str(caught.value)


def test_machine_memory_and_clock() -> None:
    """The machine's version, huge pages, ACPI, the clock and what a reboot does."""
    top = describe(
        spec(
            machine_version="pc-i440fx-7.2",
            mem_path="/hugepages",
            acpi=False,
            use_localtime=True,
            reboot_behavior="exit",
        )
    )
    assert top.find("os/type").get("machine") == "pc-i440fx-7.2"  # type: ignore[union-attr]
    assert top.find("memoryBacking/hugepages") is not None
    assert top.find("features") is None
    assert top.find("clock").get("offset") == "localtime"  # type: ignore[union-attr]
    assert top.findtext("on_reboot") == "destroy"
    assert top.findtext("on_poweroff") == "destroy"
    assert describe(spec()).findtext("on_reboot") == "restart"
    assert describe(spec()).find("features/acpi") is not None


def test_metadata() -> None:
    """A guest is known as ours, whether its user may stop it, and the mark of its reboot."""
    ours = "metadata/{urn:ganeti:instance}instance"
    top = describe(spec(user_shutdown=True), mark="7/0/1").find(ours)
    assert top is not None
    assert top.attrib == {"user_shutdown": "yes", "mark": "7/0/1"}
    assert get(spec(), ours, "user_shutdown") == "no"
    assert get(spec(), ours, "mark") is None


def test_user_of_qemu() -> None:
    """QEMU runs as another user where that is asked for."""
    label = describe(spec(), security_label="+64055:+108").find("seclabel")
    assert label is not None
    assert (label.get("model"), label.findtext("label")) == ("dac", "+64055:+108")
    assert describe(spec()).find("seclabel") is None


def test_words_for_qemu() -> None:
    """kvm_extra is handed on word by word, as a shell would split it."""
    top = describe(spec(kvm_extra="-name 'a b' -x"))
    words = [each.get("value") for each in top.iter() if each.tag.endswith("}arg")]
    assert words == ["-name", "a b", "-x"]
