"""OS definitions for tests: small directories with small scripts."""

from __future__ import annotations

from pathlib import Path

SCRIPTS = ("create", "export", "import", "rename", "verify")


def make_os(
    directory: Path,
    name: str = "tiny",
    *,
    api: str = "20\n",
    create: str = "exit 0",
    rename: str = "exit 0",
    variants: str | None = None,
    parameters: str | None = "",
) -> Path:
    """An OS definition below a search directory; C{create} and C{rename} are shell scripts."""
    path = directory / name
    path.mkdir(parents=True)
    bodies = {"create": create, "rename": rename}
    for script in SCRIPTS:
        write_script(path / script, bodies.get(script, "exit 0"))
    texts = {"ganeti_api_version": api, "variants.list": variants, "parameters.list": parameters}
    for file, text in texts.items():
        if text is not None:
            (path / file).write_text(text)
    return path


def write_script(path: Path, body: str, mode: int = 0o755) -> None:
    """A shell script."""
    path.write_text(f"#!/bin/sh\n{body}\n")
    path.chmod(mode)
