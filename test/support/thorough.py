"""How much a property test tries."""

from __future__ import annotations

import os


def examples(number: int) -> int:
    """C{number} in the whole run; a tenth of it in the quick one (C{./runtests unit})."""
    return max(5, number // 10) if os.environ.get("GANETI_TESTS") == "quick" else number
