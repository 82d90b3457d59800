"""Elements of libvirt's descriptions, written so that the result can be read."""

from __future__ import annotations

from collections.abc import Mapping
from xml.etree import ElementTree
from xml.etree.ElementTree import Element

Attributes = Mapping[str, str | int | None]
Child = Element | None


def element(
    tag: str, attributes: Attributes | None = None, *children: Child, text: str | None = None
) -> Element:
    """An element; attributes and children that are None are left out."""
    made = Element(tag)
    for name, value in (attributes or {}).items():
        if value is not None:
            made.set(name, str(value))
    made.extend(child for child in children if child is not None)
    made.text = text
    return made


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
