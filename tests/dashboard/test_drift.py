"""The Drift screen on a seeded and on an empty store: its figures are those of SQL."""

import json
from dataclasses import replace
from datetime import UTC, datetime, timedelta
from decimal import Decimal

import pytest
import seed
from charts import figure_of, texts

from kansoku_collector.store.incidents import save_incidents
from kansoku_collector.store.read import drift_detail as detail
from kansoku_collector.store.read import evidence as shapes
from kansoku_collector.store.read.drift import drift_strip
from kansoku_collector.store.read.incidents import Incident
from kansoku_collector.store.scope import Period, Scope
from kansoku_dashboard import findings, shifts
from kansoku_dashboard.figures.style import count
from kansoku_dashboard.state import View

HOUR = timedelta(hours=1)
_DAY = View("24h", Scope(), live=False)
EVIL = "<script>alert(1)</script> [x](javascript:alert(2))"


@pytest.fixture(scope="module")
def halves(seeded):
    """Return the day before the new version answered and the stretch since, on whole hours."""
    low, high = seeded.query("SELECT min(start), max(start) FROM spans").result_rows[0]
    changed = low + (high - low) * seed.NEW_VERSION
    hour = changed.replace(minute=0, second=0, microsecond=0, tzinfo=UTC)
    return Period(hour - 12 * HOUR, hour), Period(hour + HOUR, high.replace(tzinfo=UTC) + HOUR)


@pytest.mark.parametrize("signal", ["output_length", "refusals", "language_mix", "error_rate"])
def test_the_histograms_count_what_the_spans_hold(seeded, halves, signal):
    """Rollups before and since have as many samples as there are spans with the signal."""
    both = detail.histograms(seeded, Scope(), signal, *halves)
    condition = {
        "output_length": "billed AND output_text != ''",
        "refusals": "billed AND output_text != ''",
        "language_mix": "billed AND language != ''",
        "error_rate": "parent_span_id = ''",
    }[signal]
    for histogram, period in zip(both, halves, strict=True):
        held = seeded.query(
            f"""SELECT count() FROM spans WHERE {condition} AND start >= {{start:DateTime64(6, 'UTC')}}
            AND start < {{end:DateTime64(6, 'UTC')}}""",
            parameters=period.params(),
        ).result_rows[0][0]
        assert sum(histogram.values()) == held > 0


def test_the_histograms_by_model_add_up(seeded, halves):
    """What the models have, all together have; the new version has none before."""
    parts = detail.histograms_by(seeded, Scope(), "output_length", *halves, "model")
    both = detail.histograms(seeded, Scope(), "output_length", *halves)
    for side in (0, 1):
        total = {bin_: sum(part[side].get(bin_, 0) for part in parts.values()) for bin_ in both[side]}
        assert total == both[side]
    assert parts[seed.LUNA_NEW].before == {}
    assert sum(parts[seed.LUNA_NEW].now.values()) > 0


def test_examples_lie_in_the_bins_and_in_both_languages(seeded, halves):
    """At most two of a language, of the stretch and of the kind that was asked for."""
    both = detail.histograms(seeded, Scope(), "output_length", *halves)
    bins = sorted(both.now, key=lambda bin_: -both.now[bin_])[:3]
    found = detail.examples(seeded, Scope(), "output_length", halves[1], bins)
    assert {row.language for row in found} == {"ja", "en"}
    assert len(found) == 4
    for row in found:
        tokens = seeded.query(
            "SELECT toUInt64(floor(2 * log2(1 + output_tokens))) FROM spans WHERE span_id = {id:String}",
            parameters={"id": row.span_id},
        ).result_rows[0][0]
        assert tokens in bins
        assert halves[1].start <= row.time < halves[1].end
        assert row.output
    assert detail.examples(seeded, Scope(), "output_length", halves[1], []) == []


def test_the_screen_shows_what_drifted_and_who_made_it(open_app, seeded):
    """The strip's stretches in words, the marks of the new version, and that version among the causes."""
    period = None
    while period != _DAY.period():  # the screen's clock moves on every 15 seconds
        period = _DAY.period()
        app = open_app("drift", range="24h")
    assert not app.exception
    said = texts(app)
    cells = [cell for cell in drift_strip(seeded, Scope(), period) if cell.signal == "output_length"]
    found = shifts.shifts(cells, period.end)
    assert len([line for line in said.splitlines() if " samples" in line and " tokens" in line]) == len(found)
    assert bool(found) != ("Nothing drifted in this range." in said)
    assert "changed 2026-08-06 → 2026-11-14" in json.dumps(figure_of(app, "drift_levels"), ensure_ascii=False)
    bars = figure_of(app, "drift_distribution")["data"]
    assert [trace["name"] for trace in bars] == ["Before", "Since"]
    assert all(abs(sum(trace["y"]) - 1) < 0.02 for trace in bars)
    table = next(frame.value for frame in app.dataframe if "Effect" in frame.value)
    assert seed.LUNA_NEW in set(table["Name"])
    assert [asked for pairs in seed.QUESTIONS.values() for asked, _ in pairs if asked in said]


