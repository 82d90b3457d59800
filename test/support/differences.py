"""Where our commands print something else than the original's did, and why."""

from __future__ import annotations

NO_TRACEBACK = "a clear message where the original shows a traceback"
ARBITRARY_ORDER = "the original writes sets and dictionaries in any order, ours are sorted"
UNKNOWN_IS_SAID = "an unknown name is said on standard error, too"
NO_CHECK_OPTIONS = "3.1 has no such option for this command: names are not checked by default"
HAS_A_TYPE = "all such errors have a type, this one too"

DIFFERENT: dict[tuple[str, int], str] = {
    ("gnt-cluster", 8): ARBITRARY_ORDER,
    ("gnt-cluster", 80): "a wrong NIC mode is no corrupt configuration file",
    ("gnt-cluster", 149): ARBITRARY_ORDER,
    ("gnt-debug", 8): NO_TRACEBACK,
    ("gnt-debug", 11): NO_TRACEBACK,
    ("gnt-debug", 27): "--debug shows our own requests",
    ("gnt-debug", 40): NO_TRACEBACK,
    ("gnt-debug", 43): "the original ends with a traceback, ours runs the jobs",
    ("gnt-group", 11): NO_TRACEBACK,
    ("gnt-group", 20): UNKNOWN_IS_SAID,
    ("gnt-group", 51): NO_TRACEBACK,
    ("gnt-group", 55): UNKNOWN_IS_SAID,
    ("gnt-group", 60): NO_TRACEBACK,
    ("gnt-instance", 11): NO_TRACEBACK,
    ("gnt-instance", 43): ARBITRARY_ORDER,
    ("gnt-instance", 49): HAS_A_TYPE,
    ("gnt-instance", 51): "the message says which size is wrong, and what would be right",
    ("gnt-instance", 61): HAS_A_TYPE,
    ("gnt-instance", 101): NO_TRACEBACK,
    ("gnt-instance", 134): NO_TRACEBACK,
    ("gnt-instance", 277): NO_CHECK_OPTIONS,
    ("gnt-instance", 280): NO_CHECK_OPTIONS,
    ("gnt-instance", 281): NO_CHECK_OPTIONS,
    ("gnt-job", 3): "the record is cut: its column widths come from what is missing",
    ("gnt-job", 11): NO_TRACEBACK,
    ("gnt-job", 42): "the original does not align columns that hold lists, ours does",
    ("gnt-job", 72): NO_TRACEBACK,
    ("gnt-node", 11): NO_TRACEBACK,
    ("gnt-node", 44): UNKNOWN_IS_SAID,
    ("gnt-node", 46): "names come from the virtual cluster's hosts file, which is said",
}
"""The place of a record in its file, and the reason."""

BEYOND = (
    "Versions are ours: 4.0.0.dev0, and 3010000 as the format of the configuration.",
    "`--help` has the same form, with our own words, and an example at its end.",
    "What `list-fields` says of a field is in our own words; `gnt-debug delay` is summed up in "
    "nanoseconds, as in 3.1: `TEST_DELAY(500000000 ns)`.",
    "The input fields of `gnt-job info`, and the column `ops` of `gnt-job list`, are sorted by "
    "name, and leave out what was not set.",
    "`gnt-instance add` installs an instance before it comes into the configuration, and its lines "
    "come in that order; nothing is waited for where disks have no mirror to sync.",
    "`gnt-debug allocator` can also say why (`--explain`, `-v`), and is called `allocate`, too. "
    "`gnt-instance batch-create` names the instances for which there is no place.",
    "`gnt-instance modify --os-type` takes no operating system that the node lacks.",
    "`gnt-os list` and `gnt-os diagnose` say on standard error which nodes did not answer; the "
    "original leaves them out in silence.",
    "`--dry-run` prints what would be done, and `--dry-run=json` the same as JSON. A command that "
    "waits longer than two seconds says so at a terminal.",
    "A master daemon that does not run is told at once, with how to start it; the original gives "
    "up after half a minute.",
)
"""What no record shows."""
