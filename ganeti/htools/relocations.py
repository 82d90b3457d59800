"""The opcodes that move instances, as hail answers them (iallocator.json, opcodes_in_jobs)."""

from __future__ import annotations

from ganeti.htools.records import Instance

Opcode = dict[str, object]

# How long a guest is given to shut down, in seconds.
SHUTDOWN_S = 120


def run_elsewhere(instance: Instance, target: str = "") -> Opcode:
    """
    Run an instance on another node: one that is down, too, is migrated, which fails it over.

    @param target: empty: on its secondary node.
    """
    where = {"target_node": target} if target else {}
    if instance.forthcoming:
        head = {"OP_ID": "OP_INSTANCE_FAILOVER", "instance_name": instance.name}
        how = {"shutdown_timeout": SHUTDOWN_S, "ignore_consistency": False}
        return {**head, **how, **where, "ignore_ipolicy": False, "cleanup": False}
    return {
        "OP_ID": "OP_INSTANCE_MIGRATE",
        "instance_name": instance.name,
        **where,
        "allow_runtime_changes": False,
        "ignore_ipolicy": False,
        "cleanup": False,
        "allow_failover": True,
        "ignore_hvversions": True,
    }


def replace_secondary(instance: Instance, target: str) -> Opcode:
    """Give an instance another secondary node."""
    return {
        "OP_ID": "OP_INSTANCE_REPLACE_DISKS",
        "instance_name": instance.name,
        "early_release": False,
        "ignore_ipolicy": False,
        "mode": "replace_new_secondary",
        "disks": [],
        "remote_node": target,
    }


def replace_both(instance: Instance, primary: str, secondary: str) -> tuple[Opcode, ...]:
    """Give an instance two other nodes."""
    return (
        replace_secondary(instance, primary),
        run_elsewhere(instance),
        replace_secondary(instance, secondary),
    )
