"""config.data and ssconf: what is written, and how often."""

from __future__ import annotations

import os
from pathlib import Path
from typing import Any

import msgspec
from msgspec.structs import replace
from support.folders import temporary_folder
from support.samples import instance_uuid, make_config, make_instance
from twisted.internet.defer import Deferred
from twisted.internet.task import Clock
from twisted.trial.unittest import SynchronousTestCase

from ganeti.errors import ConfigurationError
from ganeti.model.config import Configuration
from ganeti.model.configfile import UnknownKey, parse_config_data
from ganeti.model.state import State
from ganeti.paths import Paths
from ganeti.store.projections import (
    DURATION_FACTOR,
    INTERVAL_S,
    ConfigFiles,
    ConfigProjection,
    SsconfFiles,
    remove_ssconf,
)
from ganeti.utils import failpoints


def make_paths(case: SynchronousTestCase) -> Paths:
    """A node's folders."""
    paths = Paths(root=temporary_folder(case))
    os.makedirs(paths.data_dir)
    return paths


class FilesTests(SynchronousTestCase):
    """What is in the files."""

    def setUp(self) -> None:
        self.paths = make_paths(self)
        self.unknown: Any = {}
        self.files = ConfigFiles(self.paths, lambda: self.unknown)
        self.config = make_config(3, 2)

    def written(self) -> tuple[Configuration, Any]:
        return parse_config_data(Path(self.paths.config_data).read_bytes())

    def test_config_data(self) -> None:
        """The file parses into the same configuration, also after a change."""
        self.files.write(self.config)
        self.assertEqual(self.written(), (self.config, {}))
        self.assertEqual(os.stat(self.paths.config_data).st_mode & 0o777, 0o640)
        changed = self.config.with_instance(make_instance(1, disks_active=False))
        self.files.write(changed)
        self.assertEqual(self.written()[0], changed)

    def test_unknown_keys(self) -> None:
        """Keys of an imported file are merged back, and others when a snapshot brought others."""
        place = f"instances/{instance_uuid(1)}"
        for value in (5, 6):
            self.unknown = {place: (UnknownKey(path=("site_key",), value=value),)}
            self.files.write(self.config)
            self.assertEqual(self.written()[1], self.unknown)

    def test_ssconf(self) -> None:
        """Each value has a file that all may read."""
        self.files.write(self.config)
        path = self.paths.ssconf("master_node")
        self.assertEqual(Path(path).read_text(), "node1.example.com\n")
        self.assertEqual(os.stat(path).st_mode & 0o777, 0o444)

    def test_only_what_differs_is_written(self) -> None:
        """An unchanged value is not written again, nor by the next life of a daemon."""
        files = SsconfFiles(self.paths)
        self.assertEqual(files.write({"a": "1\n", "b": ""}), ["a", "b"])
        self.assertEqual(files.write({"a": "1\n", "b": "2\n"}), ["b"])
        self.assertEqual(SsconfFiles(self.paths).write({"a": "1\n", "b": "3\n"}), ["b"])
        self.assertEqual(Path(self.paths.ssconf("b")).read_text(), "3\n")

    def test_forget(self) -> None:
        """On demand a file that somebody else changed is written again."""
        self.files.write(self.config)
        path = Path(self.paths.ssconf("master_node"))
        path.unlink()
        path.write_text("other")
        self.files.write(self.config)
        self.assertEqual(path.read_text(), "other")
        self.files.forget()
        self.files.write(self.config)
        self.assertEqual(path.read_text(), "node1.example.com\n")

    def test_remove(self) -> None:
        """A node that leaves keeps neither."""
        self.files.write(self.config)
        self.files.remove()
        remove_ssconf(self.paths)
        self.assertEqual(os.listdir(self.paths.data_dir), [])


class Runner:
    """Lets the test say when the thread has done its work, and how."""

    def __init__(self) -> None:
        self.configs: list[Configuration] = []
        self.running: Deferred[Any] = Deferred()
        self.closed = False

    def run(self, function: Any, /, *args: Any, **kwargs: Any) -> Deferred[Any]:
        self.configs.append(args[0])
        self.running = Deferred()
        return self.running

    def close(self) -> None:
        self.closed = True


