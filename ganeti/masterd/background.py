"""Work that a service does beside its requests, owned and awaited at its stop."""

from __future__ import annotations

from collections.abc import Awaitable, Callable, Iterable

from twisted.internet.defer import CancelledError, Deferred
from twisted.internet.interfaces import IReactorTime
from twisted.logger import Logger

from ganeti.errors import GanetiError
from ganeti.utils.aio import Event, gather, sleep, with_timeout


class Pump:
    """
    Does a piece of work whenever it is woken, one run at a time.

    A failed run is repeated after a while that doubles up to C{retry_max_s}.
    Between two runs it rests C{rest_s}, so that many wakings become one run.
    """

    log = Logger()

    def __init__(
        self,
        work: Callable[[], Awaitable[None]],
        clock: IReactorTime,
        name: str,
        *,
        rest_s: float = 0.0,
        retry_s: float = 1.0,
        retry_max_s: float = 30.0,
    ) -> None:
        self._work = work
        self._clock = clock
        self._name = name
        self._rest_s = rest_s
        self._retry_s = retry_s
        self._retry_max_s = retry_max_s
        self._woken = Event()
        self._task: Deferred[None] | None = None
        self._failures = 0

    def start(self) -> None:
        """Begin, with a first run."""
        self._woken.set()
        self._task = Deferred.fromCoroutine(self._run())

    def wake(self) -> None:
        """There is work; what is found at the next run counts."""
        self._woken.set()

    async def stop(self) -> None:
        """End, also in the middle of a run, and wait for that."""
        task, self._task = self._task, None
        if task is not None:
            task.cancel()
            try:
                await task
            except CancelledError:
                pass  # that is how it ends

    async def _run(self) -> None:
        while True:
            await self._woken.wait()
            self._woken.clear()
            await sleep(self._clock, await self._attempt())

    async def _attempt(self) -> float:
        """Run once; how long to rest then."""
        try:
            await self._work()
        except CancelledError:
            raise
        except GanetiError as err:
            self._tell(str(err))
        except Exception:
            self.log.failure("{name} failed", name=self._name)
            self._tell("see above")
        else:
            self._failures = 0
            return self._rest_s
        self._failures += 1
        self._woken.set()
        return float(min(self._retry_max_s, self._retry_s * 2 ** min(self._failures - 1, 10)))

    def _tell(self, reason: str) -> None:
        if not self._failures:
            self.log.warn("{name}: {reason}; tried again", name=self._name, reason=reason)


class Repeating:
    """Does a piece of work every C{interval_s}; its failures are logged by itself."""

    def __init__(
        self, work: Callable[[], Awaitable[None]], interval_s: float, clock: IReactorTime
    ) -> None:
        self._pump = Pump(self._work, clock, "regular work", rest_s=interval_s)
        self._wanted = work

    def start(self) -> None:
        """Begin, with a first run."""
        self._pump.start()

    async def stop(self) -> None:
        """End and wait for that."""
        await self._pump.stop()

    async def _work(self) -> None:
        await self._wanted()
        self._pump.wake()


async def ended_within(
    tasks: Iterable[Deferred[None]], seconds: float, clock: IReactorTime
) -> bool:
    """Wait for C{tasks}; after a while cancel them, and wait for that. Say whether all ended."""
    late = GanetiError("interrupted")
    try:
        await with_timeout(gather(tasks), seconds, clock, late)
    except GanetiError as err:
        if err is not late:
            raise
        return False
    return True
