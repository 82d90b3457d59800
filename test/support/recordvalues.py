"""Recorded trees of details and lines, read back into the values they were printed from."""

from __future__ import annotations

import re
from typing import Any

from support import recorded


def node_value(node: dict[str, Any], field: str) -> Any:
    """A field of a node, from the tree that C{gnt-node info} printed."""
    parameters = node["node parameters"]
    special = {
        "powered": node.get("powered"),
        "pinst_list": node["primary for instances"] or [],
        "sinst_list": node["secondary for instances"] or [],
        "ndparams": {name: _without_default(value) for name, value in parameters.items()},
        "custom_ndparams": _own(parameters),
        "uuid": "",
    }
    label = {
        "name": "Node name",
        "pip": "primary ip",
        "sip": "secondary ip",
        "master_candidate": "master candidate",
    }
    return special[field] if field in special else node[label.get(field, field)]


def _without_default(value: Any) -> Any:
    match = re.fullmatch(r"default \((.*)\)", str(value))
    return recorded.literal(match[1]) if match else value


def _own(parameters: dict[str, Any]) -> dict[str, Any]:
    return {k: v for k, v in parameters.items() if not str(v).startswith("default (")}


def group_values(group: dict[str, Any]) -> dict[str, Any]:
    """Fields of a recorded group; what was cut off is as in the first record."""
    first = next(r for r in recorded.load("gnt-group") if r.stdout.startswith("- Node"))
    (whole,) = recorded.parse_tree(first.stdout.rstrip("\n").splitlines())
    group = whole | group
    diskparams = whole["Disk parameters"] | group["Disk parameters"]
    templates = {t: {} if isinstance(own, str) else own for t, own in diskparams.items()}
    policy = {**group["Instance policy"], **whole["Instance policy"], **group["Instance policy"]}
    bounds = [_whole_bounds(pair, whole) for pair in policy["bounds specs"]]
    shown = {"disk-templates": policy["allowed disk templates"]}
    shown |= {key: policy[key] for key in policy if key.endswith("-ratio")}
    actual = {key: _without_default(value) for key, value in shown.items()}
    return {
        "name": group["Node group"],
        "uuid": "",
        "ndparams": {k: _without_default(v) for k, v in group["Node parameters"].items()},
        "custom_ndparams": _own(group["Node parameters"]),
        "diskparams": {
            t: {k: _without_default(v) for k, v in own.items()} for t, own in templates.items()
        },
        "custom_diskparams": {t: _own(own) for t, own in templates.items()},
        "ipolicy": actual
        | {"disk-templates": str(actual["disk-templates"]).split(", "), "minmax": bounds},
        "custom_ipolicy": _own(shown),
    }


def _whole_bounds(pair: dict[str, Any], whole: dict[str, Any]) -> dict[str, Any]:
    """In the order of the record, as far as it goes."""
    (complete,) = whole["Instance policy"]["bounds specs"]
    pair = pair if isinstance(pair, dict) else {}
    return {
        bound.removesuffix("/0"): {
            key: _without_default(value) for key, value in complete[bound].items()
        }
        for bound in {**pair, **complete}
    }


def version_info(text: str) -> dict[str, Any]:
    """What C{gnt-cluster version} printed."""
    lines = [line.partition(": ")[2] for line in text.splitlines()]
    names = ("software_version", "protocol_version", "config_version", "os_api_version")
    return dict(zip((*names, "export_version", "vcs_version"), lines, strict=True))


def ispecs(text: str) -> dict[str, Any]:
    """A cluster with the policy that C{gnt-cluster show-ispecs-cmd} printed."""
    std, low, high = (
        dict(pair.split("=") for pair in specs.split(","))
        for specs in re.findall(r"(?:specs |min:|max:)((?:[\w-]+=\d+,?)+)", text)
    )
    policy = {"std": std, "minmax": [{"max": high, "min": low}]}
    return {"name": text.split()[-1], "ipolicy": policy}


def completed(tree: dict[str, Any]) -> dict[str, Any]:
    """What was cut off is as in the first record of all."""
    whole = next(r for r in recorded.load("gnt-cluster") if r.command == "info")
    base = recorded.parse_tree(whole.stdout.splitlines())
    parameters = base["Cluster parameters"] | tree["Cluster parameters"]
    return base | tree | {"Cluster parameters": parameters}


