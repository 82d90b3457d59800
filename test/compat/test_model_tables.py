"""The model against the tables of the public interface."""

from __future__ import annotations

import json
from pathlib import Path

import msgspec
import pytest
from support.samples import make_config

from ganeti.model import codec
from ganeti.model.cluster import Cluster, DataCollector
from ganeti.model.configfile import build_config_data
from ganeti.model.disk import Disk, DiskMode
from ganeti.model.filter import FilterAction, FilterRule
from ganeti.model.group import AllocPolicy, NodeGroup
from ganeti.model.hypervisors import (
    CAN_MIGRATE,
    CLUSTER_ONLY,
    HVPARAMS,
    Check,
    HypervisorName,
    built_in,
)
from ganeti.model.instance import AdminState, AdminStateSource, Instance
from ganeti.model.job import FINAL, TRANSITIONS, JobStatus, LogType, OpStatus
from ganeti.model.kvm_conflicts import SERIAL_SPEEDS
from ganeti.model.locks import LOCKSET, Level, LockMode
from ganeti.model.network import Network
from ganeti.model.nic import Nic
from ganeti.model.node import Node
from ganeti.model.parameters import (
    BEPARAM_TYPES,
    NDPARAM_TYPES,
    NICPARAM_TYPES,
    BeParams,
    NdParams,
    NicMode,
    NicParams,
    PartialBeParams,
    PartialNdParams,
    PartialNicParams,
)
from ganeti.model.policy import InstancePolicy
from ganeti.model.roles import NodeRole
from ganeti.model.ssconf import build_ssconf
from ganeti.model.templates import TEMPLATES, DiskTemplate, StorageType

TABLES = Path(__file__).parent / "interface"


def table(name):
    """One of the tables."""
    return json.loads((TABLES / f"{name}.json").read_text())


SCHEMA, PARAMS, QUEUE = table("config_schema"), table("params"), table("job_queue")
RECORDS = {
    "cluster": Cluster,
    "disk": Disk,
    "filter": FilterRule,
    "instance": Instance,
    "network": Network,
    "nic": Nic,
    "node": Node,
    "nodegroup": NodeGroup,
}


@pytest.mark.parametrize("name", RECORDS)
def test_record_keys(name):
    """Each record has exactly the keys of the schema; C{members} is derived."""
    wanted = set(SCHEMA["objects"][name]) - {"members"}
    assert set(RECORDS[name].__struct_encode_fields__) == wanted


def minimal(record):
    """An instance of C{record} with as little as possible."""
    values = {}
    for one in msgspec.structs.fields(record):
        if one.required:
            values[one.encode_name] = {
                "hypervisor": "fake",
                "dev_type": "file",
                "action": "ACCEPT",
                "logical_id": [],
                "predicates": [],
                "size": 1,
                "watermark": 1,
                "priority": 1,
            }.get(one.encode_name, "x")
    return codec.convert(values, record)


@pytest.mark.parametrize("name", RECORDS)
def test_written_keys(name):
    """Keys that are required or have a default are always written; the others when set."""
    written = set(codec.to_builtins(minimal(RECORDS[name])))
    for key, facts in SCHEMA["objects"][name].items():
        if key == "members":
            continue
        absent = facts["presence"].startswith(("optional (absent", "only when"))
        assert (key in written) is not absent, key


@pytest.mark.parametrize("name", RECORDS)
def test_default_values(name):
    """Keys that may miss when read have the schema's default."""
    plain = codec.to_builtins(minimal(RECORDS[name]))
    for key, facts in SCHEMA["objects"][name].items():
        if "default" in facts and key != "members":
            found = plain[key]
            assert (list(found) if isinstance(found, tuple) else found) == facts["default"], key


def test_file_keys():
    """The file's own keys are the schema's."""
    plain = json.loads(build_config_data(make_config()))
    assert set(plain) == set(SCHEMA["objects"]["config"])
    group = next(iter(plain["nodegroups"].values()))
    assert "members" in group
    assert isinstance(plain["cluster"]["data_collectors"]["drbd"]["interval"], int)
    assert DataCollector().active


def test_ssconf_keys():
    """All ssconf files are written, and no others."""
    keys = set(SCHEMA["ssconf"]["keys"]) - {"hvparams_<hypervisor>"}
    keys |= {f"hvparams_{hypervisor}" for hypervisor in PARAMS["hypervisor_list"]}
    assert set(build_ssconf(make_config())) == keys
    assert len(keys) == SCHEMA["count"]["ssconf_keys"]


CHECKS = {
    "absolute normalized path or URL (scheme://...)": Check.IMAGE,
    "absolute normalized path, file must exist on node": Check.PATH,
    "absolute normalized path, directory must exist on node": Check.DIRECTORY,
    "colon separated cpu lists, one per vcpu or one for all, 'all' allowed": Check.MULTI_CPU_MASK,
    "cpu list like 0-2,5 or 'all'": Check.CPU_MASK,
}
RANGES = {
    "int >= 0": (0, None),
    "0..32": (0, 32),
    "int 1..65535": (1, 65535),
    "int 1..32": (1, 32),
}


