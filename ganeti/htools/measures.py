"""The values of the metrics for a state, computed from scratch (htools.json, score)."""

from __future__ import annotations

import numpy as np

from ganeti.htools.state import State
from ganeti.htools.tables import (
    CPU,
    CPU_FORTH,
    DISK,
    DISK_FORTH,
    FREE_SPIN,
    FREE_SPIN_FORTH,
    LOAD_CPU,
    LOAD_DISK,
    LOAD_MEM,
    LOAD_NET,
    MEM,
    MEM_FORTH,
    SPIN,
    SPIN_FORTH,
    Floats,
)

# Name and weight, in the order of the report.
WEIGHTS: dict[str, float] = {
    "free_mem_cv": 0.5,
    "free_disk_cv": 0.5,
    "n1_cnt": 1,
    "reserved_mem_cv": 1,
    "offline_all_cnt": 4,
    "offline_pri_cnt": 16,
    "vcpu_ratio_cv": 0.5,
    "cpu_load_cv": 1,
    "mem_load_cv": 1,
    "disk_load_cv": 1,
    "net_load_cv": 1,
    "pri_tags_score": 2,
    "spindles_cv": 0.5,
    "free_mem_cv_forth": 0.5,
    "free_disk_cv_forth": 0.5,
    "vcpu_ratio_cv_forth": 0.5,
    "spindles_cv_forth": 0.5,
    "location_score": 1,
    "location_exclusion_score": 1,
    "reserved_mem_rtotal": 0.25,
}

# What the standard deviations are of: resources, added up after scaling.
SPREADS: dict[str, tuple[int, ...]] = {
    "free_mem_cv": (MEM,),
    "free_disk_cv": (DISK, FREE_SPIN),
    "vcpu_ratio_cv": (CPU,),
    "cpu_load_cv": (LOAD_CPU,),
    "mem_load_cv": (LOAD_MEM,),
    "disk_load_cv": (LOAD_DISK,),
    "net_load_cv": (LOAD_NET,),
    "spindles_cv": (SPIN,),
    "free_mem_cv_forth": (MEM_FORTH,),
    "free_disk_cv_forth": (DISK_FORTH, FREE_SPIN_FORTH),
    "vcpu_ratio_cv_forth": (CPU_FORTH,),
    "spindles_cv_forth": (SPIN_FORTH,),
}


def measure(state: State) -> dict[str, float]:
    """
    Every metric's value, in the order of the report.

    Without any online node all are 0, those that count offline ones too (hbal of Ganeti 3.0.2).
    """
    online = state.nodes.online
    values = dict.fromkeys(WEIGHTS, 0.0)
    if not online.any():
        return values
    scaled = (state.resources * state.nodes.inverse)[:, online]
    rows = np.stack([scaled[list(resources)].sum(axis=0) for resources in SPREADS.values()])
    values.update(zip(SPREADS, deviations(rows), strict=True))
    reserved = (state.reserved * state.nodes.reserved_inverse)[online]
    values["reserved_mem_cv"] = deviations(reserved[None])[0]
    values["reserved_mem_rtotal"] = float(reserved.sum())
    everything = state.primaries + state.secondaries
    values["n1_cnt"] = float(everything @ state.fails_n1())
    values["offline_all_cnt"] = float(everything[~online].sum())
    values["offline_pri_cnt"] = float(state.primaries[~online].sum())
    values["pri_tags_score"] = float(state.tag_repeats[online].sum())
    values["location_score"] = location_score(state)
    values["location_exclusion_score"] = location_exclusion_score(state)
    return values


def deviations(rows: Floats) -> list[float]:
    """The standard deviation of each row; 0 of nothing."""
    found: list[float] = (rows.std(axis=1) if rows.shape[1] else np.zeros(len(rows))).tolist()
    return found


def total(values: dict[str, float]) -> float:
    """The score."""
    return sum(weight * values[name] for name, weight in WEIGHTS.items())


def location_score(state: State) -> float:
    """Location tags that primary and secondary share, and desired ones that are missing."""
    if state.tags.shared is None and state.tags.desired is None:
        return 0.0
    first, second = state.primary, state.secondary
    counted = state.instances.counted.astype(bool)
    counted &= (first >= 0) & state.nodes.online[first]
    value = 0.0
    if state.tags.shared is not None:
        both = counted & (second >= 0)
        value += float(state.tags.shared[first[both], second[both]].sum())
    if state.tags.desired is not None and state.tags.desired_at is not None:
        wanted = state.tags.desired[counted]
        value += float(state.tags.desired_at[wanted, first[counted][:, None]].sum())
    return value


def location_exclusion_score(state: State) -> float:
    """How often one place has an exclusion tag more than once."""
    counts = state.location_tags[:, :-1]
    return float(np.maximum(counts - 1, 0).sum())