def cluster_info(tree: dict[str, Any]) -> dict[str, Any]:
    """A cluster, from the tree that C{gnt-cluster info} printed."""
    parameters = tree["Cluster parameters"]
    policy = tree["Instance policy - limits for instances"]
    collectors = tree["Data collectors"]
    bits, machine = re.fullmatch(r"(\S+) \((\S+)\)", tree["Architecture (this node)"]).groups()
    values = dict.fromkeys(("file", "shared file", "gluster"), "")
    for kind in values:
        values[kind] = parameters[f"{kind} storage path"]
    return {
        "name": tree["Cluster name"],
        "uuid": tree["Cluster UUID"],
        "ctime": recorded.seconds(tree["Creation time"]),
        "mtime": recorded.seconds(tree["Modification time"]),
        "master": tree["Master node"],
        "architecture": [bits, machine],
        "tags": _words(tree["Tags"]),
        "default_hypervisor": tree["Default hypervisor"],
        "enabled_hypervisors": _words(tree["Enabled hypervisors"]),
        "hvparams": tree["Hypervisor parameters"] | {"kvm": {"not": "shown"}},
        "os_hvp": {},
        "osparams": {},
        "hidden_os": [],
        "blacklisted_os": [],
        "candidate_pool_size": parameters["candidate pool size"],
        "max_running_jobs": parameters["maximal number of jobs running simultaneously"],
        "max_tracked_jobs": parameters[
            "maximal number of jobs simultaneously tracked by the scheduler"
        ],
        "mac_prefix": parameters["mac prefix"],
        "master_netdev": parameters["master netdev"],
        "master_netmask": parameters["master netmask"],
        "use_external_mip_script": parameters["use external master IP address setup script"],
        "volume_group_name": parameters["lvm volume group"],
        "reserved_lvs": [],
        "drbd_usermode_helper": parameters["drbd usermode helper"],
        "file_storage_dir": values["file"],
        "shared_file_storage_dir": values["shared file"],
        "gluster_storage_dir": values["gluster"],
        "maintain_node_health": parameters["maintenance of node health"],
        "uid_pool": [],
        "default_iallocator": parameters["default instance allocator"],
        "default_iallocator_params": {},
        "primary_ip_version": parameters["primary ip version"],
        "prealloc_wipe_disks": parameters["preallocation wipe disks"],
        "enabled_disk_templates": _words(parameters["enabled disk templates"]),
        "install_image": "",
        "instance_communication_network": "",
        "zeroing_image": "",
        "compression_tools": parameters["compression tools"],
        "enabled_user_shutdown": parameters["enabled user shutdown"],
        "modify_ssh_setup": parameters["modify ssh setup"],
        "ssh_key_type": parameters["ssh_key_type"],
        "ssh_key_bits": parameters["ssh_key_bits"],
        "ndparams": tree["Default node parameters"],
        "beparams": tree["Default instance parameters"],
        "nicparams": tree["Default nic parameters"],
        "diskparams": tree["Default disk parameters"],
        "ipolicy": {
            "minmax": [{"max": p["max/0"], "min": p["min/0"]} for p in policy["bounds specs"]],
            "std": policy["std"],
            "disk-templates": _words(policy["allowed disk templates"]),
            "vcpu-ratio": float(policy["vcpu-ratio"]),
            "spindle-ratio": float(policy["spindle-ratio"]),
        },
        "enabled_data_collectors": {name: c["active"] for name, c in collectors.items()},
        "data_collector_interval": {
            name: float(c["interval"].rstrip("s")) * 1e6 for name, c in collectors.items()
        },
    }


def _words(text: str) -> list[str]:
    return [] if text in ("", "(none)") else text.split(", ")


