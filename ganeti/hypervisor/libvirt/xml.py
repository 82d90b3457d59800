"""Elements of libvirt's descriptions, written so that the result can be read."""

from __future__ import annotations

import re
from collections.abc import Mapping
from xml.etree import ElementTree
from xml.etree.ElementTree import Element

from ganeti.errors import HypervisorError

Attributes = Mapping[str, str | int | None]
Child = Element | None

# What XML 1.0 has no way to write, and the line ends that it does not keep.
_UNWRITABLE = re.compile("[^\t\n\x20-\ud7ff\ue000-\ufffd\U00010000-\U0010ffff]")


def element(
    tag: str, attributes: Attributes | None = None, *children: Child, text: str | None = None
) -> Element:
    """
    An element; attributes and children that are None are left out.

    @raise HypervisorError: a value holds characters that no description can hold.
    """
    made = Element(tag)
    for name, value in (attributes or {}).items():
        if value is not None:
            made.set(name, _writable(tag, str(value)))
    made.extend(child for child in children if child is not None)
    made.text = None if text is None else _writable(tag, text)
    return made


def _writable(tag: str, value: str) -> str:
    if _UNWRITABLE.search(value):
        raise HypervisorError(
            f"libvirt's description of a guest cannot hold {value!r} (in its part '{tag}')"
        )
    return value


def yes(condition: object) -> str:
    """libvirt's word for true or false."""
    return "yes" if condition else "no"


def on(condition: object) -> str:
    """libvirt's other word for true or false."""
    return "on" if condition else "off"


def to_text(top: Element) -> str:
    """The whole, indented."""
    ElementTree.indent(top)
    return ElementTree.tostring(top, encoding="unicode")
