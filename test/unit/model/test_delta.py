"""Deltas: applying, stamping, snapshots, and taking changes back."""

from __future__ import annotations

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from msgspec import Raw
from msgspec.structs import replace
from support.samples import (
    GROUP_UUID,
    disk_uuid,
    instance_uuid,
    make_config,
    make_disk,
    make_instance,
    make_node,
    node_uuid,
)
from support.strategies import DISKS, GROUPS, INSTANCES, NETWORKS, NODES
from support.thorough import examples

from ganeti.errors import ConfigurationError
from ganeti.model import codec
from ganeti.model.compensation import compensate
from ganeti.model.delta import (
    ArchiveJob,
    Delete,
    Delta,
    JobLog,
    Kind,
    PutCluster,
    Stamp,
    apply,
    changes_of,
    put,
    stamped,
    state_from,
)
from ganeti.model.instance import AdminState
from ganeti.model.job import Job, JobOp, LogLine
from ganeti.model.nic import Nic
from ganeti.model.parameters import PartialBeParams
from ganeti.model.recovery import (
    Debt,
    ForgetCertificate,
    MarkInstance,
    MarkNode,
    ModifyInstance,
    OnNode,
    RemoveDisks,
    RemoveInstance,
    RemoveNode,
    UndoCall,
)
from ganeti.model.state import QueueState, State, header_of

STAMP = Stamp(index=7, time_s=2000.0, term=3)


def sample_state(nodes=3, instances=2):
    """A state with a cluster."""
    return State(config=make_config(nodes, instances))


def commit(state, *changes):
    """Stamp and apply, as the store does."""
    return apply(state, stamped(tuple(changes), state, STAMP), STAMP)


def make_job(job_id, **settings):
    """A job of one opcode."""
    op = JobOp(input={"OP_ID": "OP_TEST_DELAY", "duration": 0.0}, op_id="OP_TEST_DELAY")
    return Job(id=job_id, ops=(op,), **settings)


DELTAS = st.lists(
    st.one_of(
        *(objects.map(put) for objects in (GROUPS, NODES, INSTANCES, DISKS, NETWORKS)),
        st.integers(1, 9).map(make_job).map(put),
        st.builds(Delete, kind=st.sampled_from(Kind), uuid=NODES.map(lambda node: node.uuid)),
        st.builds(QueueState, drained=st.booleans()).map(put),
    ),
    max_size=6,
).map(tuple)


@settings(max_examples=examples(40), deadline=None)
@given(st.lists(DELTAS, max_size=5))
def test_replay(deltas):
    """Deltas read back from their JSON, and snapshots, make the very same state."""
    state = replayed = sample_state()
    for index, delta in enumerate(deltas, start=1):
        stamp = Stamp(index=index, time_s=2000.0 + index, term=1)
        marked = stamped(delta, state, stamp)
        try:
            state = apply(state, marked, stamp)
        except ConfigurationError:
            continue
        replayed = apply(replayed, codec.decode(codec.encode(marked), Delta), stamp)
    assert replayed == state
    assert state_from(header_of(state), changes_of(state)) == state


def test_serial_numbers():
    """New objects start at 1; replaced ones count on and keep their creation time."""
    state = commit(sample_state(), put(make_node(2, offline=True, ctime=5.0)), put(make_node(4)))
    changed, new = state.config.nodes[node_uuid(2)], state.config.nodes[node_uuid(4)]
    assert (changed.serial_no, changed.ctime, changed.mtime) == (2, 0.0, 2000.0)
    assert (new.serial_no, new.ctime, new.mtime) == (1, 2000.0, 2000.0)
    assert (state.config.serial_no, state.config.mtime, state.config.ctime) == (2, 2000.0, 1000.0)
    assert (state.index, state.term) == (7, 3)


