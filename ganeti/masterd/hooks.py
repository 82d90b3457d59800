"""Hooks around operations, run by the nodes (Ganeti hooks manual)."""

from __future__ import annotations

from collections.abc import Callable, Mapping, Sequence

from ganeti.errors import GanetiError, HooksAbort, HooksFailure
from ganeti.masterd.jobs import ActiveJob
from ganeti.model.config import Configuration
from ganeti.model.live import HookResult, HookStatus
from ganeti.operations.unit import HookPlan
from ganeti.paths import Paths
from ganeti.rpc.calls import HookPhase, RunHooks
from ganeti.rpc.nodes import NodeRpc
from ganeti.store.commit import Store
from ganeti.utils.aio import gather_results

HOOKS_VERSION = "2"
CONFIG_UPDATE = "config-update"

Say = Callable[[str], None]
Answers = dict[str, tuple[HookResult, ...] | GanetiError]
"""What each node says about its scripts, by uuid."""


class HookRunner:
    """Runs the hooks of one phase on all nodes at once."""

    def __init__(self, store: Store, rpc: NodeRpc, paths: Paths) -> None:
        self._store = store
        self._rpc = rpc
        self._paths = paths

    async def run(
        self,
        active: ActiveJob,
        index: int,
        hooks: HookPlan,
        phase: str,
        nodes: Sequence[str],
        say: Say,
        after: Mapping[str, str] | None = None,
    ) -> None:
        """
        Run C{hooks} on C{nodes}; nodes that do not answer are named in the log.

        @param after: variables as they are after the operation; None: as before.
        @raise HooksAbort: a script failed before the operation.
        @raise HooksFailure: no node at all answered before the operation.
        """
        if nodes:
            answers = await self.ask(active, index, hooks, phase, nodes, after)
            self._judge(phase, answers, say)

    async def ask(
        self,
        active: ActiveJob,
        index: int,
        hooks: HookPlan,
        phase: str,
        nodes: Sequence[str],
        after: Mapping[str, str] | None = None,
    ) -> Answers:
        """Run C{hooks} on C{nodes}, and return what each says."""
        env = build_env(self._store.committed.config, hooks, phase, self._paths)
        env["GANETI_OP_CODE"] = active.job.ops[index].op_id
        if phase == HookPhase.POST and hooks.path != CONFIG_UPDATE:
            values = hooks.env if after is None else after
            env |= {f"GANETI_POST_{key}": value for key, value in values.items()}
        call = RunHooks(path=hooks.path, phase=HookPhase(phase), env=env)
        request_id = hooks_request_id(active.job.id, index, hooks.path, phase)
        active.nodes.update(nodes)
        return await gather_results(
            {uuid: self._rpc.call(uuid, call, request_id=request_id) for uuid in set(nodes)}
        )

    def _judge(
        self,
        phase: str,
        answers: Answers,
        say: Say,
    ) -> None:
        failures: list[tuple[str, str, str]] = []
        for uuid, answer in sorted(answers.items()):
            if isinstance(answer, GanetiError):
                say(f"Hooks could not be run: {answer}")
                continue
            failures += [
                (self._name(uuid), result.script, result.output)
                for result in answer
                if result.status is HookStatus.ERROR
            ]
        if phase == HookPhase.PRE:
            if failures:
                raise HooksAbort(failures)
            if all(isinstance(answer, GanetiError) for answer in answers.values()):
                reasons = "; ".join(str(answer) for _, answer in sorted(answers.items()))
                raise HooksFailure(f"No node answered when the hooks were to be run: {reasons}")
        for node, script, output in failures:
            say(f"On {node} script {script} failed, output: {output}")

    def _name(self, node_uuid: str) -> str:
        node = self._store.committed.config.nodes.get(node_uuid)
        return node_uuid if node is None else node.name


def hooks_request_id(job_id: int, index: int, path: str, phase: str) -> str:
    """One request for each run of hooks of an opcode."""
    return f"{job_id}/{index}/{path}-{phase}"


def build_env(config: Configuration, hooks: HookPlan, phase: str, paths: Paths) -> dict[str, str]:
    """The variables of all operations and those of C{hooks}; the node adds PATH."""
    env = {
        "GANETI_CLUSTER": config.cluster.cluster_name,
        "GANETI_DATA_DIR": paths.data_dir,
        "GANETI_HOOKS_PATH": hooks.path,
        "GANETI_HOOKS_PHASE": phase,
        "GANETI_HOOKS_VERSION": HOOKS_VERSION,
        "GANETI_MASTER": config.master.name,
    }
    if hooks.object_type:
        env["GANETI_OBJECT_TYPE"] = hooks.object_type
    return env | {f"GANETI_{key}": value for key, value in hooks.env.items()}
