"""The screen of traces: the URL is the filter, the table is honest, the export is harmless."""

import csv
import io

import pytest
import trace_samples as samples
from pydantic import SecretStr

from kansoku_collector.store.connect import connect
from kansoku_collector.store.migrate import migrate
from kansoku_collector.store.read.traces import TraceRow
from kansoku_dashboard import data, settings, words
from kansoku_dashboard.screens import amounts, table, traces
from kansoku_dashboard.settings import DashboardSettings

DATABASE = "dashboard_traces"


@pytest.fixture(scope="module")
def sampled(engine_url):
    """Fill a database with the sample traces."""
    client = connect(engine_url, database=DATABASE)
    migrate(client)
    samples.fill(client)
    return engine_url


@pytest.fixture
def open_traces(sampled, open_app, monkeypatch):
    """Return `run("traces", **query)` on the sample traces."""
    monkeypatch.setattr(data, "connect", lambda _: connect(sampled, database=DATABASE))
    settings.use(DashboardSettings(read_url=SecretStr(f"{sampled}?{DATABASE}")))
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


def test_the_page_stands_in_the_url_and_another_filter_starts_at_the_first(open_traces, monkeypatch):
    """A page number beyond the end shows the last page; page 2 of one filter is not page 2 of another."""
    monkeypatch.setattr(traces, "PAGE_SIZE", 3)
    assert len(shown(open_traces(page="2"))) == 1
    assert len(shown(open_traces(page="99"))) == 1
    app = open_traces(page="2")
    app.selectbox(key="_sort").set_value("cost").run()
    assert "page" not in app.query_params
    assert samples.TOOLS in shown(app)[0]["id"]


def test_a_click_on_a_row_opens_the_trace_with_the_filters_of_the_list(open_traces):
    """Bound parameters cannot be set from within, so they travel in one of their own."""
    app = open_traces(range="1h", session="s-1")
    app.session_state["table_0"] = {"selection": {"rows": [], "columns": [], "cells": [(0, "name")]}}
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
    assert table.inert(cell) == f"'{cell}"


def test_the_export_is_exact_and_readable_in_excel():
    """Numbers stay numbers, Japanese stays Japanese, an unknown price is a word."""
    row = TraceRow(
        "a" * 32, samples.NOW, 1.25, "名前", "chain", "=1+1", "出力\n二行", ["m"], [], 2, 1, 0, 1, 10, 5,
        samples.Decimal(0), "guide", "production", "-s", "u", True,
    )  # fmt: skip
    text = table.export([row]).decode("utf-8-sig")
    exported = next(iter(csv.DictReader(io.StringIO(text))))
    assert (exported["name"], exported["input"], exported["output"]) == ("名前", "'=1+1", "出力\n二行")
    assert (exported["seconds"], exported["cost_usd"], exported["session_id"]) == ("1.25", "unpriced", "'-s")
    assert table.export([row]).startswith(b"\xef\xbb\xbf")


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