def test_cluster_serial_number():
    """The cluster's record is touched by added and removed nodes and instances only."""
    state = sample_state()
    assert commit(state, put(make_node(2, offline=True))).config.cluster.serial_no == 1
    assert commit(state, put(make_node(4))).config.cluster.serial_no == 2
    gone = commit(state, *compensate(state, RemoveInstance(uuid=instance_uuid(1))))
    assert gone.config.cluster.serial_no == 2
    cluster = replace(state.config.cluster, max_running_jobs=5)
    delta = stamped((put(make_node(4)), put(cluster)), state, STAMP)
    assert sum(isinstance(change, PutCluster) for change in delta) == 1


def test_jobs_do_not_touch_the_configuration():
    """A job's change leaves the configuration's serial number alone."""
    state = commit(sample_state(), put(make_job(1)), put(QueueState(drained=True)))
    assert state.config.serial_no == 1
    assert state.queue == QueueState(last_job_id=1, drained=True)


def make_debt():
    """What a node still has to do."""
    return Debt(
        uuid="u",
        node_uuid="n",
        job_id=1,
        op=0,
        reason="gone",
        created=1,
        action=OnNode(node_uuid="n", call=Raw(b"{}")),
    )


def test_debts():
    """Debts are kept, are part of snapshots, and go when they are paid."""
    owing = commit(sample_state(), put(make_debt()), put(make_job(1)))
    assert owing.debts["u"] == make_debt()
    assert state_from(header_of(owing), changes_of(owing)) == owing
    assert not commit(owing, Delete(kind=Kind.DEBT, uuid="u")).debts


def test_removed_nodes_take_their_debts():
    """A node that leaves owes nothing any more; a successor fills the candidate pool."""
    state = sample_state(instances=0)
    state = commit(state, put(make_node(4, master_candidate=False)))
    state = commit(state, put(replace(make_debt(), node_uuid=node_uuid(3))))
    gone = RemoveNode(uuid=node_uuid(3), successors={node_uuid(4): "digest"})
    state = commit(state, *compensate(state, gone))
    assert not state.debts
    assert state.config.nodes[node_uuid(4)].master_candidate
    assert state.config.cluster.candidate_certs == {node_uuid(4): "digest"}


def test_networks_come_first():
    """An interface cannot be on a network that there is not."""
    nic = Nic(uuid="n", mac="aa:00:00:00:00:09", network="x")
    with pytest.raises(ConfigurationError, match="unknown network x"):
        commit(sample_state(), put(make_instance(3, disks=(), nics=(nic,))))


def test_job_ids_never_sink():
    """The last job id outlives the archive and changes of the queue's flags."""
    state = commit(sample_state(), put(make_job(5)), ArchiveJob(job_id=5), put(QueueState()))
    assert state.queue.last_job_id == 5
    assert not state.jobs


def test_log_lines_pass():
    """Log lines are the store's; the state stays."""
    state = sample_state()
    line = LogLine(serial=1, time_ns=1, type="message", message="hello")
    assert commit(state, JobLog(job_id=1, lines=(line,))).jobs == state.jobs


@pytest.mark.parametrize(
    ("delta", "text"),
    [
        ((put(make_node(4, group="x")),), "unknown group"),
        ((put(make_instance(3, node=9, disks=())),), "unknown node"),
        ((put(make_instance(3)),), "unknown disk"),
        ((Delete(kind=Kind.NODE, uuid=node_uuid(1)),), "still has instances"),
        ((Delete(kind=Kind.DISK, uuid=disk_uuid(1)),), "still belongs"),
        ((Delete(kind=Kind.GROUP, uuid=GROUP_UUID),), "still has nodes"),
        ((Delete(kind=Kind.NODE, uuid="x"),), "no node"),
        ((Delete(kind=Kind.DEBT, uuid="x"),), "no debt"),
        ((ArchiveJob(job_id=9),), "no job"),
    ],
)
def test_contradictions(delta, text):
    """A delta that leaves a dangling reference, or removes what is not there, is refused."""
    with pytest.raises(ConfigurationError, match=text):
        commit(sample_state(), *delta)


def test_order_of_references():
    """An object may come before what it refers to."""
    state = commit(sample_state(), put(make_instance(3)), put(make_disk(3)))
    assert state.config.disk_owner(disk_uuid(3)) == instance_uuid(3)


