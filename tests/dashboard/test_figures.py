"""Figures: rows in, a plain Plotly figure out; honest about gaps, zeros and what is not over yet."""

import json
from datetime import UTC, datetime, timedelta

import pytest

from kansoku_collector.store.read.drift import SIGNALS, DriftCell, VersionChange
from kansoku_collector.store.read.overview import Bucket, ModelCost
from kansoku_collector.store.read.votes import Votes
from kansoku_collector.store.scope import Period
from kansoku_dashboard.figures import cost, drift, feedback, latency, style
from kansoku_dashboard.figures.backdrop import Backdrop, band, runs
from kansoku_dashboard.figures.lean import lean
from kansoku_dashboard.figures.style import DASHES, PALE, PALETTE, colours, strokes

HOUR = timedelta(hours=1)
START = datetime(2026, 11, 20, tzinfo=UTC)


def backdrop(hours: int = 6, **values: object) -> Backdrop:
    """Return a backdrop of whole hours; the last ends now."""
    values = {"end": START + hours * HOUR} | values
    return Backdrop([START + place * HOUR for place in range(hours)], HOUR, **values)


def buckets(*p95: float | None) -> list[Bucket]:
    """Return an hour each, with its three percentiles around the given one."""
    return [
        Bucket(
            START + place * HOUR,
            9 if value else 0,
            0,
            0.0,
            0,
            value and value / 2,
            value,
            value and value * 2,
        )
        for place, value in enumerate(p95)
    ]


def named(figure: dict, name: str) -> list[dict]:
    """Return the traces with this name."""
    return [trace for trace in figure["data"] if trace.get("name") == name]


def test_a_percentile_that_was_not_measured_is_a_gap():
    """Zero seconds is a measurement; no request is not."""
    figure = latency.percentiles(buckets(1.0, None, None, 2.0, 2.0, 2.0), backdrop())
    assert named(figure, "p95")[0]["y"] == [1.0, None, None, 2.0, 2.0, 2.0]
    assert named(figure, "p95")[0]["connectgaps"] is False


def test_the_latency_band_is_one_polygon_for_each_run():
    """A fill across a gap would show what nobody measured."""
    x, y = band(["a", "b", "c", "d"], [1, 1, None, 1], [2, 2, None, 2])
    assert x == ["a", "b", "b", "a", "a", None, "d", "d", "d"]
    assert y == [2, 2, 1, 1, 2, None, 2, 1, 2]


def test_a_measurement_alone_between_gaps_is_a_dot():
    """A line needs two points; the one would be invisible."""
    line = named(latency.percentiles(buckets(None, 1.5, None), backdrop(3)), "p50")[0]
    assert line["marker"]["size"] == [0, 5, 0]


def test_the_unfinished_last_bucket_is_dotted():
    """Half an hour's percentile is no fact of the hour yet."""
    figure = latency.percentiles(buckets(1, 1, 1), backdrop(3, end=START + 2.5 * HOUR))
    solid, tail = named(figure, "p99")
    assert solid["y"] == [2, 2, None]
    assert tail["line"]["dash"] == "dot"
    assert tail["y"] == [2, 2]


def test_cost_has_true_zeros_and_a_paler_last_bucket():
    """Nothing spent is zero dollars, and an hour that is not over may still cost more."""
    rows = [ModelCost(START, "a", 1.0, 5, 0), ModelCost(START + 2 * HOUR, "a", 0.5, 2, 0)]
    bars = named(cost.stack(rows, backdrop(3, end=START + 2.5 * HOUR), {"a": "#123456"}), "a")[0]
    assert bars["y"] == [1.0, 0, 0.5]
    assert bars["marker"]["opacity"] == [1, 1, PALE]


def test_two_hundred_models_become_seven_and_the_rest_with_its_count():
    """A legend of two hundred names is no legend, and a rest without its number hides how much it hides."""
    rows = [ModelCost(START, f"model-{place:03}", 1.0 + place, 1, 0) for place in range(200)]
    figure = cost.stack(rows, backdrop(1), colours(row.model for row in rows), "other ({count})")
    names = [trace["name"] for trace in figure["data"]]
    assert names == [f"model-{place}" for place in range(199, 192, -1)] + ["other (193)"]
    assert sum(trace["y"][0] for trace in figure["data"]) == sum(row.cost for row in rows)


def test_a_model_without_a_price_draws_no_bar():
    """A bar of zero height would say that it is free."""
    rows = [ModelCost(START, "priced", 1.0, 1, 0), ModelCost(START, "unknown", 0.0, 9, 9)]
    assert [trace["name"] for trace in cost.stack(rows, backdrop(1), {})["data"]] == ["priced"]


