"""The options of ganeti-noded."""

from __future__ import annotations

import pytest
from twisted.python.usage import UsageError

from ganeti.noded.plugin import Options


def parsed(*words: str) -> Options:
    options = Options()
    options.parseOptions(words)
    return options


def test_hook_timeout() -> None:
    """A quarter of an hour, or less."""
    assert parsed()["hook-timeout"] == 900
    assert parsed("--hook-timeout", "2.5")["hook-timeout"] == 2.5


@pytest.mark.parametrize("text", ["0", "-1", "901", "nan", "inf", "soon", ""])
def test_no_hook_timeout(text: str) -> None:
    """Anything else ends the start."""
    with pytest.raises(UsageError, match="--hook-timeout must be"):
        parsed(f"--hook-timeout={text}")


def test_ports() -> None:
    """Numbers are checked."""
    assert parsed("-p", "1812")["port"] == 1812
    with pytest.raises(UsageError, match="--port must be a number"):
        parsed("-p", "x")


def test_help() -> None:
    """It tells about options, and nothing of the script that was started."""
    assert "exec" not in str(Options())
