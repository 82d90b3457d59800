"""Verify the configuration, and the certificates that the cluster rests on."""

from __future__ import annotations

from collections.abc import Iterable, Iterator, Mapping

from ganeti.errors import GanetiError, HypervisorError
from ganeti.model.config import Configuration
from ganeti.model.findings import CertificateFinding
from ganeti.model.hypervisors import HypervisorName, built_in, check_hvparams
from ganeti.model.node import Node
from ganeti.opcodes.verify import OpClusterVerifyConfig
from ganeti.opcodes.verify import VerifyCode as Code
from ganeti.operations.asking import reason
from ganeti.operations.cluster.verify.report import TURN, Report
from ganeti.operations.unit import Unit
from ganeti.rpc.calls import VerifyNode
from ganeti.store.checks import cross_check
from ganeti.utils.aio import sleep
from ganeti.utils.text import nice_sort_key

Settings = tuple[HypervisorName, Mapping[str, object], str]
"""Values, and what they are of."""

_DAY_S = 86400
WARN_DAYS = 30
ERROR_DAYS = 7


class ClusterVerifyConfig(Unit[OpClusterVerifyConfig, None]):
    """Looks at one snapshot, so it needs no locks."""

    OP = OpClusterVerifyConfig

    async def plan(self) -> None:
        return None

    async def execute(self, plan: None) -> bool:
        report = Report(self.op, self.job.log, self.job.log_entry)
        config = self.job.snapshot().config
        report.say("* Verifying cluster config")
        for text in cross_check(config):
            report.error(True, Code.ECLUSTERCFG, None, text)
        report.say("* Verifying cluster certificate files")
        await self._check_certificates(report, config)
        report.say("* Verifying hypervisor parameters")
        for number, settings in enumerate(parameter_settings(config), start=1):
            problem = parameter_problem(*settings)
            if problem:
                report.error(True, Code.ECLUSTERCFG, None, problem)
            if number % TURN == 0:
                await sleep(self.job.clock, 0)
        report.say("* Verifying all nodes belong to an existing group")
        check_dangling(report, config)
        return report.end()

    async def _check_certificates(self, report: Report, config: Configuration) -> None:
        """Of the master, as its node daemon finds them."""
        try:
            found = await self.job.rpc.call(config.master.uuid, VerifyNode(certificates=True))
        except GanetiError as err:
            text = f"the certificates could not be looked at: {reason(err)}"
            report.error(True, Code.ECLUSTERCERT, None, text)
            return
        now_s = self.job.clock.seconds()
        for certificate in found.certificates:
            check_certificate(report, Code.ECLUSTERCERT, None, certificate, now_s)


def check_certificate(
    report: Report, code: Code, name: str | None, found: CertificateFinding, now_s: float
) -> None:
    """Report a certificate that cannot be used, or not for much longer."""
    if found.expires is None:
        report.error(True, code, name, f"{found.path}: {found.problem}")
        return
    days = (found.expires - now_s) / _DAY_S
    text = f"{found.path}: the certificate expires in about {max(int(days), 0)} days"
    if days < 0:
        report.error(True, code, name, f"{found.path}: the certificate has expired")
    elif days < ERROR_DAYS:
        report.error(True, code, name, text)
    else:
        report.warning(days < WARN_DAYS, code, name, text)


def parameter_settings(config: Configuration) -> Iterator[Settings]:
    """The hypervisor parameters at each level that sets some."""
    cluster = config.cluster
    for hypervisor in cluster.enabled_hypervisors:
        own = built_in(hypervisor) | dict(cluster.hvparams.get(hypervisor, {}))
        yield hypervisor, own, "cluster"
        for os_name, settings in sorted(cluster.os_hvp.items()):
            if hypervisor in settings:
                yield hypervisor, own | settings[hypervisor], f"os {os_name}"
    for name in sorted(config.instance_by_name, key=nice_sort_key):
        instance = config.instances[config.instance_by_name[name]]
        yield instance.hypervisor, config.filled_hvparams(instance), f"instance {instance.name}"


def parameter_problem(hypervisor: HypervisorName, values: Mapping[str, object], source: str) -> str:
    """What is malformed in them; empty when all is well."""
    try:
        check_hvparams(hypervisor, values)
    except HypervisorError as err:
        return f"hypervisor {hypervisor} parameters syntax check (source {source}): {err}"
    return ""


def check_dangling(report: Report, config: Configuration) -> None:
    """Nodes and instances whose place does not exist."""
    lost = [node for node in config.nodes.values() if node.group not in config.groups]
    shown = [_with_instances(config, node) for node in _natural(lost)]
    report.error(
        lost,
        Code.ECLUSTERDANGLINGNODES,
        None,
        "the following nodes (and their instances) belong to a non existing group: "
        + ", ".join(shown),
    )
    homeless = [
        instance.name
        for instance in config.instances.values()
        if instance.primary_node not in config.nodes and not instance.forthcoming
    ]
    report.error(
        homeless,
        Code.ECLUSTERDANGLINGINST,
        None,
        "the following instances have a non-existing primary-node: "
        + ", ".join(sorted(homeless, key=nice_sort_key)),
    )


def _natural(nodes: Iterable[Node]) -> list[Node]:
    return sorted(nodes, key=lambda node: nice_sort_key(node.name))


def _with_instances(config: Configuration, node: Node) -> str:
    names = ", ".join(instance.name for instance in config.node_instances(node.uuid))
    return f"{node.name} ({names or 'no instances'})"