class PaceTests(SynchronousTestCase):
    """When the files are written."""

    def setUp(self) -> None:
        self.clock = Clock()
        self.runner = Runner()
        files = ConfigFiles(Paths(), dict)
        self.projection = ConfigProjection(files, self.runner, self.clock)
        self.configs = [make_config(number) for number in range(1, 6)]

    def commit(self, number: int) -> None:
        self.projection.committed([], State(config=self.configs[number]))

    def finish(self, took_s: float = 0.0, error: Exception | None = None) -> None:
        self.clock.advance(took_s)
        if error is None:
            self.runner.running.callback(None)
        else:
            self.runner.running.errback(error)

    def started(self) -> list[int]:
        """Which configurations were begun to write."""
        return [self.configs.index(config) for config in self.runner.configs]

    def test_the_last_of_a_second(self) -> None:
        """The first change is written at once, then only the last of each second."""
        self.commit(0)
        self.clock.advance(0)
        self.finish()
        self.commit(1)
        self.commit(2)
        self.clock.advance(INTERVAL_S * 0.9)
        self.assertEqual(self.started(), [0])
        self.clock.advance(INTERVAL_S * 0.1)
        self.assertEqual(self.started(), [0, 2])

    def test_rewrite(self) -> None:
        """On demand the newest is written again, also while it is being written."""
        self.projection.rewrite()
        self.clock.advance(INTERVAL_S)
        self.assertEqual(self.started(), [])
        self.commit(0)
        self.clock.advance(0)
        self.finish()
        self.commit(1)
        self.clock.advance(INTERVAL_S)
        self.projection.rewrite()
        self.finish()
        self.clock.advance(INTERVAL_S)
        self.finish()
        self.assertEqual(self.started(), [0, 1, 1])

    def test_a_twentieth_of_the_time(self) -> None:
        """The longer a write takes the longer is the pause."""
        self.commit(0)
        self.clock.advance(0)
        self.commit(1)
        self.finish(took_s=0.5)
        self.clock.advance(0.5 * DURATION_FACTOR - 0.1)
        self.assertEqual(self.started(), [0])
        self.clock.advance(0.1)
        self.assertEqual(self.started(), [0, 1])

    def test_nothing_new(self) -> None:
        """Without a change of the configuration, or a cluster, nothing is written."""
        self.commit(0)
        self.clock.advance(0)
        self.finish()
        self.commit(0)
        self.projection.want(Configuration())
        self.clock.advance(100)
        self.assertEqual(self.started(), [0])

    def test_failure(self) -> None:
        """What could not be written is tried again, and a newer one wins."""
        self.commit(0)
        self.clock.advance(0)
        self.finish(error=OSError(28, "No space left on device"))
        self.clock.advance(INTERVAL_S)
        self.commit(1)
        self.finish(error=ConfigurationError("no such master"))
        self.clock.advance(INTERVAL_S)
        self.finish()
        self.clock.advance(100)
        self.assertEqual(self.started(), [0, 0, 1])

    def test_defect(self) -> None:
        """A defect is logged and ends nothing."""
        self.commit(0)
        self.clock.advance(0)
        self.finish(error=RuntimeError("a defect"))
        self.assertEqual(len(self.flushLoggedErrors(RuntimeError)), 1)
        self.commit(1)
        self.clock.advance(INTERVAL_S)
        self.assertEqual(self.started(), [0, 1])

    def test_close(self) -> None:
        """Closing waits for the write under way, writes what is still wanted, ends the thread."""
        self.commit(0)
        self.clock.advance(0)
        self.commit(1)
        closing = Deferred.fromCoroutine(self.projection.close())
        self.assertEqual(self.started(), [0])
        self.finish()
        self.assertEqual(self.started(), [0, 1])
        self.assertNoResult(closing)
        self.finish()
        self.successResultOf(closing)
        self.assertTrue(self.runner.closed)
        self.assertEqual(self.clock.getDelayedCalls(), [])


class AtomicTests(SynchronousTestCase):
    """A crash leaves the old file or the new one."""

    def test_killed_while_writing(self) -> None:
        """Whatever place a write ends at, config.data can be read."""
        paths = make_paths(self)
        files = ConfigFiles(paths, dict)
        old = make_config(3, 1)
        files.write(old)
        new = old.with_cluster(replace(old.cluster, master_netdev="eth9"))
        reached: list[str] = []

        def die(name: str, detail: str) -> None:
            reached.append(name)
            if detail == "config.data":
                raise RuntimeError(name)

        self.addCleanup(failpoints.on_reach, None)
        failpoints.on_reach(die)
        with self.assertRaises(RuntimeError):
            files.write(new)
        content = msgspec.json.decode(Path(paths.config_data).read_bytes())
        self.assertEqual(content["cluster"]["master_netdev"], "")
        self.assertEqual(reached, ["file.write.before"])