def test_unknown_master():
    """The master must be a node."""
    state = sample_state()
    with pytest.raises(ConfigurationError, match="master"):
        commit(state, put(replace(state.config.cluster, master_node="x")))


def test_a_snapshot_holds_objects_only():
    """A deletion in a snapshot is refused."""
    state = sample_state()
    with pytest.raises(ConfigurationError):
        state_from(header_of(state), (ArchiveJob(job_id=1),))


def marked_state():
    """A state in which every compensation has something to do."""
    state = sample_state()
    certificates = {node_uuid(3): "digest"}
    cluster = replace(state.config.cluster, candidate_certs=certificates)
    return commit(
        state,
        put(cluster),
        *compensate(state, RemoveInstance(uuid=instance_uuid(2))),
        put(make_disk(1, 1)),
        put(replace(make_instance(1), disks=(disk_uuid(1), disk_uuid(1, 1)))),
    )


COMPENSATIONS = [
    RemoveInstance(uuid=instance_uuid(1)),
    RemoveNode(uuid=node_uuid(3)),
    RemoveDisks(uuids=(disk_uuid(1, 1),)),
    MarkInstance(uuid=instance_uuid(1), admin_state=AdminState.DOWN, disks_active=False),
    ModifyInstance(
        uuid=instance_uuid(1),
        name="web1.example.com",
        beparams=PartialBeParams(vcpus=2),
        disks=(disk_uuid(1), disk_uuid(1, 2)),
        put_disks=(make_disk(1, size=2048), make_disk(1, 2)),
        removed_disks=(disk_uuid(1, 1),),
    ),
    MarkNode(uuid=node_uuid(2), offline=True, master_candidate=False),
    ForgetCertificate(node_uuid=node_uuid(3)),
]


@pytest.mark.parametrize("compensation", COMPENSATIONS, ids=lambda one: type(one).__name__)
def test_compensations(compensation):
    """A compensation changes something once; the second time things are already so."""
    state = marked_state()
    delta = compensate(state, compensation)
    assert delta
    after = commit(state, *delta)
    assert compensate(after, compensation) == ()


@pytest.mark.parametrize("compensation", COMPENSATIONS[:6], ids=lambda one: type(one).__name__)
def test_compensations_of_what_is_gone(compensation):
    """Taking back what another change has removed meanwhile does nothing."""
    empty = State(config=make_config(nodes=1))
    if isinstance(compensation, RemoveDisks):
        compensation = RemoveDisks(uuids=("x",))
    assert compensate(empty, compensation) == ()


def test_removed_instance_takes_its_disks():
    """The disks of a removed instance leave with it."""
    state = marked_state()
    state = commit(state, *compensate(state, RemoveInstance(uuid=instance_uuid(1))))
    assert not state.config.disks
    assert not state.config.indexes.primary_on


def test_modified_instance():
    """Only what is given changes; disks that are as wanted are left alone."""
    state = marked_state()
    before = state.config.instances[instance_uuid(1)]
    wanted = ModifyInstance(
        uuid=before.uuid,
        os="other",
        put_disks=(state.config.disks[disk_uuid(1)], make_disk(1, 1, name="data")),
    )
    delta = compensate(state, wanted)
    assert [type(change).__name__ for change in delta] == ["PutDisk", "PutInstance"]
    after = commit(state, *delta).config
    assert after.instances[before.uuid] == replace(
        before, os="other", serial_no=before.serial_no + 1, mtime=STAMP.time_s
    )
    assert after.disks[disk_uuid(1, 1)].name == "data"


def test_records_with_calls():
    """Jobs and debts that hold encoded node calls come back from their JSON."""
    undo = UndoCall(op=0, step=2, node_uuid="n", undoes="1/0/2", call=Raw(b'{"call":"x"}'))
    job = make_job(1, recovery=(undo,))
    assert codec.decode(codec.encode(job), Job) == job
    assert codec.decode(codec.encode(make_debt()), Debt) == make_debt()
