"""Answering a query: which objects, and the cells of each."""

from __future__ import annotations

from collections.abc import Iterable, Sequence
from dataclasses import dataclass, replace
from typing import Any

from ganeti.errors import ErrorCode, OpPrereqError
from ganeti.query.fields import LIVE, Field, Missing, Need, Resource, Status
from ganeti.query.predicate import Predicate, build_predicate
from ganeti.query.view import View

MAX_FIELDS = 1000

Cell = list[Any]


@dataclass(frozen=True, slots=True, kw_only=True)
class Query:
    """
    A query that was checked.

    First C{objects(view)} with the committed state only, which says whom to ask;
    then, with a view that has what C{needs} says, C{data(objects, view)}.
    """

    resource: Resource
    columns: Sequence[Field]
    predicate: Predicate
    needs: Need
    lenient: bool = False
    """Names of objects that there are not are left out."""

    @property
    def early(self) -> bool:
        """The filter can be applied before anybody is asked."""
        return not self.predicate.needs & LIVE

    def objects(self, view: View) -> list[Any]:
        """
        Objects that may be in the answer, in its order.

        @raise OpPrereqError: the filter names an object that there is not.
        @raise ParameterError: the filter compares values that cannot be compared.
        """
        if self.predicate.names is not None and self.resource.find is not None:
            found = [self._find(name, view) for name in self.predicate.names]
            return [obj for obj in found if obj is not None]
        found = list(self.resource.objects(view))
        return self._filtered(found, view) if self.early else found

    def _find(self, name: str, view: View) -> Any:
        assert self.resource.find is not None
        found = self.resource.find(view, name)
        if found is None and not self.lenient:
            raise OpPrereqError(f"{self.resource.label} name {name} not found", ErrorCode.NOT_FOUND)
        return found

    def _filtered(self, objects: Iterable[Any], view: View) -> list[Any]:
        test, row = self.predicate.test, self.resource.row
        return [obj for obj in objects if test(row(obj, view))]

    def nodes(self, objects: Iterable[Any], view: View) -> set[str]:
        """Uuids of the nodes that know about C{objects}."""
        nodes = self.resource.nodes
        return {node_uuid for obj in objects for node_uuid in nodes(obj, view)}

    def data(self, objects: Sequence[Any], view: View) -> list[list[Cell]]:
        """The rows of cells C{[status, value]} for the objects that pass the filter."""
        row, test = self.resource.row, self.predicate.test
        rows = [row(obj, view) for obj in objects]
        if not self.early:
            rows = list(filter(test, rows))
        getters = [column.get for column in self.columns]
        return [_cells(one, getters) for one in rows]

    def definitions(self) -> list[dict[str, str]]:
        """What the columns are."""
        return [column.definition() for column in self.columns]


def build_query(resource: Resource, fields: Sequence[str], qfilter: Any) -> Query:
    """
    Check a query.

    @raise OpPrereqError: it has too many fields.
    @raise RequestError: the filter is malformed.
    @raise ParameterError: it has a field that there is not.
    """
    if len(fields) > MAX_FIELDS:
        raise OpPrereqError(
            f"A query can have at most {MAX_FIELDS} fields, not {len(fields)}",
            ErrorCode.WRONG_INPUT,
        )
    columns = resource.select(fields)
    predicate = build_predicate(resource.fields, resource.key, qfilter)
    needs = predicate.needs | resource.asks
    for column in columns:
        needs |= column.needs
    return Query(resource=resource, columns=columns, predicate=predicate, needs=needs)


def build_named_query(resource: Resource, fields: Sequence[str], names: Sequence[str]) -> Query:
    """
    A query of the old kind: unknown names are left out, unknown fields refused.

    @raise OpPrereqError: there are unknown fields.
    """
    unknown = [name for name in fields if name not in resource.fields]
    if unknown:
        raise OpPrereqError(
            f"Unknown output fields selected: {', '.join(unknown)}", ErrorCode.WRONG_INPUT
        )
    wanted = ["|", *(["=", resource.key, name] for name in names)] if names else None
    return replace(build_query(resource, fields, wanted), lenient=True)


def _cells(row: Any, getters: Sequence[Any]) -> list[Cell]:
    cells: list[Cell] = []
    for get in getters:
        value = get(row)
        if value.__class__ is Missing:
            cells.append([int(value.value), None])
        else:
            cells.append([0, value])
    return cells


def plain_rows(data: Iterable[Iterable[Cell]]) -> list[list[Any]]:
    """Rows of values only, as queries of the old kind answer; None where there is none."""
    return [[value if status == Status.NORMAL else None for status, value in row] for row in data]
