"""Runs of drifted cells, the parts of a change, and the figures of one signal."""

import json
from datetime import UTC, datetime, timedelta

import pytest

from kansoku_collector.store.read.drift import DriftCell
from kansoku_collector.store.read.drift_detail import Both
from kansoku_collector.store.scope import Period
from kansoku_dashboard import shifts
from kansoku_dashboard.figures import shift as figures
from kansoku_dashboard.figures.axis import round_steps
from kansoku_dashboard.figures.backdrop import Backdrop
from kansoku_dashboard.screens.drift import nearest

HOUR = timedelta(hours=1)
START = datetime(2026, 11, 20, tzinfo=UTC)
WORDS = {"before": "Before", "now": "Since", "nothing": "too few", "hover": "{bin} {before} {now} {part}"}


def cells(indices: list[float | None], reference: str = "before") -> list[DriftCell]:
    """Return a cell an hour with these indices; its level is its place."""
    return [
        DriftCell("output_length", START + place * HOUR, psi, 30, 900, reference, HOUR, psi, 0.0,
                  float(place), 5.0)
        for place, psi in enumerate(indices)
    ]  # fmt: skip


def test_a_single_quiet_cell_does_not_cut_a_stretch_in_two():
    """Noise in the middle of a change is no end of it; two quiet cells are."""
    end = START + 9 * HOUR
    found = shifts.shifts(cells([0, 0.3, 0, 0.5, 0, 0, 0.2, 0, 0]), end)
    assert [shift.period for shift in found] == [
        Period(START + 6 * HOUR, START + 7 * HOUR),
        Period(START + HOUR, START + 4 * HOUR),
    ]
    assert found[1].peak == 0.5
    assert found[1].samples == 60  # of its drifted cells
    assert found[1].level == pytest.approx(2.0)
    assert all(shift.over for shift in found)


def test_what_reaches_the_last_cell_with_answers_goes_on():
    """A cell without enough samples at the end does not end it."""
    end = START + 4 * HOUR
    found = shifts.shifts(cells([0, 0.3, 0.4, None]), end)
    assert len(found) == 1
    assert not found[0].over
    assert found[0].period.end == end
    assert shifts.shifts(cells([0, 0, 0.05]), end) == []


def test_a_link_means_the_stretch_that_begins_closest():
    """Cells move with the clock; an address from an hour ago still opens its stretch."""
    found = shifts.shifts(cells([0.3, 0, 0, 0.4, 0, 0, 0]), START + 7 * HOUR)
    assert nearest(found, found[1].code) == found[1]
    assert nearest(found, "20261119T2300") == found[1]
    assert nearest(found, "nonsense") == found[0]


def test_the_reference_is_that_of_the_strip():
    """The days before the range, or its first cells; without either nothing is compared."""
    period = Period(START, START + 4 * HOUR)
    before = shifts.compared(cells([0, 0.3, 0, 0]), period, None)
    assert before == (Period(START - timedelta(days=7), START), period)
    own = cells([None, None, 0.2, 0.2], "first_third")
    assert shifts.compared(own, period, None) == (
        Period(START, START + 2 * HOUR), Period(START + 2 * HOUR, START + 4 * HOUR),
    )  # fmt: skip
    assert shifts.compared(cells([None, None], "none"), period, None) is None


def test_the_parts_of_a_dimension_add_up_to_the_change():
    """A model that takes over and one that answers longer each have their part; together they are all."""
    values = {
        "old": Both({10: 90}, {10: 10}),
        "new": Both({}, {14: 60}),
        "other": Both({8: 10}, {9: 30}),
    }
    whole = {bin_: sum(both.before.get(bin_, 0) for both in values.values()) for bin_ in (8, 9, 10, 14)}
    since = {bin_: sum(both.now.get(bin_, 0) for both in values.values()) for bin_ in (8, 9, 10, 14)}
    found = shifts.contributions("output_length", {"model": values})
    change = shifts.level("output_length", since) - shifts.level("output_length", whole)
    assert sum(part.effect for part in found) == pytest.approx(change)
    assert found[0].name == "new"
    assert found[0].level_before is None
    assert shifts.contributions("output_length", {"service": {"only": Both({10: 9}, {14: 9})}}) == []


