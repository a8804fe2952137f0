"""The screen of traces: the URL is the filter, the table is honest, the export is harmless."""

import csv
import io
import json
from dataclasses import replace
from datetime import timedelta
from types import SimpleNamespace

import pytest
import streamlit as st
import trace_samples as samples
from pyarrow import parquet
from pydantic import SecretStr

from kansoku_collector.store.connect import connect
from kansoku_collector.store.read import traces as store
from kansoku_collector.store.read.conditions import Filter
from kansoku_collector.store.read.traces import TraceRow
from kansoku_collector.store.scope import Period
from kansoku_dashboard import data, links, settings, words
from kansoku_dashboard.screens import amounts, export, traces
from kansoku_dashboard.settings import DashboardSettings


@pytest.fixture
def open_traces(sampled, open_app, monkeypatch):
    """Return `run("traces", **query)` on the sample traces."""
    monkeypatch.setattr(data, "connect", lambda _: connect(sampled, database=samples.DATABASE))
    settings.use(DashboardSettings(read_url=SecretStr(f"{sampled}?{samples.DATABASE}")))
    return lambda **query: open_app("traces", **query)


def shown(app):
    """Return the table's rows as dictionaries."""
    return app.dataframe[0].value.to_dict("records")


def test_the_table_shows_a_trace_in_words(open_traces):
    """Cost, votes and texts as a reader needs them; a link that opens the trace."""
    rows = {row["id"].split("trace=")[1]: row for row in shown(open_traces())}
    answer = rows[samples.ANSWER]
    assert answer["text"] == "ごみの収集日を教えてください。 → 毎週水曜日です。"
    assert (answer["duration"], answer["tokens"], answer["cost"], answer["votes"]) == (
        "3.00 s",
        "1,200",
        "$0.0125",
        "liked",
    )
    assert rows[samples.TOOLS]["errors"] == "✕ 2"
    assert rows[samples.HOUSE]["cost"] == "unpriced"


@pytest.mark.parametrize(
    ("query", "found"),
    [
        ({"q": "収集日"}, {samples.ANSWER}),
        ({"status": "error"}, {samples.TOOLS, samples.HOSTILE}),
        ({"feedback": "disliked"}, {samples.TOOLS}),
        ({"unpriced": "true"}, {samples.HOUSE}),
        ({"min_cost": "0.4"}, {samples.TOOLS}),
        ({"env": "staging"}, {samples.HOUSE}),
        ({"session": "s-1", "user": "u-1", "tag": "vip"}, {samples.ANSWER}),
        ({"operation": "execute_tool"}, {samples.TOOLS}),
        ({"operation": "odd", "min_cost": "0.4"}, {samples.TOOLS}),
        ({"min_tokens": "1200", "max_cost": "0.02"}, {samples.ANSWER, samples.HOUSE, samples.HOSTILE}),
        ({"min_tokens": "1200", "max_seconds": "2", "status": "ok"}, {samples.HOUSE}),
        ({"score": "evil", "max_score": "0"}, {samples.HOSTILE}),
        ({"feedback": "unrated", "status": "ok"}, {samples.HOUSE}),
        ({"prompt": "answer@v2", "range": "1h"}, {samples.ANSWER}),
        (
            {"min_cost": "much", "status": "odd", "page": "x"},
            {samples.ANSWER, samples.TOOLS, samples.HOUSE, samples.HOSTILE},
        ),
    ],
)
def test_a_link_gives_the_same_list_to_everybody(open_traces, query, found):
    """Every filter stands in the URL; a value that cannot be meant is no filter."""
    app = open_traces(**query)
    assert not app.exception
    assert {row["id"].split("trace=")[1][:32] for row in shown(app)} == found


def test_a_filter_set_on_the_screen_reaches_the_url_and_the_links(open_traces):
    """The reader can pass on what they see."""
    app = open_traces()
    app.selectbox(key="_status").set_value("error").run()
    app.text_input(key="q").set_value("weather").run()
    assert app.query_params["status"] in ("error", ["error"])
    links = [row["id"] for row in shown(app)]
    assert len(links) == 1
    assert "status=error" in links[0]
    assert "q=weather" in links[0]


def test_the_place_stands_in_the_url_and_another_filter_starts_at_the_first_page(open_traces, monkeypatch):
    """A link shows the same page to everybody; the second page of one filter is none of another."""
    monkeypatch.setattr(traces, "PAGE_SIZE", 3)
    app = open_traces()
    assert "1–3 of 4" in [caption.value for caption in app.caption]
    app.button(key="turn_next").click().run()
    assert [samples.HOSTILE in row["id"] for row in shown(app)] == [True]
    assert "4–4 of 4" in [caption.value for caption in app.caption]
    after = app.query_params["after"]
    again = open_traces(after=after[0] if isinstance(after, list) else after, row="4")
    assert [samples.HOSTILE in row["id"] for row in shown(again)] == [True]
    app.button(key="turn_previous").click().run()
    assert len(shown(app)) == 3
    app.button(key="turn_next").click().run()
    app.selectbox(key="_sort").set_value("cost").run()
    assert "after" not in app.query_params
    assert samples.TOOLS in shown(app)[0]["id"]


