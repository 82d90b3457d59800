"""A secondary node for an instance that becomes mirrored (allocate-secondary)."""

from __future__ import annotations

from collections import Counter

import numpy as np

from ganeti.htools.decimals import eight
from ganeti.htools.failures import Failure
from ganeti.htools.globaln1 import redundant
from ganeti.htools.groupsearch import GroupAnswer
from ganeti.htools.measures import measure, total
from ganeti.htools.newcomer import Code
from ganeti.htools.openings import secondary_openings
from ganeti.htools.places import by_score
from ganeti.htools.specs import policy_failure
from ganeti.htools.state import State
from ganeti.htools.tables import Ints


def find_secondary(
    state: State, instance: int, nodes: Ints, *, strict: bool, capacity_checks: bool
) -> GroupAnswer:
    """
    The best of these nodes.

    @param instance: it is on its primary node, and mirrored in the tables already.
    """
    cluster, primary = state.cluster, int(state.primary[instance])
    group = cluster.groups[int(state.nodes.group[primary])]
    exclusive = bool(len(nodes)) and bool(state.nodes.exclusive[nodes].all())
    failure = policy_failure(cluster.instances[instance], cluster.group_policy(group), exclusive)
    if failure is not None:
        return GroupAnswer(group, "", failures=Counter({failure: len(nodes)}))
    found = secondary_openings(state, instance, nodes, strict=strict)
    failures = found.failures()
    scores = np.where(found.codes == Code.FITS, found.scores, np.inf)
    successes = int(np.isfinite(scores).sum())
    for _score, place in by_score(scores):
        state.place(instance, primary, int(nodes[place]))
        good = not capacity_checks or redundant(state)
        score = total(measure(state))
        state.place(instance, primary, -1)
        if good:
            pair = primary, int(nodes[place])
            return GroupAnswer(
                group, "", pair, score, successes, failures, ((score,),), eight(score)
            )
        failures[Failure.N1] += 1
        successes -= 1
    return GroupAnswer(group, "", failures=failures)
