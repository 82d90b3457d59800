"""Placement's programs: what each is for, and examples of its use, as its help shows them."""

from __future__ import annotations

DESCRIPTIONS = {
    "hail": "finds the nodes for new and for moved instances: an instance allocator",
    "hbal": "balances a cluster: finds the moves of instances that lead there, and makes them",
    "hcheck": "checks a cluster, and whether balancing would help",
    "hinfo": "prints what is known of a cluster",
    "hroller": "finds groups of nodes that can be rebooted at the same time",
    "hscan": "saves the state of clusters to files that the others read",
    "hspace": "finds how many more instances a cluster can take",
    "hsqueeze": "finds nodes to power off when there is little to do, and on when there is more",
}

_EXAMPLES = {
    "hail": ("hail request.json", "hail --explain -t cluster.data request.json"),
    "hbal": ("hbal -L -C -p", "hbal -t cluster.data --max-length=5", "hbal -L -X"),
    "hcheck": ("hcheck -L", "hcheck --no-simulation -t cluster.data"),
    "hinfo": ("hinfo -L -p --print-instances", "hinfo -t cluster.data"),
    "hroller": ("hroller -L", "hroller --one-step-only --print-moves -t cluster.data"),
    "hscan": ("hscan -L -d /tmp",),
    "hspace": (
        "hspace -L",
        "hspace --simulate=preferred,20,100g,32g,8 --disk-template=plain",
        "hspace -t cluster.data --tiered-alloc=20g,4g,2 --machine-readable",
    ),
    "hsqueeze": ("hsqueeze -L", "hsqueeze -t cluster.data --target-resources=2"),
}


def format_examples(program: str) -> str:
    """The last part of a program's help."""
    lines = [f"  {example}" for example in _EXAMPLES[program]]
    return "\n".join(["", "Examples:", *lines, ""])


def format_unknown(name: str) -> str:
    """What is said when the program has a name that is none of these."""
    return "\n".join(
        [
            f"Unrecognised personality '{name}'.",
            "This program must be installed under one of the following names:",
            *_lines(),
            "",
            "Error: Please either rename/symlink the program or set",
            "the environment variable HTOOLS to the desired role.",
            "",
        ]
    )


def format_all() -> str:
    """The help of the program that is all of them."""
    return "\n".join(
        [
            "Usage: HTOOLS=PROGRAM htools [OPTION...]",
            "Runs one of the programs of placement:",
            *_lines(),
            "",
            "Examples:",
            "  HTOOLS=hinfo htools -L",
            "  HTOOLS=hbal htools --help",
            "",
        ]
    )


def _lines() -> list[str]:
    return [f" {each:<8} - {text}" for each, text in DESCRIPTIONS.items()]
