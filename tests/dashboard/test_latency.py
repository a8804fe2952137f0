"""The Latency screen, run whole on a seeded and on an empty store."""

import json
from datetime import timedelta

import pytest
from charts import charts, figure_of, texts

from kansoku_collector.errors import StoreError
from kansoku_collector.store.read import errors, speed
from kansoku_collector.store.scope import Period, Scope
from kansoku_dashboard.figures.style import seconds, share

CHARTS = ("requests", "first_token", "heat", "first_heat", "rate", "errors")


def test_the_figures_are_those_of_the_store(look, seeded):
    """What the tiles and the table say is what SQL says, for the range of the URL."""
    app = look("latency", range="7d")
    assert not app.exception
    period = Period.last(timedelta(days=7))
    found = speed.summary(seeded, Scope(), period)
    calls, failed = seeded.query(
        """SELECT countIf(billed = 1), countIf(billed = 1 AND status = 'error') FROM spans
        WHERE start >= {start:DateTime64(6, 'UTC')}""",
        parameters=period.params(),
    ).result_rows[0]
    assert [tile.label for tile in app.metric] == [
        "Latency p50", "Latency p95", "First token p95", "Tokens per second", "Error rate of calls",
    ]  # fmt: skip
    assert app.metric[0].value == seconds(found.p50)
    assert app.metric[2].value == seconds(found.first_p95)
    assert app.metric[4].value == share(failed / calls, 2)
    models = next(frame.value for frame in app.dataframe if "Tokens/s" in frame.value)
    assert sum(int(text.replace(",", "")) for text in models["Calls"]) == calls


def test_all_charts_are_drawn_marked_and_described(look):
    """Every chart over time carries the silent change of model, and words for who cannot see it."""
    app = look("latency", range="7d")
    for name in CHARTS:
        words = json.dumps(figure_of(app, f"latency_{name}"), ensure_ascii=False)
        assert "changed 2026-08-06 → 2026-11-14" in words, name
    assert all(chart.alt for chart in charts(app).values())
    assert {"p50", "p95", "p99"} <= {
        trace.get("name") for trace in figure_of(app, "latency_first_token")["data"]
    }


def test_errors_are_counted_where_they_began(look, seeded):
    """The bars add up to the failures of calls and tools, without the requests that they took down."""
    app = look("latency", range="7d")
    began = seeded.query(
        "SELECT count() FROM spans WHERE status = 'error' AND parent_span_id != ''"
    ).result_rows[0][0]
    bars = [trace for trace in figure_of(app, "latency_errors")["data"] if trace["type"] == "bar"]
    assert sum(sum(trace["y"]) for trace in bars) == began
    kinds = errors.errors_by_type(seeded, Scope(), Period.last(timedelta(days=7)))
    table = next(frame.value for frame in app.dataframe if "Message" in frame.value)
    assert len(table) == len(kinds)
    assert all(address.startswith("/trace?") and "span=" in address for address in table["Trace"])


def test_steps_are_chosen_in_the_url(look):
    """A link shows everybody the same table."""
    table = look("latency", range="7d", by="step").dataframe[0].value
    assert {"retrieve", "chat", "guardrail.input"} <= set(table["Step"])


def test_the_slowest_traces_come_first_with_links(look, seeded):
    """The first row is the longest root of the range."""
    app = look("latency", range="7d")
    longest = seeded.query(
        "SELECT trace_id FROM spans WHERE parent_span_id = '' ORDER BY duration_ns DESC LIMIT 1"
    ).result_rows[0][0]
    table = next(frame.value for frame in app.dataframe if "duration" in frame.value)
    assert f"trace={longest}" in table["id"].iloc[0]


def test_a_slice_without_anything_says_so(look):
    """Every panel has words for nothing."""
    app = look("latency", range="1h", env="nowhere")
    assert not app.exception
    assert "no errors in this range" in json.dumps(figure_of(app, "latency_errors"))
    assert "no streamed call in this range" in json.dumps(figure_of(app, "latency_first_heat"))
    assert texts(app).count("nothing in this range") >= 2
    assert [tile.value for tile in app.metric] == ["–"] * 5


def test_a_store_that_fails_takes_one_panel_down(open_app, monkeypatch: pytest.MonkeyPatch):
    """The others are drawn; the one says what is wrong and offers a retry."""

    def fail(*_: object, **__: object) -> list[errors.ErrorType]:
        raise StoreError("too slow")

    monkeypatch.setattr(errors, "errors_by_type", fail)
    app = open_app("latency", range="7d")
    assert not app.exception
    assert "Errors by type" in app.warning[0].value
    assert len(charts(app)) == len(CHARTS)


def test_the_screen_speaks_japanese(look):
    """Tiles and headings."""
    app = look("latency", lang="ja")
    assert app.metric[3].label == "毎秒トークン数"
    assert "種類別のエラー" in texts(app)


def test_an_empty_store_tells_how_to_send_the_first_span(open_empty):
    """Not a page of empty charts."""
    app = open_empty("latency")
    assert not app.exception
    assert not charts(app)
    assert "kansoku.init" in app.code[1].value
