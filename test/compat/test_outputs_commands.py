"""
What the commands print, against the recorded output of the original's.

Every record of the sub-commands that exist here is run again, and must print the same bytes and
end with the same status, or stand in C{DIFFERENT} with the reason.
"""

from __future__ import annotations

import shutil
import tempfile
from collections.abc import Iterator
from pathlib import Path

import pytest
from support import compatibility, outputs
from support.differences import DIFFERENT
from support.recorded import Record

ALL = compatibility.all_records()
RECORDS = [record for record in ALL if outputs.is_built(record)]


@pytest.fixture
def folder() -> Iterator[Path]:
    made = Path(tempfile.mkdtemp(prefix="cli-outputs-", dir="/tmp"))
    yield made
    shutil.rmtree(made)


@pytest.mark.parametrize("record", RECORDS, ids=lambda r: f"{r.program}-{r.index}-{r.command}")
def test_output(record: Record, folder: Path) -> None:
    """A command prints what was recorded, or differs for a reason that is written down."""
    found = outputs.differences(record, outputs.run_again(record, folder), str(folder))
    if record.key in DIFFERENT:
        assert found, f"equal by now, remove it from the table: {DIFFERENT[record.key]}"
    else:
        assert not found, "\n".join([" ".join(record.argv), *found])


def test_reasons() -> None:
    """The table of differences names existing records only."""
    assert not DIFFERENT.keys() - {record.key for record in RECORDS}


def test_page() -> None:
    """The page for readers is up to date: python test/compat/compatibility.py --write."""
    page = compatibility.page({record.key: compatibility.expected(record) for record in ALL})
    assert compatibility.PAGE.read_text() == page
