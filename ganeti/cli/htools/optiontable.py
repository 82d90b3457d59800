"""
Which options there are: a table, by their long names.

It is read by the parser, by --help and by the test that compares it with the original's.
"""

from __future__ import annotations

from collections.abc import Callable
from typing import Any, NamedTuple

from ganeti.cli.htools import values
from ganeti.htools import numbers


class Opt(NamedTuple):
    """
    One option.

    @ivar parse: gives the value from the word and C{what}; None is a flag, which sets C{value}.
    @ivar optional: the word may be left out (C{-pFIELDS}, C{--print-nodes=FIELDS}).
    @ivar completion: what the word is, for shells.
    """

    long: str
    help: str
    short: str = ""
    dest: str = ""
    metavar: str = ""
    parse: Callable[[Any, str], Any] | None = None
    what: str = ""
    optional: bool = False
    repeated: bool = False
    value: Any = True
    completion: str = "none"

    @property
    def attribute(self) -> str:
        """Where L{ganeti.cli.htools.options.Options} keeps it."""
        return self.dest or self.long.replace("-", "_")


_TEMPLATES = "diskless,file,sharedfile,plain,blockdev,drbd,rbd,ext,gluster"

_TABLE = (
    Opt(
        "print-nodes",
        "List the nodes: these fields, or with a plus sign these besides the usual ones",
        "p",
        metavar="FIELDS",
        parse=values.parse_fields,
        optional=True,
    ),
    Opt("print-instances", "List the instances"),
    Opt(
        "print-commands",
        "Print the commands that lead there, or write them to FILE",
        "C",
        metavar="FILE",
        parse=values.parse_optional_word,
        optional=True,
        completion="file",
    ),
    Opt(
        "text-data",
        "Read the cluster from FILE, in the text format",
        "t",
        metavar="FILE",
        parse=values.parse_word,
        completion="file",
    ),
    Opt(
        "master",
        "Ask the cluster at ADDRESS through its remote API",
        "m",
        metavar="ADDRESS",
        parse=values.parse_word,
        completion="host",
    ),
    Opt(
        "luxi",
        "Ask the master daemon of this cluster, at SOCKET if it is given",
        "L",
        metavar="SOCKET",
        parse=values.parse_optional_word,
        optional=True,
        completion="file",
    ),
    Opt(
        "ialloc-src",
        "Read the cluster from a request to an instance allocator",
        "I",
        metavar="FILE",
        parse=values.parse_word,
        completion="file",
    ),
    Opt(
        "simulate",
        "An empty group of nodes: 'policy,nodes,disk,memory,cpus,spindles'",
        metavar="SPEC",
        parse=values.parse_word,
        repeated=True,
        completion="string",
    ),
    Opt("verbose", "Tell more; may be given several times", "v", "verbosity", value=1),
    Opt("quiet", "Tell less", "q", "verbosity", value=-1),
    Opt(
        "offline",
        "Take this node for offline; may be given several times",
        "O",
        metavar="NODE",
        parse=values.parse_word,
        repeated=True,
        completion="onenode",
    ),
    Opt(
        "static-kvm-node-memory",
        "How much memory, in MiB, a node with KVM needs for itself; 0: what the node says",
        metavar="N",
        parse=numbers.parse_natural,
        what="static node memory",
        completion="integer",
    ),
    Opt(
        "group",
        "Work on this group, by its name or UUID",
        "G",
        metavar="ID",
        parse=values.parse_word,
        completion="onegroup",
    ),
    Opt(
        "max-length",
        "Stop after N steps or instances",
        "l",
        metavar="N",
        parse=numbers.parse_integer,
        what="max solution length",
        completion="integer",
    ),
    Opt(
        "min-score",
        "Stop when the score is this near to the least that is possible",
        "e",
        metavar="EPSILON",
        parse=numbers.parse_number,
        what="min score",
        completion="float",
    ),
    Opt(
        "min-gain",
        "Stop when a step would lower a low score by less than this",
        "g",
        metavar="DELTA",
        parse=numbers.parse_number,
        what="min gain",
        completion="float",
    ),
    Opt(
        "min-gain-limit",
        "Which score is low enough for --min-gain to count",
        metavar="SCORE",
        parse=numbers.parse_number,
        what="min gain limit",
        completion="float",
    ),
    Opt(
        "max-cpu",
        "Most virtual CPUs for each real one; else what the cluster's policies say",
        metavar="RATIO",
        parse=values.parse_positive,
        what="the max-cpu ratio",
        completion="float",
    ),
    Opt(
        "min-disk",
        "Which part of a node's disk stays free, from 0 to 1",
        metavar="RATIO",
        parse=numbers.parse_ratio,
        what="min free disk space",
        completion="float",
    ),
    Opt("evac-mode", "Only move instances away from offline and drained nodes", "E"),
    Opt("restricted-migration", "Do not migrate but off nodes that are emptied"),
    Opt("no-disk-moves", "Do not move disks: only migrate, which is cheap"),
    Opt("no-instance-moves", "Do not migrate: only move DRBD secondaries"),
    Opt("ignore-soft-errors", "Go on where only the policies' ratios forbid it"),
    Opt(
        "select-instances",
        "Only move these instances",
        metavar="INSTS",
        parse=values.parse_words,
        completion="manyinstances",
    ),
    Opt(
        "exclude-instances",
        "Do not move these instances",
        metavar="INSTS",
        parse=values.parse_words,
        completion="manyinstances",
    ),
    Opt(
        "exclusion-tags",
        "Keep instances apart that share a tag with one of these prefixes",
        metavar="TAG,...",
        parse=values.parse_words,
        completion="string",
    ),
    Opt(
        "dynu-file",
        "Read how much each instance uses from FILE: 'name cpu memory disk net'",
        "U",
        metavar="FILE",
        parse=values.parse_word,
        completion="file",
    ),
    Opt("ignore-dynu", "Take no notice of how much instances use"),
    Opt(
        "mond",
        "Ask the nodes' monitoring daemons how busy their processors are: yes or no",
        metavar="CHOICE",
        parse=values.parse_choice,
        what="mond",
        optional=True,
        completion="choices=yes,no",
    ),
    Opt(
        "mond-data",
        "With --mond: read from FILE what monitoring daemons say, instead of asking them",
        metavar="FILE",
        parse=values.parse_word,
        completion="file",
    ),
    Opt("mond-xen", "Ask them for the loads of Xen's instances instead of those of nodes"),
    Opt(
        "exit-on-missing-mond-data",
        "Stop when one of them does not answer; else go on without measured loads",
    ),
    Opt(
        "save",
        "Save the cluster before and after to files whose names begin with FILE",
        "S",
        metavar="FILE",
        parse=values.parse_word,
    ),
    Opt("exec", "Do it: submit the jobs to the master daemon (with --luxi)", "X", "execute"),
    Opt("first-job-group", "Only do what can be done at once"),
    Opt(
        "reason", "Why this is done; kept with the jobs", metavar="REASON", parse=values.parse_word
    ),
    Opt(
        "priority",
        "The priority of the jobs: low, normal or high",
        metavar="PRIO",
        parse=values.parse_priority,
        completion="choices=low,normal,high",
    ),
    Opt(
        "machine-readable",
        "Print KEY=value lines for programs: yes or no",
        metavar="CHOICE",
        parse=values.parse_choice,
        what="machine-readable",
        optional=True,
        completion="choices=yes,no",
    ),
    Opt("no-simulation", "Do not look at what balancing would bring"),
    Opt(
        "no-capacity-checks",
        "Do not check that instances of a lost node could be started elsewhere",
        dest="capacity_checks",
        value=False,
    ),
    Opt("independent-groups", "A group with an N+1 failure does not stop the others"),
    Opt("accept-existing-errors", "Fill in spite of N+1 failures that are there already"),
    Opt(
        "disk-template",
        "How the disks of new instances are stored",
        metavar="TEMPLATE",
        parse=values.parse_template,
        completion=f"choices={_TEMPLATES}",
    ),
    Opt(
        "spindle-use",
        "How much a new instance uses the nodes' spindles; else what the policies say",
        metavar="SPINDLES",
        parse=numbers.parse_natural,
        what="parsing spindle-use",
        completion="integer",
    ),
    Opt(
        "standard-alloc",
        "The size of instances that are all alike, 'disk,ram,cpu'",
        metavar="STDSPEC",
        parse=values.parse_size_spec,
        what="standard",
        completion="string",
    ),
    Opt(
        "tiered-alloc",
        "The size of the first of ever smaller instances, 'disk,ram,cpu'",
        metavar="TSPEC",
        parse=values.parse_size_spec,
        what="tiered",
        completion="string",
    ),
    Opt(
        "restrict-allocation-to",
        "Only these nodes may take the new instance",
        metavar="NODE,...",
        parse=values.parse_words,
        completion="manynodes",
    ),
    Opt("offline-maintenance", "All instances are shut down before nodes are rebooted"),
    Opt(
        "node-tags",
        "Only nodes with one of these tags",
        metavar="TAG,...",
        parse=values.parse_words,
        completion="string",
    ),
    Opt("print-moves", "List where the instances of each group of nodes go meanwhile"),
    Opt("full-evacuation", "Empty the nodes wholly: move DRBD secondaries, too"),
    Opt("skip-non-redundant", "Leave out nodes with an instance that is on one node only"),
    Opt("ignore-non-redundant", "Take no notice of instances that are on one node only"),
    Opt("force", "Go on where the master cannot be told", "f"),
    Opt("one-step-only", "Only the first group, one node a line"),
    Opt("no-headers", "No line with titles", dest="headers", value=False),
    Opt(
        "output-dir",
        "Where the files are written",
        "d",
        metavar="PATH",
        parse=values.parse_word,
        completion="dir",
    ),
    Opt(
        "minimal-resources",
        "Power nodes on when there is less room on each, in standard instances",
        metavar="FACTOR",
        parse=numbers.parse_number,
        what="minimal resources",
        completion="float",
    ),
    Opt(
        "target-resources",
        "Power nodes off while this much room stays on each, in standard instances",
        metavar="FACTOR",
        parse=numbers.parse_number,
        what="target resources",
        completion="float",
    ),
    Opt("explain", "Say why: all candidates, what forbids each, what would help"),
    Opt("version", "Show the version", "V"),
    Opt("help", "Show this help", "h"),
    Opt("help-completion", "Show the options for completion in shells"),
)

OPTIONS = {opt.long: opt for opt in _TABLE}