@pytest.mark.parametrize("hypervisor", PARAMS["hypervisor_list"])
def test_hvparams(hypervisor):
    """Each hypervisor has its parameters with type, default and range."""
    wanted = PARAMS["hypervisors"][hypervisor]["params"]
    found = HVPARAMS[HypervisorName(hypervisor)]
    assert set(found) == set(wanted)
    for name, facts in wanted.items():
        spec = found[name]
        assert spec.type == facts["type"], name
        assert spec.default == facts["default"], name
        assert type(spec.default) is type(facts["default"]), name
        assert spec.required == facts["required_non_empty"], name
        assert spec.cluster_only == facts.get("cluster_wide_only", False), name
        assert list(spec.choices) == facts.get("choices", []), name
        check = facts.get("check", "")
        assert spec.check is CHECKS.get(check, Check.ANY), name
        assert (spec.low, spec.high) == RANGES.get(check, (None, None)), name


def test_serial_speeds():
    """The speeds of a serial port."""
    assert list(SERIAL_SPEEDS) == PARAMS["serial_speeds"]


def test_hypervisors():
    """The hypervisors, which can migrate, and what is of the cluster only."""
    assert sorted(HypervisorName) == PARAMS["hypervisor_list"]
    can = {name for name, facts in PARAMS["hypervisors"].items() if facts["can_migrate"]}
    assert can == CAN_MIGRATE
    assert list(CLUSTER_ONLY) == PARAMS["hvparams_cluster_only"]
    assert built_in(HypervisorName.CHROOT) == {"init_script": "/ganeti-chroot"}


@pytest.mark.parametrize(
    ("name", "complete", "partial", "types"),
    [
        ("beparams", BeParams, PartialBeParams, BEPARAM_TYPES),
        ("ndparams", NdParams, PartialNdParams, NDPARAM_TYPES),
        ("nicparams", NicParams, PartialNicParams, NICPARAM_TYPES),
    ],
)
def test_parameters(name, complete, partial, types):
    """Backend, node and NIC parameters have the table's names, types and defaults."""
    wanted = PARAMS[name]
    assert codec.to_builtins(complete()) == {key: one["default"] for key, one in wanted.items()}
    assert {key: str(kind) for key, kind in types.items()} == {
        key: one["type"] for key, one in wanted.items()
    }
    assert partial.__struct_fields__ == complete.__struct_fields__
    assert codec.encode(partial()) == b"{}"


def test_policy():
    """The default policy is the table's."""
    found = json.loads(codec.encode(InstancePolicy()))
    assert found == PARAMS["ipolicy"]["defaults"]
    assert sorted(found) == PARAMS["ipolicy"]["keys"]


FACTS = {
    "block": "block",
    "convertible_from": "convertible_from",
    "convertible_to": "convertible_to",
    "copyable": "copyable",
    "exclusive_storage": "exclusive_storage",
    "file_based": "file_based",
    "growable": "growable",
    "instance_dependent_path": "instance_dependent_path",
    "lvm": "lvm",
    "may_adopt": "may_adopt",
    "mirrored": "mirrored",
    "mirrored_external": "mirrored_external",
    "mirrored_internal": "mirrored_internal",
    "must_adopt": "must_adopt",
    "no_free_space_check": "no_free_space_check",
    "reports_free_space": "reports_free_space",
    "snapshot": "snapshot",
    "storage_type": "storage",
}


@pytest.mark.parametrize("template", PARAMS["disk_templates"])
def test_templates(template):
    """Each disk template has the table's facts and parameters."""
    wanted = PARAMS["disk_templates"][template]
    found = TEMPLATES[DiskTemplate(template)]
    assert {key: getattr(found, name) for key, name in FACTS.items()} == {
        key: wanted[key] for key in FACTS
    }
    assert found.params == {key: one["default"] for key, one in wanted["diskparams"].items()}
    assert ("access" in found.params) == wanted["access_param"]


@pytest.mark.parametrize(
    ("enum", "words"),
    [
        (AdminState, PARAMS["admin_states"]),
        (AdminStateSource, PARAMS["admin_state_sources"]),
        (AllocPolicy, PARAMS["alloc_policies"]),
        (DiskMode, PARAMS["disk_access_modes"]),
        (DiskTemplate, PARAMS["disk_template_order"]),
        (StorageType, PARAMS["storage_types"]),
        (NicMode, [mode for mode in PARAMS["nic_modes"] if mode != "pool"]),
        (JobStatus, QUEUE["job_states"]),
        (OpStatus, QUEUE["opcode_states"]),
        (LogType, QUEUE["log_entry"]["types"]),
        (LockMode, QUEUE["locks"]["modes"]),
        (Level, QUEUE["locks"]["level_order"]),
        (NodeRole, table("query_fields")["resources"]["node"]["role_values"]),
    ],
)
def test_words(enum, words):
    """Enumerations have the table's words."""
    assert {str(one) for one in enum} == set(words)


def test_orders():
    """States and lock levels stand in the table's order."""
    assert " < ".join(OpStatus) == QUEUE["state_order"].split(" (")[0]
    assert list(Level) == QUEUE["locks"]["level_order"]
    assert QUEUE["locks"]["names"][1] == f"cluster/{LOCKSET}"


def test_transitions():
    """All transitions of the table are legal here; final states are the table's."""
    assert set(QUEUE["finalized"]) == FINAL
    for before, afters in QUEUE["opcode_transitions"].items():
        for after in (OpStatus(word.split(" (")[0]) for word in afters):
            assert after in TRANSITIONS[OpStatus(before)] or after == before


def test_filter_actions():
    """Filter rules have the table's actions."""
    wanted = set(QUEUE["filter_rules"]["actions"]) - {"[RATE_LIMIT, n]"}
    assert {str(action) for action in FilterAction} == wanted
