"""
The files that others read of the configuration: config.data and ssconf.

They follow the committed configuration by a second or more; nothing of ours reads them back.
"""

from __future__ import annotations

import os
from collections.abc import Callable, Mapping, Sequence

from twisted.internet.defer import CancelledError, Deferred
from twisted.internet.interfaces import IDelayedCall, IReactorTime
from twisted.logger import Logger
from twisted.python.failure import Failure

from ganeti.errors import GanetiError
from ganeti.model.config import Configuration
from ganeti.model.configfile import EncodedObjects, Unknown, build_config_data
from ganeti.model.ssconf import build_ssconf
from ganeti.model.state import State
from ganeti.paths import Paths
from ganeti.store.thread import Runner
from ganeti.utils import durable

INTERVAL_S = 1.0
DURATION_FACTOR = 20
CONFIG_DATA_MODE = 0o640
SSCONF_MODE = 0o444
SSCONF_LIMIT = 128 << 10


class SsconfFiles:
    """The ssconf files of a node; blocking. Only what differs is written."""

    def __init__(self, paths: Paths) -> None:
        self._paths = paths
        self._written: dict[str, bytes] = {}

    def write(self, values: Mapping[str, str]) -> list[str]:
        """
        Make the files hold C{values}, by key, each replaced atomically; return the keys written.

        @raise OSError: one cannot be written; those before it are.
        """
        changed = []
        for key, text in values.items():
            data = text.encode()
            if self._known(key) != data:
                durable.write_atomic(self._paths.ssconf(key), data, SSCONF_MODE)
                self._written[key] = data
                changed.append(key)
        return changed

    def _known(self, key: str) -> bytes | None:
        if key not in self._written:
            try:
                content = durable.read_limited(self._paths.ssconf(key), SSCONF_LIMIT)
            except (OSError, GanetiError):
                return None  # missing or odd: it will be written
            self._written[key] = content
        return self._written[key]


class ConfigFiles:
    """config.data and the ssconf files of one node; blocking."""

    def __init__(self, paths: Paths, unknown: Callable[[], Unknown]) -> None:
        """@param unknown: says which keys of an imported file are to be merged back."""
        self._paths = paths
        self._unknown = unknown
        self._merged: Unknown | None = None
        self._cache = EncodedObjects()
        self._ssconf = SsconfFiles(paths)

    def forget(self) -> None:
        """Look at all files again, and write those that others have changed."""
        self._ssconf = SsconfFiles(self._paths)

    def write(self, config: Configuration) -> None:
        """@raise OSError, GanetiError: not all is written; try again later."""
        unknown = self._unknown()
        if unknown is not self._merged:
            self._merged, self._cache = unknown, EncodedObjects()
        data = build_config_data(config, unknown, self._cache)
        durable.write_atomic(self._paths.config_data, data, CONFIG_DATA_MODE)
        self._ssconf.write(build_ssconf(config))

    def remove(self) -> None:
        """A node that is no candidate any more keeps no config.data; ssconf stays."""
        durable.remove(self._paths.config_data)


class ConfigProjection:
    """
    Writes L{ConfigFiles} after commits, in a thread: at most once a second, and at most a
    twentieth of the time.
    """

    log = Logger()

    def __init__(self, files: ConfigFiles, runner: Runner, clock: IReactorTime) -> None:
        self._files = files
        self._runner = runner
        self._clock = clock
        self._latest: Configuration | None = None
        self._wanted: Configuration | None = None
        self._written: Configuration | None = None
        self._not_before_s = 0.0
        self._timer: IDelayedCall | None = None
        self._busy = False
        self._idle: list[Deferred[None]] = []
        self._failing = False
        self._closing = False

    def committed(self, commits: Sequence[object], state: State) -> None:
        """Listener of L{Store.on_commit}; also to be called once with the state loaded."""
        self.want(state.config)

    def want(self, config: Configuration) -> None:
        """From now on the files should show C{config}."""
        if config.cluster_record is not None and config is not self._written:
            self._wanted = self._latest = config
            self._schedule()

    def rewrite(self) -> None:
        """Write the files again, whatever is in them."""
        self._files.forget()
        if self._latest is not None:
            self._wanted = self._latest
            self._schedule()

    def _schedule(self) -> None:
        if self._busy or self._closing or self._timer is not None or self._wanted is None:
            return
        delay_s = max(0.0, self._not_before_s - self._clock.seconds())
        self._timer = self._clock.callLater(delay_s, self._start)

    def _start(self) -> None:
        self._timer = None
        self._busy = True
        Deferred.fromCoroutine(self._write()).addErrback(self._failed)

    async def _write(self) -> None:
        config, self._wanted = self._wanted, None
        if config is None:
            self._ended(0.0)
            return
        begun_s = self._clock.seconds()
        try:
            await self._runner.run(self._files.write, config)
        except CancelledError:
            raise
        except (OSError, GanetiError) as err:
            self._tell(err)
            self._wanted = self._wanted or config
        else:
            self._failing = False
            self._written = config
        self._ended(self._clock.seconds() - begun_s)

    def _ended(self, duration_s: float) -> None:
        self._busy = False
        pause_s = max(INTERVAL_S, DURATION_FACTOR * duration_s)
        self._not_before_s = self._clock.seconds() + pause_s
        waiting, self._idle = self._idle, []
        for waiter in waiting:
            waiter.callback(None)
        self._schedule()

    def _tell(self, err: Exception) -> None:
        if not self._failing:
            self.log.error("config.data or ssconf cannot be written: {error}", error=err)
        self._failing = True

    def _failed(self, failure: Failure) -> None:
        self.log.failure("config.data or ssconf cannot be written", failure=failure)
        self._ended(0.0)

    async def close(self) -> None:
        """Write what is still wanted, then end."""
        self._closing = True
        if self._timer is not None:
            self._timer.cancel()
            self._timer = None
        if self._busy:
            waiter: Deferred[None] = Deferred()
            self._idle.append(waiter)
            await waiter
        if self._wanted is not None:
            await self._write()
        self._runner.close()


def remove_ssconf(paths: Paths) -> None:
    """Remove all ssconf files, for a node that leaves its cluster."""
    for name in sorted(os.listdir(paths.ssconf_dir)):
        if name.startswith("ssconf_"):
            durable.remove(os.path.join(paths.ssconf_dir, name))
