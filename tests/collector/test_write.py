"""What reaches the tables: a column that says nothing in any row is not sent, and reads as if it had been."""

from dataclasses import fields
from typing import Any

import pytest
from collector.conftest import START_NS

from kansoku_collector.model import SPAN_COLUMNS, Span
from kansoku_collector.store.write import Writer, _columns

ASKED = (
    "time_to_first_token",
    "top_score",
    "reported_usd",
    "weight",
    "streaming",
    "finish_reasons",
    "parameters",
)


def rows() -> list[Span]:
    """Return spans that leave nearly everything empty, and one with zeros where NULL has another meaning."""
    made = [Span(span_id=f"{number:016x}", trace_id="t" * 32, start=START_NS) for number in range(3)]
    made[1].time_to_first_token = made[1].top_score = 0.0
    return made


def test_empty_columns_are_left_to_the_table(store: Any) -> None:
    """NULL stays NULL, zero stays zero, lists and maps stay empty, and a weight is one."""
    Writer(store).spans(rows(), "segment-0")
    found = store.query(f"SELECT {', '.join(ASKED)} FROM spans ORDER BY span_id").result_rows
    empty = (1.0, 0, [], {})
    assert found == [(None, None, None, *empty), (0.0, 0.0, None, *empty), (None, None, None, *empty)]


def test_only_what_says_something_is_sent(store: Any, monkeypatch: pytest.MonkeyPatch) -> None:
    """Of eighty columns a dozen travel; the identity is always among them."""
    sent = []
    send = store.raw_insert
    monkeypatch.setattr(
        store,
        "raw_insert",
        lambda table, names, *rest, **more: (sent.append(names), send(table, names, *rest, **more))[1],
    )
    Writer(store).spans(rows(), "segment-0")
    (names,) = sent
    assert {"project", "trace_id", "span_id", "start", "weight", "time_to_first_token"} <= set(names)
    assert not {"input_text", "attributes", "cost_usd", "reported_usd"} & set(names)
    assert store.query("SELECT count() FROM spans").first_row[0] == 3


def test_columns_of_many_rows_are_in_the_order_of_the_rows() -> None:
    """However many rows there are, each column has all of them, in order."""
    made = [Span(start=number, name=str(number)) for number in range(1500)]
    columns = _columns([lambda row, n=item.name: getattr(row, n) for item in fields(Span)], made)
    by_name = dict(zip(SPAN_COLUMNS, columns, strict=True))
    assert by_name["start"] == list(range(1500))
    assert by_name["name"] == [str(number) for number in range(1500)]


def test_a_server_is_told_only_settings_that_it_knows(store: Any, monkeypatch: pytest.MonkeyPatch) -> None:
    """An older server refuses a name that it does not know, and with it the rows."""
    told: list[dict[str, Any]] = []
    send = store.raw_insert
    monkeypatch.setattr(
        store, "raw_insert", lambda *rest, **more: (told.append(more["settings"]), send(*rest, **more))[1]
    )
    known = {name: kind for name, kind in store.server_settings.items() if name != "optimize_on_insert"}
    monkeypatch.setattr(store, "server_settings", known)
    Writer(store).spans(rows(), "segment-0")
    assert "optimize_on_insert" not in told[0]
    assert told[0]["compile_expressions"] == 0
    assert told[0]["insert_deduplication_token"] == "segment-0"
