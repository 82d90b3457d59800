"""Verify the nodes of a group, and what is on them: one call to each node."""

from __future__ import annotations

import textwrap
from collections.abc import Mapping
from dataclasses import dataclass
from functools import partial

from msgspec import structs

from ganeti.errors import GanetiError
from ganeti.model.config import Configuration
from ganeti.model.findings import NodeFindings
from ganeti.model.group import NodeGroup
from ganeti.model.live import HookResult, HookStatus
from ganeti.model.locks import Level, shared
from ganeti.model.node import Node
from ganeti.model.state import State
from ganeti.opcodes.verify import OpClusterVerifyGroup, OptionalCheck
from ganeti.opcodes.verify import VerifyCode as Code
from ganeti.operations.asking import reason
from ganeti.operations.cluster.verify import files, nodes, remains
from ganeti.operations.cluster.verify.instances import check_instance
from ganeti.operations.cluster.verify.questions import circle_of, file_question, question
from ganeti.operations.cluster.verify.report import TURN, Report
from ganeti.operations.cluster.verify.view import GroupView
from ganeti.operations.unit import HookPlan, LockRequest, Unit
from ganeti.rpc.calls import VerifyNode
from ganeti.utils.aio import gather_results, sleep
from ganeti.utils.text import nice_sort_key, printable

LAG_LIMIT_S = 6.0
"""So long files that follow the cluster's state may take to do so."""
_LAG_STEP_S = 0.2
OUTPUT_LIMIT = 64 << 10
"""Characters of what a hook printed: the end of it."""


@dataclass(frozen=True, kw_only=True)
class GroupPlan:
    """
    Whom to ask.

    @ivar nodes: of the group; those out of service are not asked.
    @ivar others: beside them: the master, and one to compare files with.
    """

    group: NodeGroup
    nodes: tuple[Node, ...]
    others: tuple[Node, ...]


