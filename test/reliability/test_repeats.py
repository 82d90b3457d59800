"""
No changing call has its effect twice, and none leaves something behind (figure 6).

Every changing call × every misfortune on a whole node in memory: what the node's world looks
like afterwards is compared with the world after one undisturbed run, or with the world before.
The table is printed. Its cells::

    once     the world is as after one run; programs ran once
    nothing  the world is as before; where programs may have begun, the call has failed or ended
    -        it has no request id and no undo: sent again, it does the same again
"""

from __future__ import annotations

import os
import shutil
import sys
from collections.abc import Callable
from dataclasses import dataclass
from typing import Any

from msgspec.structs import replace
from support.samplecalls import sample
from support.simnode import SimNode, record, temporary_root
from support.specs import file_disk, make_spec
from twisted.internet.defer import Deferred
from twisted.internet.task import Clock
from twisted.trial.unittest import SynchronousTestCase

from ganeti.model.hypervisors import HypervisorName
from ganeti.model.live import OsInfo
from ganeti.rpc.calls import (
    CALLS,
    ActivateDisk,
    Call,
    CreateDisk,
    DeactivateDisk,
    Delay,
    EndRequest,
    HookPhase,
    PowercycleNode,
    RebootInstance,
    RemoveDisk,
    RenameDisk,
    RunHooks,
    RunOsCreate,
    RunOsRename,
    SetMemory,
    SetRole,
    StartInstance,
    StopInstance,
    encode_call,
    tag_of,
)
from ganeti.rpc.envelope import AnswerRefused, Refusal
from ganeti.store.nodestate import RequestState
from ganeti.utils.durable import make_directories
from ganeti.utils.interfaces import Output

REQUEST = "7/0/1"
DISK = file_disk(1)
SPEC = make_spec(1, disks=(DISK,), os="tiny")
INSTANCE = SPEC.instance
CREATE = CreateDisk(disk=DISK, instance_uuid=INSTANCE.uuid, instance_name=INSTANCE.name)
STOP = StopInstance(name=INSTANCE.name, uuid=INSTANCE.uuid, hypervisor=HypervisorName.FAKE)
LARGER = make_spec(1, memory_mib=512, disks=(DISK,), os="tiny")
SHRINK = SetMemory(name=INSTANCE.name, hypervisor=HypervisorName.FAKE, memory_mib=64)
MOVED = replace(DISK, logical_id=("loop", "/srv/ganeti/file-storage/moved"))
TINY = OsInfo(name="tiny", path="/os/tiny", valid=True, api_versions=(20,))


@dataclass
class Case:
    """A call, and the calls that have to come first."""

    call: Call[Any]
    before: tuple[Call[Any], ...] = ()
    programs: bool = False
    """It runs programs, which a crash ends."""


def cases() -> list[Case]:
    """One for every changing call."""
    made = [
        Case(CREATE),
        Case(RemoveDisk(disk=DISK), (CREATE,)),
        Case(RenameDisk(disk=DISK, renamed=MOVED), (CREATE,)),
        Case(ActivateDisk(disk=DISK), (CREATE,)),
        Case(DeactivateDisk(disk=DISK), (CREATE,)),
        Case(StartInstance(spec=SPEC), (CREATE,)),
        Case(STOP, (CREATE, StartInstance(spec=SPEC))),
        Case(RebootInstance(spec=LARGER), (CREATE, StartInstance(spec=SPEC))),
        Case(SHRINK, (CREATE, StartInstance(spec=SPEC))),
        Case(RunOsCreate(spec=SPEC, os_name="tiny"), (CREATE,), programs=True),
        Case(RunOsRename(spec=SPEC, old_name="old.example.com"), (CREATE,), programs=True),
        Case(RunHooks(path="instance-add", phase=HookPhase.PRE, env={}), programs=True),
        Case(PowercycleNode(), programs=True),
        Case(Delay(duration_s=0.0)),
        Case(SetRole(record=record(candidates={}))),
    ]
    known = {type(case.call) for case in made}
    rest = [kind for kind in CALLS.values() if kind.changes and kind not in known]
    return made + [Case(sample(kind)) for kind in rest]


