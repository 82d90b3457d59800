"""Threads that decode a record's type for the first time, all at once."""

from __future__ import annotations

import subprocess
import sys

# Each round has new records; the last one refers to all others.
_THREADS = """
import sys, threading, types
import msgspec
from ganeti.utils.resolving import resolved

RECORD = '''
class Record{n}(msgspec.Struct, kw_only=True):
    first: Annotated[int, msgspec.Meta(ge={n})] | None = None
    second: dict[str, Annotated[str, msgspec.Meta(min_length={n})]] | None = None
    inner: tuple[Record{inner}, ...] = ()
'''

def new_records(number):
    module = types.ModuleType(f"records{number}")
    sys.modules[module.__name__] = module
    code = "from __future__ import annotations; import msgspec; from typing import Annotated"
    code += "".join(RECORD.format(n=n, inner=max(0, n - 1)) for n in range(20))
    exec(code, vars(module))
    return module.Record19

def decode():
    begin.wait()
    seen.append(msgspec.json.decode(BODY, type=resolved(wanted)))

BODY = b'{"first": 20, "inner": [{"inner": [{"second": {}}]}]}'
sys.setswitchinterval(1e-6)
begin = threading.Barrier(4)
for number in range(20):
    wanted = new_records(number)
    seen = []
    threads = [threading.Thread(target=decode) for _ in range(4)]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join()
    assert [len(one.inner) for one in seen] == [1] * 4
"""


def test_threads() -> None:
    """None reads what another has resolved by half: without the lock this process dies."""
    done = subprocess.run([sys.executable, "-c", _THREADS], capture_output=True, timeout=60)
    assert (done.returncode, done.stderr) == (0, b"")
