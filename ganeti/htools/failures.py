"""Why an instance does not fit somewhere."""

from __future__ import annotations

from enum import StrEnum


class Failure(StrEnum):
    """The value is the original's word."""

    MEMORY = "FailMem"
    DISK = "FailDisk"
    CPU = "FailCPU"
    N1 = "FailN1"
    TAGS = "FailTags"
    MIGRATION = "FailMig"
    DISK_COUNT = "FailDiskCount"
    SPINDLES = "FailSpindles"
    FORTHCOMING = "FailForthcoming"
    INTERNAL = "FailInternal"
