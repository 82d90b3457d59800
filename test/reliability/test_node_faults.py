"""Everything that can happen to nodes and to the master, at every node call and every commit."""

from __future__ import annotations

import pytest
from support.faultoperations import OPERATIONS
from support.misfortunes import AT_APPENDS, AT_CALLS
from support.nodefaults import Table, probe_all


def test_node_faults(capsys: pytest.CaptureFixture[str]) -> None:
    """The audit is content after everything at each point of each operation."""
    table = Table()
    probe_all(OPERATIONS, (*AT_CALLS, *AT_APPENDS), table)
    with capsys.disabled():
        print()
        for line in table.lines():
            print(line)
    assert table.problems() == []