class ClusterVerifyGroup(Unit[OpClusterVerifyGroup, GroupPlan]):
    """Holds everything in the group still while it is looked at."""

    OP = OpClusterVerifyGroup

    def locks(self, state: State) -> LockRequest:
        config = state.config
        group = config.find_group(self.op.group_name)
        members = config.group_nodes(group.uuid)
        names = {i.name for node in members for i in config.node_instances(node.uuid)}
        return (
            *shared(Level.INSTANCE, *sorted(names)),
            *shared(Level.NODEGROUP, group.uuid),
            *shared(Level.NODE, *(node.uuid for node in members)),
        )

    async def plan(self) -> GroupPlan:
        config = self.job.snapshot().config
        group = config.find_group(self.op.group_name)
        members = config.group_nodes(group.uuid)
        return GroupPlan(group=group, nodes=tuple(members), others=tuple(_others(config, members)))

    def describe(self, plan: GroupPlan) -> tuple[str, ...]:
        names = ", ".join(node.name for node in plan.nodes)
        return (f"look at the nodes of group {plan.group.name}: {names or 'there are none'}",)

    def hooks(self, plan: GroupPlan) -> HookPlan:
        """Those after it run within it: what they say is part of the report."""
        config = self.job.snapshot().config
        env = {"CLUSTER_TAGS": " ".join(sorted(config.cluster.tags))}
        for node in plan.nodes:
            env[f"NODE_TAGS_{node.name}"] = " ".join(sorted(node.tags))
        return HookPlan(path="cluster-verify", object_type="CLUSTER", env=env)

    # -- doing

    async def execute(self, plan: GroupPlan) -> bool:
        report = Report(self.op, self.job.log, self.job.log_entry)
        report.say(f"* Verifying group '{plan.group.name}'")
        if not plan.nodes:
            report.say("* Empty node group, skipping verification")
            return True
        view, others = await self._gather(report, plan)
        answered = {**view.all_findings(), **others}
        report.say("* Verifying configuration file consistency")
        await self._check_files(report, view, answered)
        report.say("* Verifying node status")
        nodes.check_nodes(report, view)
        nodes.check_oob(report, view, answered.get(view.config.cluster.master_node))
        await self._check_the_rest(report, view)
        await self._run_hooks(report, plan)
        return report.end()

    async def _check_the_rest(self, report: Report, view: GroupView) -> None:
        state = self.job.snapshot()
        report.say("* Verifying instance status")
        for number, instance in enumerate(view.instances(), start=1):
            check_instance(report, view, instance)
            if number % TURN == 0:
                await sleep(self.job.clock, 0)
        remains.check_exclusion_tags(report, view)
        report.say("* Verifying orphan volumes")
        remains.check_orphans(report, view, state)
        if OptionalCheck.NPLUSONE_MEM not in self.op.skip_checks:
            report.say("* Verifying N+1 Memory redundancy")
            remains.check_memory(report, view)
        report.say("* Other Notes")
        remains.notes(report, view, state)

    # -- asking

    async def _gather(
        self, report: Report, plan: GroupPlan
    ) -> tuple[GroupView, dict[str, NodeFindings]]:
        """Ask all at once. The lines say in which order the original asks."""
        config = self.job.snapshot().config
        count = len(plan.nodes)
        report.say(f"* Gathering data ({count} nodes)")
        report.say(f"* Gathering information about nodes ({count} nodes)")
        if plan.others:
            report.say("* Gathering information about the master node")
        report.say(f"* Gathering disk information ({count} nodes)")
        began = self.job.clock.seconds()
        answers = await self._ask(self._questions(config, plan))
        others = {node.uuid: answers.pop(node.uuid) for node in plan.others}
        view = GroupView(
            config=config,
            group=plan.group,
            nodes=plan.nodes,
            answers=answers,
            latest=self.job.snapshot().config,
            began=began,
            ended=self.job.clock.seconds(),
        )
        return view, {u: found for u, found in others.items() if isinstance(found, NodeFindings)}

    def _questions(self, config: Configuration, plan: GroupPlan) -> dict[str, VerifyNode]:
        rules = files.file_rules(config)
        members = list(plan.nodes)
        online = [node for node in members if not node.offline]
        ask = partial(
            question,
            config,
            nodes=online,
            rules=rules,
            circle=circle_of(online),
            virtual=self.job.paths.virtual,
            parameters=OptionalCheck.HVPARAM_ASSESSMENT not in self.op.skip_checks,
        )
        asked = {node.uuid: ask(node) for node in online}
        others = {n.uuid: file_question(config, n, members, rules) for n in plan.others}
        return asked | others

    async def _ask(
        self, questions: Mapping[str, VerifyNode]
    ) -> dict[str, NodeFindings | GanetiError]:
        rpc = self.job.rpc
        return await gather_results({u: rpc.call(u, call) for u, call in questions.items()})

    # -- files

    async def _check_files(
        self, report: Report, view: GroupView, answered: Mapping[str, NodeFindings]
    ) -> None:
        """Compare them, once nodes that are a little behind have had time to catch up."""
        found = dict(answered)
        until = self.job.clock.seconds() + LAG_LIMIT_S
        while True:
            config = self.job.snapshot().config
            rules = files.file_rules(config)
            compared = [config.nodes[uuid] for uuid in found if uuid in config.nodes]
            behind = files.lagging(rules, compared, found)
            if not behind or self.job.clock.seconds() >= until:
                break
            await sleep(self.job.clock, _LAG_STEP_S)
            call = VerifyNode(files=tuple(rule.path for rule in rules))
            again = await self._ask(dict.fromkeys(found, call))
            found = {
                uuid: structs.replace(found[uuid], files=answer.files)
                for uuid, answer in again.items()
                if isinstance(answer, NodeFindings)
            }
        extra = [node for node in compared if node.uuid not in {n.uuid for n in view.nodes}]
        files.check_files(report, rules, [*view.online, *extra], found, self.job.paths.root)

    # -- hooks

    async def _run_hooks(self, report: Report, plan: GroupPlan) -> None:
        """The admin's own checks, on all nodes in service."""
        online = [node for node in plan.nodes if not node.offline]
        answers = await self.job.hook_results(
            self.hooks(plan), "post", tuple(node.uuid for node in online)
        )
        for node in online:
            answer = answers.get(node.uuid)
            if isinstance(answer, GanetiError):
                self.job.warn(f"Communication failure to node {node.name}: {reason(answer)}")
        report.say("* Hooks Results")
        for node in online:
            judge_hooks(report, node, answers.get(node.uuid, ()))


def judge_hooks(report: Report, node: Node, answer: tuple[HookResult, ...] | GanetiError) -> None:
    """Report the scripts that failed on one node, with what they printed."""
    failed = isinstance(answer, GanetiError)
    why = reason(answer) if isinstance(answer, GanetiError) else ""
    report.error(
        failed, Code.ENODEHOOKS, node.name, f"Communication failure in hooks execution: {why}"
    )
    for result in () if isinstance(answer, GanetiError) else answer:
        bad = report.error(
            result.status is HookStatus.ERROR,
            Code.ENODEHOOKS,
            node.name,
            f"Script {result.script} failed, output:",
        )
        if bad:
            printed = result.output[-OUTPUT_LIMIT:].rstrip()
            report.say(textwrap.indent(printable(printed.encode()), "      "))


def _others(config: Configuration, members: list[Node]) -> list[Node]:
    """The master, and one node beside it, when the group is not the whole cluster."""
    inside = {node.uuid for node in members}
    outside = [
        node
        for node in sorted(config.nodes.values(), key=lambda node: nice_sort_key(node.name))
        if node.uuid not in inside and not node.offline
    ]
    master = [node for node in outside if node.uuid == config.cluster.master_node]
    another = [node for node in outside if node.uuid != config.cluster.master_node]
    return [*master, *another[:1]]
