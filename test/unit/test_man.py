"""Each program has a manual page that names all it can do."""

from __future__ import annotations

import io
import re
from pathlib import Path

import pytest
from docutils import nodes
from docutils.core import publish_doctree

from ganeti.cli.main import load_program

ROOT = Path(__file__).parents[2]
PROGRAMS = sorted(path.name for path in (ROOT / "bin").iterdir())
COMMANDS = [name for name in PROGRAMS if name.startswith("gnt-")]
SECTIONS = {"SYNOPSIS", "DESCRIPTION"}


def page(name: str) -> str:
    return (ROOT / "man" / f"{name}.rst").read_text()


@pytest.mark.parametrize("name", PROGRAMS)
def test_well_formed(name: str) -> None:
    """The page is correct reStructuredText with the usual sections."""
    warnings = io.StringIO()
    settings = {"warning_stream": warnings, "report_level": 1, "_disable_config": True}
    tree = publish_doctree(page(name), settings_overrides=settings)
    assert warnings.getvalue() == ""
    titles = {title.astext().upper() for title in tree.findall(nodes.title)}
    assert titles >= SECTIONS
    assert tree.next_node(nodes.title).astext() == name


@pytest.mark.parametrize("name", COMMANDS)
def test_subcommands(name: str) -> None:
    """Each sub-command and each of its options is in the page."""
    text = page(name)
    missing = []
    for command in load_program(name).commands:
        if not re.search(rf"^\W*{re.escape(command.name)}\b", text, re.MULTILINE | re.IGNORECASE):
            missing.append(command.name)
        for option in command.options:
            if not re.search(rf"(?<![\w-]){re.escape(option.name)}\b", text):
                missing.append(f"{command.name} {option.name}")
    assert not missing, missing


def test_no_page_without_a_program() -> None:
    """What is described exists."""
    pages = {path.stem for path in (ROOT / "man").glob("*.rst")}
    assert pages <= set(PROGRAMS)
