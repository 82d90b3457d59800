"""gnt-group: sets of nodes that are near to each other."""

from __future__ import annotations

from ganeti.cli.commands.tag_table import tag_commands
from ganeti.cli.options import common, group
from ganeti.cli.program import Arg, Command, Program, many, one

PROGRAM = Program(
    "gnt-group",
    (
        Command(
            "add",
            "group:add",
            "[opts...] <group-name>",
            "Make a node group, which has no nodes yet",
            "gnt-group add --alloc-policy=last_resort rack2",
            one("group"),
            group.CHANGE_OPTIONS,
        ),
        Command(
            "assign-nodes",
            "group:assign_nodes",
            "[-f] <group-name> <node-name>...",
            "Move nodes to a group",
            "gnt-group assign-nodes rack2 node3.example.com node4.example.com",
            (Arg("group", 1, 1), *many("node")),
            group.ASSIGN_OPTIONS,
        ),
        Command(
            "list",
            "group:list_groups",
            "[<group-name>...]",
            "List node groups",
            "gnt-group list -o name,node_list,pinst_cnt",
            many("group"),
            group.LIST_OPTIONS,
        ),
        Command(
            "list-fields",
            "group:list_fields",
            "[<field-name>...]",
            "Say which fields 'list' can show",
            "gnt-group list-fields alloc_policy",
            many("unknown"),
            common.FIELDS_OPTIONS,
        ),
        Command(
            "info",
            "group_info:info",
            "[<group-name>...]",
            "Show the parameters and the instance policy of node groups",
            "gnt-group info default",
            many("group"),
        ),
        Command(
            "show-ispecs-cmd",
            "ispecs:show_groups",
            "[--include-defaults] [<group-name>...]",
            "Show the commands that would make groups with the same instance policy",
            "gnt-group show-ispecs-cmd --include-defaults default",
            many("group"),
            (group.INCLUDE_DEFAULTS,),
        ),
        Command(
            "modify",
            "group:modify",
            "[opts...] <group-name>",
            "Change the settings of a node group",
            "gnt-group modify --node-parameters=spindle_count=4 rack2",
            one("group"),
            group.CHANGE_OPTIONS,
        ),
        Command(
            "remove",
            "group:remove",
            "<group-name>",
            "Remove a node group that has no nodes",
            "gnt-group remove rack2",
            one("group"),
            group.SUBMIT_OPTIONS,
        ),
        Command(
            "rename",
            "group:rename",
            "<group-name> <new-name>",
            "Give a node group another name",
            "gnt-group rename rack2 cellar",
            (Arg("group", 2, 2),),
            group.SUBMIT_OPTIONS,
        ),
        *tag_commands("gnt-group", "group"),
    ),
    env_defaults=("list",),
)
