"""The settings of a new cluster, from the options of C{gnt-cluster init}."""

from __future__ import annotations

from collections.abc import Sequence
from typing import TYPE_CHECKING, Any

from ganeti.cli.newpolicy import build_policy
from ganeti.cli.newstorage import (
    complete_diskparams,
    disk_state,
    enabled_templates,
    storage_settings,
)
from ganeti.cli.settings import dictionary, known, words, wrong
from ganeti.errors import HypervisorError
from ganeti.model.allocators import parse_hail_parameters
from ganeti.model.cluster import AF_INET, AF_INET6, SshKeyType
from ganeti.model.hypervisors import (
    HypervisorName,
    built_in,
    check_hvparams,
    default_hvparams,
    parse_hvparams,
)
from ganeti.model.names import normal_mac_prefix
from ganeti.model.parameters import (
    BeParams,
    NdParams,
    NicParams,
    ParameterType,
    enforce_types,
    fill,
    parse_beparams,
    parse_ndparams,
    parse_nicparams,
)
from ganeti.model.uid_pool import HIGHEST_UID, check_pool
from ganeti.utils.allocators import BUILT_IN, find_allocator, is_allocator

if TYPE_CHECKING:
    from optparse import Values

    from ganeti.paths import Paths

_DEFAULT_NETDEV = "xen-br0"
_SSH_KEY_BITS = {
    SshKeyType.RSA: (2048, 3072, 4096),
    SshKeyType.DSA: (1024,),
    SshKeyType.ECDSA: (384, 256, 521),
}
"""By kind usual lengths, the default first (ssh-keygen(1), -b)."""
_RSA_BITS = range(1024, 16385)
_HV_STATE = ("cpu_node", "cpu_total", "mem_hv", "mem_node", "mem_total")


def build_settings(options: Values, paths: Paths) -> dict[str, Any]:
    """
    Fields of L{ganeti.model.cluster.Cluster} that the options set.

    @raise OpPrereqError: an option has an impossible value, or two contradict each other.
    @raise TypeEnforcementError: a parameter is unknown or not of its type.
    """
    hypervisors = _hypervisors(options, paths)
    templates = enabled_templates(options, paths)
    return {
        "enabled_hypervisors": hypervisors,
        "hvparams": _hvparams(options.hvparams, hypervisors),
        "beparams": {"default": fill(BeParams(), parse_beparams(options.beparams))},
        "nicparams": {"default": fill(NicParams(), parse_nicparams(options.nicparams))},
        "ndparams": fill(NdParams(), parse_ndparams(options.ndparams or {})),
        "diskparams": complete_diskparams(options.diskparams),
        "ipolicy": build_policy(options, templates),
        "hv_state_static": _hv_state(options.hv_state),
        "disk_state_static": disk_state(options.disk_state),
        **storage_settings(options, templates),
        **_network(options, paths),
        **_allocator(options, paths),
        **_ssh_keys(options),
        **_plain(options, paths),
    }


# -- Hypervisors


def _hypervisors(options: Values, paths: Paths) -> tuple[HypervisorName, ...]:
    if options.enabled_hypervisors is None:
        return (HypervisorName.FAKE if paths.virtual else HypervisorName.XEN_PVM,)
    found = known("hypervisor", words(options.enabled_hypervisors), HypervisorName)
    if not found:
        raise wrong("At least one hypervisor must be enabled")
    return found


def _hvparams(
    given: Sequence[tuple[str, Any]], enabled: Sequence[HypervisorName]
) -> dict[HypervisorName, dict[str, Any]]:
    complete = default_hvparams()
    for word, values in given:
        (name,) = known("hypervisor", [word], HypervisorName)
        complete[name] |= parse_hvparams(name, dictionary(f"-H {word}", values))
    for name in enabled:
        if complete[name] == built_in(name):
            continue  # the node says what of its defaults it lacks
        try:
            check_hvparams(name, complete[name])
        except HypervisorError as err:
            raise wrong(str(err)) from err
    return complete


def _hv_state(given: Sequence[tuple[str, Any]]) -> dict[str, Any]:
    types = dict.fromkeys(_HV_STATE, ParameterType.INT)
    state = {}
    for word, values in given:
        (name,) = known("hypervisor", [word], HypervisorName)
        state[name.value] = enforce_types(dictionary("--hypervisor-state " + word, values), types)
    return state


