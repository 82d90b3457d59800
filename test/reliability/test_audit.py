"""The audit of a cluster at rest: each of its sentences can be heard."""

from __future__ import annotations

from dataclasses import replace
from typing import Any

import pytest
from msgspec.structs import replace as changed
from support.audit import Acknowledged, NodeView, Observed, audit
from support.manynodes import digest
from support.samples import instance_uuid, make_config, node_uuid

from ganeti.model.config import Configuration
from ganeti.model.job import JobStatus
from ganeti.model.ssconf import build_ssconf
from ganeti.model.state import State
from ganeti.operations.node.role_record import build_role_record

NODES = 3
HERE = node_uuid(1)
CANDIDATE, ORDINARY = node_uuid(2), node_uuid(3)
POSITION = (7, "abc")


def sound_config() -> Configuration:
    """Three nodes, the last is no candidate; an instance on the first, which runs."""
    config = make_config(NODES, 1)
    certs = {node_uuid(number): digest(number) for number in (1, 2)}
    cluster = changed(config.cluster, candidate_certs=certs, candidate_pool_size=2)
    ordinary = changed(config.nodes[ORDINARY], master_candidate=False)
    return config.with_cluster(cluster).with_node(ordinary)


CONFIG = sound_config()
PATH = str(CONFIG.instance_disks(CONFIG.instances[instance_uuid(1)])[0].logical_id[1])


def sound_view(uuid: str) -> NodeView:
    candidate = CONFIG.nodes[uuid].master_candidate
    return NodeView(
        running=["inst1.example.com"] if uuid == HERE else [],
        disks=[PATH] if uuid == HERE else [],
        folders=[PATH.rpartition("/")[0]] if uuid == HERE else [],
        position=POSITION if candidate else None,
        role=build_role_record(CONFIG, 1),
        ssconf=build_ssconf(CONFIG),
        config_serial=CONFIG.serial_no if candidate else None,
        has_ca_key=candidate,
    )


def observed(uuid: str = HERE, config: Configuration = CONFIG, **view: Any) -> Observed:
    """The sound cluster, but for what is said of one node."""
    views = {each: sound_view(each) for each in CONFIG.nodes}
    views[uuid] = replace(views[uuid], **view)
    return Observed(state=State(config=config), nodes=views, master_position=POSITION)


def with_role(**settings: Any) -> Any:
    return changed(build_role_record(CONFIG, 1), **settings)


def uncertified() -> Configuration:
    certs = CONFIG.cluster.candidate_certs | {ORDINARY: digest(3)}
    return CONFIG.with_cluster(changed(CONFIG.cluster, candidate_certs=certs))


WRONG: dict[str, Observed] = {
    "inst1.example.com should run": observed(running=[]),
    "inst1.example.com runs 2 times": observed(running=["inst1.example.com"] * 2),
    "node2.example.com: inst1.example.com runs and should not": observed(
        CANDIDATE, running=["inst1.example.com"]
    ),
    "libvirt still knows gone.example.com": observed(defined=["gone.example.com"]),
    "missing disk": observed(disks=[]),
    "orphan disk /x": observed(disks=[PATH, "/x"]),
    "folder left: /x": observed(folders=["/x"]),
    "request left: 1/0/1": observed(requests=["1/0/1"]),
    "process left: sleep": observed(processes=["sleep"]),
    "its copy ends at (6, 'x')": observed(CANDIDATE, position=(6, "x")),
    "node3.example.com is no candidate and has a copy": observed(ORDINARY, position=POSITION),
    "node2.example.com obeys by None": observed(CANDIDATE, role=None),
    "node2.example.com obeys by": observed(CANDIDATE, role=with_role(candidates={})),
    "terms differ": observed(CANDIDATE, role=with_role(term=2)),
    "node3.example.com: stale ssconf": observed(ORDINARY, ssconf={}),
    "config.data has serial number 0": observed(CANDIDATE, config_serial=0),
    "node3.example.com: config.data": observed(ORDINARY, config_serial=CONFIG.serial_no),
    "node3.example.com has the authority's key: True": observed(ORDINARY, has_ca_key=True),
    "a candidate's certificate of node3.example.com": observed(config=uncertified()),
    "lock left: x": replace(observed(), locks=["x"]),
    "reservation left: x": replace(observed(), reservations=["x"]),
    "job 1 was acknowledged and is lost": replace(
        observed(), acknowledged=Acknowledged(jobs=[1], final={1: JobStatus.SUCCESS})
    ),
}


def test_sound() -> None:
    """A sound cluster is found sound."""
    assert audit(observed()) == []


@pytest.mark.parametrize("text", WRONG)
def test_wrong(text: str) -> None:
    """Each thing that is wrong is told."""
    assert any(text in problem for problem in audit(WRONG[text])), audit(WRONG[text])


def test_offline() -> None:
    """A node that is out of service need not know what has changed, but runs nothing of ours."""
    offline = changed(CONFIG.nodes[ORDINARY], offline=True)
    config = CONFIG.with_node(offline)
    views = {
        HERE: replace(sound_view(HERE), ssconf=None),
        CANDIDATE: replace(sound_view(CANDIDATE), ssconf=None),
        ORDINARY: NodeView(role=None, position=(6, "x"), requests=["1/0/1"], running=["x"]),
    }
    found = audit(Observed(state=State(config=config), nodes=views, master_position=POSITION))
    assert found == ["node3.example.com: x runs and should not"]
