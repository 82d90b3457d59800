"""
Run all recorded commands again, and print how they compare.

    .venv/bin/python test/compat/compatibility.py [--write]

With C{--write} the page goes to doc/compatibility.md. The status is 1 when a command is not as
test/support/differences.py says.
"""

from __future__ import annotations

import sys
import tempfile
from pathlib import Path

sys.path[:0] = [str(Path(__file__).resolve().parents[up]) for up in (1, 2)]

from support import compatibility, outputs
from support.compatibility import Outcome
from support.recorded import Record


def compare(record: Record) -> Outcome:
    """Run it again."""
    if not outputs.is_built(record):
        return Outcome.UNBUILT
    with tempfile.TemporaryDirectory(prefix="cli-outputs-", dir="/tmp") as folder:
        ran = outputs.run_again(record, Path(folder))
        found = outputs.differences(record, ran, folder)
    return Outcome.DIFFERENT if found else Outcome.SAME


def main(words: list[str]) -> int:
    """Compare, print, and write when told to."""
    records = compatibility.all_records()
    found = {record.key: compare(record) for record in records}
    page = compatibility.page(found)
    sys.stdout.write(page)
    if "--write" in words:
        compatibility.PAGE.write_text(page)
    surprises = [r for r in records if found[r.key] is not compatibility.expected(r)]
    for record in surprises:
        sys.stderr.write(f"{record.key} {' '.join(record.argv)}: {found[record.key]}\n")
    return 1 if surprises else 0


if __name__ == "__main__":
    sys.exit(main(sys.argv[1:]))
