"""Overview, Alerts and Start, run whole on a seeded and on an empty store."""

import json
import re
import subprocess
from dataclasses import replace
from datetime import UTC, datetime, timedelta
from urllib.parse import parse_qs, urlsplit

from charts import charts, figure_of, texts

from kansoku_collector.model import SPAN_COLUMNS, Span
from kansoku_collector.store.read import incidents, overview
from kansoku_collector.store.scope import Scope
from kansoku_dashboard import sentences, state

CHARTS = ("cost", "latency", "drift", "feedback")


def test_the_six_tiles_say_what_the_store_says(open_app, seeded):
    """The figures on the screen are those of the questions, for the range of the URL."""
    view = state.View("6h", Scope(), live=False)
    before = overview.totals(seeded, Scope(), view.period())
    app = open_app(range="6h")
    after = overview.totals(seeded, Scope(), view.period())
    assert not app.exception
    assert [tile.label for tile in app.metric] == [
        "Requests",
        "Cost",
        "Latency p95",
        "Error rate",
        "Liked",
        "Tokens",
    ]
    assert int(app.metric[0].value) in {before.requests, after.requests}  # the clock may have moved on
    assert app.metric[1].value.startswith("≥ $")  # the seed has a model without a price


def test_another_range_changes_the_figures(open_app):
    """A click on the range asks again."""
    app = open_app()
    day = app.metric[0].value
    app.segmented_control(key="range").set_value("1h").run()
    assert not app.exception
    assert app.metric[0].value != day


def test_the_range_of_the_url_is_taken(open_app):
    """A link shows everybody the same."""
    app = open_app(range="7d")
    assert app.segmented_control(key="range").value == "7d"
    first, last = figure_of(app, "chart_cost")["layout"]["xaxis"]["range"]
    assert datetime.fromisoformat(last) - datetime.fromisoformat(first) >= timedelta(days=7)


def test_two_days_of_history_have_no_week_before(open_app):
    """A change against an empty period would be a lie."""
    assert {tile.delta for tile in open_app(range="7d").metric} == {"no earlier data"}
    assert "no earlier data" not in {tile.delta for tile in open_app(range="6h").metric[:2]}


def test_the_four_charts_are_drawn_and_described(open_app):
    """Every chart has its words for who cannot see it."""
    app = open_app(range="7d")
    found = charts(app)
    assert len(found) == 4
    assert all(chart.alt for chart in found.values())
    names = {trace.get("name") for trace in figure_of(app, "chart_latency")["data"]}
    assert {"p50", "p95", "p99"} <= names
    assert len(figure_of(app, "chart_drift")["data"][0]["y"]) == 8


def test_the_silent_change_of_model_is_marked_on_every_chart(open_app):
    """The vendor told nobody; the charts must."""
    app = open_app(range="7d")
    for name in CHARTS:
        said = json.dumps(figure_of(app, f"chart_{name}"), ensure_ascii=False)
        assert "gpt-5.6-luna changed 2026-08-06 → 2026-11-14" in said, name


def test_the_outage_is_shaded_and_labelled(open_app):
    """Hours without data are not hours without traffic."""
    layout = figure_of(open_app(range="7d"), "chart_cost")["layout"]
    assert any(shape["type"] == "rect" for shape in layout["shapes"])
    assert any(label["text"] == "no data" for label in layout["annotations"])


def test_the_open_alerts_are_sentences_with_a_way_to_their_traces(open_app, seeded):
    """What, since when, how much, against which limit."""
    app = open_app()
    said = next(element.value for element in app.markdown if "limit" in element.value)
    assert re.search(
        r"Refusal rate of \*\*.*\*\* is \*\*3\\\.9%\*\* since .*, limit 2\\\.0% \(612 answers\)", said
    )
    assert "Like rate" in said
    one = next(i for i in incidents.open_incidents(seeded) if i.metric == "like_rate")
    way = sentences.way(one, one.updated)
    assert way["feedback"] == "disliked"
    assert datetime.fromisoformat(way["from"]) <= one.opened - one.window + timedelta(seconds=1)


def test_the_way_to_the_traces_carries_its_own_filters(open_app):
    """A filter of the present screen must not hide what caused the alert."""
    app = open_app(env="staging")
    addresses = [element.proto.url for element in app.get("link_button")]
    assert len(addresses) == 1
    query = parse_qs(urlsplit(addresses[0]).query)
    assert urlsplit(addresses[0]).path == "/traces"
    assert query["feedback"] == ["disliked"]
    assert "env" not in query


def test_the_alert_speaks_japanese(open_app):
    """Both languages name value and limit."""
    app = open_app(lang="ja")
    said = next(element.value for element in app.markdown if "上限" in element.value)
    assert "拒否率" in said
    assert "3\\.9%" in said
    assert app.metric[0].label == "リクエスト"


