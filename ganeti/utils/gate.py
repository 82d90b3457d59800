"""
A program's own process, waiting until it may begin; run as a script.

C{python -I -S gate.py PROGRAM ARGUMENT…} waits for the word on its stdin and becomes the program.
When whoever should give the word dies before, it ends: so nothing runs that was not written
down first. (A shell would do, but drops variables whose names it cannot use.)
"""

import posix
import signal
import sys

WORD = b"\n"


def _environment() -> dict[bytes, bytes]:
    # As it was handed over: the interpreter may have added to its own.
    with open("/proc/self/environ", "rb") as stream:
        found = [part.partition(b"=") for part in stream.read().split(b"\0") if b"=" in part]
    return {name: value for name, _, value in found}


def _main(argv: list[str]) -> int:
    if posix.read(0, len(WORD)) != WORD:
        return 125
    for number in (signal.SIGPIPE, signal.SIGXFSZ):
        # Python ignores them, and the program would inherit that.
        signal.signal(number, signal.SIG_DFL)
    try:
        posix.execve(argv[0], argv, _environment())
    except OSError as err:
        sys.stderr.write(f"{argv[0]}: {err.strerror}\n")
    return 126


if __name__ == "__main__":
    sys.exit(_main(sys.argv[1:]))
