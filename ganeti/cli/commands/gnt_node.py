"""gnt-node: the machines of the cluster."""

from __future__ import annotations

from ganeti.cli.commands.tag_table import tag_commands
from ganeti.cli.options import common, node
from ganeti.cli.program import Command, Program, host, many, one

PROGRAM = Program(
    "gnt-node",
    (
        Command(
            "add",
            "node_add:add",
            "[--readd] [-s <ip>] [--no-ssh-key-check] [-v] <node-name>",
            "Set a machine up and add it to the cluster",
            "gnt-node add node2.example.com",
            host(),
            node.ADD_OPTIONS,
        ),
        Command(
            "modify",
            "node_modify:modify",
            "<node-name>",
            "Change a node's role, its flags, and its settings",
            "gnt-node modify --drained=yes node2.example.com",
            one("node"),
            node.MODIFY_OPTIONS,
        ),
        Command(
            "powercycle",
            "node_modify:powercycle",
            "<node-name>",
            "Restart a node at once, without shutting anything down",
            "gnt-node powercycle --yes node2.example.com",
            one("node"),
            node.POWERCYCLE_OPTIONS,
        ),
        Command(
            "remove",
            "node:remove",
            "<node-name>",
            "Remove a node that has no instances from the cluster",
            "gnt-node remove node2.example.com",
            one("node"),
            (common.DRY_RUN, common.PRIORITY),
        ),
        Command(
            "list",
            "node:list_nodes",
            "[<node-name>...]",
            "List nodes, with their room for memory and disks",
            "gnt-node list -o name,role,mfree node1 node2",
            many("node"),
            common.LIST_OPTIONS,
        ),
        Command(
            "list-fields",
            "node:list_fields",
            "[<field-name>...]",
            "Say which fields 'list' can show",
            "gnt-node list-fields mfree dfree",
            many("unknown"),
            common.FIELDS_OPTIONS,
        ),
        Command(
            "info",
            "node:info",
            "[<node-name>...]",
            "Show what is on record about nodes",
            "gnt-node info node1.example.com",
            many("node"),
        ),
        *tag_commands("gnt-node", "node"),
    ),
    aliases={"show": "info"},
    env_defaults=("list",),
)
