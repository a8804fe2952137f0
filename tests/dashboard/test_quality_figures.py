"""Figures and arithmetic of Quality and Latency: intervals, gaps, and what is too little to draw."""

from datetime import UTC, datetime, timedelta

import pytest

from kansoku_collector.store.read.errors import CLASSES, ErrorCount
from kansoku_collector.store.read.latency import EDGES, Column
from kansoku_collector.store.read.quality_texts import ScoreThen
from kansoku_collector.store.read.speed import Rate
from kansoku_dashboard import proportions
from kansoku_dashboard.change import wilson
from kansoku_dashboard.figures import heat, quality, speed
from kansoku_dashboard.figures.backdrop import Backdrop
from kansoku_dashboard.figures.quality import Rated
from kansoku_dashboard.figures.style import PALE

HOUR = timedelta(hours=1)
START = datetime(2026, 11, 20, tzinfo=UTC)
HOVER = "{name} {rate} {low} {high} {hits} {of}"


def backdrop(hours: int = 3, **values: object) -> Backdrop:
    """Return a backdrop of whole hours; the last ends now."""
    values = {"end": START + hours * HOUR} | values
    return Backdrop([START + place * HOUR for place in range(hours)], HOUR, **values)


def named(figure: dict, name: str) -> dict:
    """Return the trace with this name."""
    return next(trace for trace in figure["data"] if trace.get("name") == name)


# Newcombe 1998, table II, method 10: 56/70 - 48/80, 9/10 - 3/10, 10/10 - 0/10, 10/10 - 0/20.
@pytest.mark.parametrize(
    ("first", "second", "low", "high"),
    [
        ((48, 80), (56, 70), 0.0524, 0.3339),
        ((3, 10), (9, 10), 0.1705, 0.8090),
        ((0, 10), (10, 10), 0.6075, 1.0),
        ((0, 20), (10, 10), 0.6791, 1.0),
    ],
)
def test_the_interval_of_a_difference_is_newcombes(first, second, low, high):
    """The published figures of the method."""
    found = proportions.difference(*first, *second)
    assert found is not None
    assert found.low == pytest.approx(low, abs=2e-4)
    assert found.high == pytest.approx(high, abs=2e-4)
    assert found.told
    back = proportions.difference(*second, *first)
    assert back is not None
    assert (back.low, back.high) == (pytest.approx(-found.high), pytest.approx(-found.low))


def test_a_difference_needs_samples_of_both():
    """A rate of nothing is not zero."""
    assert proportions.difference(0, 0, 5, 10) is None
    assert proportions.difference(5, 10, 0, 0) is None


def test_no_difference_is_not_told():
    """The same rate of few votes leaves everything open."""
    found = proportions.difference(8, 10, 8, 10)
    assert found is not None
    assert not found.told
    assert found.value == 0


def test_the_samples_needed_are_those_of_the_textbook():
    """Fifty against sixty per cent takes 388 of each; half the difference about four times as many."""
    assert proportions.needed(0.5, 0.1) == 388
    assert proportions.needed(0.5, 0.05) == pytest.approx(4 * 388, rel=0.02)
    assert proportions.needed(0.5, -0.1) == 388
    assert proportions.needed(0.95, 0.1) is None
    assert proportions.needed(0.5, 0.0) is None


def test_a_rate_of_few_votes_is_a_gap_with_a_gap_in_its_area():
    """Seven votes say nothing; eight are drawn with their interval."""
    rows = [Rated(START, 7, 7), Rated(START + HOUR, 6, 8), Rated(START + 2 * HOUR, 0, 0)]
    figure = quality.over_time({"p": rows}, backdrop(), {"p": "#123456"}, HOVER)
    assert named(figure, "p")["y"] == [None, 0.75, None]
    low, high = wilson(6, 8)
    assert figure["data"][0]["y"] == [high, low, high]
    assert named(figure, "p")["text"][1].startswith("p 75.0% ")


def test_no_vote_at_all_is_said():
    """An empty chart explains itself."""
    figure = quality.over_time({}, backdrop(nothing="no votes"), {}, HOVER)
    assert [label["text"] for label in figure["layout"]["annotations"]] == ["no votes"]
    assert quality.side_by_side([], {}, HOVER, "no votes")["layout"]["annotations"][0]["text"] == "no votes"


def test_rates_side_by_side_carry_interval_and_count():
    """A dot without its interval would invite to compare what cannot be compared."""
    figure = quality.side_by_side([("a", 30, 40), ("b", 3, 4)], {"a": "#123456"}, HOVER, "-", few="only {of}")
    dot = figure["data"][0]
    low, high = wilson(30, 40)
    assert (dot["x"], dot["y"]) == ([0.75], ["a"])
    assert dot["error_x"]["array"] == [pytest.approx(high - 0.75)]
    assert dot["error_x"]["arrayminus"] == [pytest.approx(0.75 - low)]
    assert [label["text"] for label in figure["layout"]["annotations"]] == ["n = 40", "only 4"]