def job_row(job: dict[str, Any], job_id: int, fields: list[str]) -> list[Any]:
    """Fields of a job, from the tree that C{gnt-job info} printed."""
    if "Status" not in job:
        return [job_id if field == "id" else None for field in fields]
    ops = job["Opcodes"]
    values = {
        "id": job["Job ID"],
        "status": job["Status"],
        "received_ts": _stamp(job["Received"]),
        "start_ts": _stamp(job["Processing start"]),
        "end_ts": _stamp(job["Processing end"]),
        "ops": [op["Input fields"] for op in ops],
        "opstatus": [op["Status"] for op in ops],
        "opstart": [_stamp(op["Processing start"]) for op in ops],
        "opexec": [_stamp(op["Execution start"]) for op in ops],
        "opend": [_stamp(op["Processing end"]) for op in ops],
        "opresult": [op["Result"] for op in ops],
        "oplog": [op["Execution log"] or [] for op in ops],
    }
    return [values[field] for field in fields]


def _stamp(text: str) -> list[int] | None:
    match = re.match(r"\d{4}-\S+ [\d:]+\.\d+", text)
    return recorded.stamp(match[0]) if match else None


def os_rows(text: str, fields: list[str]) -> list[list[Any]]:
    """Fields of operating systems, from what C{gnt-os} printed."""
    nodes = re.findall(
        r"Node: (\S+), status: valid \(path: (\S+)\) \[API versions: ([\d, ]+)\]", text
    )
    versions = [int(v) for v in nodes[0][2].split(",")] if nodes else []
    versions = versions or [int(v) for v in re.findall(r"^    - (\d+)$", text, re.MULTILINE)]
    values = {
        "name": "noop",
        "valid": True,
        "variants": [],
        "parameters": [],
        "api_versions": versions,
        "trusted": True,
        "hidden": False,
        "blacklisted": False,
        "node_status": {
            node: [[path, True, "", [], [], versions, True]] for node, path, _versions in nodes
        },
    }
    return [[values[field] for field in fields]]


def instance_data(tree: dict[str, Any]) -> dict[str, Any]:
    """An instance, from the tree that C{gnt-instance info} printed."""
    state = re.fullmatch(r"configured to be (\w+)(?:, actual state is (\w+))?", tree["State"])
    primary = tree["Nodes"][0]
    group, group_uuid = re.fullmatch(r"(\S+) \(UUID (\S+)\)", primary["group"]).groups()
    be = tree["Back-end parameters"]
    return {
        "name": tree["Instance name"],
        "uuid": tree["UUID"],
        "serial_no": tree["Serial number"],
        "ctime": recorded.seconds(tree["Creation time"]),
        "mtime": recorded.seconds(tree["Modification time"]),
        "config_state": state[1],
        "run_state": state[2],
        "pnode": primary["primary"],
        "pnode_group_name": group,
        "pnode_group_uuid": group_uuid,
        "snodes": [],
        "snodes_group_names": [],
        "snodes_group_uuids": [],
        "os": tree["Operating system"],
        "os_instance": {},
        "os_actual": {},
        "network_port": tree["Allocated network port"],
        "hypervisor": tree["Hypervisor"],
        "hv_instance": {},
        "hv_actual": {},
        "be_instance": _own(be),
        "be_actual": {k: _without_default(v) for k, v in be.items() if k != "memory"},
        "nics": [_nic(nic) for nic in tree["NICs"] or []],
        "disk_template": tree["Disk template"],
        "disks": [_disk(disk) for disk in tree["Disks"] or []],
    }


def _nic(nic: dict[str, Any]) -> list[Any]:
    network = nic["network"]
    info = {"name": network} if network else None
    return [
        nic["name"], nic["UUID"], nic["IP"], nic["MAC"], nic["mode"], nic["link"], nic["vlan"],
        network, info,
    ]  # fmt: skip


def _disk(disk: dict[str, Any]) -> dict[str, Any]:
    label = next(iter(disk))
    template, size = re.fullmatch(r"(\w+), size (\S+)", disk[label]).groups()
    path = (disk.get("on primary") or "").partition(" ")[0]
    return {
        "dev_type": template,
        "size": float(size[:-1]) * {"M": 1, "G": 1024}[size[-1]],
        "mode": disk["access mode"],
        "logical_id": disk["logical_id"],
        "pstatus": [path, None, None, None, None, False, 1] if path else None,
        "sstatus": None,
        "children": [],
        "name": disk["name"],
        "uuid": disk["UUID"],
        "spindles": None,
    }
