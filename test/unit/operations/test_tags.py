"""Tags: adding, removing, looking for them."""

from __future__ import annotations

from typing import Any

from msgspec.structs import replace
from support.fakejob import FakeJob, plan_unit, run_unit
from support.samples import GROUP_UUID, make_config, node_uuid, uuid_of
from twisted.internet.defer import Deferred
from twisted.trial.unittest import SynchronousTestCase

from ganeti.errors import ErrorCode, GanetiError, OpPrereqError, TagError
from ganeti.masterd.clusterinfo import tags_of
from ganeti.model.config import Configuration
from ganeti.model.locks import Level, exclusive, shared
from ganeti.model.network import Network
from ganeti.model.tags import MAX_PER_OBJECT, TagKind
from ganeti.opcodes.base import OpCode
from ganeti.opcodes.tags import OpTagsDel, OpTagsGet, OpTagsSearch, OpTagsSet
from ganeti.operations.registry import UNITS

NETWORK = Network(uuid=uuid_of(6, 1), name="net1", network="192.0.2.0/24")
NAMES = {
    TagKind.CLUSTER: None,
    TagKind.INSTANCE: "inst1",
    TagKind.NETWORK: "net1",
    TagKind.NODE: "node2",
    TagKind.NODEGROUP: "default",
}


def config_with_all() -> Configuration:
    return make_config(nodes=2, instances=1).with_network(NETWORK)


