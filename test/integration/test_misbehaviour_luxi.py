"""Garbage on the local protocol's socket hurts nobody: others are served meanwhile."""

from __future__ import annotations

import contextlib
import json
import os
import socket
import threading
import time
from collections.abc import Iterator
from typing import Any

import pytest
from support.misbehaviour import memory_growth, unharmed
from support.ready import make_cluster
from support.virtualcluster import VirtualCluster

from ganeti.luxi.client import Client
from ganeti.luxi.framing import END_OF_FRAME, MAX_REQUEST
from ganeti.luxi.methods import METHODS
from ganeti.paths import MASTERD
from ganeti.utils.sockets import connect_unix

OTHERS_WAIT_S = 10.0
"""At most, on a busy machine."""
MIB = 1 << 20
DEEP = 100_000


@pytest.fixture(scope="module")
def cluster(tmp_path_factory: pytest.TempPathFactory) -> Iterator[VirtualCluster]:
    found = make_cluster(tmp_path_factory.mktemp("luxi") / "c", nodes=1)
    try:
        yield found
    finally:
        found.remove()


@pytest.fixture(autouse=True)
def others(cluster: VirtualCluster) -> Iterator[None]:
    """Somebody asks honest questions during each test, and is answered in time."""
    done = threading.Event()
    waits: list[float] = []

    def ask() -> None:
        with Client(cluster.paths(1).query_socket) as client:
            while not done.is_set():
                begun = time.monotonic()
                assert client.call("QueryConfigValues", [["cluster_name"]]) == [
                    "cluster.example.com"
                ]
                waits.append(time.monotonic() - begun)
                time.sleep(0.002)

    asking = threading.Thread(target=ask)
    asking.start()
    try:
        with unharmed(cluster):
            yield
    finally:
        done.set()
        asking.join()
    print(f"others: {len(waits)} answers, {max(waits):.3f} s at most")
    assert waits
    assert max(waits) < OTHERS_WAIT_S


def connect(cluster: VirtualCluster) -> socket.socket:
    """A connection; while the daemon's queue of them is full, again, as our own client does."""
    while True:
        try:
            return connect_unix(cluster.paths(1).query_socket, 60.0)
        except BlockingIOError:
            time.sleep(0.01)


def read_answers(connection: socket.socket, count: int) -> list[Any]:
    """Answers up to C{count}, or up to the end of the connection."""
    data = b""
    while data.count(END_OF_FRAME) < count:
        with contextlib.suppress(ConnectionResetError):
            if part := connection.recv(1 << 16):
                data += part
                continue
        break
    return [json.loads(frame) for frame in data.split(END_OF_FRAME)[:-1]]


def request(method: object, args: object) -> bytes:
    return json.dumps({"method": method, "args": args}).encode()


NO_REQUESTS = {
    "binary": bytes(byte for byte in os.urandom(70_000) if byte != 3),
    "every byte": bytes(byte for byte in range(256) if byte != 3),
    "nothing": b"",
    "text": b"GET / HTTP/1.1\r\n\r\n",
    "half a request": request("Query", ["instance"])[:20],
    "no object": b"[1]",
    "null": b"null",
    "a number of many digits": b"9" * 100_000,
    "no method": b'{"args":[]}',
    "no arguments": b'{"method":"QueryClusterInfo"}',
    "method of another type": request(["Query"], []),
    "unknown method": request("ConquerWorld", []),
    "a method with an underscore": request("__init__", []),
    "more than a request": b'{"method":"QueryClusterInfo","args":[],"uid":0}',
    "not UTF-8": b'{"method":"\xff\xfe","args":[]}',
    "half a surrogate": b'{"method":"\\ud800","args":[]}',
    "deep": b"[" * DEEP + b"]" * DEEP,
    "deep arguments": b'{"method":"Query","args":' + b"[" * DEEP + b"]" * DEEP + b"}",
    "deep objects": b'{"method":"Query","args":' + b'{"a":' * DEEP + b"1" + b"}" * DEEP + b"}",
    "deep, not closed": b'{"method":"Query","args":' + b"[" * DEEP,
    "deep filter": b'{"method":"Query","args":["instance",["name"],'
    + b'["!",' * DEEP
    + b'["?","name"]'
    + b"]" * DEEP
    + b"]}",
    "deep filter, less so": b'{"method":"Query","args":["instance",["name"],'
    + b'["!",' * 900
    + b'["?","name"]'
    + b"]" * 900
    + b"]}",
    "wide filter": request("Query", ["instance", ["name"], ["|", *[["?", "name"]] * 50_000]]),
    "a filter that takes for ever": request(
        "Query", ["instance", ["name"], ["=~", "name", "(a+)+$" * 10]]
    ),
    "many fields": request("Query", ["instance", ["name"] * 100_000, None]),
}


