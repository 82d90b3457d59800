"""Do many things from where we are, each in a copy of this process."""

from __future__ import annotations

import gc
import os
import pickle
import select
import signal
import time
import traceback
import warnings
from collections.abc import Callable, Iterable, Iterator
from contextlib import contextmanager
from typing import TypeVar

T = TypeVar("T")

LIMIT_S = 240.0
"""For one child."""


class ChildError(Exception):
    """A child failed, or did not end."""


def run_all(tasks: Iterable[Callable[[], T]]) -> list[T]:
    """
    The results of C{tasks}, in order; as many at once as there are processors.

    What a task does to the world in memory is gone with its child. The results are pickled.

    @raise ChildError: a task raised something; its text has the traceback.
    """
    results: dict[int, T] = {}
    waiting = iter(enumerate(tasks))
    children: dict[int, _Child] = {}
    with _few_copies():
        try:
            while True:
                while len(children) < (os.cpu_count() or 1) and (each := next(waiting, None)):
                    child = _Child(*each)
                    children[child.fd] = child
                if not children:
                    return [results[number] for number in sorted(results)]
                _read_some(children, results)
        finally:
            for child in children.values():
                child.kill()


@contextmanager
def _few_copies() -> Iterator[None]:
    """Let the collector touch nothing, so that children share the memory."""
    gc.collect()
    gc.freeze()
    try:
        yield
    finally:
        gc.unfreeze()


def _read_some(children: dict[int, _Child], results: dict[int, T]) -> None:
    late = min(child.deadline for child in children.values())
    readable, _, _ = select.select(list(children), [], [], max(0.0, late - time.monotonic()))
    if not readable:
        raise ChildError(f"a child did not end within {LIMIT_S:g} s")
    for fd in readable:
        if not children[fd].read():
            child = children.pop(fd)
            results[child.number] = child.result()


class _Child:
    def __init__(self, number: int, task: Callable[[], object]) -> None:
        self.number = number
        self.deadline = time.monotonic() + LIMIT_S
        self.fd, writing = os.pipe()
        self._data = b""
        with warnings.catch_warnings():
            # Other threads of the test runner are not there in the child, and not needed.
            warnings.simplefilter("ignore", DeprecationWarning)
            self._pid = os.fork()
        if self._pid == 0:
            _be_child(task, writing)
        os.close(writing)

    def read(self) -> bool:
        """Take what has come; False at the end."""
        data = os.read(self.fd, 1 << 16)
        self._data += data
        return bool(data)

    def result(self) -> T:  # type: ignore[type-var]
        os.close(self.fd)
        _, status = os.waitpid(self._pid, 0)
        if status or not self._data:
            raise ChildError(f"a child ended with status {status}")
        good, value = pickle.loads(self._data)
        if not good:
            raise ChildError(value)
        result: T = value
        return result

    def kill(self) -> None:
        os.kill(self._pid, signal.SIGKILL)
        os.waitpid(self._pid, 0)
        os.close(self.fd)


def _be_child(task: Callable[[], object], writing: int) -> None:
    status = 1
    try:
        gc.disable()
        try:
            answer: tuple[bool, object] = (True, task())
        except Exception:
            answer = (False, traceback.format_exc())
        data = pickle.dumps(answer)
        while data:
            data = data[os.write(writing, data) :]
        status = 0
    finally:
        os._exit(status)