class TagTests(SynchronousTestCase):
    def setUp(self) -> None:
        self.job = FakeJob(config_with_all())

    def run_op(self, op: OpCode) -> Any:
        kind = UNITS[str(op.__struct_config__.tag)]
        return self.successResultOf(Deferred.fromCoroutine(run_unit(kind, op, self.job)))

    def refused(self, op: OpCode, error: type[GanetiError]) -> Any:
        """The error that planning ends with; nothing has changed."""
        index = self.job.state.index
        kind = UNITS[str(op.__struct_config__.tag)]
        planning = Deferred.fromCoroutine(plan_unit(kind, op, self.job))
        found = self.failureResultOf(planning, error).value
        self.assertEqual(self.job.state.index, index)
        return found

    def tags(self, kind: TagKind) -> Any:
        return self.run_op(OpTagsGet(kind=kind, name=NAMES[kind]))

    def test_every_kind(self) -> None:
        """Each kind of object gets tags, which are sorted, and loses them again."""
        for kind, name in NAMES.items():
            self.assertEqual(self.tags(kind), [])
            self.run_op(OpTagsSet(kind=kind, name=name, tags=("b", "a:1", "b")))
            self.assertEqual(self.tags(kind), ["a:1", "b"])
            self.assertEqual(tags_of(self.job.config, kind, name), ["a:1", "b"])
            self.run_op(OpTagsDel(kind=kind, name=name, tags=("b",)))
            self.assertEqual(self.tags(kind), ["a:1"])

    def test_again(self) -> None:
        """A tag that is there already is fine, and changes nothing."""
        op = OpTagsSet(kind=TagKind.NODE, name="node2", tags=("a",))
        self.run_op(op)
        serial_no = self.job.config.nodes[node_uuid(2)].serial_no
        self.run_op(op)
        self.assertEqual(self.job.config.nodes[node_uuid(2)].serial_no, serial_no)

    def test_others_at_the_same_time(self) -> None:
        """What was tagged between plan and execution keeps its tags."""
        op = OpTagsSet(kind=TagKind.CLUSTER, tags=("a",))
        unit = UNITS["OP_TAGS_SET"](op, self.job)
        plan = self.successResultOf(Deferred.fromCoroutine(unit.plan()))
        self.run_op(OpTagsSet(kind=TagKind.CLUSTER, tags=("b",)))
        self.successResultOf(Deferred.fromCoroutine(unit.execute(plan)))
        self.assertEqual(self.job.config.cluster.tags, ("a", "b"))

    def test_gone_meanwhile(self) -> None:
        """A tag that somebody else removed first is told of."""
        self.run_op(OpTagsSet(kind=TagKind.CLUSTER, tags=("a",)))
        unit = UNITS["OP_TAGS_DEL"](OpTagsDel(kind=TagKind.CLUSTER, tags=("a",)), self.job)
        plan = self.successResultOf(Deferred.fromCoroutine(unit.plan()))
        self.run_op(OpTagsDel(kind=TagKind.CLUSTER, tags=("a",)))
        self.failureResultOf(Deferred.fromCoroutine(unit.execute(plan)), OpPrereqError)

    def test_malformed(self) -> None:
        """A malformed tag stops all."""
        for tag, text in (
            ("bad tag", "Tag contains invalid characters"),
            ("", "Tags cannot be empty"),
            ("x" * 129, "Tag too long (maximum 128 characters)"),
        ):
            error = self.refused(OpTagsSet(kind=TagKind.CLUSTER, tags=("a", tag)), TagError)
            self.assertEqual(str(error), text)

    def test_too_many(self) -> None:
        """An object has a limited number of tags."""
        tags = tuple(map(str, range(MAX_PER_OBJECT + 1)))
        self.refused(OpTagsSet(kind=TagKind.CLUSTER, tags=tags), TagError)
        self.run_op(OpTagsSet(kind=TagKind.CLUSTER, tags=tags[1:]))
        self.refused(OpTagsSet(kind=TagKind.CLUSTER, tags=tags[:1]), TagError)

    def test_not_there(self) -> None:
        """All tags to remove must be there."""
        self.run_op(OpTagsSet(kind=TagKind.CLUSTER, tags=("a",)))
        op = OpTagsDel(kind=TagKind.CLUSTER, tags=("x", "a", "nosuch"))
        error = self.refused(op, OpPrereqError)
        self.assertEqual(
            (str(error), error.code), ("Tag(s) 'nosuch', 'x' not found", ErrorCode.NOT_FOUND)
        )

    def test_unknown_object(self) -> None:
        """The object exists."""
        texts = {
            TagKind.INSTANCE: "Instance 'nosuch' not known",
            TagKind.NETWORK: "Network 'nosuch' not found",
            TagKind.NODE: "Node 'nosuch' not known",
            TagKind.NODEGROUP: "Node group 'nosuch' not found",
        }
        for kind, text in texts.items():
            for op in (
                OpTagsSet(kind=kind, name="nosuch", tags=("a",)),
                OpTagsDel(kind=kind, name="nosuch", tags=("a",)),
                OpTagsGet(kind=kind, name="nosuch"),
            ):
                error = self.refused(op, OpPrereqError)
                self.assertEqual((str(error), error.code), (text, ErrorCode.NOT_FOUND))

    def test_unnamed_object(self) -> None:
        """Only the cluster goes without a name."""
        error = self.refused(OpTagsSet(kind=TagKind.NODE, tags=("a",)), OpPrereqError)
        self.assertEqual(error.code, ErrorCode.WRONG_INPUT)

    def test_locks(self) -> None:
        """The object is held, alone for changes; looking holds it only on demand."""
        wanted = {
            TagKind.CLUSTER: (),
            TagKind.INSTANCE: (Level.INSTANCE, "inst1.example.com"),
            TagKind.NETWORK: (Level.NETWORK, NETWORK.uuid),
            TagKind.NODE: (Level.NODE, node_uuid(2)),
            TagKind.NODEGROUP: (Level.NODEGROUP, GROUP_UUID),
        }
        for kind, lock in wanted.items():
            ops = (
                (OpTagsSet(kind=kind, name=NAMES[kind], tags=("a",)), exclusive),
                (OpTagsDel(kind=kind, name=NAMES[kind], tags=("a",)), exclusive),
                (OpTagsGet(kind=kind, name=NAMES[kind], use_locking=True), shared),
            )
            for op, how in ops:
                unit = UNITS[str(op.__struct_config__.tag)](op, self.job)
                self.assertEqual(unit.locks(self.job.state), how(*lock) if lock else ())
            op = OpTagsGet(kind=kind, name=NAMES[kind])
            self.assertEqual(UNITS["OP_TAGS_GET"](op, self.job).locks(self.job.state), ())

    def test_search(self) -> None:
        """Tags are found anywhere by a regular expression, and named with their object."""
        for kind, name in NAMES.items():
            self.run_op(OpTagsSet(kind=kind, name=name, tags=("web:prod", "x")))
        self.assertEqual(
            self.run_op(OpTagsSearch(pattern="pr.d$")),
            [
                ("/cluster", "web:prod"),
                ("/instances/inst1.example.com", "web:prod"),
                ("/nodes/node2.example.com", "web:prod"),
                ("/nodegroup/default", "web:prod"),
                ("/network/net1", "web:prod"),
            ],
        )
        self.assertEqual(len(self.run_op(OpTagsSearch(pattern=".*"))), 10)
        self.assertEqual(self.run_op(OpTagsSearch(pattern="^prod")), [])

    def test_search_order(self) -> None:
        """Objects come in natural order, their tags sorted."""
        config = make_config(nodes=10)
        for number in (10, 2):
            node = config.nodes[node_uuid(number)]
            config = config.with_node(replace(node, tags=("a", "b")))
        self.job = FakeJob(config)
        found = self.run_op(OpTagsSearch(pattern="."))
        self.assertEqual(
            [f"{path[7:]} {tag}" for path, tag in found],
            [f"node{number}.example.com {tag}" for number in (2, 10) for tag in "ab"],
        )

    def test_bad_pattern(self) -> None:
        """What is no regular expression is refused."""
        error = self.refused(OpTagsSearch(pattern="["), OpPrereqError)
        self.assertEqual(
            (str(error), error.code),
            (
                "Invalid search pattern '[': unterminated character set at position 0",
                ErrorCode.WRONG_INPUT,
            ),
        )

    def test_query(self) -> None:
        """The local protocol's own way to tags says in the words of lists what there is not."""
        for kind, text in (
            (TagKind.INSTANCE, "Instance name nosuch not found"),
            (TagKind.NETWORK, "Network name nosuch not found"),
            (TagKind.NODE, "Node name nosuch not found"),
            (TagKind.NODEGROUP, "NodeGroup name nosuch not found"),
        ):
            with self.assertRaisesRegex(OpPrereqError, text):
                tags_of(self.job.config, kind, "nosuch")
        with self.assertRaisesRegex(OpPrereqError, "no tags of kind 'cow'"):
            tags_of(self.job.config, "cow", "x")
