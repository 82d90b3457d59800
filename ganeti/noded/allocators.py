"""
Running instance allocators, programs that choose nodes (ganeti's iallocator manual).

One is run with the name of its input file, which nobody else can read and which is removed
afterwards, in a process group of its own, for a limited time. Nothing that it does or prints
harms the daemon.
"""

from __future__ import annotations

import contextlib
import glob
import os
import tempfile
from collections.abc import AsyncIterator, Awaitable, Callable, Sequence
from contextlib import asynccontextmanager
from dataclasses import dataclass

from ganeti.errors import CommandError, CommandTimeout, OpExecError
from ganeti.noded.os_scripts import how_ended
from ganeti.paths import Paths
from ganeti.utils.allocators import find_allocator
from ganeti.utils.interfaces import IProcessRunner, Output
from ganeti.utils.text import printable
from ganeti.utils.threads import Threads

PREFIX = "ganeti-iallocator."
"""How names of input files begin."""
_SHOWN = 2000
"""Bytes of what a failed one printed that the admin sees: the last ones."""

OnStart = Callable[[int], Awaitable[None]]


@dataclass(frozen=True, kw_only=True)
class Allocators:
    """
    The instance allocators of one node.

    @ivar output_limit: bytes that one may print.
    """

    paths: Paths
    processes: IProcessRunner
    threads: Threads
    output_limit: int

    async def run(
        self,
        name: str,
        document: bytes,
        arguments: Sequence[str],
        limit_s: float,
        on_start: OnStart,
    ) -> bytes:
        """
        What the allocator C{name} answers to C{document}; C{arguments} follow the file's name.

        @raise OpExecError: there is none, or it failed, printed too much, or took too long.
        """
        program = await self.threads.run(find_allocator, self.paths, name)
        if program is None:
            raise OpExecError(f"There is no instance allocator '{name}'")
        async with self._input_file(document) as path:
            output = await self._run([program, path, *arguments], name, limit_s, on_start)
        return self._checked(output, name)

    async def _run(self, argv: list[str], name: str, limit_s: float, on_start: OnStart) -> Output:
        try:
            return await self.processes.run(
                argv,
                timeout_s=limit_s,
                cwd="/",
                max_output=self.output_limit + 1,
                on_start=on_start,
                check=False,
            )
        except CommandTimeout as err:
            why = f"did not end within {limit_s:g} s and was killed"
            raise OpExecError(f"Instance allocator '{name}' {why}") from err
        except CommandError as err:
            raise OpExecError(f"Instance allocator '{name}' could not be run: {err}") from err

    def _checked(self, output: Output, name: str) -> bytes:
        """What a program printed that did well."""
        what = f"Instance allocator '{name}'"
        if output.status:
            raise OpExecError(f"{what} {how_ended(output.status)}, {_printed(output)}")
        if len(output.stdout) > self.output_limit:
            raise OpExecError(f"{what} printed more than {self.output_limit} bytes")
        return output.stdout

    @asynccontextmanager
    async def _input_file(self, document: bytes) -> AsyncIterator[str]:
        path = await self.threads.run(thd_write, self.paths.run_dir, document)
        try:
            yield path
        finally:
            with contextlib.suppress(FileNotFoundError):
                os.unlink(path)


def thd_write(directory: str, document: bytes) -> str:
    """
    A new file that only we can read.

    @raise OpExecError: it cannot be written.
    """
    try:
        fd, path = tempfile.mkstemp(prefix=PREFIX, dir=directory)
        with os.fdopen(fd, "wb") as file:
            file.write(document)
    except OSError as err:
        raise OpExecError(f"Cannot write an instance allocator's input: {err}") from err
    return path


def remove_inputs(directory: str) -> None:
    """Remove the input files that an earlier life of this daemon left."""
    for path in glob.glob(os.path.join(glob.escape(directory), PREFIX + "*")):
        with contextlib.suppress(FileNotFoundError):
            os.unlink(path)


def _printed(output: Output) -> str:
    printed = printable((output.stdout + output.stderr)[-_SHOWN:]).strip()
    return f"output: {printed}" if printed else "it printed nothing"
