"""Jobs that power nodes off and on, and tag them."""

from __future__ import annotations

import time
from collections.abc import Sequence
from typing import Any

from ganeti.cli.htools.console import Console
from ganeti.cli.htools.execution import run_jobs
from ganeti.luxi.client import Client


def power_nodes(console: Console, socket: str, nodes: Sequence[str], *, on: bool) -> int:
    """Power these nodes on or off; the exit status."""
    command = "power-on" if on else "power-off"
    opcodes = [
        {
            "OP_ID": "OP_OOB_COMMAND",
            "node_names": [name],
            "command": command,
            "ignore_status": False,
            "timeout": 60,
            "power_delay": 5.0,
        }
        for name in nodes
    ]
    return _run(console, socket, opcodes)


def tag_nodes(console: Console, socket: str, nodes: Sequence[str], tag: str) -> int:
    """Tag these nodes; the exit status."""
    opcodes = [{"OP_ID": "OP_TAGS_SET", "kind": "node", "name": n, "tags": [tag]} for n in nodes]
    return _run(console, socket, opcodes)


def _run(console: Console, socket: str, opcodes: list[dict[str, Any]]) -> int:
    reason = [["hsqueeze", console.options.reason or "power management", time.time_ns()]]
    jobs = [[{**opcode, "reason": reason}] for opcode in opcodes]
    with Client(socket) as client:
        return 0 if not jobs or run_jobs(console, client, jobs) else 1
