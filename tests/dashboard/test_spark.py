"""The small line in a tile."""

import re
from urllib.parse import unquote

from hypothesis import given
from hypothesis import strategies as st

from kansoku_dashboard.figures import spark


def test_a_spark_sums_counts_and_averages_measures():
    """A tile of forty points must not change the meaning of what it shows."""
    assert spark.thin([1, 2, 3, 4], total=True, points=2) == [3, 7]
    assert spark.thin([1, 2, None, None], total=False, points=2) == [1.5, None]
    assert spark.thin([4, None], total=True, points=1) == [8]
    assert spark.thin([], total=True) == []


def test_the_line_of_a_tile_leaves_gaps_and_stands_between_its_extremes():
    """What was not measured is not drawn; a single value between gaps is a dot, one value alone no line."""
    drawn = unquote(spark.html([1.0, 3.0, None, 2.0, None, 2.0, 2.0], "bad"))
    line = re.search(r'<path d="([^"]*)" fill="none"', drawn)[1]
    assert [run[: run.find("L")] for run in line.split("M")[1:]] == ["0.0 38.0", "100.0 20.0", "166.7 20.0"]
    assert "L33.3 2.0" in line
    assert 'class="kansoku-spark bad"' in drawn
    assert spark.html([None, 1.0], "").strip() == ""
    assert "nan" not in spark.html([2.0, 2.0], "")


@given(st.lists(st.none() | st.floats(0, allow_infinity=False), max_size=50))
def test_the_line_of_a_tile_is_drawn_for_every_series(values):
    """Whatever the figures are, no letter of the drawing can end the attribute that it stands in."""
    drawn = spark.html(values, "")
    assert drawn.count('"') in (0, 6)
    assert "inf" not in drawn
    assert "nan" not in drawn
