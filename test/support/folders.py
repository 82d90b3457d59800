"""Folders for tests that are TestCases, which pytest's C{tmp_path} does not reach."""

from __future__ import annotations

import tempfile
from unittest import TestCase


def temporary_folder(case: TestCase) -> str:
    """A folder that is removed when the test ends."""
    folder = tempfile.TemporaryDirectory(prefix="ganeti-test-")
    case.addCleanup(folder.cleanup)
    return folder.name


def temporary_path(case: TestCase) -> str:
    """The path of a file that is not there yet, in a folder of its own."""
    return f"{temporary_folder(case)}/file"
