"""gnt-instance: the virtual machines."""

from __future__ import annotations

from ganeti.cli.commands.tag_table import tag_commands
from ganeti.cli.options import common, instance
from ganeti.cli.program import Command, Program, host, many, one

PROGRAM = Program(
    "gnt-instance",
    (
        Command(
            "add",
            "instance_add:add",
            "[...] -t disk-type -n node[:secondary-node] -o os-type <instance-name>",
            "Create an instance: its disks, its operating system, its place in the cluster",
            "gnt-instance add -t file -s 10G -o debian -n node1 -B memory=1G web1.example.com",
            host(),
            instance.ADD_OPTIONS,
        ),
        Command(
            "remove",
            "instance:remove",
            "[-f] <instance-name>",
            "Shut an instance down and remove it with its disks",
            "gnt-instance remove web1.example.com",
            one("instance"),
            instance.REMOVE_OPTIONS,
        ),
        Command(
            "list",
            "instance:list_instances",
            "[<instance-name>...]",
            "List instances, with their state",
            "gnt-instance list -o +disk_usage --filter 'status != \"running\"'",
            many("instance"),
            common.LIST_OPTIONS,
        ),
        Command(
            "list-fields",
            "instance:list_fields",
            "[<field-name>...]",
            "Say which fields 'list' can show",
            "gnt-instance list-fields status oper_ram",
            many("unknown"),
            common.FIELDS_OPTIONS,
        ),
        Command(
            "info",
            "instance_info:info",
            "[-s] {--all | <instance-name>...}",
            "Show all there is to know about instances",
            "gnt-instance info --static web1.example.com",
            many("instance"),
            instance.INFO_OPTIONS,
        ),
        Command(
            "startup",
            "instance_state:startup",
            "<instance-name>...",
            "Start instances",
            "gnt-instance startup --primary node1.example.com",
            many("instance"),
            instance.STARTUP_OPTIONS,
        ),
        Command(
            "shutdown",
            "instance_state:shutdown",
            "<instance-name>...",
            "Shut instances down",
            "gnt-instance shutdown --timeout=30 web1.example.com",
            many("instance"),
            instance.SHUTDOWN_OPTIONS,
        ),
        *tag_commands("gnt-instance", "instance"),
    ),
    aliases={"show": "info", "start": "startup", "stop": "shutdown"},
    env_defaults=("list",),
)