def test_a_rate_of_few_votes_is_not_drawn():
    """Three of three is not 100 %."""
    rows = [Votes(START, 3, 3), Votes(START + HOUR, 8, 10), Votes(START + 2 * HOUR, 0, 0)]
    area, line = feedback.liked(rows, backdrop(3), "liked")["data"]
    assert line["y"] == [None, 0.8, None]
    assert max(area["y"]) == pytest.approx(0.9433, abs=1e-3)  # Wilson's interval for 8 of 10
    assert min(area["y"]) == pytest.approx(0.4902, abs=1e-3)


def test_all_likes_keep_an_interval_below_one():
    """Twenty of twenty leaves room for a dislike."""
    area, line = feedback.liked([Votes(START, 20, 20)], backdrop(1), "liked")["data"]
    assert line["y"] == [1.0]
    assert min(area["y"]) < 0.9
    assert max(area["y"]) <= 1.0


def cells(psi: float | None) -> list[DriftCell]:
    """Return one cell a signal."""
    return [DriftCell(signal, START, psi, 50, 500, "before", HOUR) for signal in SIGNALS]


def test_a_drift_cell_without_samples_stays_empty():
    """Nothing compared is not nothing found."""
    names = dict.fromkeys(SIGNALS, "")
    for place, signal in enumerate(SIGNALS):
        names[signal] = f"signal {place}"
    strip = drift.strip(cells(None), backdrop(1), names)["data"][0]
    assert strip["z"] == [[None]] * len(SIGNALS)
    assert strip["y"] == [f"signal {place}" for place in reversed(range(len(SIGNALS)))]


def test_a_drifted_cell_carries_a_sign_besides_its_colour():
    """Colour alone is no sign for everybody."""
    names = {signal: signal for signal in SIGNALS}
    strip = drift.strip(cells(0.3), backdrop(1), names, lambda cell: f"{cell.signal} {cell.psi}")["data"][0]
    assert strip["text"] == [["•"]] * len(SIGNALS)
    assert strip["customdata"][-1] == ["output_length 0.3"]
    assert drift.strip(cells(0.0), backdrop(1), names)["data"][0]["text"] == [[""]] * len(SIGNALS)


def test_changes_are_marks_with_words_and_gaps_are_labelled():
    """Every chart over time answers: was it us, and is the data there."""
    change = VersionChange(START + 2 * HOUR, "model", "svc", "luna-2026-08-06", "luna-2026-11-14")
    gap = Period(START + HOUR, START + 2 * HOUR)
    words = {"model": "{name} changed {before} → {after}"}
    behind = backdrop(gaps=[gap], changes=[change], no_data="keine Daten", change_words=words)
    figure = cost.stack([ModelCost(START, "luna", 1.0, 1, 0)], behind, {})
    marks = figure["data"][-1]
    assert marks["text"] == ["luna changed 2026-08-06 → 2026-11-14"]
    assert marks["x"] == ["2026-11-20T02:00:00"]
    assert [shape["type"] for shape in figure["layout"]["shapes"]] == ["rect", "line"]
    assert figure["layout"]["annotations"][0]["text"] == "keine Daten"


def test_an_empty_chart_says_one_thing_and_not_two_over_each_other():
    """The sentence in the middle and the word in a gap would stand on one another."""
    behind = backdrop(gaps=[Period(START + HOUR, START + 2 * HOUR)], nothing="nothing here")
    for figure in (cost.stack([], behind, {}), drift.strip(cells(None), behind, dict.fromkeys(SIGNALS, "s"))):
        assert [note["text"] for note in figure["layout"]["annotations"]] == ["nothing here"]


def test_names_from_the_data_cannot_be_markup():
    """A model may be called anything; Plotly reads HTML in names."""
    change = VersionChange(START, "prompt", "<a href='x'>", "1", "2")
    rows = [ModelCost(START, "<b>x</b>", 1.0, 1, 0)]
    text = json.dumps(cost.stack(rows, backdrop(1, changes=[change]), {}))
    assert "<b>" not in text
    assert "<a" not in text


@pytest.mark.parametrize("hours", [0, 1])
def test_no_data_gives_a_figure_without_marks(hours):
    """An empty range must draw its axes, not raise."""
    behind = backdrop(hours)
    rows = buckets(*[None] * hours)
    nothing = [Votes(time, 0, 0) for time in behind.times]
    figures = [
        cost.stack([], behind, {}),
        latency.percentiles(rows, behind),
        feedback.liked(nothing, behind, "liked"),
        drift.strip([], behind, {signal: signal for signal in SIGNALS}),
    ]
    for figure in figures:
        json.dumps(figure)
        assert figure["data"], "Streamlit refuses a figure without a trace"
        assert all(
            value is None
            for trace in figure["data"]
            for value in trace.get("y", [])
            if trace["type"] != "heatmap"
        )


