"""Parameters: types, ranges, inheritance, and the errors people see."""

from __future__ import annotations

import pytest

from ganeti.errors import (
    HypervisorError,
    OpPrereqError,
    ParameterError,
    TypeEnforcementError,
)
from ganeti.model.hypervisors import (
    HVPARAMS,
    HypervisorName,
    built_in,
    check_hvparams,
    check_instance_hvparams,
    parse_hvparams,
)
from ganeti.model.parameters import (
    BeParams,
    NicMode,
    NicParams,
    PartialBeParams,
    PartialNicParams,
    fill,
    origin_of,
    own_values,
    parse_beparams,
    parse_ndparams,
    parse_nicparams,
)
from ganeti.model.templates import DiskTemplate, check_diskparams


@pytest.mark.parametrize(
    ("values", "text"),
    [
        ({"a": 1}, "Unknown parameter 'a'"),
        ({"memory": "abc"}, "'memory' (value abc) is not a valid size. error: Invalid format"),
        ({"memory": True}, "'memory' (value True) is not a valid size. error: Invalid format"),
        ({"vcpus": "x"}, "'vcpus' (value x) is not a valid integer"),
        ({"vcpus": 1.5}, "'vcpus' (value 1.5) is not a valid integer"),
        ({"auto_balance": "maybe"}, "'auto_balance' (value maybe) is not a valid boolean"),
        ({"auto_balance": 7}, "'auto_balance' (value 7) is not a valid boolean"),
        (
            {"memory": 128, "minmem": 128},
            "'memory' cannot be given together with 'minmem' or 'maxmem'",
        ),
    ],
)
def test_wrong_backend_parameters(values, text):
    """Unknown and ill-typed parameters are refused in the original's words."""
    with pytest.raises(TypeEnforcementError) as caught:
        parse_beparams(values)
    assert str(caught.value) == text


@pytest.mark.parametrize(
    ("parse", "values"),
    [
        (parse_beparams, {"vcpus": 0}),
        (parse_beparams, {"maxmem": -1}),
        (parse_ndparams, {"ssh_port": 70000}),
        (parse_nicparams, {"mode": "pool"}),
    ],
)
def test_out_of_range(parse, values):
    """A value out of its range is refused, by name and with the range."""
    (name,) = values
    with pytest.raises(TypeEnforcementError, match=f"'{name}' .value .* is not valid: "):
        parse(values)


@pytest.mark.parametrize(
    ("parse", "values"),
    [
        (parse_nicparams, {"link": 3}),
        (parse_ndparams, {"cpu_speed": "fast"}),
        (parse_ndparams, {"cpu_speed": True}),
        (parse_ndparams, {"cpu_speed": "nan"}),
        (parse_ndparams, {"cpu_speed": "1e400"}),
        (parse_ndparams, {"ssh_port": None}),
    ],
)
def test_wrong_types(parse, values):
    """Each type refuses the others' values."""
    with pytest.raises(TypeEnforcementError):
        parse(values)


def test_people_type_texts():
    """Sizes, numbers and booleans are understood as typed."""
    typed = parse_beparams({"memory": "2g", "vcpus": "3", "auto_balance": "False"})
    assert typed == PartialBeParams(minmem=2048, maxmem=2048, vcpus=3, auto_balance=False)
    assert own_values(parse_ndparams({"cpu_speed": "2.5", "ovs_link": None})) == {
        "cpu_speed": 2.5,
        "ovs_link": None,
    }
    assert own_values(parse_ndparams({"cpu_speed": "2.0", "ovs": "yes"})) == {
        "cpu_speed": 2,
        "ovs": True,
    }
    assert own_values(parse_nicparams({"link": False})) == {"link": ""}


def test_fill():
    """Set values win over inherited ones, the last level first."""
    levels = PartialNicParams(link="br1"), PartialNicParams(mode=NicMode.ROUTED, link="br2")
    assert fill(NicParams(), *levels) == NicParams(mode=NicMode.ROUTED, link="br2")
    assert fill(BeParams(), PartialBeParams()) == BeParams()


