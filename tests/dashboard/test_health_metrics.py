"""The metrics that senders measured themselves, on Data health: as the store has them, by model."""

import time
from datetime import UTC, datetime, timedelta

import pytest
from charts import figure_of, texts

from kansoku_collector.model import MetricPoint
from kansoku_collector.store.read.metric_points import Step
from kansoku_collector.store.write import Writer
from kansoku_dashboard import data
from kansoku_dashboard.figures import measured
from kansoku_dashboard.figures.backdrop import Backdrop
from kansoku_dashboard.screens import health_metrics

HOUR = timedelta(hours=1)
START = datetime(2026, 11, 20, tzinfo=UTC)
TOKENS, WAITING = "gen_ai.client.token.usage", "gen_ai.queue"


@pytest.fixture
def measuring(seeded):
    """Store an hour of a distribution of two models, and of a level."""
    now, points = time.time_ns(), []
    for minute in range(1, 61):
        at = now - minute * 60 * 10**9
        for model, size in (("gpt-5.6-luna", 100.0), ("claude-sonnet-5", 300.0)):
            points.append(
                MetricPoint(name=TOKENS, unit="{token}", kind="histogram", temporality="delta",
                            series=len(model), start=at - 1, time=at, model=model, value=size * 4, count=4,
                            bounds=[1000.0], counts=[4, 0])
            )  # fmt: skip
        level = MetricPoint(name=WAITING, unit="s", kind="gauge", series=9, time=at, value=0.25, count=1)
        points.append(level)
    Writer(seeded).metric_points(points, f"measured-{now}")
    data.forget()
    yield
    seeded.command("TRUNCATE TABLE metric_points")
    data.forget()


def test_what_arrives_is_listed_and_one_metric_is_drawn_by_model(open_app, measuring):
    """Points, series and the last moment of each; the mean of every model in a table and as a line."""
    app = open_app("health", range="6h", metric=TOKENS)
    assert not app.exception
    listed = next(frame.value for frame in app.dataframe if "Series" in frame.value)
    assert dict(zip(listed["Metric"], listed["Points"], strict=True)) == {TOKENS: "120", WAITING: "60"}
    by_model = next(frame.value for frame in app.dataframe if "Last value" in frame.value)
    assert dict(zip(by_model["Model"], by_model["Last value"], strict=True)) == {
        "gpt-5.6-luna": "100",
        "claude-sonnet-5": "300",
    }
    assert set(by_model["Measurements"]) == {"240"}
    lines = {trace.get("name"): trace for trace in figure_of(app, "chart_metric")["data"]}
    assert {value for value in lines["claude-sonnet-5"]["y"] if value is not None} == {300}
    assert None in lines["claude-sonnet-5"]["y"]  # five of the six hours


def test_another_metric_is_chosen_in_the_address(open_app, measuring):
    """Its unit is written as everywhere: a quarter of a second."""
    app = open_app("health", range="6h", metric=TOKENS)
    app.selectbox(key="_pick_metric").set_value(WAITING).run()
    assert app.query_params["metric"] == WAITING
    by_model = next(frame.value for frame in app.dataframe if "Last value" in frame.value)
    assert list(by_model["Last value"]) == ["250 ms"]
    assert list(by_model["Model"]) == ["(no model)"]


def test_without_metrics_a_sentence_says_how_they_come(look):
    """Most senders send none; that is no fault."""
    assert "when they are sent to /v1/metrics" in texts(look("health"))


def test_more_than_seven_models_become_seven_and_the_rest_with_its_number():
    """What is added up is the measurements, so that the mean of the rest is a mean."""
    steps = [Step(START, f"m{place}", total=place, number=100 - place) for place in range(10)]
    lines = measured.series(steps, {}, "(none)", "other ({count})")
    assert [line.name for line in lines] == [*(f"m{place}" for place in range(7)), "other (3)"]
    assert (lines[-1].steps[0].total, lines[-1].steps[0].number) == (7 + 8 + 9, 93 + 92 + 91)


def test_a_step_without_a_measurement_is_a_gap_and_a_counter_adds_up():
    """Of a counter the total of each step, of anything else the mean."""
    times = [START, START + HOUR, START + 2 * HOUR]
    steps = [Step(START, "a", total=6, number=3), Step(times[2], "a", total=8, number=2)]
    lines = measured.series(steps, {}, "", "")
    behind = Backdrop(times, HOUR, START + 3 * HOUR)
    for adds_up, values in ((True, [6, None, 8]), (False, [2, None, 4])):
        made = measured.course(lines, behind, str, adds_up=adds_up)
        assert made["data"][0]["y"] == values
        assert made["data"][0]["connectgaps"] is False


@pytest.mark.parametrize(
    ("unit", "value", "written"),
    [("s", 0.25, "250 ms"), ("ms", 1500, "1.50 s"), ("By", 2048, "2.0 KB"), ("{token}", 21300, "21.3K"),
     ("1", 0.125, "0.125"), ("Cel", 21, "21 Cel")],
)  # fmt: skip
def test_a_value_is_written_in_its_unit(unit, value, written):
    """Times and bytes as on every screen; a unit in braces is a word about what is counted."""
    assert health_metrics.writer(unit)(value) == written
