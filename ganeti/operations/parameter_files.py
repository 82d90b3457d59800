"""Files and directories that hypervisor parameters name. Pure."""

from __future__ import annotations

from collections.abc import Iterator, Mapping
from typing import Any

from ganeti.model.findings import ParameterFile
from ganeti.model.hypervisors import HVPARAMS, Check, HypervisorName

_SOUGHT = "kvm_path"
"""Its default is looked for elsewhere, too: the node's check of the hypervisor tells."""


def parameter_files(
    hypervisor: HypervisorName, values: Mapping[str, Any], source: str
) -> Iterator[ParameterFile]:
    """
    What must be on a node where these parameters hold; those of the fake hypervisor need nothing.

    @param source: whose parameters they are, as in C{instance web1}.
    """
    if hypervisor is HypervisorName.FAKE:
        return
    for name, value in sorted(values.items()):
        spec = HVPARAMS[hypervisor].get(name)
        if spec is None or spec.check not in (Check.PATH, Check.DIRECTORY) or not value:
            continue
        if name == _SOUGHT and value == spec.default:
            continue
        yield ParameterFile(
            source=source,
            hypervisor=hypervisor,
            parameter=name,
            path=str(value),
            directory=spec.check is Check.DIRECTORY,
        )