# -- Network, and the rest


def _network(options: Values, paths: Paths) -> dict[str, Any]:
    family = _ip_family(options.primary_ip_version)
    longest = 128 if family == AF_INET6 else 32
    netmask = longest if options.master_netmask is None else _integer(options.master_netmask)
    if netmask is None or not 0 < netmask <= longest:
        raise wrong(f"Invalid netmask ({options.master_netmask}): use 1 to {longest}")
    settings: dict[str, Any] = {
        "primary_ip_family": family,
        "master_netmask": netmask,
        "master_netdev": options.master_netdev or ("lo" if paths.virtual else _DEFAULT_NETDEV),
        "use_external_mip_script": bool(options.use_external_mip_script),
    }
    if options.mac_prefix is not None:
        settings["mac_prefix"] = normal_mac_prefix(options.mac_prefix)
    return settings


def _ip_family(version: Any) -> int:
    families = {"4": AF_INET, "6": AF_INET6}
    if str(version) not in families:
        raise wrong(f"Invalid primary IP version '{version}': use 4 or 6")
    return families[str(version)]


def _integer(text: str) -> int | None:
    return int(text) if text.isascii() and text.isdecimal() else None


def _allocator(options: Values, paths: Paths) -> dict[str, Any]:
    """Who chooses nodes when none is named: the built-in allocator, unless told otherwise."""
    name = BUILT_IN if options.default_iallocator is None else options.default_iallocator
    parameters = options.default_iallocator_params or {}
    if name and not is_allocator(paths, name):
        raise wrong(f"Invalid default iallocator script '{name}' specified")
    if name == BUILT_IN and find_allocator(paths, name) is None:
        parse_hail_parameters(parameters)
    return {"default_iallocator": name, "default_iallocator_params": parameters}


def _ssh_keys(options: Values) -> dict[str, Any]:
    """What kind of SSH keys nodes get; without a length a usual one for the kind."""
    kind = SshKeyType(options.ssh_key_type or SshKeyType.RSA)
    lengths = _SSH_KEY_BITS[kind]
    bits = lengths[0] if options.ssh_key_bits is None else options.ssh_key_bits
    if bits not in lengths and not (kind is SshKeyType.RSA and bits in _RSA_BITS):
        usual = ", ".join(map(str, lengths))
        raise wrong(f"SSH keys of type {kind} cannot have {bits} bits; usual is {usual}")
    return {"ssh_key_type": kind, "ssh_key_bits": bits}


def _plain(options: Values, paths: Paths) -> dict[str, Any]:
    """Settings that are taken as they are; what was not given keeps its default."""
    pool_size = options.candidate_pool_size
    if pool_size is not None and pool_size < 1:
        raise wrong("The candidate pool size must be at least 1")
    wanted = {
        "candidate_pool_size": pool_size,
        "maintain_node_health": options.maintain_node_health,
        "prealloc_wipe_disks": options.prealloc_wipe_disks,
        "enabled_user_shutdown": options.enabled_user_shutdown,
        "install_image": options.install_image,
        "zeroing_image": options.zeroing_image,
        "compression_tools": words(options.compression_tools) or None,
        "uid_pool": None if options.uid_pool is None else parse_uid_pool(options.uid_pool),
        # The machine's own files are left alone in a virtual cluster.
        "modify_etc_hosts": options.modify_etc_hosts and not paths.virtual,
        "modify_ssh_setup": options.modify_ssh_setup and not paths.virtual,
    }
    given = {name: value for name, value in wanted.items() if value is not None}
    return {name: tuple(v) if isinstance(v, list) else v for name, v in given.items()}


def parse_uid_pool(text: str) -> tuple[tuple[int, int], ...]:
    """
    Ranges of user ids, from C{2000-2099,3000}.

    @raise OpPrereqError: malformed, out of range, or overlapping.
    """
    ranges: list[tuple[int, int]] = []
    for word in words(text):
        low_text, dash, high_text = word.partition("-")
        low, high = _integer(low_text), _integer(high_text if dash else low_text)
        if low is None or high is None:
            raise wrong(f"Invalid user ids '{word}': use N or N-M, up to {HIGHEST_UID}")
        ranges.append((low, high))
    return check_pool(ranges)