@pytest.mark.parametrize(
    "signal",
    [
        "input_length",
        "refusals",
        "invalid_json",
        "repetition",
        "language_mix",
        "retrieval_score",
        "error_rate",
    ],
)
def test_every_signal_has_its_view(open_app, signal):
    """The signal of the URL is the one that is drawn, with its unit."""
    app = open_app("drift", range="24h", signal=signal)
    assert not app.exception
    assert not app.warning
    chosen = next(one for one in app.segmented_control if one.key.startswith("_choice_signal"))
    assert chosen.value == signal


def test_an_empty_store_says_how_to_begin(open_empty):
    """Nothing to compare is no error."""
    app = open_empty("drift")
    assert not app.exception
    assert app.code


def move(**values) -> shapes.Move:
    """Return a move of the length of answers, with a course of six hours."""
    began = datetime(2026, 11, 20, 3, tzinfo=UTC)
    given = {
        "signal": "output_length", "label": "Output length", "label_ja": "回答の長さ", "unit": "tokens",
        "service": EVIL, "environment": "production", "measure": "ratio", "before": 200.0, "after": 284.0,
        "change": 1.42, "low": 1.3, "high": 1.55, "value": "", "began": began,
        "earliest": began - HOUR, "latest": began + HOUR, "seen": began + 3 * HOUR, "evidence": 4200.0,
        "threshold": 1000.0,
        "points": tuple(
            shapes.Point(began + place * HOUR, None if place == 0 else 200.0, 30.0) for place in range(-3, 3)
        ),
    } | values  # fmt: skip
    return shapes.Move(**given)


def incident(seeded, **values) -> Incident:
    """Return an incident of a found change, with an example that is stored and one that is gone."""
    trace_id, span_id, start = seeded.query(
        "SELECT trace_id, span_id, start FROM spans WHERE output_text != '' ORDER BY start DESC LIMIT 1"
    ).result_rows[0]
    here = shapes.Example(trace_id, span_id, start.replace(tzinfo=UTC))
    gone = replace(here, trace_id="0" * 32)
    one = move()
    part = shapes.Part("model", Decimal("60"), "new", "old", "new", EVIL, EVIL, here)
    split = shapes.Split("output_tokens", Decimal(200), Decimal(284), True, (part,), "up", "増加")
    told = shapes.Evidence(
        one.began, one.earliest, one.latest, shapes.Stretch(one.began - 9 * HOUR, one.began),
        shapes.Stretch(one.began, one.began + 9 * HOUR), (one,), (f"model: {EVIL}",), split, True, here,
        (gone,), (here,),
    )  # fmt: skip
    now = datetime.now(UTC)
    given = {
        "incident_id": "found-1", "rule": "change", "metric": "change", "severity": "ticket",
        "opened": now - HOUR, "updated": now, "value": 1.42, "peak": 1.42, "threshold": 1.0,
        "comparison": "above", "samples": 300, "window": HOUR, "evidence": shapes.write_evidence(told),
    } | values  # fmt: skip
    return Incident(**given)


def test_a_found_change_is_told_with_its_interval_on_both_screens(open_app, seeded):
    """What, how far, since when with its interval, the parts, the texts; foreign names are text."""
    save_incidents(seeded, [incident(seeded, project="found")])
    app = open_app("alerts", project="found", range="7d")
    assert not app.exception
    said = texts(app)
    assert "Output length" in said
    assert "×1\\.42 \\(90%\\: ×1\\.3 to ×1\\.55\\)" in said
    assert "[x](javascript" not in said
    assert "<script>" not in said


def test_the_evidence_draws_its_course_its_parts_and_its_texts(open_app, seeded):
    """Opened, it has the figure, the share of the part, and a text that is stored; the other is gone."""
    del open_app  # the settings of the seeded store

    from streamlit.testing.v1 import AppTest

    def page(found):
        from kansoku_collector.store.read.evidence import read_evidence
        from kansoku_dashboard.screens import evidence

        evidence.draw(read_evidence(found), "one", "default")

    app = AppTest.from_function(page, kwargs={"found": incident(seeded).evidence}, default_timeout=120).run()
    assert not app.exception
    said = texts(app)
    assert "Began 11\\-20 03\\:00, with 90% between" in said
    assert "The model that answers changed" in said
    assert "Its texts are no longer stored." in said
    assert ":gray-badge[71%]" in said  # 60 of the 84 tokens
    drawn = figure_of(app, "course_one_0")
    assert None in drawn["data"][0]["y"]
    assert {shape["type"] for shape in drawn["layout"]["shapes"]} == {"rect", "line"}


def test_moves_are_written_in_their_unit():
    """A rate in points, money as money, a text by its distance, a new value by its calls; both languages."""
    assert findings.write_change(move(), "en") == "×1.42 (90%: ×1.3 to ×1.55)"
    points = move(measure="difference", unit="share", change=0.031, low=0.02, high=0.04)
    assert findings.write_change(points, "en") == "+3.1 pp (90%: +2.0 pp to +4.0 pp)"
    fell = move(measure="difference", unit="usd", change=-0.5, low=-0.7, high=-0.2)
    assert findings.write_change(fell, "en") == "−$0.5000 (90%: −$0.7000 to −$0.2000)"
    far = move(measure="distance", change=2.44, low=2.0, high=3.0)
    assert findings.write_change(far, "ja") == "2.4 σ（90%：2.0 σ 〜 3.0 σ）"
    new = move(measure="new_value", value="fr", change=1200.0)
    assert findings.write_change(new, "en") == f"“fr” in {count(1200)} calls"
