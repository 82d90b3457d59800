"""A master daemon's answers, made from the record of the run that is to be repeated."""

from __future__ import annotations

import re
from typing import Any

from ganeti.errors import GanetiError, JobLost, RequestError, encode_error
from ganeti.opcodes import decode_opcode
from support import recorded
from support.recorded import Record

_JOB_FAILED = re.compile(r"Job \d+(?: for \S+)?(?: has)? failed: (.*)", re.DOTALL)
_WAITING = re.compile(r"Waiting for job (\d+) for (.+?) \.\.\.")
_SUBMITTED = re.compile(r"(?:JobID: )?(\d+)(?:: (\S+))?")


class RecordMaster:
    """
    Answers so that the command can print what was recorded.

    Jobs that are submitted must decode as opcodes.
    """

    def __init__(self, record: Record) -> None:
        self._record = record
        self._job_ids = self._recorded_job_ids()
        text = record.stderr
        match = _JOB_FAILED.fullmatch(text)
        self._error = recorded.failure(match[1] if match else text)

    def __call__(self, method: str, args: list[Any]) -> Any:
        return getattr(self, f"_{method}")(*args)

    def _recorded_job_ids(self) -> list[int]:
        text = self._record.stdout
        found = [int(match[1]) for match in _WAITING.finditer(text)]
        if not found:
            lines = [*text.splitlines(), *self._record.stderr.splitlines()]
            found = [int(m[1]) for m in map(_SUBMITTED.fullmatch, lines) if m]
        return found or [1]

    def _raise_recorded(self) -> None:
        if self._error is not None:
            raise self._error

    # -- queries

    def _Query(self, what: str, fields: list[str], _filter: Any) -> Any:
        self._raise_recorded()
        if self._record.command in ("cancel", "change-priority"):
            return {"fields": recorded.field_definitions(what, fields), "data": []}
        definitions = recorded.field_definitions(what, fields)
        cells = recorded.table_cells(self._record, definitions)
        if what == "lock":
            cells = recorded.locks(cells, definitions)
        return {"fields": definitions, "data": cells}

    def _QueryFields(self, what: str, names: list[str] | None) -> Any:
        return {"fields": [self._with_doc(f) for f in recorded.field_definitions(what, names)]}

    def _with_doc(self, field: dict[str, str]) -> dict[str, str]:
        for line in self._record.stdout.splitlines():
            if re.match(re.escape(field["name"]) + r"[ :]", line):
                title = re.escape(field["title"])
                match = re.search(rf"[ :]{title}[ :]+(.*)", line[len(field["name"]) :])
                if match:
                    return field | {"doc": match[1]}
        return field

    def _QueryInstances(self, names: list[str], _fields: list[str], _lock: bool) -> Any:
        if self._error is not None and "does not match" in str(self._error):
            return []
        if self._record.shown and not names:
            return [[name] for name in re.findall(r"^  (\S+)\r$", self._record.shown, re.M)[:3]]
        known = [name for name in names if not name.startswith("nosuch")]
        if self._record.command == "console":
            return [self._console(name) for name in known]
        if "--tags" in self._record.argv:
            return [["instance3", ["t1", "t2"]]]
        return [[name] for name in known or ["instance1", "instance2"]]

    def _console(self, name: str) -> list[Any]:
        message = {"instance": name, "kind": "msg", "message": self._record.stdout.rstrip()}
        return [name, message if self._record.status == 0 else None, None]

    def _QueryNodes(self, names: list[str], fields: list[str], _lock: bool) -> Any:
        if self._record.command == "add":
            present = (
                "already in the cluster" in self._record.stderr or "--readd" in self._record.argv
            )
            return [[names[0] for _field in fields]] if present else []
        if self._record.command in ("command", "copyfile"):
            offline = "offline node(s): node3" in self._record.stderr
            known = names or ["node1", "node2", "node3"]
            values = [{"name": n, "offline": offline and n == "node3"} for n in known]
            common = {"master": False, "ndp/ssh_port": 22}
            rows = [common | v | {"master": v["name"] == "node1"} for v in values]
            return [[row.get(field, "") for field in fields] for row in rows]
        if self._record.command != "info":
            return []
        nodes = recorded.parse_tree(self._record.stdout.rstrip("\n").splitlines())
        return [[_node_value(node, field) for field in fields] for node in nodes]

    def _QueryGroups(self, names: list[str], fields: list[str], _lock: bool) -> Any:
        if self._record.command == "show-ispecs-cmd":
            row = {"name": names[0], "uuid": "", "ipolicy": None, "custom_ipolicy": {}}
            return [[row[field] for field in fields]]
        text = recorded.uncut(self._record.stdout).rstrip("\n")
        groups = recorded.parse_tree(text.splitlines())
        return [[_group_values(group)[field] for field in fields] for group in groups]

    def _QueryTags(self, _kind: str, _name: str) -> Any:
        self._raise_recorded()
        return self._record.stdout.splitlines()

    def _QueryConfigValues(self, _fields: list[str]) -> Any:
        return [self._record.stdout.endswith(" set\n")]

    def _SetDrainFlag(self, _flag: bool) -> Any:
        return True

    def _QueryClusterInfo(self) -> Any:
        self._raise_recorded()
        if self._record.command == "version":
            return _version_info(self._record.stdout)
        if self._record.command == "show-ispecs-cmd":
            return _ispecs(self._record.stdout)
        tree = recorded.parse_tree(recorded.uncut(self._record.stdout).splitlines())
        return _cluster_info(_completed(tree))

    # -- jobs

    def _SubmitJob(self, ops: list[dict[str, Any]]) -> int:
        for op in ops:
            _check_opcode(op)
        self._ops = ops
        return self._job_ids[0]

    def _SubmitManyJobs(self, jobs: list[list[dict[str, Any]]]) -> Any:
        for ops in jobs:
            self._SubmitJob(ops)
        return [[True, job_id] for job_id in self._job_ids[: len(jobs)]]

    def _WaitForJobChange(
        self, _job_id: int, _fields: list[str], _info: Any, serial: int | None, _timeout: int
    ) -> Any:
        if isinstance(self._error, JobLost):
            raise self._error
        if self._record.command == "verify":
            return self._verification(_job_id, serial)
        entries = recorded.log_entries(self._record.stdout)
        return [[self._status()], [e for e in entries if e[0] > (serial or 0)]]

    def _verification(self, job_id: int, serial: int | None) -> Any:
        """One of the jobs of a verification; the one that made them has no log."""
        entries = recorded.log_entries(self._sections().get(job_id, ""))
        status = "success" if job_id == self._job_ids[0] else self._status()
        return [[status], [e for e in entries if e[0] > (serial or 0)]]

    def _sections(self) -> dict[int, str]:
        """What was printed while each job was waited for."""
        parts = re.split(r"^Waiting for job (\d+) \.\.\.$", self._record.stdout, flags=re.M)
        return {int(job_id): text for job_id, text in zip(parts[1::2], parts[2::2], strict=True)}

    def _verified(self, job_id: int) -> Any:
        """The result of such a job."""
        sections = self._sections()
        if job_id != self._job_ids[0]:
            return self._record.status == 0 or "ERROR" not in sections.get(job_id, "ERROR")
        line = re.match(r"Submitted jobs (.*)", self._record.stdout)
        return {"jobs": [[True, int(each)] for each in line[1].split(", ")]}

    def _status(self) -> str:
        if self._error is None:
            return "success"
        return "canceled" if "canceled" in str(self._error) else "error"

    def _QueryJobs(self, ids: list[int], fields: list[str]) -> Any:
        if self._record.command == "info" and self._record.program == "gnt-job":
            jobs = recorded.parse_tree(self._record.stdout.splitlines())
            return [_job_row(job, job_id, fields) for job, job_id in zip(jobs, ids, strict=True)]
        if self._record.command == "verify" and (not self._error or ids[0] == 1):
            return [["success", ["success"], [self._verified(ids[0])]]]
        if self._record.command == "reinstall" and self._asks_for_systems():
            return [["success", ["success"], [self._result()]]]
        result = encode_error(self._error) if self._error else self._result()
        return [[self._status(), [self._status()], [result]]]

    def _asks_for_systems(self) -> bool:
        return any(op["OP_ID"] == "OP_OS_DIAGNOSE" for op in self._ops)

    def _result(self) -> Any:
        kind = self._ops[0]["OP_ID"] if hasattr(self, "_ops") else ""
        if kind == "OP_OS_DIAGNOSE":
            return _os_rows(self._record.stdout, self._ops[0]["output_fields"])
        if kind == "OP_GROUP_SET_PARAMS":
            found = re.findall(r"^ - (\w+) -> (.*)$", self._record.stdout, re.MULTILINE)
            return [[name, recorded.literal(text)] for name, text in found]
        if kind == "OP_TAGS_SEARCH":
            return [line.split(" ") for line in self._record.stdout.splitlines()]
        if kind == "OP_NODE_SET_PARAMS":
            return [list(m) for m in re.findall(r"^ - (\w+) +-> (.*)$", self._record.stdout, re.M)]
        if kind == "OP_INSTANCE_SET_PARAMS":
            return [list(m) for m in re.findall(r"^ - (\S+) +-> (.*)$", self._record.stdout, re.M)]
        if kind == "OP_INSTANCE_RENAME":
            return re.fullmatch(r"Instance '.*' renamed to '(.*)'\n", self._record.stdout)[1]
        if kind == "OP_INSTANCE_QUERY_DATA":
            text = recorded.uncut(self._record.stdout)
            lines = [line for line in text.splitlines() if not re.match(r"\w{3} \w{3} ", line)]
            trees = recorded.parse_tree(lines)
            found = [_instance_data(trees[0] | tree) for tree in trees]  # one may be cut off
            return {data["uuid"]: data for data in found}
        return None

    def _CancelJob(self, _job_id: int, _kill: bool) -> Any:
        return [self._record.status == 0, self._record.stdout.rstrip("\n")]

    def _ChangeJobPriority(self, _job_id: int, _priority: int) -> Any:
        return [self._record.status == 0, self._record.stdout.rstrip("\n")]

    def _ArchiveJob(self, _job_id: int) -> Any:
        return self._record.status == 0

    def _AutoArchiveJobs(self, _age: int, _timeout: int) -> Any:
        return [int(number) for number in re.findall(r"\d+", self._record.stdout)]


