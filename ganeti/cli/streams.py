"""Standard streams as a program may find them: closed, or such that nothing can be written."""

from __future__ import annotations

import os
import sys
from io import StringIO
from typing import TextIO


def existing(stream: TextIO | None) -> TextIO:
    """The stream; one that leads nowhere if it was closed before the program began."""
    return StringIO() if stream is None else stream


def unwritable(error: OSError, out: TextIO, err: TextIO) -> int:
    """
    Give up the output C{out}, and say why on C{err}, unless nobody reads it any more.

    @return: the exit status.
    """
    if out is sys.stdout:  # what is still buffered must not fail again when Python ends
        nowhere = os.open(os.devnull, os.O_WRONLY)
        os.dup2(nowhere, out.fileno())
        os.close(nowhere)
    if not isinstance(error, BrokenPipeError):
        err.write(f"Error: {error}\n")
    return 1
