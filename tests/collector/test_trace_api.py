"""Waiting for a trace: asked again and again before it comes, it costs one query an insert."""

from typing import Any, cast

import pytest

from kansoku_collector.receive import api as module
from kansoku_collector.receive.api import Api, Clients
from kansoku_collector.receive.receiver import Receiver


class Store:
    """Counts what is asked, and holds the traces that came."""

    def __init__(self) -> None:
        self.asked = 0
        self.writes = 0
        self.spans: dict[tuple[str, str], list[dict[str, Any]]] = {}

    def read(self, _: object, project: str, trace_id: str) -> dict[str, Any]:
        """Answer as the store does."""
        self.asked += 1
        return {"trace_id": trace_id, "spans": self.spans.get((project, trace_id), []), "feedback": []}


@pytest.fixture
def store(monkeypatch: pytest.MonkeyPatch) -> Store:
    """Return a store behind the routes, at a moment that does not pass."""
    found = Store()
    monkeypatch.setattr(module, "read_trace", found.read)
    monkeypatch.setattr(module.time, "monotonic", lambda: 1000.0)
    return found


def api(store: Store, *, alone: bool = True) -> Api:
    """Return the routes over a store."""
    clients = Clients(cast("Any", object))
    return Api(cast("Receiver", None), clients, str, (lambda: store.writes) if alone else None)


def test_a_trace_that_is_awaited_costs_one_query_an_insert(store: Store) -> None:
    """Nothing was stored since it was not found: it is not there. After the insert it is, at once."""
    asked = api(store)
    assert [asked._trace_of("p", "t")["spans"] for _ in range(5)] == [[]] * 5
    assert store.asked == 1
    store.spans["p", "t"] = [{"span_id": "s"}]
    store.writes += 1
    assert [asked._trace_of("p", "t")["spans"] for _ in range(3)] == [[{"span_id": "s"}]] * 3
    assert asked._trace_of("other", "t")["spans"] == []


def test_a_number_that_is_awaited_costs_two_queries_an_insert(
    store: Store, monkeypatch: pytest.MonkeyPatch
) -> None:
    """Who polls for the number of spans has the answer of before until something is written, by project."""
    stored = {"p": 0, "other": 7}
    monkeypatch.setattr(module, "count_spans", lambda _, project: stored[project])
    monkeypatch.setattr(module, "receipts", lambda *_: [])
    asked = api(store)
    assert [asked._sums_of("p")["spans"] for _ in range(5)] == [0] * 5
    stored["p"], store.writes = 3, store.writes + 1
    assert [asked._sums_of(project)["spans"] for project in ("p", "other", "p")] == [3, 7, 3]
    stored["p"] = 4
    assert [where._sums_of("p")["spans"] for where in (asked, api(store, alone=False))] == [3, 4]


def test_where_others_write_too_the_store_is_always_asked(store: Store) -> None:
    """A collector on a server does not know of every insert."""
    asked = api(store, alone=False)
    for _ in range(3):
        asked._trace_of("p", "t")
    assert store.asked == 3


def test_what_is_not_there_is_not_believed_for_long(store: Store, monkeypatch: pytest.MonkeyPatch) -> None:
    """Somebody may write past the collector: seconds later the store is asked again."""
    asked = api(store)
    asked._trace_of("p", "t")
    monkeypatch.setattr(module.time, "monotonic", lambda: 1010.0)
    asked._trace_of("p", "t")
    assert store.asked == 2


def test_traces_that_are_not_there_do_not_fill_the_memory(store: Store) -> None:
    """Whoever makes up ids is forgotten."""
    asked = api(store)
    for number in range(3000):
        asked._trace_of("p", str(number))
    assert len(asked._absent) <= module._ABSENT