def test_origin():
    """The last level that sets a value is its origin."""
    levels = {"cluster": {"a": 1}, "instance": {"a": 2}}
    assert origin_of("a", levels) == "instance"
    assert origin_of("b", levels) == "built-in"


@pytest.mark.parametrize("hypervisor", list(HypervisorName))
def test_built_in_hvparams_pass(hypervisor):
    """The defaults of each hypervisor are of their types and in their ranges."""
    values = built_in(hypervisor)
    check_hvparams(hypervisor, values)
    assert parse_hvparams(hypervisor, values) == values


@pytest.mark.parametrize(
    ("hypervisor", "changed", "text"),
    [
        ("kvm", {"disk_aio": "magic"}, "must be one of io_uring, native, threads"),
        ("kvm", {"kvm_pci_reservations": 33}, "must be at most 32"),
        ("kvm", {"cpu_cores": -1}, "must be at least 0"),
        ("kvm", {"kvm_path": ""}, "a value is needed"),
        ("kvm", {"kernel_path": "boot"}, "absolute normalized path"),
        ("kvm", {"kernel_path": "/boot/../x"}, "absolute normalized path"),
        ("kvm", {"cdrom_image_path": "a b"}, "or a URL"),
        ("kvm", {"cpu_mask": "1-2:x"}, "joined by colons"),
        ("lxc", {"cpu_mask": "1;2"}, "list of CPUs"),
        ("fake", {"acpi": True}, "not supported by hypervisor 'fake'"),
    ],
)
def test_wrong_hvparams(hypervisor, changed, text):
    """A hypervisor parameter that cannot be is named with what it should be."""
    name = HypervisorName(hypervisor)
    with pytest.raises(HypervisorError, match=text):
        check_hvparams(name, built_in(name) | changed)


def test_origin_of_a_wrong_hvparam():
    """The error says at which level a wrong value is set."""
    kvm = HypervisorName.KVM
    levels = {"built-in": built_in(kvm), "cluster": {"cpu_cores": -1}, "instance": {"acpi": True}}
    with pytest.raises(HypervisorError, match=r"current value: '-1', from cluster defaults"):
        check_hvparams(kvm, built_in(kvm) | {"cpu_cores": -1}, levels)


@pytest.mark.parametrize(
    "changed",
    [
        {"cdrom_image_path": "http://example.com/a.iso"},
        {"cdrom_image_path": "/srv/a.iso"},
        {"cpu_mask": "0-2,5:all:7"},
    ],
)
def test_right_hvparams(changed):
    """Paths, URLs and CPU masks pass."""
    check_hvparams(HypervisorName.KVM, built_in(HypervisorName.KVM) | changed)


def test_requested_hvparams():
    """Hypervisor parameters of a request are converted; unknown ones refused."""
    assert parse_hvparams(
        HypervisorName.KVM, {"acpi": "false", "vnc_tls": "default"}, ("default",)
    ) == {
        "acpi": False,
        "vnc_tls": "default",
    }
    with pytest.raises(TypeEnforcementError, match="Unknown parameter 'nosuch'"):
        parse_hvparams(HypervisorName.KVM, {"nosuch": 1})


def test_cluster_only_hvparams():
    """Parameters of the whole cluster cannot be set for one instance."""
    with pytest.raises(OpPrereqError, match="migration_port"):
        check_instance_hvparams({"migration_port": 1, "acpi": True})
    for table in HVPARAMS.values():
        only = [name for name, spec in table.items() if spec.cluster_only]
        if only:
            with pytest.raises(OpPrereqError):
                check_instance_hvparams(dict.fromkeys(only))


@pytest.mark.parametrize(
    ("template", "values"),
    [
        (DiskTemplate.FILE, {"stripes": 1}),
        (DiskTemplate.PLAIN, {"stripes": "2"}),
        (DiskTemplate.RBD, {"access": "magic"}),
        (DiskTemplate.DRBD, {"disk-barriers": "x"}),
    ],
)
def test_wrong_diskparams(template, values):
    """Unknown disk parameters and impossible values are refused."""
    with pytest.raises(ParameterError):
        check_diskparams(template, values)