def test_answers_and_what_went_wrong_have_scales_of_their_own():
    """Two per cent of refusals under ninety-seven per cent of answers would be a flat line."""
    rows = [Rated(START + place * HOUR, 97, 100) for place in range(3)]
    bad = [Rated(START + place * HOUR, 2, 100) for place in range(3)]
    colours = {"yes": "#123456", "no": "#654321"}
    figure = quality.outcomes({"yes": rows}, {"no": bad}, backdrop(), colours, HOVER)
    assert named(figure, "yes")["yaxis"] == "y3"
    assert named(figure, "no")["yaxis"] == "y"
    assert figure["layout"]["yaxis"]["domain"][1] < figure["layout"]["yaxis3"]["domain"][0]


def test_a_difference_that_is_told_is_filled():
    """Colour is not the only sign."""
    rows = [("a", 0.1, 0.05, 0.15, True), ("b", 0.1, -0.05, 0.25, False)]
    figure = quality.differences(rows, "{name} {value} {low} {high}", "-")
    assert figure["data"][0]["marker"]["symbol"] == ["circle", "circle-open"]
    assert figure["data"][0]["text"][0] == "a +10.0 pp +5.0 pp +15.0 pp"
    low, high = figure["layout"]["xaxis"]["range"]
    assert low == -high < -0.25


def test_a_mean_of_few_values_is_a_gap():
    """As a rate of few votes is."""
    rows = [
        ScoreThen(START, 7, 3.0, 1.0),
        ScoreThen(START + HOUR, 16, 3.0, 1.0),
        ScoreThen(START + 2 * HOUR, 0, None, None),
    ]
    figure = quality.score(rows, backdrop(), "grounded", "{mean} {low} {high} {values}")
    assert named(figure, "grounded")["y"] == [None, 3.0, None]
    assert figure["data"][0]["y"] == [pytest.approx(3.49), pytest.approx(2.51), pytest.approx(3.49)]


def heat_column(hour: int, **counts: int) -> Column:
    """Return a bucket with counts by row number."""
    rows = [counts.get(f"r{row}", 0) for row in range(len(EDGES) + 1)]
    return Column(START + hour * HOUR, sum(rows), tuple(rows))


def test_a_column_of_the_heat_map_adds_up_to_one():
    """A quiet hour and a busy one are compared by shape; an hour without samples is empty."""
    figure = heat.durations(
        [heat_column(0, r6=3, r7=1), heat_column(1), heat_column(2, r7=100)],
        backdrop(),
        "{from}-{to} {share}",
    )
    drawn = figure["data"][0]
    sums = [sum(line[place] or 0 for line in drawn["z"]) for place in range(3)]
    assert sums == [1, 0, 1]
    assert drawn["y"] == ["≥ 200 ms", "≥ 500 ms", "≥ 1 s", "≥ 2 s"]
    assert drawn["customdata"][1][0] == "500 ms-1 s 75.0%"


def test_an_empty_heat_map_says_so():
    """Nothing measured is not a pale map."""
    figure = heat.durations([heat_column(0), heat_column(1)], backdrop(2, nothing="no stream"), "")
    assert [label["text"] for label in figure["layout"]["annotations"]] == ["no stream"]


def test_tokens_a_second_need_three_calls_in_a_bucket():
    """The middle of two is chance; the line has a gap there."""
    rows = [Rate(START, "m", 2, 50.0, 40.0), Rate(START + HOUR, "m", 3, 60.0, 45.0)]
    figure = speed.rates(rows, backdrop(), {"m": "#123456"}, "{model} {rate} {slow} {calls}")
    assert named(figure, "m")["y"] == [None, 60.0, None]
    assert named(figure, "m")["text"][1] == "m 60 45 3"
    assert named(figure, "m")["line"]["color"] == "#123456"


def test_errors_are_true_zeros_and_the_last_bucket_is_paler():
    """No error is good news and is drawn as what it is."""
    rows = [ErrorCount(START, "rate_limit", 4, 4), ErrorCount(START + 2 * HOUR, "timeout", 1, 1)]
    names = {kind: kind for kind in CLASSES}
    figure = speed.errors(rows, backdrop(end=START + 2.5 * HOUR), names)
    assert named(figure, "rate_limit")["y"] == [4, 0, 0]
    assert named(figure, "timeout")["marker"]["opacity"] == [1, 1, PALE]
    assert set(speed.CLASS_COLOURS) == set(CLASSES)
