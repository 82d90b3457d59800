"""
Runs of placement's tools whose outcome with Ganeti 3.0.2 is kept in htools/recorded.json.

To record them anew, where Debian's ganeti-htools is installed:
C{PYTHONPATH=.:test .venv/bin/python test/compat/htools_cases.py}.
"""

from __future__ import annotations

import json
import os
from pathlib import Path

from support.originals import WHY_NOT, find_original, run_tool

FOLDER = Path(__file__).parent / "htools"
RECORDED = FOLDER / "recorded.json"

CASES = [
    *(
        f"hinfo -t {name}.data -p -v --print-instances"
        for name in ("small", "two-groups", "states", "exclusion", "shared")
    ),
    "hinfo -t small.data -O node0002 -pname,plist,slist,foo",
    "hinfo -t small.data --ignore-dynu",
    "hbal -t small.data -C",
    "hbal -t small.data -v -v",
    "hbal -t small.data -O node0002",
    "hbal -t small.data -e 100",
    "hbal -t small.data -l 2 -q",
    "hbal -t small.data --no-disk-moves",
    "hbal -t small.data --no-instance-moves",
    "hbal -t small.data --max-cpu=0.1 -l 1",
    "hbal -t two-groups.data",
    "hbal -t two-groups.data -G group0 -C",
    "hbal -t exclusion.data",
    "hbal -t shared.data",
    "hbal -t ties.data",
    "hbal -t ties-offline.data",
    "hcheck -t small.data",
    "hcheck -t two-groups.data --machine-readable",
    "hcheck -t exclusion.data",
    *(
        f"hroller -t {name}.data{options}"
        for name in ("rolling", "plain", "states", "two-groups")
        for options in ("", " --offline-maintenance --one-step-only", " --print-moves")
    ),
    "hroller -t rolling.data --full-evacuation --print-moves",
    "hroller -t plain.data --skip-non-redundant",
    "hroller -t plain.data --ignore-non-redundant --no-headers",
    "hroller -t tags.data --node-tags b,c",
    *(f"hsqueeze -t shared.data --target-resources={factor} -C" for factor in (2, 11, 15)),
    *(
        f"hsqueeze -t shared-full.data --target-resources=15 --minimal-resources={factor} -v -C"
        for factor in (2, 3, 8, 15)
    ),
    *(f"hail {name}.json" for name in ("allocate", "multi", "evacuate", "relocate")),
    "hspace --simulate p,5,100g,16g,4 --disk-template drbd --tiered-alloc 40g,4g,4",
    "hspace -t small.data --tiered-alloc 40g,4g,4 -l 20 --machine-readable",
    "hspace -t small.data -l 3 --tiered-alloc 40g,8g,4",
    "hspace -t two-groups.data -l 3 --machine-readable",
    "hspace --simulate p,5,100g,16g,4 --disk-template rbd --tiered-alloc 10g,2g,2 -l 60",
    "hspace --simulate p,4,100g,8g,4 --disk-template drbd --tiered-alloc 10g,2g,2",
    "hspace --simulate p,3,50g,8g,2,4 --disk-template plain --no-capacity-checks",
    "hspace --simulate p,1,50g,8g,2 --disk-template drbd --machine-readable",
    "hspace --simulate u,3,50g,8g,2 --disk-template plain",
    "hspace -t exclusive.data --disk-template drbd --machine-readable --spindle-use 0",
    "hspace -t ranges.data --disk-template plain --machine-readable --independent-groups -l 3",
    "hroller -t rolling.data -v --offline-maintenance",
    "hroller -t two-groups.data --full-evacuation --print-moves",
    "hsqueeze -t shared.data --minimal-resources=50 -C --no-headers",
    *(
        f"hcheck -t {name}.data"
        for name in ("dark", "mixed", "pinned", "dead", "lost", "empty-group", "full-disk")
    ),
    "hcheck -t conflicts.data --no-simulation --machine-readable",
    "hcheck -t full-disk.data -O node1",
    "hcheck -t full-disk.data -O node0 --machine-readable",
    *(f"hroller -t reserve.data -f --print-moves{each}" for each in ("", " --offline-maintenance")),
    "hinfo -t dead.data -O node0",
    "hinfo -t dark.data -p",
    "hinfo -t dead.data -p",
    "hbal -t dark.data -G group0",
    "hbal -t dead.data -C",
    "hbal -t dead.data -e 0.05 -O node0",
    "hbal -t dead.data -e 12345678",
    "hbal -t full-disk.data -O node1",
    *(
        f"hbal -t {name}.data{options}"
        for name in ("lost", "full-memory")
        for options in ("", " --no-instance-moves")
    ),
]


def record() -> None:
    """Run the original and keep what it says."""
    os.chdir(FOLDER)
    found = {}
    for case in CASES:
        tool, *words = case.split()
        path = find_original(tool)
        if path is None:
            raise SystemExit(WHY_NOT)
        outcome = run_tool(path, words, 60)
        found[case] = {"status": outcome.status, "out": outcome.out, "err": outcome.err}
    RECORDED.write_text(json.dumps(found, indent=1) + "\n")


if __name__ == "__main__":
    record()