class World:
    """A node, and everything that a call may change there."""

    def __init__(self, case: Case) -> None:
        self.case = case
        self.clock = Clock()
        root = temporary_root()
        os.mkdir(root)
        self.node = SimNode(self.clock, root=root)
        make_directories(self.node.paths)
        self.node.machine.oses = (TINY,)
        self.node.restart()
        self._hook()
        for number, call in enumerate(case.before):
            self.send(call, f"6/0/{number}")
        self.start = self.look()

    def _hook(self) -> None:
        directory = f"{self.node.paths.hooks_dir}/instance-add-pre.d"
        os.mkdir(directory)
        with open(f"{directory}/script", "w") as stream:
            stream.write("#!/bin/sh\n")
        os.chmod(f"{directory}/script", 0o755)

    def close(self) -> None:
        self.node.now(self.node.node.stop(0))
        shutil.rmtree(os.path.dirname(self.node.paths.root))

    def send(self, call: Call[Any], request_id: str) -> Any:
        """The answer to a call; of a task, after it had time to end."""
        named = None if call.repeatable else request_id
        answers: list[Any] = []
        self.node.send(call, named).addBoth(answers.append)
        self.clock.advance(1)
        return answers[0] if answers else None

    def repeat(self) -> Any:
        return self.send(self.case.call, REQUEST)

    def look(self) -> dict[str, Any]:
        """All that there is."""
        node = self.node
        hypervisor = node.node.services.hypervisors[HypervisorName.FAKE]
        return {
            "disks": node.now(node.machine.disks.list()),
            "guests": [replace(guest, cpu_time_s=0) for guest in node.now(hypervisor.list())],
            "programs": len(node.processes.commands),
            "files": self._files(),
            "role": node.state.role,
            "copy": node.node.copy is not None,
            "stopped": min(node.stopped, 1),
        }

    def _files(self) -> dict[str, str]:
        found = {}
        for name in os.listdir(self.node.paths.data_dir):
            path = os.path.join(self.node.paths.data_dir, name)
            if os.path.isfile(path):
                with open(path) as stream:
                    found[name] = stream.read()
        return found

    def state(self) -> RequestState | None:
        known = self.node.now(self.node.state.lookup(REQUEST))
        return None if known is None else known.state


# -- Misfortunes


def answer_lost(world: World) -> None:
    """It ran and was answered; the master asks again, twice."""
    first = world.repeat()
    for _ in range(2):
        again = world.repeat()
        assert world.case.call.repeatable or again == first, (first, again)


def killed_before(world: World) -> None:
    """The daemon died when it had written the request down; the master asks again."""
    world.node.now(world.node.state.begin(REQUEST, encode_call(world.case.call)))
    world.node.restart()
    world.repeat()


def killed_after(world: World) -> None:
    """The daemon died when the work was done and the answer not written; the master asks again."""
    state: Any = world.node.state

    async def lost(request_id: str, answer: bytes) -> bool:
        return False

    state.finish = lost
    world.repeat()
    del state.finish
    world.node.restart()
    world.repeat()


def overtaken(world: World) -> None:
    """The master gave up and undid it before it arrived."""
    world.node.ask(EndRequest(request_id=REQUEST))
    answer = world.repeat()
    assert isinstance(answer, AnswerRefused)
    assert answer.code is Refusal.ENDED


def hung(world: World) -> None:
    """Its program hangs; the master gives up, ends it, and the call arrives once more."""
    hanging: list[Deferred[Output]] = []

    def hang(command: object) -> Deferred[Output]:
        hanging.append(Deferred())
        return hanging[-1]

    world.node.processes.answer = hang
    world.repeat()
    world.node.ask(EndRequest(request_id=REQUEST))
    world.clock.advance(1)
    assert all(each.called for each in hanging), "a program was not ended"
    for each in hanging:
        each.addErrback(lambda _: None)
    answer = world.repeat()
    assert isinstance(answer, AnswerRefused)
    assert answer.code is Refusal.ENDED


MISFORTUNES: dict[str, Callable[[World], None]] = {
    "answer lost": answer_lost,
    "killed before": killed_before,
    "killed after": killed_after,
    "overtaken": overtaken,
    "hung": hung,
}


def outcome(case: Case, misfortune: Callable[[World], None] | None) -> tuple[dict[str, Any], Any]:
    """The world before, and after."""
    world = World(case)
    try:
        if misfortune is None:
            world.repeat()
        else:
            misfortune(world)
        return world.start, world.look()
    finally:
        world.close()


class RepeatTests(SynchronousTestCase):
    """Row 6 of the figures."""

    def judge(self, case: Case, name: str) -> str:
        if case.call.repeatable and name in ("overtaken", "hung"):
            return "-"
        _, once = outcome(case, None)
        before, after = outcome(case, MISFORTUNES[name])
        if after == once:
            return "once"
        if name in ("hung", "killed before") and case.programs:
            # Programs that were ended count as run, and the call as failed.
            after, before = ({**w, "programs": 0} for w in (after, before))
        self.assertEqual(after, before, f"{tag_of(case.call)}, {name}")
        return "nothing"

    def test_all(self) -> None:
        """Every changing call, every misfortune."""
        lines = [" ".join(["call".ljust(18), *(name.rjust(14) for name in MISFORTUNES)])]
        for case in cases():
            cells = [self.judge(case, name) for name in MISFORTUNES]
            self.check(case, dict(zip(MISFORTUNES, cells, strict=True)))
            lines.append(" ".join([tag_of(case.call).ljust(18), *(c.rjust(14) for c in cells)]))
        sys.stdout.write("\n" + "\n".join(lines) + "\n")

    def check(self, case: Case, cells: dict[str, str]) -> None:
        """An answer that got lost was of a call that ran; a crash is survived by what can be."""
        tag = tag_of(case.call)
        self.assertEqual(cells["answer lost"], "once", tag)
        self.assertEqual(cells["killed after"], "once", tag)
        if not case.programs:
            self.assertEqual(cells["killed before"], "once", tag)
