"""Nothing that users may name breaks the description of a guest, or gets into it elsewhere."""

from __future__ import annotations

from typing import Any

from hypothesis import example, given
from hypothesis import strategies as st
from msgspec.structs import replace
from support.kvm import describe, kvm_spec

from ganeti.errors import HypervisorError
from ganeti.model.live import InstanceSpec
from ganeti.model.parameters import NicParams

_SPECIAL = "<>&'\"]]>\t\n {}%;"
TEXT = st.one_of(
    st.text(st.sampled_from(_SPECIAL + "a/"), min_size=1, max_size=12),
    st.text(min_size=1, max_size=12),
)
WHERE = {
    "kernel_path": "os/kernel",
    "initrd_path": "os/initrd",
    "machine_version": "os/type#machine",
    "cdrom_image_path": "devices/disk[@device='cdrom']/source#file",
    "floppy_image_path": "devices/disk[@device='floppy']/source#file",
    "keymap": "devices/graphics#keymap",
    "vnc_bind_address": "devices/graphics/listen#address",
}


def skeleton(top: Any) -> list[tuple[str, tuple[str, ...]]]:
    """A description without what users say."""
    return [(each.tag, tuple(each.attrib)) for each in top.iter()]


def value_at(top: Any, where: str) -> str | None:
    path, _, attribute = where.partition("#")
    (found,) = top.findall(path)
    value: str | None = found.get(attribute) if attribute else found.text
    return value


def spec(**hvparams: str) -> InstanceSpec:
    plain = {"vnc_bind_address": "a", "cdrom_image_path": "/c", "floppy_image_path": "/f"}
    plain |= {"kernel_path": "/k", "initrd_path": "/i", "machine_version": "m", "keymap": "k"}
    return kvm_spec(1, hvparams=plain | hvparams, network_port=11000)


PLAIN = skeleton(describe(spec(), ("/d",)))


@given(name=st.sampled_from(sorted(WHERE)), value=TEXT)
@example(name="kernel_path", value='/k</kernel><cmdline>init=/bin/sh</cmdline><kernel x="')
@example(name="keymap", value="' passwd='")
@example(name="kernel_path", value="]]><!--")
def test_parameters(name: str, value: str) -> None:
    """A value arrives as it is, in its place, and nowhere else; or it is refused."""
    if name == "vnc_bind_address" and value.startswith("/"):
        value = f"x{value}"
    if name == "cdrom_image_path":
        value = value.replace("://", ":")
    try:
        top = describe(spec(**{name: value}), ("/d",))
    except HypervisorError as err:
        assert "cannot hold" in str(err)
        return
    assert skeleton(top) == PLAIN
    assert value_at(top, WHERE[name]) == value


@given(args=TEXT, root=TEXT)
def test_kernel_arguments(args: str, root: str) -> None:
    """All that is meant for the guest's kernel gets to it, as it is."""
    try:
        top = describe(spec(kernel_args=args, root_path=root))
    except HypervisorError as err:
        assert "cannot hold" in str(err)
        return
    assert top.findtext("os/cmdline") == f"root={root} {args} console=ttyS0,38400"


@given(name=TEXT, disk=TEXT, link=TEXT, mark=TEXT)
def test_names(name: str, disk: str, link: str, mark: str) -> None:
    """So do the names of instances, disks, bridges and requests."""
    made = spec()
    (nic,) = made.nics
    made = replace(
        made,
        instance=replace(made.instance, name=name),
        nics=(replace(nic, params=NicParams(link=link)),),
    )
    try:
        top = describe(made, (f"/{disk}",), mark)
    except HypervisorError as err:
        assert "cannot hold" in str(err)
        return
    assert top.findtext("name") == name
    assert value_at(top, "devices/disk[@device='disk']/source#file") == f"/{disk}"
    assert value_at(top, "devices/interface/source#bridge") == link
    assert value_at(top, "metadata/{urn:ganeti:instance}instance#mark") == mark