def test_the_language_mix_is_cut_by_the_share_of_one_language():
    """A mix has no mean; its parts are told in the share of the language that gained."""
    values = {"a": Both({"ja": 9, "en": 1}, {"ja": 9, "en": 1}), "b": Both({"ja": 9, "en": 1}, {"en": 10})}
    found = shifts.contributions("language_mix", {"service": values}, "en")
    assert [part.name for part in found] == ["b"]
    assert found[0].effect == pytest.approx(0.45)


def test_what_became_rarer_and_what_became_more_frequent():
    """The bins that give most to the index come first; of a rate it is always success and failure."""
    fell, rose = shifts.telling(Both({1: 50, 2: 50}, {2: 50, 3: 50}))
    assert (fell, rose) == ([1], [3])
    assert shifts.telling(Both({"bad": 9, "good": 1}, {"bad": 1, "good": 9})) == (["good"], ["bad"])
    assert shifts.telling(Both({}, {})) == ([], [])


def test_the_distribution_draws_shares_and_says_both_on_hover():
    """Bars of both times over the same bins, holes between them included."""
    made = figures.distribution(Both({4: 50, 6: 50}, {4: 20, 8: 80}), str, WORDS)
    before, now = made["data"]
    assert before["x"] == now["x"] == ["4", "5", "6", "7", "8"]
    assert before["y"] == [0.5, 0, 0.5, 0, 0]
    assert now["y"] == [0.2, 0, 0, 0, 0.8]
    assert now["customdata"][0].startswith("4 50.0% 20.0% ")
    empty = figures.distribution(Both({}, {}), str, WORDS)
    assert empty["layout"]["annotations"][0]["text"] == "too few"


def test_a_hostile_language_is_text_in_the_figure():
    """Plotly draws its own HTML; a name from the data is none."""
    evil = "<a href='javascript:alert(1)'>x</a>"
    made = figures.distribution(Both({evil: 5}, {evil: 9}), str, WORDS)
    assert "<a" not in json.dumps([trace["customdata"] for trace in made["data"]])


def test_the_level_has_gaps_and_marks_what_drifted():
    """A cell without samples breaks the line; one that drifted carries a red dot, and its tick a unit."""
    found = cells([0, 0.3, 0])
    found[2] = DriftCell("output_length", START + 2 * HOUR, None, 0, 900, "before", HOUR)
    backdrop = Backdrop([cell.time for cell in found], HOUR, START + 3 * HOUR)
    made = figures.levels(found, backdrop, "Length", lambda value: f"{value:g} tokens", "Before")
    line, reference = made["data"]
    assert line["y"] == [0.0, 1.0, None]
    assert line["marker"]["size"][1] == 8
    assert reference["y"] == [5.0, 5.0]
    assert all(text.endswith(" tokens") for text in made["layout"]["yaxis"]["ticktext"])


def test_ticks_are_round():
    """Between any two limits there are three to seven."""
    for low, high in ((0, 1), (71, 209), (0.013, 0.0151), (0, 12345)):
        ticks = round_steps(low, high)
        assert 3 <= len(ticks) <= 7
        assert low <= ticks[0] < ticks[-1] <= high + 1e-9


def test_bins_have_names_that_do_not_overlap():
    """Tokens from and to, in half octaves; a score; a word for a language that has one."""
    assert figures.bin_name("output_length", 12, {}) == "63–89"
    assert figures.bin_name("output_length", 13, {}) == "90–126"
    assert figures.bin_name("retrieval_score", 15, {}) == "0.75"
    assert figures.bin_name("repetition", 6, {}) == "50%"
    assert figures.bin_name("language_mix", "ja", {"ja": "Japanese"}) == "Japanese"