def _check_opcode(op: dict[str, Any]) -> None:
    import json

    try:
        decode_opcode(json.dumps(op).encode(), submitted=True)
    except GanetiError as err:
        raise RequestError(f"Failed to parse request: SubmitJob: {err}") from err


def _node_value(node: dict[str, Any], field: str) -> Any:
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


def _group_values(group: dict[str, Any]) -> dict[str, Any]:
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


def _version_info(text: str) -> dict[str, Any]:
    lines = [line.partition(": ")[2] for line in text.splitlines()]
    names = ("software_version", "protocol_version", "config_version", "os_api_version")
    return dict(zip((*names, "export_version", "vcs_version"), lines, strict=True))


def _ispecs(text: str) -> dict[str, Any]:
    std, low, high = (
        dict(pair.split("=") for pair in specs.split(","))
        for specs in re.findall(r"(?:specs |min:|max:)((?:[\w-]+=\d+,?)+)", text)
    )
    policy = {"std": std, "minmax": [{"max": high, "min": low}]}
    return {"name": text.split()[-1], "ipolicy": policy}


def _completed(tree: dict[str, Any]) -> dict[str, Any]:
    """What was cut off is as in the first record of all."""
    whole = next(r for r in recorded.load("gnt-cluster") if r.command == "info")
    base = recorded.parse_tree(whole.stdout.splitlines())
    parameters = base["Cluster parameters"] | tree["Cluster parameters"]
    return base | tree | {"Cluster parameters": parameters}


def _cluster_info(tree: dict[str, Any]) -> dict[str, Any]:
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


def _job_row(job: dict[str, Any], job_id: int, fields: list[str]) -> list[Any]:
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


def _os_rows(text: str, fields: list[str]) -> list[list[Any]]:
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


def _instance_data(tree: dict[str, Any]) -> dict[str, Any]:
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
