"""Node parameters of one node, as requests give them."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

import msgspec

from ganeti.errors import ErrorCode, OpPrereqError
from ganeti.model.parameters import (
    DEFAULT,
    NDPARAM_TYPES,
    PartialNdParams,
    enforce_types,
    own_values,
    parse_ndparams,
)
from ganeti.utils.resolving import resolved


def node_ndparams(given: Mapping[str, Any]) -> PartialNdParams:
    """
    Parameters for a node.

    @raise OpPrereqError: one that groups and the cluster have, and nodes have not.
    """
    if "exclusive_storage" in given:
        raise OpPrereqError(
            "Node parameter exclusive_storage can be set for groups and the cluster only",
            ErrorCode.WRONG_INPUT,
        )
    return parse_ndparams(given)


def changed_ndparams(old: PartialNdParams, given: Mapping[str, Any]) -> PartialNdParams:
    """
    C{old} with the values given; C{default} (or None) is as inherited again.

    @raise OpPrereqError: as L{node_ndparams}.
    @raise TypeEnforcementError: unknown parameter, or a value of the wrong type.
    """
    enforce_types(given, NDPARAM_TYPES, allowed=(DEFAULT, None))
    forgotten = {name for name, value in given.items() if value in (DEFAULT, None)}
    wanted = node_ndparams({k: v for k, v in given.items() if k not in forgotten})
    kept = {name: value for name, value in own_values(old).items() if name not in forgotten}
    return msgspec.convert(kept | own_values(wanted), resolved(PartialNdParams))
