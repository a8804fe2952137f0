"""A calendar month in place of the range: one that is over can be closed on the Cost screen."""

from datetime import UTC, datetime

import pytest
from charts import figure_of

from kansoku_collector.store.scope import Period
from kansoku_dashboard import calendar_month

NOW = datetime(2026, 11, 24, 2, tzinfo=UTC)
NOVEMBER, OCTOBER = datetime(2026, 11, 1, tzinfo=UTC), datetime(2026, 10, 1, tzinfo=UTC)


def test_a_month_that_is_over_is_whole_and_compared_with_the_month_before():
    """October has a day more than September, which is compared whole all the same."""
    october = calendar_month.period("2026-10", NOW)
    assert (october.start, october.end) == (OCTOBER, NOVEMBER)
    assert october.previous() == Period(datetime(2026, 9, 1, tzinfo=UTC), OCTOBER)
    december = calendar_month.period("2025-12", NOW)
    assert (december.start, december.end) == (
        datetime(2025, 12, 1, tzinfo=UTC),
        datetime(2026, 1, 1, tzinfo=UTC),
    )


def test_the_month_under_way_ends_now_and_is_compared_with_as_long_before():
    """Half a month is not compared with a whole one."""
    november = calendar_month.period("2026-11", NOW)
    assert (november.start, november.end) == (NOVEMBER, NOW)
    assert november.previous() == Period(NOVEMBER - (NOW - NOVEMBER), NOVEMBER)


def test_a_months_traces_are_those_between_its_days():
    """The links of the screen lead to a list of the same time."""
    assert calendar_month.stretch("2026-02") == {"from": "2026-02-01T00:00:00Z", "to": "2026-03-01T00:00:00Z"}


@pytest.mark.parametrize("code", ["", "2026-13", "october", "9999-01", "2026-10-01", "<b>"])
def test_what_is_no_month_that_has_begun_is_none(open_app, code):
    """An address can say anything; the range counts then."""
    app = open_app("cost", month=code) if code else open_app("cost")
    assert not app.exception
    (ranges,) = [one for one in app.button_group if one.key == "range"]
    assert ranges.value in ("24h", ["24h"])


def test_the_cost_screen_shows_the_month_of_its_address(open_app, seeded):
    """Its bars add up to what SQL says of the days of UTC; no range is marked beside it."""
    code = f"{datetime.now(UTC):%Y-%m}"
    app = open_app("cost", month=code)
    assert not app.exception
    start = datetime.now(UTC).replace(day=1, hour=0, minute=0, second=0, microsecond=0)
    whole = seeded.query(
        "SELECT toFloat64(sum(cost_usd)) FROM spans WHERE start >= {start:DateTime64(6, 'UTC')}",
        parameters={"start": start},
    ).result_rows[0][0]
    bars = figure_of(app, "chart_cost_over_time")["data"]
    drawn = sum(sum(trace["y"]) for trace in bars if trace["type"] == "bar")
    assert drawn == pytest.approx(whole, rel=1e-6)
    assert not [one for one in app.button_group if one.key == "range"]
    (picked,) = [one for one in app.selectbox if one.label == "Calendar month"]
    assert picked.value == code


def test_a_month_older_than_any_to_choose_is_shown_as_the_one_that_counts(open_app):
    """A link may name it; the list must not say that the range counts."""
    app = open_app("cost", month="2019-02")
    assert not app.exception
    (picked,) = [one for one in app.selectbox if one.label == "Calendar month"]
    assert picked.value == "2019-02"
    assert picked.options[-1] == "February 2019"