@pytest.mark.parametrize("place", ["x~y", "1e999~a", "~", "5"])
def test_a_place_that_cannot_be_meant_is_the_first_page(open_traces, place):
    """A broken link still shows traces."""
    app = open_traces(after=place, row="-3")
    assert not app.exception
    assert app.dataframe


def test_the_reader_chooses_the_columns_and_the_url_keeps_them(open_traces):
    """Others who open the link see the same columns, in the table's order."""
    app = open_traces(cols="cost,service,time,odd")
    assert list(app.dataframe[0].proto.column_order) == ["time", "cost", "service"]
    app.multiselect(key="_cols").set_value(["tags", "time"]).run()
    assert app.query_params["cols"] in ("time,tags", ["time,tags"])


def facets_of(app):
    """Return what the facets were given: name -> {value: count}."""
    given = json.loads(json.loads(app.get("bidi_component")[0].proto.json))
    return {
        group["name"]: {entry["value"]: entry["count"] for entry in group["values"]}
        for group in given["groups"]
    }


def test_facets_stand_beside_the_list_and_can_be_put_away(open_traces):
    """Counts by property, in the reader's words; switched off, they are not even asked for."""
    found = facets_of(open_traces())
    assert found["status"] == {"error": "2", "ok": "2"}
    assert found["environment"]["production"] == "3"
    rest = open_traces(facets="false").get("bidi_component")
    assert [component.key for component in rest] == ["stepping"]  # which is on every screen


def test_a_filter_that_is_out_of_sight_is_a_chip_and_a_click_takes_it_off(open_traces):
    """Nobody wonders why a list is short."""
    app = open_traces(operation="execute_tool", min_tokens="10")
    labels = {button.label: button for button in app.button if button.key and button.key.startswith("chip_")}
    assert set(labels) == {"Operation (any span): execute\\_tool (tool)", "At least tokens: 10"}
    assert len(shown(app)) == 1
    app.button(key="chip_operation").click().run()
    assert len(shown(app)) >= 4  # not those of January, of which there are none


def test_a_click_on_a_row_opens_the_trace_with_the_filters_of_the_list(open_traces, monkeypatch):
    """Bound parameters cannot be set from within, so they travel in one of their own."""
    table, went = {}, []
    draw = st.dataframe
    monkeypatch.setattr(st, "dataframe", lambda *given, **named: table.update(named) or draw(*given, **named))
    app = open_traces(range="1h", session="s-1")
    clicked = SimpleNamespace(selection=SimpleNamespace(rows=[], cells=[(0, "name")]))
    with monkeypatch.context() as patch:
        patch.setattr(st, "session_state", {table["key"]: clicked})
        patch.setattr(links, "go", lambda *to: went.append(to))
        table["on_select"]()
    app.session_state["_going"] = went[0]  # what `go` leaves to the run that it starts
    app.run()
    assert not app.exception
    assert app.query_params["trace"] in (samples.ANSWER, [samples.ANSWER])
    assert "session=s-1" in str(app.query_params["list"])


def test_the_way_back_from_a_trace_restores_the_list(open_traces):
    """The browser's Back brings the packed filters; the widgets must show what the list obeys."""
    app = open_traces(trace="f" * 32, list="q=weather&status=error&min_cost=0.4&unpriced=&range=7d&odd=1")
    assert not app.exception
    assert [samples.TOOLS in row["id"] for row in shown(app)] == [True]
    assert (app.text_input(key="q").value, app.number_input(key="min_cost").value) == ("weather", 0.4)
    assert (app.selectbox(key="_status").value, app.segmented_control(key="range").value) == ("error", "7d")
    assert "list" not in app.query_params


def test_the_totals_are_a_lower_bound_when_calls_have_no_price(open_traces):
    """The sum over an unpriced call is at least, not exactly."""
    captions = " ".join(caption.value.replace("\\", "") for caption in open_traces().caption)
    assert "≥ $0.5250" in captions
    assert "2 failed" in captions


def test_an_empty_list_names_the_filter_to_drop_and_drops_it(open_traces):
    """A click on the offer brings the traces back."""
    app = open_traces(session="s-1", env="staging")
    offers = {button.label: button for button in app.button if "Without" in button.label}
    assert set(offers) == {"Without “session”: 1", "Without “environment”: 1"}
    offers["Without “environment”: 1"].click().run()
    assert [row["session"] for row in shown(app)] == ["s-1"]


def test_a_store_without_traces_points_to_the_first_span(open_empty):
    """Nothing to filter, nothing to show: the next step is to send something."""
    app = open_empty("traces")
    assert not app.exception
    assert [info.value for info in app.info] == ["No traces in this range."]


