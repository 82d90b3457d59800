"""What is stored or sent cannot be changed in memory, and names its fields."""

from __future__ import annotations

import inspect
import pkgutil
from importlib import import_module

import msgspec

import ganeti


def all_structs() -> list[type[msgspec.Struct]]:
    """Each Struct class of ours."""
    found: dict[type[msgspec.Struct], None] = {}
    for info in pkgutil.walk_packages(ganeti.__path__, "ganeti."):
        module = import_module(info.name)
        for value in vars(module).values():
            if isinstance(value, type) and issubclass(value, msgspec.Struct):
                found[value] = None
    return [struct for struct in found if struct.__module__.startswith("ganeti.")]


def test_frozen_and_keywords_only() -> None:
    """Each Struct is frozen and kw_only; the latter is not inherited."""
    structs = all_structs()
    assert structs
    wrong = []
    for struct in structs:
        parameters = inspect.signature(struct).parameters.values()
        if not struct.__struct_config__.frozen:
            wrong.append(f"{struct.__module__}.{struct.__name__} is not frozen")
        if any(each.kind is not inspect.Parameter.KEYWORD_ONLY for each in parameters):
            wrong.append(f"{struct.__module__}.{struct.__name__} is not kw_only")
    assert not wrong, "\n".join(wrong)