def test_unpriced_models_are_named_as_such(open_app):
    """The sum is a lower bound and says so."""
    app = open_app()
    assert "1 model unpriced" in texts(app)
    assert "$0.00" not in texts(app)
    movers = app.dataframe[0].value
    assert "unpriced" in list(movers["Cost"])


def test_the_movers_cover_models_prompts_and_environments(open_app):
    """For whom did it change."""
    movers = open_app(range="24h").dataframe[0].value
    assert {"model", "prompt", "environment", "service"} == set(movers["Kind"])


def test_only_the_unpriced_model_has_no_cost(open_app):
    """Unknown is a dash, never zero dollars."""
    app = open_app(model="qwen3-32b")
    assert not app.exception
    assert app.metric[1].value == "–"
    assert "an unknown sum" in texts(app)


def test_live_mode_runs_the_panels_again_and_again(open_app):
    """The switch is part of the URL, and the screen still draws."""
    app = open_app(live="true")
    assert not app.exception
    assert app.toggle(key="live").value is True
    assert len(app.metric) == 6


def test_an_empty_store_tells_how_to_send_the_first_span(open_empty):
    """The first thing that a newcomer sees."""
    app = open_empty()
    assert not app.exception
    assert not app.metric
    code = "\n".join(element.value for element in app.code)
    assert "http://127.0.0.1:4318" in code
    assert "kansoku.init(" in code


def test_the_variables_of_the_first_screen_reach_a_program_that_is_started_next(open_empty):
    """Pasted into a shell, a variable that is not exported stays there, and no span ever comes."""
    (lines,) = (block.value for block in open_empty().code if "OTEL_EXPORTER_OTLP_HEADERS" in block.value)
    said = subprocess.run(["sh", "-c", f"{lines}\nenv"], text=True, capture_output=True, check=True).stdout
    assert "OTEL_EXPORTER_OTLP_ENDPOINT=http://127.0.0.1:4318\n" in said
    assert "OTEL_EXPORTER_OTLP_HEADERS=authorization=Bearer ksk_...\n" in said


def test_the_screen_fills_when_the_first_span_has_come(open_empty, empty):
    """Nobody should have to reload."""
    app = open_empty()
    now = datetime.now(UTC).timestamp()
    first = Span(
        trace_id="a" * 32,
        span_id="b" * 16,
        start=int(now * 1e9) - 10**9,
        duration_ns=10**8,
        received=int(now * 1000),
    )
    empty.insert("spans", [[getattr(first, c) for c in SPAN_COLUMNS]], column_names=SPAN_COLUMNS)
    app.run()
    assert not app.exception
    assert [tile.value for tile in app.metric][:1] == ["1"]


def test_alerts_lists_open_and_past_incidents(open_app):
    """With their values, limits and how long they lasted."""
    app = open_app("alerts", range="7d")
    assert not app.exception
    table = app.dataframe[0].value
    assert list(table["Limit"]) == ["< 80.0%", "> 2.0%", "> 5.00 s"]
    assert list(table["Resolved"])[:2] == ["open", "open"]
    assert "2 h 00 min" in list(table["Lasted"])


def test_alerts_without_any_says_so(open_empty):
    """Silence must be distinguishable from a broken screen."""
    app = open_empty("alerts")
    assert not app.exception
    assert "No open alert" in texts(app)


def test_start_shows_whether_data_arrives(open_app):
    """The last span and the spans of a day."""
    app = open_app("start")
    assert not app.exception
    assert "last span" in texts(app)
    assert app.metric[2].value.endswith("K")


def test_what_start_offers_to_copy_is_a_program_or_a_command_and_never_both(open_app):
    """Each block has one button that copies it whole: into a file, or into a shell."""
    blocks = [(block.language, block.value) for block in open_app("start").code]
    assert [language for language, _ in blocks] == ["bash", "python", "bash", "python", "bash"]
    for language, text in blocks:
        assert ("pip install" in text or "curl" in text) <= (language == "bash")
        if language == "python":
            compile(text, "start", "exec")


def test_the_note_of_the_cost_chart_says_what_the_tile_says(open_app, monkeypatch):
    """The first bar begins before the range: with all of it the same range would have two costs."""
    bars = overview.cost_by_model

    def longer(client, scope, period):
        return bars(client, scope, replace(period, start=period.start - timedelta(hours=6)))

    longer.__module__ = __name__  # its answer is kept apart
    monkeypatch.setattr(overview, "cost_by_model", longer)
    app = open_app(range="6h")
    cost = next(tile.value for tile in app.metric if tile.label == "Cost").removeprefix("≥ ")
    note = next(element.value for element in app.markdown if "Cost by model" in element.value)
    assert f"at least {cost}" in note.replace("\\", "")
