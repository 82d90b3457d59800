"""Field defaults for records that are also files others read."""

from __future__ import annotations

from typing import TypeVar

import msgspec

T = TypeVar("T")


def always(value: T) -> T:
    """
    Default of a field that may miss when read and is always written.

    Records of the configuration leave out fields that equal their default
    (C{omit_defaults}), which is right for keys that config.data has only when
    set. A default made by a factory is not known to msgspec beforehand and
    therefore always written. C{value} is shared between records: records
    are never changed in place.
    """
    default: T = msgspec.field(default_factory=lambda: value)
    return default
