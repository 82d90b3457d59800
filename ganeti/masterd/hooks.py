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
    ) -> None:
        """
        Run C{hooks} on C{nodes}; nodes that do not answer are named in the log.

        @raise HooksAbort: a script failed before the operation.
        @raise HooksFailure: no node at all answered before the operation.
        """
        if not nodes:
            return
        call = RunHooks(
            path=hooks.path,
            phase=HookPhase(phase),
            env=build_env(self._store.committed.config, active, index, hooks, phase, self._paths),
        )
        request_id = f"{active.job.id}/{index}/{hooks.path}-{phase}"
        active.nodes.update(nodes)
        answers = await gather_results(
            {uuid: self._rpc.call(uuid, call, request_id=request_id) for uuid in set(nodes)}
        )
        self._judge(phase, answers, say)

    def _judge(
        self,
        phase: str,
        answers: Mapping[str, tuple[HookResult, ...] | GanetiError],
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
                raise HooksFailure("No node answered when the hooks were to be run")
        for node, script, output in failures:
            say(f"On {node} script {script} failed, output: {output}")

    def _name(self, node_uuid: str) -> str:
        node = self._store.committed.config.nodes.get(node_uuid)
        return node_uuid if node is None else node.name


def build_env(
    config: Configuration,
    active: ActiveJob,
    index: int,
    hooks: HookPlan,
    phase: str,
    paths: Paths,
) -> dict[str, str]:
    """The variables of the scripts, complete with prefixes; the node adds PATH."""
    env = {
        "GANETI_CLUSTER": config.cluster.cluster_name,
        "GANETI_DATA_DIR": paths.data_dir,
        "GANETI_HOOKS_PATH": hooks.path,
        "GANETI_HOOKS_PHASE": phase,
        "GANETI_HOOKS_VERSION": HOOKS_VERSION,
        "GANETI_MASTER": config.master.name,
        "GANETI_OP_CODE": active.job.ops[index].op_id,
    }
    if hooks.object_type:
        env["GANETI_OBJECT_TYPE"] = hooks.object_type
    env |= {f"GANETI_{key}": value for key, value in hooks.env.items()}
    if phase == HookPhase.POST and hooks.path != CONFIG_UPDATE:
        after = hooks.env if hooks.env_post is None else hooks.env_post
        env |= {f"GANETI_POST_{key}": value for key, value in after.items()}
    return env
