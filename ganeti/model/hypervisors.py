"""Facts about hypervisors: their parameters, with type, default and range."""

from __future__ import annotations

import posixpath
import re
from collections.abc import Collection, Mapping
from dataclasses import dataclass
from enum import Enum, StrEnum, auto
from typing import Any

from ganeti.errors import ErrorCode, HypervisorError, OpPrereqError
from ganeti.model.kvm_conflicts import conflicts
from ganeti.model.origins import Levels, origin_text
from ganeti.model.parameters import ParameterType, enforce_types


class HypervisorName(StrEnum):
    """The hypervisors there are."""

    CHROOT = "chroot"
    FAKE = "fake"
    KVM = "kvm"
    LXC = "lxc"
    XEN_HVM = "xen-hvm"
    XEN_PVM = "xen-pvm"


class Check(Enum):
    """What the text of a parameter must look like."""

    ANY = auto()
    PATH = auto()
    """Absolute and normalized; whether there is such a file is the node's check."""
    DIRECTORY = auto()
    """As PATH, of a directory."""
    IMAGE = auto()
    """As PATH, or a URL."""
    CPU_MASK = auto()
    """C{0-2,5} or C{all}."""
    MULTI_CPU_MASK = auto()
    """CPU masks joined by colons: one for each virtual CPU, or one for all."""


@dataclass(frozen=True, slots=True, kw_only=True)
class HvParam:
    """One hypervisor parameter."""

    default: Any
    type: ParameterType
    required: bool = False
    """May not be empty."""
    cluster_only: bool = False
    """Not settable for one instance."""
    choices: tuple[Any, ...] = ()
    low: int | None = None
    high: int | None = None
    check: Check = Check.ANY


def _p(default: Any, *, type: ParameterType | None = None, **facts: Any) -> HvParam:
    return HvParam(default=default, type=type or _TYPES[default.__class__], **facts)


_TYPES: Mapping[Any, ParameterType] = {
    bool: ParameterType.BOOL,
    int: ParameterType.INT,
    str: ParameterType.STRING,
}

_KVM_DISK_TYPES = (
    "ide", "mtd", "paravirtual", "pflash", "scsi",
    "scsi-block", "scsi-cd", "scsi-generic", "scsi-hd", "sd",
)  # fmt: skip
_KVM_NIC_TYPES = (
    "e1000", "i82551", "i82557b", "i82559er", "ne2k_isa",
    "ne2k_pci", "paravirtual", "pcnet", "rtl8139",
)  # fmt: skip
_LXC_DEVICES = (
    "c 1:3 rw,c 1:5 rw,c 1:7 rw,c 1:8 rw,c 1:9 rw,c 1:10 rw,c 5:0 rw,c 5:1 rw,c 5:2 rw,c 136:* rw"
)

_VNC_PASSWORD = "/etc/ganeti/vnc-cluster-password"
_LIVE_OR_NOT = ("live", "non-live")
_XEN_NIC_TYPES = ("e1000", "ne2k_isa", "ne2k_pci", "paravirtual", "rtl8139")
_COMPRESSIONS = ("auto_glz", "auto_lz", "glz", "lz", "off", "quic")
_DISK_CACHES = ("default", "none", "writeback", "writethrough")
_SCSI_CONTROLLERS = ("dc390", "lsi", "megasas", "virtio-scsi-pci")