def test_colours_stay_with_their_entity_and_do_not_depend_on_order():
    """A filter changes the order of models, never their colours."""
    names = ["b", "a", "d", "c", "e"]
    assert colours(names) == colours(sorted(names))
    assert len(set(colours(f"m{place}" for place in range(8)).values())) == len(PALETTE)


def test_more_models_than_colours_share_them_evenly_and_are_still_told_apart():
    """Of those that share a colour on a chart the second is hatched or dotted."""
    names = [f"m{place}" for place in range(20)]
    given = colours(names)
    assert {list(given.values()).count(ink) for ink in PALETTE} <= {2, 3}
    twins = next([one, two] for one in names for two in names if one < two and given[one] == given[two])
    bars = cost.stack([ModelCost(START, name, 1.0, 1, 0) for name in twins], backdrop(1), given)["data"]
    assert [bar["marker"].get("pattern", {}).get("shape", "") for bar in bars[:2]] == ["", "/"]
    assert strokes(["a", "b", "a", "a"], DASHES) == ["solid", "solid", "dot", "dash"]


def test_runs_are_the_stretches_without_a_gap():
    """The bands are built from them."""
    assert runs([None, 1, 2, None, 3]) == [range(1, 3), range(4, 5)]
    assert runs([]) == []


def test_a_number_travels_with_seven_digits():
    """Of a mean of millions of calls nobody sees the eighth; nothing else is touched."""
    made = {"data": [{"y": [0.1234567891, None, 12345678.9, float("nan")], "x": ["a"], "n": 12345678}]}
    found = lean(made)["data"][0]
    assert found["y"] == [0.1234568, None, 12345680.0, None]
    assert (found["x"], found["n"]) == (["a"], 12345678)


def test_even_moments_travel_as_a_step_and_uneven_ones_as_they_are():
    """A chart says its hours once and not in every line; across a change of clocks nothing is even."""
    hours = [f"2026-11-20T{hour:02}:00:00" for hour in range(5)]
    uneven = [*hours[:3], "2026-11-20T03:30:00", hours[4]]
    y = [1.0, None, 3.0, 4.0, 5.0]
    even, other, bands = (
        trace
        for trace in lean(
            {
                "data": [
                    {"type": "scatter", "x": hours, "y": y, "marker": {"size": [0] * 5, "opacity": [1] * 5}},
                    {"type": "bar", "x": uneven, "y": y},
                    {"type": "heatmap", "x": hours, "y": ["a"], "z": [[1, 2, 3, 4, 5]]},
                ]
            }
        )["data"]
    )
    assert "x" not in even
    assert (even["x0"], even["dx"], even["y"]) == (hours[0], 3_600_000, y)
    assert even["marker"] == {"size": [0] * 5, "opacity": 1}  # a size of 0 for all would be drawn as dots
    assert (other["x"], bands["x"]) == (uneven, hours)


def test_a_long_name_leaves_room_for_the_chart():
    """Its beginning and its end, where versions stand; markup stays text, the drawing its height."""
    names = [f"organisation/models/fine-tuned-{'x' * 90}-2026-11-{day:02}<b>" for day in range(8)]
    found = [ModelCost(START, name, 3.0, 1, 0) for name in names]
    layout = (made := cost.stack(found, Backdrop([START], HOUR, START + HOUR), {}))["layout"]
    bars = [trace for trace in made["data"] if trace["type"] == "bar"]
    assert all(len(trace["name"]) <= 60 and "<" not in trace["name"] for trace in bars)
    assert any(trace["name"].endswith("2026-11-03&lt;b&gt;") for trace in bars)
    assert layout["height"] - layout["margin"]["t"] - layout["margin"]["b"] >= 140


def test_axes_write_billions_and_hours_as_such():
    """Twelve digits do not fit beside a chart, and nobody reads 25,200 seconds."""
    assert style.money_axis(5e11)["exponentformat"] == "B"
    assert "tickformat" in style.money_axis(12)
    assert style.money(7_407_407_341_301) == "$7,407.4B"
    assert [style.money(usd) for usd in (0.00061, 0.0006, 0.0071)] == ["$0.00061", "$0.00060", "$0.0071"]
    assert latency.duration_axis(25_200)["ticktext"][-1].endswith(" h")
    assert latency.duration_axis(0.003)["ticktext"][0] == "0 ms"
    assert latency.duration_axis(4.0)["tickvals"][:2] == [0, 1]
