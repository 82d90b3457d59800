"""gnt-node add."""

from __future__ import annotations

from collections.abc import Mapping
from typing import TYPE_CHECKING, Any

from ganeti import version
from ganeti.cli import clusterfiles, jobs, machine, node_settings
from ganeti.cli.failures import CommandFailed
from ganeti.cli.nodejoin import Bundle, Prepared
from ganeti.cli.nodesetup import INodeSetup, SshNodeSetup, SshOptions, VirtualNodeSetup
from ganeti.errors import ConfigurationError, ErrorCode, OpPrereqError
from ganeti.model.names import is_ip, normal_host_name
from ganeti.opcodes.node import OpNodeAdd
from ganeti.rpc import certificates
from ganeti.store.nodestate_db import read_role_record
from ganeti.utils.hosts import Host
from ganeti.utils.randomness import SystemRandomness

if TYPE_CHECKING:
    from optparse import Values

    from ganeti.cli.session import Session
    from ganeti.paths import Paths

_SSH_PORT = 22
_FIELDS = ("name", "uuid", "master", "ndp/ssh_port")


def add(session: Session, options: Values, names: list[str]) -> int:
    """Set a machine up as a node, then let the cluster take it in."""
    session.call("QueryConfigValues", [["cluster_name"]])  # on the master only
    host = machine.resolve(session.paths, normal_host_name(names[0]))
    known = _known_node(session, host.name)
    _check_known(options, host, known)
    if options.node_setup:
        _set_up(session, options, host, known)
    op = OpNodeAdd(
        node_name=host.name,
        secondary_ip=_secondary_ip(options),
        readd=options.readd,
        group=options.nodegroup,
        master_capable=options.master_capable,
        vm_capable=options.vm_capable,
        ndparams=node_settings.typed_ndparams(options.ndparams),
        hv_state=node_settings.hv_state(options.hv_state),
        disk_state=node_settings.disk_state(options.disk_state),
        node_setup=options.node_setup,
        **jobs.common_fields(session, options),
    )
    jobs.run(session, op, options)
    return 0


def _known_node(session: Session, name: str) -> Mapping[str, Any] | None:
    rows = session.call("QueryNodes", [[name], list(_FIELDS), False])
    return dict(zip(_FIELDS, rows[0], strict=True)) if rows else None


def _check_known(options: Values, host: Host, known: Mapping[str, Any] | None) -> None:
    if known is None and options.readd:
        raise CommandFailed(f"Node {host.name} not in the cluster - please retry without '--readd'")
    if known is not None and not options.readd:
        raise CommandFailed(
            f"Node {host.name} already in the cluster (as {known['name']})"
            " - please retry with '--readd'"
        )
    if known is not None and known["master"] is True:
        raise OpPrereqError("Cannot readd the master node", ErrorCode.WRONG_STATE)


def _secondary_ip(options: Values) -> str | None:
    given: str | None = options.secondary_ip
    if given is not None and not is_ip(given):
        raise OpPrereqError(
            f"Secondary IP ({given}) needs to be a valid IPv4 address", ErrorCode.WRONG_INPUT
        )
    return given


# -- Setting up


def _set_up(session: Session, options: Values, host: Host, known: Mapping[str, Any] | None) -> None:
    """
    Make the machine a node that obeys this master; may be repeated.

    Nothing of the cluster changes: its certificate alone gives a machine no say.
    """
    paths = session.paths
    setup = _setup_of(paths, options, host, known)
    cluster_name = clusterfiles.read_text(paths.ssconf("cluster_name")).strip()
    authority = clusterfiles.read_text(paths.ca_pem)
    _say(session, options, f"Preparing {host.name}")
    prepared = setup.prepare(cluster_name, authority, force_join=options.force_join)
    _check_release(host, prepared)
    uuid = str(known["uuid"]) if known else _uuid_for(session, prepared)
    bundle = _bundle(session, host, prepared.request, uuid, authority)
    _say(session, options, f"Writing keys and certificate on {host.name}")
    setup.install(bundle)
    _say(session, options, f"Starting the node daemon on {host.name}")
    setup.start()


def _say(session: Session, options: Values, text: str) -> None:
    if options.verbose:
        session.out(text)


def _setup_of(
    paths: Paths, options: Values, host: Host, known: Mapping[str, Any] | None
) -> INodeSetup:
    if paths.virtual:
        return VirtualNodeSetup(paths, host.name)
    port = (options.ndparams or {}).get("ssh_port") or (known or {}).get("ndp/ssh_port")
    return SshNodeSetup(
        host.name,
        SshOptions(
            port=int(port or _SSH_PORT), key_check=options.ssh_key_check, ipv6=":" in host.ip
        ),
    )


def _check_release(host: Host, prepared: Prepared) -> None:
    if prepared.protocol != version.PROTOCOL_VERSION:
        raise OpPrereqError(
            f"Version mismatch: node {host.name} has Ganeti {prepared.release} (protocol"
            f" {prepared.protocol}), this master {version.RELEASE} ({version.PROTOCOL_VERSION})",
            ErrorCode.ENVIRONMENT,
        )


def _uuid_for(session: Session, prepared: Prepared) -> str:
    """
    The one this cluster gave the machine before, unless another node has it: a copied disk.
    """
    if prepared.node_uuid:
        rows = session.call("QueryNodes", [[], ["uuid"], False])
        if [prepared.node_uuid] not in rows:
            return prepared.node_uuid
    return SystemRandomness().uuid()


def _bundle(session: Session, host: Host, request: str, uuid: str, authority: str) -> Bundle:
    paths = session.paths
    role = read_role_record(paths.node_db)
    if role is None:
        raise ConfigurationError(f"This master has no role record in {paths.node_db}")
    now_s = session.clock.now()
    certificate = certificates.sign_request(paths, request.encode(), uuid, host.name, now_s)
    return Bundle(
        certificate=certificate.decode(),
        authority=authority,
        hmac_key=clusterfiles.read_text(paths.hmac_key),
        domain_secret=clusterfiles.read_text(paths.cluster_domain_secret),
        role_term=role.term,
        role_record=role.record.decode(),
        ssconf=clusterfiles.read_ssconf_values(paths),
    )