# fmt: off
HVPARAMS: Mapping[HypervisorName, Mapping[str, HvParam]] = {
    HypervisorName.CHROOT: {
        "init_script": _p("/ganeti-chroot", required=True),
    },
    HypervisorName.FAKE: {
        "migration_mode": _p("live", required=True, cluster_only=True, choices=_LIVE_OR_NOT),
    },
    HypervisorName.KVM: {
        "acpi": _p(True),
        "boot_order": _p("disk", required=True, choices=("cdrom", "disk", "floppy", "network")),
        "cdrom2_image_path": _p("", check=Check.IMAGE),
        "cdrom_disk_type": _p("", choices=_KVM_DISK_TYPES),
        "cdrom_image_path": _p("", check=Check.IMAGE),
        "cpu_cores": _p(0, low=0),
        "cpu_mask": _p("all", check=Check.MULTI_CPU_MASK),
        "cpu_sockets": _p(0, low=0),
        "cpu_threads": _p(0, low=0),
        "cpu_type": _p(""),
        "disk_aio": _p("threads", choices=("io_uring", "native", "threads")),
        "disk_cache": _p("default", required=True, choices=_DISK_CACHES),
        "disk_discard": _p("ignore", choices=("ignore", "unmap")),
        "disk_type": _p("paravirtual", required=True, choices=_KVM_DISK_TYPES),
        "floppy_image_path": _p("", check=Check.PATH),
        "initrd_path": _p("", check=Check.PATH),
        "kernel_args": _p("ro"),
        "kernel_path": _p("/boot/vmlinuz-3-kvmU", check=Check.PATH),
        "keymap": _p(""),
        "kvm_extra": _p(""),
        "kvm_flag": _p("", choices=("disabled", "enabled")),
        "kvm_path": _p("/usr/bin/kvm", required=True, check=Check.PATH),
        "kvm_pci_reservations": _p(12, low=0, high=32),
        "machine_version": _p(""),
        "mem_path": _p("", check=Check.DIRECTORY),
        "migration_bandwidth": _p(32, required=True, cluster_only=True, low=0),
        "migration_caps": _p(""),
        "migration_downtime": _p(30, required=True, low=0),
        "migration_mode": _p("live", required=True, cluster_only=True, choices=_LIVE_OR_NOT),
        "migration_port": _p(8102, required=True, cluster_only=True, low=1, high=65535),
        "nic_type": _p("paravirtual", required=True, choices=_KVM_NIC_TYPES),
        "reboot_behavior": _p("reboot", required=True, choices=("exit", "reboot")),
        "root_path": _p("/dev/vda1", type=ParameterType.MAYBE_STRING),
        "scsi_controller_type": _p("lsi", required=True, choices=_SCSI_CONTROLLERS),
        "security_domain": _p(""),
        "security_model": _p("none", required=True, choices=("none", "pool", "user")),
        "serial_console": _p(True),
        "serial_speed": _p(38400),
        "soundhw": _p(""),
        "spice_bind": _p(""),
        "spice_image_compression": _p("", choices=_COMPRESSIONS),
        "spice_ip_version": _p(0, choices=(0, 4, 6)),
        "spice_jpeg_wan_compression": _p("", choices=("always", "auto", "never")),
        "spice_password_file": _p("", check=Check.PATH),
        "spice_playback_compression": _p(True),
        "spice_streaming_video": _p("", choices=("all", "filter", "off")),
        "spice_tls_ciphers": _p("HIGH:-DES:-3DES:-EXPORT:-DH"),
        "spice_use_tls": _p(False),
        "spice_use_vdagent": _p(True),
        "spice_zlib_glz_wan_compression": _p("", choices=("always", "auto", "never")),
        "usb_devices": _p(""),
        "usb_mouse": _p("", choices=("mouse", "tablet")),
        "use_chroot": _p(False),
        "use_guest_agent": _p(False),
        "use_localtime": _p(False),
        "user_shutdown": _p(False),
        "vga": _p(""),
        "vhost_net": _p(True),
        "virtio_net_queues": _p(1, low=1, high=32),
        "vnc_bind_address": _p(""),
        "vnc_password_file": _p("", check=Check.PATH),
        "vnc_tls": _p(False),
        "vnc_x509_path": _p("", check=Check.DIRECTORY),
        "vnc_x509_verify": _p(False),
        "vnet_hdr": _p(True),
    },
    HypervisorName.LXC: {
        "cpu_mask": _p("", check=Check.CPU_MASK),
        "devices": _p(_LXC_DEVICES),
        "drop_capabilities": _p("mac_override,sys_boot,sys_module,sys_time,sys_admin"),
        "extra_cgroups": _p(""),
        "extra_config": _p(""),
        "num_ttys": _p(6, required=True, low=0),
        "startup_timeout": _p(30, low=0),
    },
    HypervisorName.XEN_HVM: {
        "acpi": _p(True),
        "blockdev_prefix": _p("hd"),
        "boot_order": _p("cd", required=True),
        "cdrom_image_path": _p("", check=Check.PATH),
        "cpu_cap": _p(0),
        "cpu_mask": _p("all", check=Check.MULTI_CPU_MASK),
        "cpu_weight": _p(256),
        "cpuid": _p(""),
        "device_model": _p("/usr/lib/xen/bin/qemu-dm", required=True, check=Check.PATH),
        "disk_type": _p("paravirtual", required=True, choices=("ioemu", "paravirtual")),
        "kernel_path": _p("/usr/lib/xen/boot/hvmloader", required=True, check=Check.PATH),
        "migration_mode": _p("non-live", required=True, cluster_only=True, choices=_LIVE_OR_NOT),
        "migration_port": _p(8002, required=True, cluster_only=True, low=1, high=65535),
        "nic_type": _p("rtl8139", required=True, choices=_XEN_NIC_TYPES),
        "pae": _p(True),
        "pci_pass": _p(""),
        "reboot_behavior": _p("reboot", required=True, choices=("exit", "reboot")),
        "soundhw": _p(""),
        "use_localtime": _p(False),
        "vif_script": _p("", check=Check.PATH),
        "vif_type": _p("ioemu", choices=("ioemu", "vif")),
        "viridian": _p(False),
        "vnc_bind_address": _p("0.0.0.0"),
        "vnc_password_file": _p(_VNC_PASSWORD, required=True, check=Check.PATH),
    },
    HypervisorName.XEN_PVM: {
        "blockdev_prefix": _p("sd"),
        "bootloader_args": _p(""),
        "bootloader_path": _p("", check=Check.PATH),
        "cpu_cap": _p(0, low=0),
        "cpu_mask": _p("all", check=Check.MULTI_CPU_MASK),
        "cpu_weight": _p(256),
        "cpuid": _p(""),
        "initrd_path": _p("", check=Check.PATH),
        "kernel_args": _p("ro"),
        "kernel_path": _p("/boot/vmlinuz-3-xenU", required=True, check=Check.PATH),
        "migration_mode": _p("live", required=True, cluster_only=True, choices=_LIVE_OR_NOT),
        "migration_port": _p(8002, required=True, cluster_only=True, low=1, high=65535),
        "reboot_behavior": _p("reboot", required=True, choices=("exit", "reboot")),
        "root_path": _p("/dev/xvda1", type=ParameterType.MAYBE_STRING),
        "soundhw": _p(""),
        "use_bootloader": _p(False),
        "vif_script": _p("", check=Check.PATH),
    },
}
# fmt: on

