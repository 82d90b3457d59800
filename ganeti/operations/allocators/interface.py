"""Who is asked for nodes."""

from __future__ import annotations

from collections.abc import Callable, Sequence

from zope.interface import Interface

from ganeti.htools.requests import Answer
from ganeti.operations.allocators.requests import AllocatorRequest


class IInstanceAllocator(Interface):
    """
    The instance allocators of the cluster: the built-in one, and programs of the admin.

    Requests are looked at one after another, in the order asked. Each sees what was
    reserved for the requests before it.
    """

    async def ask(
        name: str, request: AllocatorRequest, reserve: Callable[[Answer], None] | None = None
    ) -> Answer:
        """
        What the allocator C{name} answers; cancelling leaves it at once, wherever it is.

        @param reserve: called with an answer that is a success, before any other request is
            looked at; what it raises, this raises. A new instance then counts as being
            where the answer says for as long as the job keeps its name reserved; several new
            ones do until the jobs that the asking job returns for them have ended.
        @return: also answers that are failures, with the reason in C{info}.
        @raise ganeti.errors.OpExecError: there was no answer, or none that makes sense.
        @raise ganeti.errors.OpPrereqError: there is no such allocator.
        """

    async def output(name: str, request: AllocatorRequest) -> bytes:
        """
        What the allocator C{name} prints, whatever that is; raises as C{ask}.
        """

    async def explain(request: AllocatorRequest) -> Sequence[str]:
        """
        Why the built-in allocator answers C{request} as it does, in lines.

        @raise ganeti.errors.OpExecError: as for C{ask}.
        """

    async def document(request: AllocatorRequest) -> bytes:
        """The input file that a program gets for C{request}, now."""