def test_the_japanese_screen_is_japanese(open_traces):
    """Words come from the table of words, not from the code."""
    app = open_traces(lang="ja", status="error", session="s-1")
    assert "条件に合うトレースはありません。" in [info.value for info in app.info]


@pytest.mark.parametrize(
    "cell", ["=1+1", "+1", "-1", "@SUM(A1)", "\t=1", "\uff1d1+1", " =1", "\u3000\uff20A"]
)
def test_no_exported_cell_is_a_formula(cell):
    """A user's question must not run in the analyst's spreadsheet."""
    assert export.inert(cell) == f"'{cell}"


@pytest.fixture
def exported_row():
    """Return a row with a formula, Japanese, a line break and an unknown price."""
    return TraceRow(
        "a" * 32, samples.NOW, 1.25, "名前", "chain", "=1+1", "出力\n二行", ["m"], ["vip"], 2, 1, 0, 1, 10, 5,
        samples.Decimal(0), "guide", "production", "r1", "-s", "u", True,
    )  # fmt: skip


def test_the_csv_is_exact_and_readable_in_excel(exported_row):
    """Numbers stay numbers, Japanese stays Japanese, an unknown price is a word."""
    text = export.to_csv([exported_row])
    assert text.startswith(b"\xef\xbb\xbf")
    exported = next(iter(csv.DictReader(io.StringIO(text.decode("utf-8-sig")))))
    assert (exported["name"], exported["input"], exported["output"]) == ("名前", "'=1+1", "出力\n二行")
    assert (exported["seconds"], exported["cost_usd"], exported["session_id"]) == ("1.25", "unpriced", "'-s")


def test_json_lines_and_parquet_keep_types_and_what_is_unknown(exported_row):
    """Whoever computes with an export must not find zero where nothing is known, nor rounded money."""
    priced = replace(exported_row, unpriced_calls=0, cost_usd=samples.Decimal("0.123456789012"))
    first, second = map(json.loads, export.to_jsonl([exported_row, priced]).decode().splitlines())
    assert (first["cost_usd"], first["input"], first["tags"]) == (None, "=1+1", ["vip"])
    assert second["cost_usd"] == "0.123456789012"
    table = parquet.read_table(io.BytesIO(export.to_parquet([exported_row, priced]))).to_pylist()
    assert [row["cost_usd"] for row in table] == [None, samples.Decimal("0.123456789012")]
    assert table[0]["time"] == samples.NOW
    assert table[0]["models"] == ["m"]


def test_the_export_holds_every_trace_of_the_filter(sampled):
    """A page is no export; votes come along."""
    client = connect(sampled, database=samples.DATABASE)
    period = Period(samples.NOW - timedelta(hours=1), samples.NOW + timedelta(hours=1))
    rows = store.export(client, Filter(period, status="error"))
    assert [row.trace_id for row in rows] == [samples.TOOLS, samples.HOSTILE]
    assert [(row.likes, row.dislikes) for row in rows] == [(0, 1), (0, 0)]
    assert len(store.export(client, Filter(period), most=3)) == 3


def test_an_unknown_amount_is_never_zero():
    """A dash for no usage, a word for no price, a bound for some."""
    zero, some = samples.Decimal(0), samples.Decimal("1.5")
    assert amounts.cost(zero, known=False, unpriced=0) == "–"
    assert amounts.cost(zero, known=True, unpriced=2) == "unpriced"
    assert amounts.cost(some, known=True, unpriced=2) == "≥ $1.50"
    assert amounts.tokens(0, calls=3) == "–"


def test_both_languages_have_the_same_sentences_with_the_same_places():
    """A key that is missing in one language breaks the screen for its readers."""
    import re

    english, japanese = words.sentences("en"), words.sentences("ja")
    assert english.keys() == japanese.keys()
    for key in english:
        assert set(re.findall(r"{\w+}", english[key])) == set(re.findall(r"{\w+}", japanese[key])), key


def test_the_choice_of_a_status_follows_the_address(open_app):
    """A facet or a saved view changes the address; the widget beside them must not say otherwise."""
    app = open_app("traces")
    app.query_params["status"] = "error"
    app.run()
    assert app.selectbox(key="_status").value == "error"
    del app.query_params["status"]
    app.run()
    assert app.selectbox(key="_status").value == ""


def test_a_stretch_of_its_own_is_no_range_and_a_range_takes_it_off(open_traces):
    """A button that is marked and does not count misleads; one that does nothing is a dead end."""
    app = open_traces(range="7d", **{"from": "2026-01-01", "to": "2026-01-02"})
    ranges = app.segmented_control(key="_other_range")
    assert ranges.value is None
    ranges.set_value("14d").run()
    assert not {"from", "to"} & set(app.query_params)
    assert app.segmented_control(key="range").value == "14d"
    assert "14d" in app.query_params["range"]
    assert len(shown(app)) >= 4  # not those of January, of which there are none
