"""Query fields against the tables of the public interface."""

from __future__ import annotations

import json
from pathlib import Path

import pytest

from ganeti.query.fields import Kind, Status
from ganeti.query.resources import RESOURCES, query_fields
from ganeti.utils.text import nice_sort_key

TABLES = Path(__file__).parent / "interface"
QUERY = json.loads((TABLES / "query_fields.json").read_text())
COLUMNS = json.loads((TABLES / "columns.json").read_text())
MATCHING = {"hostname": "HOSTNAME", "split_timestamp": "SECONDS", "job_id": "NUMBER"}


def expected(resource):
    """(title, kind, flags) by name, with indexed fields written out."""
    own = QUERY["resources"][resource]
    differ = own.get("haskell_differences", {})
    fields = {}
    for name, facts in own["fields"].items():
        kind = differ.get(f"{name}.kind", facts["kind"])
        fields[name] = (facts["title"], kind, facts.get("flags", []))
    for name, facts in own.get("indexed_fields", {}).items():
        last = int(facts["index_range"].split("..")[1])
        for place in range(last + 1):
            title = facts["title"].replace("%d", str(place))
            fields[name.replace("%d", str(place))] = (title, facts["kind"], [])
    return fields


@pytest.mark.parametrize("resource", RESOURCES)
def test_fields(resource):
    """Each kind of object has the table's fields with their kinds and titles, and a text."""
    wanted = expected(resource)
    found = RESOURCES[resource].fields
    assert set(found) == set(wanted)
    assert len(found) == QUERY["count"][resource]
    for name, (title, kind, flags) in wanted.items():
        assert (found[name].title, found[name].kind) == (title, kind), name
        assert found[name].doc, name
        assert found[name].matching.name == (MATCHING[flags[0]] if flags else "PLAIN"), name


@pytest.mark.parametrize("resource", COLUMNS["all_fields"])
def test_recorded_fields(resource):
    """C{list-fields} gives what was recorded from the original, in its order."""
    recorded = [[name, title, kind] for name, title, kind, _ in COLUMNS["all_fields"][resource]]
    fields = query_fields(resource, None)["fields"]
    assert [[one["name"], one["title"], one["kind"]] for one in fields] == recorded


@pytest.mark.parametrize("command", COLUMNS["lists"])
def test_default_columns(command):
    """The default columns of the list commands have their recorded titles and kinds."""
    own = COLUMNS["lists"][command]
    for column in own.get("default", ()):
        found = RESOURCES[own["resource"]].fields[column["field"]]
        assert (found.title, found.kind) == (column["title"], column["kind"])


def test_kinds_and_statuses():
    """Kinds and statuses have the table's words and numbers."""
    assert {str(kind) for kind in Kind} == set(QUERY["kinds"].values())
    assert {int(status) for status in Status} == set(QUERY["result_status"].values())


def test_documents_differ():
    """No two fields of a kind of object are described by the same words."""
    for resource in RESOURCES.values():
        docs = [
            one.doc for one in resource.fields.values() if not one.doc.startswith("The same as")
        ]
        assert len(docs) == len(set(docs)), resource.name


def test_natural_order():
    """All definitions come in natural order."""
    names = [one["name"] for one in query_fields("instance", ())["fields"]]
    assert names == sorted(names, key=nice_sort_key)
