"""The sub-commands, options and arguments, against the table of the original's."""

from __future__ import annotations

import json
from pathlib import Path
from typing import Any

import pytest

from ganeti.cli.main import load_program
from ganeti.cli.parser import EVERYWHERE
from ganeti.cli.program import Command, Opt

TABLE = json.loads((Path(__file__).parent / "interface" / "cli.json").read_text())
PROGRAMS = (
    "gnt-cluster",
    "gnt-debug",
    "gnt-group",
    "gnt-instance",
    "gnt-job",
    "gnt-node",
    "gnt-os",
)
COMMANDS = [(name, command) for name in PROGRAMS for command in load_program(name).commands]

# Where ours is something else on purpose: (option, what) and why.
DIFFERENT = {
    ("--no-ip-check", "action"): "only warned there; the default is the same",
    ("--no-ip-check", "dest"): "as above",
    ("--no-ip-check", "default"): "as above",
    ("--no-name-check", "action"): "only warned there; the default is the same",
    ("--no-name-check", "dest"): "as above",
    ("--no-name-check", "default"): "as above",
    ("--priority", "action"): "the words become numbers when the job is made",
}

# What ours has beyond the table: options of a sub-command, and other names of sub-commands.
MORE_OPTIONS = {("gnt-debug", "iallocator"): {"--explain", "--verbose"}}
MORE_ALIASES = {"gnt-debug": {"allocate": "iallocator"}}


def _ids(item: Any) -> str:
    return item if isinstance(item, str) else item.name


def _wanted_options(program: str, command: str) -> dict[str, dict[str, Any]]:
    keys = TABLE["gnt"][program]["commands"][command]["options"]
    return {key.partition("#")[0]: TABLE["option_definitions"][key] for key in keys}


@pytest.mark.parametrize(("program", "command"), COMMANDS, ids=_ids)
def test_options(program: str, command: Command) -> None:
    """A sub-command has the options of the table and no others."""
    wanted = _wanted_options(program, command.name)
    more = MORE_OPTIONS.get((program, command.name), set())
    ours = {opt.name: opt for opt in command.options}
    assert ours.keys() == wanted.keys() | more
    problems = [line for name in wanted for line in _problems(ours[name], wanted[name])]
    assert not problems


def _problems(opt: Opt, wanted: dict[str, Any]) -> list[str]:
    expected = {
        "flags": sorted([*wanted["short"], *wanted["long"]]),
        "action": wanted["action"],
        "dest": wanted.get("dest"),
        "type": None if "choices" in wanted else wanted.get("type"),
        "choices": sorted(wanted.get("choices", [])),
        "default": wanted.get("default"),
        "const": _const(wanted.get("const")),
    }
    found = {
        "flags": sorted(opt.flags),
        "action": opt.action,
        "dest": opt.dest,
        "type": opt.type,
        "choices": sorted(opt.choices or ()),
        "default": opt.default,
        "const": frozenset(opt.const) if isinstance(opt.const, tuple) else opt.const,
    }
    return [
        f"{opt.name} {what}: {found[what]!r}, wanted {expected[what]!r}"
        for what in expected
        if found[what] != expected[what] and (opt.name, what) not in DIFFERENT
    ]


def _const(text: Any) -> Any:
    """The table writes sets as Python does."""
    if isinstance(text, str) and text.startswith("frozenset("):
        return frozenset(text[len("frozenset({") : -2].replace("'", "").split(", "))
    return text


NAMED = {"101": "node", "103": "os", "106": "iallocator", "108": "nodes", "109": "group"}
"""What the table's completion codes stand for."""


@pytest.mark.parametrize(("program", "command"), COMMANDS, ids=_ids)
def test_values(program: str, command: Command) -> None:
    """Options whose values name objects say so, for completion."""
    wanted = {
        name: NAMED[found["completion"]]
        for name, found in _wanted_options(program, command.name).items()
        if isinstance(found.get("completion"), str)
    }
    ours = {opt.name: opt.values for opt in command.options}
    assert {name: ours[name] for name in wanted} == wanted


@pytest.mark.parametrize(("program", "command"), COMMANDS, ids=_ids)
def test_arguments(program: str, command: Command) -> None:
    """A sub-command takes as many arguments as the table says."""
    wanted = TABLE["gnt"][program]["commands"][command.name]["args"]
    ours = [(arg.kind, arg.minimum, arg.maximum) for arg in command.arguments]
    assert ours == [(arg["kind"], arg["min"], arg["max"]) for arg in wanted]


@pytest.mark.parametrize("name", PROGRAMS)
def test_aliases(name: str) -> None:
    """Other names of sub-commands that exist are those of the table."""
    program = load_program(name)
    built = {command.name for command in program.commands}
    wanted = TABLE["gnt"][name].get("aliases", {})
    known = {alias: of for alias, of in wanted.items() if of in built}
    assert program.aliases == known | MORE_ALIASES.get(name, {})


@pytest.mark.parametrize("name", PROGRAMS)
def test_environment(name: str) -> None:
    """Default arguments come from the environment for the same sub-commands."""
    wanted = TABLE["env_default_args"]["commands"].get(name, [])
    assert list(load_program(name).env_defaults) == wanted


def test_everywhere() -> None:
    """The options of every sub-command."""
    names = {opt.name for opt in EVERYWHERE} | {"--help", "-h"}
    assert names == set(TABLE["options_on_every_subcommand"])


@pytest.mark.parametrize(("program", "command"), COMMANDS, ids=_ids)
def test_described(program: str, command: Command) -> None:
    """Each sub-command has an example of itself, each option a line of help."""
    assert command.example.startswith(f"{program} {command.name}")
    assert command.description
    assert all(opt.help for opt in command.options)
