"""States of jobs."""

from __future__ import annotations

import pytest
from hypothesis import given
from hypothesis import strategies as st

from ganeti.errors import ProgrammerError
from ganeti.model.job import (
    FINAL,
    TRANSITIONS,
    Job,
    JobOp,
    JobStatus,
    OpStatus,
    check_transition,
    is_final,
    job_priority,
    job_status,
)


def make_job(*statuses, priorities=()):
    """A job whose opcodes have these states."""
    priorities = priorities or [0] * len(statuses)
    ops = [
        JobOp(input={}, op_id="OP_TEST_DELAY", status=status, priority=priority)
        for status, priority in zip(statuses, priorities, strict=True)
    ]
    return Job(id=1, ops=tuple(ops))


Q, W, R = OpStatus.QUEUED, OpStatus.WAITING, OpStatus.RUNNING
CG, CD, S, E = OpStatus.CANCELING, OpStatus.CANCELED, OpStatus.SUCCESS, OpStatus.ERROR


@pytest.mark.parametrize(
    ("ops", "status"),
    [
        ((), "success"),
        ((Q,), "queued"),
        ((W,), "waiting"),
        ((R, Q), "running"),
        ((S, Q), "queued"),
        ((S, W), "waiting"),
        ((S, S), "success"),
        ((S, E, Q), "error"),
        ((CG, Q), "canceling"),
        ((S, CD, CD), "canceled"),
    ],
)
def test_job_status(ops, status):
    """A job's state follows from those of its opcodes."""
    assert job_status(make_job(*ops)) is JobStatus(status)


def test_priority():
    """The most urgent opcode that has not ended counts; a finished job has priority 0."""
    assert job_priority(make_job(S, Q, W, priorities=(-20, 5, 3))) == 3
    assert job_priority(make_job(S, priorities=(-20,))) == 0


@given(st.sampled_from(OpStatus), st.sampled_from(OpStatus))
def test_transitions(before, after):
    """Only the transitions of the table pass; final states are final."""
    legal = before is after or after in TRANSITIONS[before]
    assert not (before in FINAL and after is not before and legal)
    if legal:
        check_transition(make_job(before), make_job(after))
    else:
        with pytest.raises(ProgrammerError, match=f"from {before} to {after}"):
            check_transition(make_job(before), make_job(after))


def test_new_jobs():
    """A job appears queued, or refused at once; never half-way."""
    check_transition(None, make_job(Q, Q))
    check_transition(None, make_job(CD))
    with pytest.raises(ProgrammerError):
        check_transition(None, make_job(R))
    with pytest.raises(ProgrammerError):
        check_transition(make_job(Q), make_job(Q, Q))


def test_final():
    """Ended jobs are told from the others."""
    assert [is_final(make_job(status)) for status in OpStatus] == [
        status in FINAL for status in OpStatus
    ]