def test_garbage(cluster: VirtualCluster) -> None:
    """Each piece of garbage gets one answer, which says what is wrong, and the next is read."""
    wrong = []
    for name, garbage in NO_REQUESTS.items():
        with connect(cluster) as connection:
            connection.sendall(garbage + END_OF_FRAME + request("QueryClusterInfo", []) + b"\x03")
            answers = read_answers(connection, 2)
        if [answer["success"] for answer in answers][-1:] != [True]:
            wrong.append(f"{name}: {answers}")
        elif "fi" not in name and (answers[0]["success"] or not answers[0]["result"]):
            wrong.append(f"{name}: {answers[0]}")
    assert wrong == []


def test_wrong_arguments(cluster: VirtualCluster) -> None:
    """Every method refuses arguments of other types and numbers, and changes nothing."""
    wrong = []
    odd: list[Any] = [None, True, -1, 1.5, "x", [], {}, [[]], {"a": 1}, 1 << 70, "9" * 5000]
    with connect(cluster) as connection:
        for method in METHODS:
            for arguments in ([{"a": 1}] * 9, {}, "x", 7, None, *([each] * 5 for each in odd)):
                connection.sendall(request(method, arguments) + END_OF_FRAME)
                (answer,) = read_answers(connection, 1)
                if answer["success"] or not answer["result"]:
                    wrong.append(f"{method}{arguments}: {answer}")
    assert wrong == []


def test_hanging_up(cluster: VirtualCluster) -> None:
    """Who leaves in the middle of a request, or of an answer, leaves nothing behind."""
    whole = request("Query", ["node", ["name", "mfree"], None]) + END_OF_FRAME
    for cut in range(0, len(whole) + 1, 7):
        with connect(cluster) as connection:
            connection.sendall(whole[:cut])
    waiting = request("WaitForJobChange", [1, ["status"], ["success"], 1000, 60.0]) + END_OF_FRAME
    for _ in range(50):
        with connect(cluster) as connection:
            connection.sendall(waiting * 3)


def test_huge(cluster: VirtualCluster) -> None:
    """A frame without end is cut off at the limit; it is said why."""
    with memory_growth(cluster.pid(1, MASTERD)) as growth, connect(cluster) as connection:
        with contextlib.suppress(ConnectionError):
            for _ in range(2 * MAX_REQUEST // MIB):
                connection.sendall(b"x" * MIB)
        answers = read_answers(connection, 2)
    assert [answer["success"] for answer in answers] in ([False], [])
    assert all("longer than" in str(answer) for answer in answers)
    assert growth.mib < 4 * MAX_REQUEST // MIB


def test_never_reading(cluster: VirtualCluster) -> None:
    """Who asks and asks and never reads is not read from any more, and costs little."""
    question = request("QueryClusterInfo", []) + END_OF_FRAME
    with memory_growth(cluster.pid(1, MASTERD)) as growth, connect(cluster) as connection:
        connection.settimeout(1.0)
        sent = 0
        with contextlib.suppress(TimeoutError):
            while sent < 64 * MIB:
                sent += connection.send(question * 1000)
    assert sent < 64 * MIB, "all of it was taken"
    assert growth.mib < 32


def test_many_idle(cluster: VirtualCluster) -> None:
    """Five hundred connections that say nothing, or not enough, keep nobody out."""
    with contextlib.ExitStack() as stack:
        for number in range(500):
            connection = stack.enter_context(connect(cluster))
            connection.sendall(b'{"method"'[: number % 9])
        cluster.run("gnt-node", "list").good()
