"""Which unit serves which opcode."""

from __future__ import annotations

from typing import Any

from ganeti.opcodes.base import op_id
from ganeti.operations.cluster.destroy import ClusterDestroy
from ganeti.operations.cluster.modify import ClusterSetParams
from ganeti.operations.cluster.post_init import ClusterPostInit
from ganeti.operations.cluster.redist import ClusterRedistConf
from ganeti.operations.cluster.verify.config import ClusterVerifyConfig
from ganeti.operations.cluster.verify.group import ClusterVerifyGroup
from ganeti.operations.cluster.verify.jobs import ClusterVerify
from ganeti.operations.group.add import GroupAdd
from ganeti.operations.group.assign import GroupAssignNodes
from ganeti.operations.group.modify import GroupSetParams
from ganeti.operations.group.remove import GroupRemove
from ganeti.operations.group.rename import GroupRename
from ganeti.operations.instance.bulk import InstanceMultiAlloc
from ganeti.operations.instance.create import InstanceCreate
from ganeti.operations.instance.info import InstanceQueryData
from ganeti.operations.instance.modify.unit import InstanceSetParams
from ganeti.operations.instance.reboot import InstanceReboot
from ganeti.operations.instance.reinstall import InstanceReinstall
from ganeti.operations.instance.remove import InstanceRemove
from ganeti.operations.instance.rename import InstanceRename
from ganeti.operations.instance.shutdown import InstanceShutdown
from ganeti.operations.instance.startup import InstanceStartup
from ganeti.operations.node.add import NodeAdd
from ganeti.operations.node.powercycle import NodePowercycle
from ganeti.operations.node.remove import NodeRemove
from ganeti.operations.node.set_params import NodeSetParams
from ganeti.operations.os.diagnose import OsDiagnose
from ganeti.operations.tags.change import TagsDel, TagsSet
from ganeti.operations.tags.search import TagsGet, TagsSearch
from ganeti.operations.test.allocator import TestAllocator
from ganeti.operations.test.delay import TestDelay
from ganeti.operations.unit import Unit

_ALL: tuple[type[Unit[Any, Any]], ...] = (
    ClusterPostInit,
    ClusterDestroy,
    ClusterVerify,
    ClusterVerifyConfig,
    ClusterVerifyGroup,
    ClusterSetParams,
    ClusterRedistConf,
    NodeAdd,
    NodeRemove,
    NodeSetParams,
    NodePowercycle,
    InstanceCreate,
    InstanceMultiAlloc,
    InstanceRemove,
    InstanceStartup,
    InstanceShutdown,
    InstanceReboot,
    InstanceReinstall,
    InstanceRename,
    InstanceSetParams,
    InstanceQueryData,
    GroupAdd,
    GroupSetParams,
    GroupRename,
    GroupRemove,
    GroupAssignNodes,
    OsDiagnose,
    TagsGet,
    TagsSearch,
    TagsSet,
    TagsDel,
    TestDelay,
    TestAllocator,
)

UNITS: dict[str, type[Unit[Any, Any]]] = {op_id(unit.OP): unit for unit in _ALL}
"""By OP_ID."""
