"""Ctrl-C while a command loads its modules."""

from __future__ import annotations

import subprocess
import sys

# The interrupt comes when the module is looked for, the first time only.
_INTERRUPTED = """
import sys

class Interrupting:
    came = False
    def find_spec(self, name, path, target=None):
        if name == "datetime" and not self.came:
            self.came = True
            raise KeyboardInterrupt

sys.meta_path.insert(0, Interrupting())
from ganeti.model import codec
codec.decode(b"[]", list[int])
"""


def test_datetime() -> None:
    """The command ends as interrupted: msgspec would go on without dates, and crash."""
    done = subprocess.run([sys.executable, "-c", _INTERRUPTED], capture_output=True, timeout=60)
    assert done.stderr.endswith(b"KeyboardInterrupt\n")
    assert done.returncode == -2
