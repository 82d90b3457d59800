"""gnt-cluster: the cluster as a whole."""

from __future__ import annotations

from ganeti.cli.commands.tag_table import tag_commands
from ganeti.cli.options import cluster, common, verify
from ganeti.cli.program import Arg, Command, Program, host, many, one

PROGRAM = Program(
    "gnt-cluster",
    (
        Command(
            "init",
            "cluster_init:init_cluster",
            "[opts...] <cluster-name>",
            "Make a new cluster, with this machine as its master",
            "gnt-cluster init --enabled-hypervisors=kvm --master-netdev=br0 cluster.example.com",
            host(),
            cluster.INIT_OPTIONS,
        ),
        Command(
            "destroy",
            "cluster_destroy:destroy",
            "--yes-do-it",
            "End the cluster, which must have no instances and no other node",
            "gnt-cluster destroy --yes-do-it",
            (),
            (common.YES_DO_IT,),
        ),
        Command(
            "info",
            "cluster_info:info",
            "[--roman]",
            "Show the cluster's settings and defaults",
            "gnt-cluster info",
            (),
            (common.ROMAN,),
        ),
        Command(
            "modify",
            "cluster_modify:modify",
            "[<opts>...]",
            "Change the cluster's settings and defaults",
            "gnt-cluster modify -B vcpus=2 --candidate-pool-size=5",
            (),
            cluster.MODIFY_OPTIONS,
        ),
        Command(
            "redist-conf",
            "cluster_modify:redistribute",
            "",
            "Send the cluster's files to all nodes again",
            "gnt-cluster redist-conf",
            (),
            cluster.REDIST_OPTIONS,
        ),
        Command(
            "verify",
            "cluster_verify:verify",
            "",
            "Check the configuration, the nodes, and what is on them",
            "gnt-cluster verify --error-codes",
            (),
            verify.VERIFY_OPTIONS,
        ),
        Command(
            "command",
            "cluster_command:command",
            "[-n node...] <command>",
            "Run a command on all nodes",
            "gnt-cluster command -n node2.example.com uptime",
            many("command", 1),
            verify.COMMAND_OPTIONS,
        ),
        Command(
            "copyfile",
            "cluster_command:copyfile",
            "[-n node...] <filename>",
            "Copy a file to all other nodes",
            "gnt-cluster copyfile /etc/hosts",
            one("file"),
            verify.COPYFILE_OPTIONS,
        ),
        Command(
            "version",
            "cluster:show_version",
            "",
            "Show the versions of the software and of its interfaces",
            "gnt-cluster version",
        ),
        Command(
            "getmaster",
            "cluster:getmaster",
            "",
            "Show which node is the master; works on every node",
            "gnt-cluster getmaster",
        ),
        Command(
            "queue",
            "cluster:queue",
            "drain|undrain|info",
            "Close the job queue for new jobs, open it again, or tell which it is",
            "gnt-cluster queue drain",
            (Arg("choice", 1, 1, ("drain", "undrain", "info")),),
        ),
        *tag_commands("gnt-cluster", None),
        Command(
            "search-tags",
            "tags:search_tags",
            "<pattern>",
            "Find tags of the cluster and of all objects in it by a regular expression",
            "gnt-cluster search-tags '^owner:'",
            one("unknown"),
            (common.PRIORITY,),
        ),
    ),
    aliases={"show": "info"},
)
