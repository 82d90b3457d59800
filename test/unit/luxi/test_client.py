"""The blocking client against a server of a few lines."""

from __future__ import annotations

import json
import os
import socket
import tempfile
import threading
import unittest
from collections.abc import Callable
from typing import Any

from ganeti.errors import (
    ErrorCode,
    JobQueueDrainError,
    LuxiError,
    NoMasterError,
    OpPrereqError,
    RequestError,
)
from ganeti.luxi.client import Client, Timeouts
from ganeti.luxi.framing import MAX_REQUEST
from ganeti.opcodes.test import OpTestDelay

Answer = Callable[[dict[str, Any]], bytes | None]
"""From a request to the bytes to send; None: close the connection."""


def ok(result: Any) -> bytes:
    return json.dumps({"success": True, "result": result}).encode() + b"\x03"


def error(result: Any) -> bytes:
    return json.dumps({"success": False, "result": result}).encode() + b"\x03"


class Server:
    """Answers requests in a thread, by one function per connection, in turn."""

    def __init__(self, path: str, answers: list[Answer]) -> None:
        self.requests: list[dict[str, Any]] = []
        folder = os.open(os.path.dirname(path), os.O_RDONLY | os.O_DIRECTORY)
        self._listening = socket.socket(socket.AF_UNIX)
        self._listening.bind(f"/proc/self/fd/{folder}/{os.path.basename(path)}")
        os.close(folder)
        self._listening.listen()
        self._answers = answers
        self._thread = threading.Thread(target=self._serve)
        self._thread.start()

    def _serve(self) -> None:
        for answer in self._answers:
            connection, _ = self._listening.accept()
            with connection:
                self._talk(connection, answer)

    def _talk(self, connection: socket.socket, answer: Answer) -> None:
        pending = b""
        while data := connection.recv(65536):
            pending += data
            while b"\x03" in pending:
                frame, pending = pending.split(b"\x03", 1)
                request = json.loads(frame)
                self.requests.append(request)
                reply = answer(request)
                if reply is None:
                    return
                connection.sendall(reply)

    def stop(self) -> None:
        self._thread.join(10)
        self._listening.close()
        assert not self._thread.is_alive()


