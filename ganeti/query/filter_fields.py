"""Fields of the rules that decide which jobs run."""

from __future__ import annotations

from typing import Any

from ganeti.model import codec
from ganeti.model.filter import FilterRule
from ganeti.query.fields import Field, Kind, Resource, table
from ganeti.query.view import View


def _own(name: str, title: str, doc: str) -> Field:
    def get(row: FilterRule) -> Any:
        return codec.to_builtins(getattr(row, name))

    return Field(name, title, Kind.OTHER, doc, get)


def _rule(rule: FilterRule, view: View) -> FilterRule:
    return rule


FIELDS = [
    _own("uuid", "UUID", "Identity of the rule"),
    _own("watermark", "Watermark", "Last job when the rule was made"),
    _own("priority", "Priority", "Rules are tried from the smallest on"),
    _own("predicates", "Predicates", "What a job must be like for the rule to apply"),
    _own("action", "Action", "What happens to such a job"),
    _own("reason_trail", "ReasonTrail", "Who made the rule, and why"),
]

FILTER = Resource(
    name="filter",
    label="Filter",
    key="uuid",
    fields=table(FIELDS),
    objects=lambda view: sorted(view.config.filters.values(), key=lambda rule: rule.uuid),
    row=_rule,
)