CAN_MIGRATE = frozenset(HypervisorName) - {HypervisorName.CHROOT, HypervisorName.LXC}

CLUSTER_ONLY = ("migration_bandwidth", "migration_mode", "migration_port")
"""Parameters that may be set for the cluster only."""

HVPARAM_TYPES: Mapping[str, ParameterType] = {
    name: spec.type for table in HVPARAMS.values() for name, spec in table.items()
}
"""Of all hypervisors together: a name is of the same type everywhere."""
ALL_HVPARAM_NAMES = tuple(sorted({name for table in HVPARAMS.values() for name in table}))

_CPU_RANGE = re.compile(r"\A\d+(-\d+)?(,\d+(-\d+)?)*\Z")
_URL = re.compile(r"\A[a-z][a-z0-9+.-]*://\S+\Z")


def default_hvparams() -> dict[HypervisorName, dict[str, Any]]:
    """Complete hypervisor parameters of a new cluster."""
    return {name: built_in(name) for name in HypervisorName}


def built_in(hypervisor: HypervisorName) -> dict[str, Any]:
    """The values that hold where nothing else is set."""
    return {name: spec.default for name, spec in HVPARAMS[hypervisor].items()}


def parse_hvparams(
    hypervisor: HypervisorName, values: Mapping[str, Any], allowed: tuple[Any, ...] = ()
) -> dict[str, Any]:
    """
    Hypervisor parameters of a request, converted to their types.

    @param allowed: values let through for each parameter, such as C{"default"}.
    @raise TypeEnforcementError: unknown parameter, or a value of the wrong type.
    """
    types = {name: spec.type for name, spec in HVPARAMS[hypervisor].items()}
    return enforce_types(values, types, allowed)


