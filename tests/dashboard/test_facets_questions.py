"""The facets of the list of traces: every count is what a click on it leaves."""

from dataclasses import replace
from datetime import timedelta

import pytest
import trace_samples as samples
from support import schemas

from kansoku_collector.store.connect import connect
from kansoku_collector.store.read import facets, traces
from kansoku_collector.store.read.conditions import Filter
from kansoku_collector.store.read.facets import Facet
from kansoku_collector.store.scope import Period, Scope

ALL = Filter(Period(samples.NOW - timedelta(hours=1), samples.NOW + timedelta(hours=1)))


@pytest.fixture(scope="module")
def client(engine_url):
    """Return a store with the sample traces."""
    opened = connect(engine_url, database="dashboard_facets")
    schemas.create(opened, engine_url)
    samples.fill(opened)
    return opened


def narrowed(wanted, name, value):
    """Return the filter after a click on a facet."""
    if name in ("operation", "status", "user", "tag"):
        return replace(wanted, **{name: value})
    given = {name: value}
    if name == "prompt":
        given = dict(zip(("prompt_name", "prompt_version"), value.split("@"), strict=True))
    return replace(wanted, scope=replace(wanted.scope, **given))


@pytest.mark.parametrize(
    "wanted",
    [
        ALL,
        replace(ALL, status="error"),
        replace(ALL, text="weather"),
        replace(ALL, operation="execute_tool"),
        replace(ALL, scope=Scope(service="guide", model="luna-2026")),
        replace(ALL, feedback="liked", scope=Scope(environment="production")),
    ],
)
def test_the_count_of_a_facet_is_what_a_click_on_it_leaves(client, wanted):
    """A number that the list then contradicts would be worse than none."""
    found = facets.facets(client, wanted)
    assert any(found.values())
    for name, values in found.items():
        for value, count in values:
            assert traces.totals(client, narrowed(wanted, name, value)).traces == count, (name, value)


def test_a_property_that_is_filtered_by_shows_its_other_values(client):
    """The reader can go from one model to another without taking the filter off."""
    found = facets.facets(client, replace(ALL, status="error"))
    assert found["status"] == [Facet("error", 2), Facet("ok", 2)]
    assert found["user"] == []


def test_the_most_frequent_values_come_first_and_the_rest_is_left_out(client):
    """A list of ten thousand users is no choice."""
    found = facets.facets(client, ALL, most=1)
    assert found["operation"] == [Facet("chat", 4)]
    assert all(len(values) <= 1 for values in found.values())


def test_another_project_has_no_facets(client):
    """Not even the names of what others run are shown."""
    assert not any(facets.facets(client, replace(ALL, scope=Scope("other"))).values())
