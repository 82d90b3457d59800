"""Everything that can happen to nodes and to the master, at every node call and every commit."""

from __future__ import annotations

import pytest
from support.misfortunes import AT_APPENDS, AT_CALLS
from support.nodefaults import Operation, Table, probe_all

from ganeti.model.instance import AdminState
from ganeti.model.templates import DiskTemplate
from ganeti.opcodes.instance import (
    CreateMode,
    OpInstanceCreate,
    OpInstanceRemove,
    OpInstanceShutdown,
    OpInstanceStartup,
)
from ganeti.opcodes.node import OpNodeAdd, OpNodeRemove
from ganeti.opcodes.test import OpTestDelay

INSTANCE = "inst1.example.com"
NEW = "web1.example.com"
NODE, LAST = "node2.example.com", "node3.example.com"


def create(template: DiskTemplate) -> OpInstanceCreate:
    return OpInstanceCreate(
        instance_name=NEW,
        mode=CreateMode.CREATE,
        pnode=NODE,
        os_type="noop",
        disk_template=template,
        disks=({"size": 1024}, {"size": 512}) if template is DiskTemplate.FILE else (),
        nics=({},),
        start=True,
        ignore_ipolicy=True,
    )


ADD = OpNodeAdd(node_name=LAST)
DELAY = OpTestDelay(duration=2.0, on_master=False, on_nodes=(NODE, LAST))
REMOVE_ANYWAY = OpInstanceRemove(instance_name=INSTANCE, ignore_failures=True)
UP, DOWN = AdminState.UP, AdminState.DOWN
OPERATIONS = (
    Operation("add -t diskless", create(DiskTemplate.DISKLESS)),
    Operation("add -t file", create(DiskTemplate.FILE), machines=3),
    Operation("startup", OpInstanceStartup(instance_name=INSTANCE), admin_state=DOWN),
    Operation("shutdown", OpInstanceShutdown(instance_name=INSTANCE), admin_state=UP),
    Operation("remove", OpInstanceRemove(instance_name=INSTANCE), admin_state=UP),
    Operation("remove, ignore failures", REMOVE_ANYWAY, admin_state=UP),
    Operation("delay", DELAY, machines=3),
    Operation("node add", ADD, machines=3, joins=True),
    Operation("node add (candidate)", ADD, machines=3, joins=True, pool=3),
    Operation("node remove", OpNodeRemove(node_name=LAST), machines=3),
    Operation("node remove (candidate)", OpNodeRemove(node_name=NODE), machines=3),
)


def test_node_faults(capsys: pytest.CaptureFixture[str]) -> None:
    """The audit is content after everything at each point of each operation."""
    table = Table()
    probe_all(OPERATIONS, (*AT_CALLS, *AT_APPENDS), table)
    with capsys.disabled():
        print()
        for line in table.lines():
            print(line)
    assert table.problems() == []
