"""Charts on the reader's clock: which hour a bucket is, and whose days the long ranges show."""

from datetime import UTC, datetime, timedelta
from itertools import pairwise
from zoneinfo import ZoneInfo

import pytest

from kansoku_collector.store.read.overview import ModelCost
from kansoku_dashboard.figures import cost
from kansoku_dashboard.figures.backdrop import Backdrop

START = datetime(2026, 11, 20, tzinfo=UTC)
TOKYO = ZoneInfo("Asia/Tokyo")


def axis(width: timedelta, buckets: int, zone: str = "Asia/Tokyo") -> tuple[dict, dict]:
    """Return the time axis of a chart of so many buckets, and its first bars."""
    times = [START + place * width for place in range(buckets)]
    behind = Backdrop(times, width, times[-1] + width, zone=ZoneInfo(zone), day_format="%-m/%-d")
    figure = cost.stack([ModelCost(START, "luna", 1.0, 1, 0)], behind, {})
    return figure["layout"]["xaxis"], figure["data"][0]


def test_the_hour_of_a_bucket_is_told_where_the_axis_shows_days():
    """Of a week by hours, a reader who points at a peak wants to know when it was."""
    shown, bars = axis(timedelta(hours=1), 7 * 24)
    assert (shown["tickformat"], shown["hoverformat"]) == ("%-m/%-d", "%-m/%-d %H:%M")
    assert bars["x"][0] == "2026-11-20T09:00:00"


def test_a_day_is_told_by_its_hours_alone():
    """Within a day and a half no date is needed."""
    shown, _ = axis(timedelta(minutes=15), 96)
    assert shown["hoverformat"] == "%H:%M"


@pytest.mark.parametrize("zone", ["Asia/Tokyo", "America/New_York"])
def test_a_bar_of_a_whole_day_is_named_as_the_day_of_utc_that_it_is(zone):
    """The store cuts days at midnight of UTC: nobody may take the bar for a day of their own."""
    shown, bars = axis(timedelta(days=1), 90, zone)
    assert shown["hoverformat"] == "%-m/%-d (UTC)"
    assert bars["x"][0] == "2026-11-20T00:00:00"
    assert shown["range"][0] == "2026-11-20T00:00:00"


def test_a_reader_on_utc_is_not_told_so():
    """There the days are their own."""
    assert axis(timedelta(days=1), 90, "UTC")[0]["hoverformat"] == "%-m/%-d"


@pytest.mark.parametrize(
    ("zone", "day"),
    [
        ("America/New_York", datetime(2026, 11, 1, tzinfo=UTC)),
        ("Europe/Berlin", datetime(2026, 10, 25, tzinfo=UTC)),
        ("Australia/Lord_Howe", datetime(2026, 4, 4, tzinfo=UTC)),
        ("America/New_York", datetime(2026, 3, 8, tzinfo=UTC)),
    ],
)
def test_no_hour_is_drawn_on_another_where_the_clocks_change(zone, day):
    """The hour that comes twice in autumn was one bar of the cost of two; no hour is missing in spring."""
    times = [day + timedelta(minutes=15) * place for place in range(96)]
    behind = Backdrop(times, timedelta(minutes=15), times[-1] + timedelta(minutes=15), zone=ZoneInfo(zone))
    drawn = [datetime.fromisoformat(behind.x(moment)) for moment in times]
    assert {after - before for before, after in pairwise(drawn)} == {timedelta(minutes=15)}
    assert drawn[-1].replace(tzinfo=ZoneInfo(zone)) == times[-1]