def check_hvparams(
    hypervisor: HypervisorName,
    values: Mapping[str, Any],
    levels: Levels | None = None,
    changed: Collection[str] | None = None,
) -> None:
    """
    Check complete parameters as far as that is possible without a node.

    @param levels: where they come from, for the error's text.
    @param changed: names; what concerns none of them is not looked at. None: all is.
    @raise HypervisorError: a value is missing, out of range or malformed, or does not go
        together with another one.
    """
    table = HVPARAMS[hypervisor]
    wanted = set(values) if changed is None else set(changed)
    for name in (each for each in values if each in wanted):
        if name not in table:
            raise HypervisorError(
                f"Hypervisor parameter '{name}' is not supported by hypervisor '{hypervisor}'"
            )
        if problem := _problem(table[name], values[name]):
            raise _wrong(name, problem, values, levels)
    if hypervisor is HypervisorName.KVM:
        for rule, problem in conflicts(values):
            if wanted.intersection(rule.names):
                raise _wrong(rule.names[0], problem, values, levels)


def _wrong(
    name: str, problem: str, values: Mapping[str, Any], levels: Levels | None
) -> HypervisorError:
    origin = "" if levels is None else f", {origin_text(name, levels)}"
    return HypervisorError(
        f"Hypervisor parameter '{name}': {problem} (current value: '{values[name]}'{origin})"
    )


def check_cpu_mask(values: Mapping[str, Any], vcpus: int) -> None:
    """
    @raise OpPrereqError: there are several lists of CPUs, but not one for each virtual one.
    """
    mask = values.get("cpu_mask") or "all"
    masks = mask.count(":") + 1
    if masks not in (1, vcpus):
        raise OpPrereqError(
            f"Hypervisor parameter 'cpu_mask': '{mask}' is for {masks} processors, but the"
            f" instance has {vcpus}",
            ErrorCode.WRONG_INPUT,
        )


def check_instance_hvparams(values: Mapping[str, Any]) -> None:
    """
    @raise OpPrereqError: a parameter is there that only the cluster may set.
    """
    wrong = sorted(set(values) & set(CLUSTER_ONLY))
    if wrong:
        raise OpPrereqError(
            "The following parameters can be set for the whole cluster only, not for an instance:"
            f" {', '.join(wrong)}",
            ErrorCode.WRONG_INPUT,
        )


def _problem(spec: HvParam, value: Any) -> str:
    if value in ("", None):
        return "a value is needed" if spec.required else ""
    if spec.choices and value not in spec.choices:
        return f"must be one of {', '.join(map(str, spec.choices))}"
    if spec.low is not None and value < spec.low:
        return f"must be at least {spec.low}"
    if spec.high is not None and value > spec.high:
        return f"must be at most {spec.high}"
    return _text_problem(spec.check, value)


def _text_problem(check: Check, value: Any) -> str:
    match check:
        case Check.PATH | Check.DIRECTORY if not _is_path(value):
            return "must be an absolute normalized path"
        case Check.IMAGE if not (_is_path(value) or _URL.match(value)):
            return "must be an absolute normalized path or a URL"
        case Check.CPU_MASK if not _is_cpu_mask(value):
            return "must be a list of CPUs such as 0-2,5"
        case Check.MULTI_CPU_MASK if not all(map(_is_cpu_mask, value.split(":"))):
            return "must be lists of CPUs such as 0-2,5, joined by colons"
    return ""


def _is_path(value: str) -> bool:
    return posixpath.isabs(value) and posixpath.normpath(value) == value


def _is_cpu_mask(value: str) -> bool:
    return value == "all" or bool(_CPU_RANGE.match(value))