class ClientTests(unittest.TestCase):
    def setUp(self) -> None:
        folder = tempfile.TemporaryDirectory(prefix="operations-")
        self.addCleanup(folder.cleanup)
        deep = os.path.join(folder.name, "a" * 120)  # longer than a socket's address may be
        os.mkdir(deep)
        self.path = os.path.join(deep, "socket")
        self.naps: list[float] = []

    def serve(self, *answers: Answer) -> Server:
        server = Server(self.path, list(answers))
        self.addCleanup(server.stop)
        return server

    def client(self, **timeouts: float) -> Client:
        client = Client(self.path, Timeouts(**timeouts), sleep=self.naps.append)
        self.addCleanup(client.close)
        return client

    def test_request(self) -> None:
        """Requests carry method and arguments, records among them; one connection serves many."""
        server = self.serve(lambda request: ok(17))
        client = self.client()
        self.assertEqual(client.submit_job([OpTestDelay(duration=0.5)]), 17)
        self.assertEqual(client.call("QueryClusterInfo"), 17)
        first, second = server.requests
        self.assertEqual(first["method"], "SubmitJob")
        self.assertEqual(first["args"][0][0]["OP_ID"], "OP_TEST_DELAY")
        self.assertEqual(second, {"method": "QueryClusterInfo", "args": []})

    def test_answer_in_pieces(self) -> None:
        """A large answer is put together."""
        self.serve(lambda request: ok("x" * 1_000_000))
        self.assertEqual(len(self.client().call("Query", ["instance", ["name"], None])), 1_000_000)

    def test_errors(self) -> None:
        """Errors come back as their class, plain texts as a refused request."""
        answers = iter(
            [
                error(["OpPrereqError", ["no", "already_exists"]]),
                error(["JobQueueDrainError", ["drained"]]),
                error("Failed to parse request: x"),
            ]
        )
        self.serve(lambda request: next(answers))
        client = self.client()
        with self.assertRaises(OpPrereqError) as refused:
            client.submit_job([])
        self.assertEqual(refused.exception.code, ErrorCode.EXISTS)
        self.assertRaises(JobQueueDrainError, client.submit_job, [])
        self.assertRaisesRegex(RequestError, "Failed to parse", client.submit_job, [])

    def test_no_daemon(self) -> None:
        """Nobody listens: at once, with the daemon's name and what to type."""
        with self.assertRaises(NoMasterError) as failed:
            self.client().query_cluster_info()
        self.assertEqual(
            str(failed.exception),
            f"Cannot connect to {self.path}: the master daemon is not running;"
            " start it with 'ganeti-masterd' on the master node",
        )
        self.assertEqual(self.naps, [])

    def test_dead_socket(self) -> None:
        """A socket that a dead daemon left is the same."""
        folder = os.open(os.path.dirname(self.path), os.O_RDONLY | os.O_DIRECTORY)
        dead = socket.socket(socket.AF_UNIX)
        dead.bind(f"/proc/self/fd/{folder}/socket")
        dead.close()
        os.close(folder)
        self.assertRaisesRegex(NoMasterError, "is not running", self.client().query_cluster_info)

    def test_reads_are_repeated(self) -> None:
        """A daemon that restarts while somebody waits for a job is waited for."""
        server = self.serve(lambda request: None, lambda request: ok([["success"], []]))
        answer = self.client().wait_for_job_change(1, ["status"], None, None)
        self.assertEqual(answer, (["success"], []))
        self.assertEqual(len(server.requests), 2)

    def test_changes_are_not_repeated(self) -> None:
        """A submission whose answer is lost may have been stored: the caller is told so."""
        server = self.serve(lambda request: None)
        with self.assertRaisesRegex(LuxiError, "not known whether it was carried out"):
            self.client().submit_job([])
        self.assertEqual(len(server.requests), 1)

    def test_daemon_stays_away(self) -> None:
        """Waiting for a daemon to come back has an end."""
        server = self.serve(lambda request: os.unlink(self.path))  # type: ignore[func-returns-value]
        with self.assertRaisesRegex(LuxiError, "broke during QueryClusterInfo"):
            self.client(reconnect=0.0).query_cluster_info()
        self.assertEqual(len(server.requests), 1)

    def test_silent_daemon(self) -> None:
        """An answer that does not come in time is an error."""
        over = threading.Event()

        def wait(request: dict[str, Any]) -> None:
            over.wait(10)

        self.serve(wait)
        client = self.client(answer=0.05)
        with self.assertRaisesRegex(LuxiError, "did not answer within 0.05 seconds"):
            client.query_cluster_info()
        over.set()

    def test_not_an_answer(self) -> None:
        """Something else than an answer is an error of ours."""
        self.serve(lambda request: b"[]\x03")
        self.assertRaisesRegex(LuxiError, "Not understood", self.client().query_cluster_info)

    def test_too_long(self) -> None:
        """What the daemon would not take is not sent."""
        with self.assertRaisesRegex(LuxiError, "too long"):
            self.client().call("SubmitJob", ["x" * MAX_REQUEST])

    def test_no_change(self) -> None:
        """A wait that ran out without news is None, in either of its forms."""
        answers = iter([ok("nochange"), ok([["running"], []]), ok([["running"], [[1]]])])
        self.serve(lambda request: next(answers))
        client = self.client()
        self.assertIsNone(client.wait_for_job_change(1, ["status"], ["running"], 0))
        self.assertIsNone(client.wait_for_job_change(1, ["status"], ["running"], 0))
        self.assertEqual(
            client.wait_for_job_change(1, ["status"], ["running"], 0), (["running"], [[1]])
        )

    def test_helpers(self) -> None:
        """Each helper asks by its method and gives plain values of its type."""
        server = self.serve(lambda request: ok(_RESULTS[request["method"]]))
        with self.client() as client:
            self.assertEqual(client.submit_many_jobs([[], []]), [(True, 1), (False, "no")])
            self.assertEqual(client.submit_job_to_drained_queue([]), 2)
            self.assertEqual(client.cancel_job(1, kill=True), (True, "done"))
            self.assertEqual(client.change_job_priority(1, 10), (False, "ended"))
            self.assertIs(client.archive_job(1), True)
            self.assertEqual(client.auto_archive_jobs(-1, 30), (3, 4))
            self.assertEqual(client.query("job", ["id"]), {"fields": [], "data": []})
            self.assertEqual(client.query_fields("job"), {"fields": []})
            self.assertEqual(client.query_jobs([1], ["id"]), [[1]])
            self.assertEqual(client.query_tags("cluster", None), ["t"])
            self.assertEqual(client.query_config_values(["cluster_name"]), ["c"])
            client.set_queue_drain_flag(True)
            self.assertIsNone(client.set_watcher_pause(None))
        self.assertEqual([r["method"] for r in server.requests], list(_RESULTS))


_RESULTS: dict[str, Any] = {
    "SubmitManyJobs": [[True, 1], [False, "no"]],
    "SubmitJobToDrainedQueue": 2,
    "CancelJob": [True, "done"],
    "ChangeJobPriority": [False, "ended"],
    "ArchiveJob": True,
    "AutoArchiveJobs": [3, 4],
    "Query": {"fields": [], "data": []},
    "QueryFields": {"fields": []},
    "QueryJobs": [[1]],
    "QueryTags": ["t"],
    "QueryConfigValues": ["c"],
    "SetDrainFlag": True,
    "SetWatcherPause": None,
}
