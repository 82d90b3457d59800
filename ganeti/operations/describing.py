"""What an operation would do, in words, for who asks for a dry run."""

from __future__ import annotations

from collections.abc import Iterable, Iterator
from typing import Any

import msgspec

from ganeti.model import codec
from ganeti.model.config import Configuration
from ganeti.model.disk import Disk
from ganeti.model.recovery import Action, Compensation, MarkInstance, OnNode
from ganeti.model.secret import Secret
from ganeti.rpc.calls import decode_call
from ganeti.utils.text import format_unit

NOTHING = ("change nothing",)
"""Of an operation that would leave all as it is."""
_REDACTED = "<redacted>"


def show_plan(plan: Any) -> Any:
    """A plan as plain values, with node calls decoded and without secrets."""
    return msgspec.to_builtins(plan, enc_hook=_show_value)


def _show_value(value: Any) -> Any:
    if isinstance(value, msgspec.Raw):
        return show_plan(decode_call(bytes(value)))
    return _REDACTED if isinstance(value, Secret) else repr(value)


def describe_actions(config: Configuration, actions: Iterable[Action]) -> tuple[str, ...]:
    """A line for each action."""
    return tuple(
        _on_node(config, action)
        if isinstance(action, OnNode)
        else _in_config(config, action.compensation)
        for action in actions
    )


def describe_disk(disk: Disk) -> str:
    """A disk's size and template, and where it is."""
    size = format_unit(disk.size)
    place = f" at {disk.logical_id[-1]}" if disk.logical_id else ""
    return f"disk of {size} ({disk.dev_type}){place}"


def node_name(config: Configuration, uuid: str) -> str:
    """Its name, while it is in the configuration."""
    node = config.nodes.get(uuid)
    return uuid if node is None else node.name


def _on_node(config: Configuration, action: OnNode) -> str:
    call = msgspec.json.decode(action.call)
    return f"{_words(call['call'])}{_subject(call)} on {node_name(config, action.node_uuid)}"


def _subject(call: dict[str, Any]) -> str:
    """What a node call is about."""
    if isinstance(call.get("disk"), dict):
        return f" {call['disk'].get('uuid')} ({format_unit(call['disk'].get('size', 0))})"
    if isinstance(call.get("spec"), dict):
        return f" {call['spec']['instance']['name']}"
    return next((f" {call[key]}" for key in ("name", "instance_name") if call.get(key)), "")


def _in_config(config: Configuration, change: Compensation) -> str:
    subject = _object_name(config, getattr(change, "uuid", ""))
    if isinstance(change, MarkInstance):
        return f"mark instance {subject} as {change.admin_state}"
    what = _words(str(change.__struct_config__.tag))
    place = "from" if what.startswith(("remove", "forget")) else "in"
    return f"{what} {subject} {place} the configuration".replace("  ", " ")


def _object_name(config: Configuration, uuid: str) -> str:
    found = config.instances.get(uuid) or config.nodes.get(uuid)
    return uuid if found is None else found.name


def _words(tag: str) -> str:
    """C{stop_instance} as words."""
    return tag.replace("_", " ")


_SECRET_FIELDS = ("osparams_private", "osparams_private_cluster")


def describe_changes(what: str, before: Any, after: Any) -> tuple[str, ...]:
    """
    A line for each value that differs between two records of a kind.

    @param what: of which it is, C{node group g1} say.
    """
    old, new = dict(_leaves(codec.to_builtins(before))), dict(_leaves(codec.to_builtins(after)))
    changed = (path for path in {**old, **new} if old.get(path) != new.get(path))
    return tuple(
        f"set {'/'.join(path)} of {what} to {_shown(path, new[path])}"
        if path in new
        else f"unset {'/'.join(path)} of {what}"
        for path in changed
    )


def _leaves(value: Any, path: tuple[str, ...] = ()) -> Iterator[tuple[tuple[str, ...], Any]]:
    """Values that are no dictionaries, by the keys that lead to them."""
    if not isinstance(value, dict):
        yield path, value
        return
    for key, item in value.items():
        yield from _leaves(item, (*path, str(key)))


def _shown(path: tuple[str, ...], value: Any) -> Any:
    if path[0] in _SECRET_FIELDS:
        return _REDACTED
    return list(value) if isinstance(value, tuple) else value
