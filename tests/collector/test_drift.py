"""Drift: noise is not drawn, change is; the index behaves as an index should."""

import random
from collections import Counter
from datetime import UTC, datetime, timedelta
from typing import Any

import pytest
from clickhouse_connect.driver.client import Client
from hypothesis import given, settings
from hypothesis import strategies as st

from kansoku_collector.store.read import drift_detail as detail
from kansoku_collector.store.read.drift import (
    MIN_SAMPLES,
    REFERENCE,
    SIGNALS,
    DriftCell,
    cell_width,
    drift_strip,
)
from kansoku_collector.store.read.psi import chi_square_quantile, chi_square_tail, compare, index, spread_of
from kansoku_collector.store.scope import Period, Scope

END = datetime(2026, 11, 15, 0, 0, tzinfo=UTC)
DAY = timedelta(days=1)

histograms = st.dictionaries(st.integers(0, 30), st.integers(1, 500), min_size=2, max_size=15)


def add_answers(client: Client, rows: list[dict[str, Any]]) -> None:
    """Insert answered calls."""
    base = {
        "project": "default",
        "operation": "chat",
        "billed": 1,
        "output_text": "x",
        "usage_source": "reported",
    }
    filled = [base | row for row in rows]
    client.insert("spans", [list(row.values()) for row in filled], column_names=list(filled[0]))


def answers(draw: random.Random, count: int, start: datetime, length: timedelta, **fields: Any) -> Any:
    """Return calls spread over a time, with lengths, languages and refusals drawn at random."""
    typical = fields.pop("tokens", 5.0)
    refused = fields.pop("refused", 0.02)
    return [
        {
            "start": start + length * draw.random(),
            "output_visible": int(draw.lognormvariate(typical, 0.5)),
            "input_fresh": int(draw.lognormvariate(6, 0.3)),
            "language": draw.choice(["ja", "ja", "en"]),
            "refusal": int(draw.random() < refused),
            "status": "error" if draw.random() < 0.01 else "ok",
        }
        | fields
        for _ in range(count)
    ]


def of(cells: list[DriftCell], signal: str) -> list[DriftCell]:
    """Return the cells of a signal."""
    return [cell for cell in cells if cell.signal == signal]


def test_a_change_is_drawn_and_quiet_signals_stay_quiet(store: Client) -> None:
    """Longer answers in the last ten hours show in their own row only, with both levels."""
    draw = random.Random(1)
    change = END - timedelta(hours=10)
    add_answers(
        store,
        answers(draw, 16000, END - 8 * DAY, change - (END - 8 * DAY))
        + answers(draw, 1500, change, END - change, tokens=5.6),
    )
    cells = drift_strip(store, Scope(), Period(END - DAY, END))
    lengths = of(cells, "output_length")
    assert {cell.reference for cell in lengths} == {"before"}
    assert not any(cell.drifted for cell in lengths if cell.time + cell.width <= change)
    after = [cell for cell in lengths if cell.time >= change]
    assert all(cell.drifted for cell in after if cell.samples >= MIN_SAMPLES)
    assert all(
        cell.level > 1.4 * cell.reference_level for cell in after if cell.level and cell.reference_level
    )
    quiet = [cell for cell in cells if cell.signal != "output_length"]
    assert sum(cell.drifted for cell in quiet) <= 1


def test_refusals_are_a_share_of_answers(store: Client) -> None:
    """The levels are the shares before and now."""
    draw = random.Random(2)
    add_answers(
        store,
        answers(draw, 8000, END - 8 * DAY, 7 * DAY) + answers(draw, 3000, END - DAY, DAY, refused=0.2),
    )
    cells = of(drift_strip(store, Scope(), Period(END - DAY, END)), "refusals")
    assert all(cell.drifted for cell in cells)
    assert cells[3].reference_level == pytest.approx(0.02, abs=0.01)
    assert sum(cell.level * cell.samples for cell in cells if cell.level) / 3000 == pytest.approx(
        0.2, abs=0.03
    )


def test_without_days_before_the_first_third_is_the_reference(store: Client) -> None:
    """A young store compares with its own beginning, says so, and leaves that part without an index."""
    add_answers(store, answers(random.Random(3), 6000, END - 7 * DAY, 7 * DAY))
    cells = of(drift_strip(store, Scope(), Period(END - 7 * DAY, END)), "output_length")
    assert {cell.reference for cell in cells} == {"first_third"}
    assert [cell.psi is None for cell in cells] == [i < 14 for i in range(42)]


def test_no_reference_and_few_samples_have_no_index(store: Client) -> None:
    """An empty store, and a cell of nineteen samples, are unknown and not zero."""
    period = Period(END - DAY, END)
    assert {(cell.psi, cell.reference) for cell in drift_strip(store, Scope(), period)} == {(None, "none")}
    draw = random.Random(4)
    add_answers(
        store,
        answers(draw, 5000, END - 8 * DAY, 7 * DAY)
        + answers(draw, MIN_SAMPLES - 1, END - DAY, timedelta(minutes=30))
        + answers(draw, MIN_SAMPLES, END - timedelta(minutes=20), timedelta(minutes=20)),
    )
    cells = of(drift_strip(store, Scope(), period), "output_length")
    assert (cells[0].samples, cells[0].psi) == (MIN_SAMPLES - 1, None)
    assert cells[-1].psi is not None


def test_an_hour_is_compared_with_a_sample_of_the_week_before(store: Client) -> None:
    """Thousands of small cells are not read where one hour in seven says it; the verdict is the week's."""
    draw = random.Random(6)
    hour = timedelta(hours=1)
    begin = END - hour - REFERENCE
    add_answers(
        store,
        answers(draw, 50_000, begin, REFERENCE)
        + answers(draw, 1500, END - hour, hour / 2)
        + answers(draw, 1500, END - hour / 2, hour / 2, tokens=5.6),
    )
    cells = of(drift_strip(store, Scope(), Period(END - hour, END)), "output_length")
    assert 6_000 < cells[0].reference_samples < 9_000  # of the 50,000
    assert {cell.reference for cell in cells} == {"before"}
    assert cells[0].reference_level == pytest.approx(cells[0].level, rel=0.2)
    changed = [cell.drifted for cell in cells if cell.time >= END - hour / 2]
    assert sum(changed) >= 0.9 * len(changed)
    assert sum(cell.drifted for cell in cells if cell.time + cell.width <= END - hour / 2) <= 1


def test_a_quiet_week_is_read_whole(store: Client) -> None:
    """Where a sample of the week would hold few answers, all of them are the reference."""
    hour = timedelta(hours=1)
    rows = answers(random.Random(7), 700, END - hour - REFERENCE, REFERENCE)
    add_answers(store, rows + answers(random.Random(8), 60, END - hour, hour))
    cells = of(drift_strip(store, Scope(), Period(END - hour, END)), "output_length")
    assert {cell.reference_samples for cell in cells} == {700}


def test_the_strip_never_has_more_cells_than_asked(store: Client) -> None:
    """The same cells for each signal, covering the period to its end."""
    for length in (timedelta(hours=1), timedelta(hours=6), DAY, 7 * DAY, 30 * DAY):
        period = Period(END - length, END)
        cells = drift_strip(store, Scope(), period, buckets=46)
        each = len(cells) // len(SIGNALS)
        assert each <= 47  # a period that starts inside a cell's unit has a part of one more
        assert cells[each - 1].time < END <= cells[each - 1].time + cell_width(period, 46)


@settings(deadline=None)
@given(histograms)
def test_the_index_of_a_histogram_with_itself_is_zero(histogram: dict[int, int]) -> None:
    """No difference is no drift."""
    found = compare(histogram, histogram, ordered=True)
    assert found.raw == pytest.approx(0)
    assert found.excess == 0
    assert found.p_value > 0.5


@settings(deadline=None)
@given(histograms, histograms)
def test_the_index_is_never_negative_and_the_same_both_ways(
    one: dict[int, int], other: dict[int, int]
) -> None:
    """It is a symmetric divergence."""
    bins = sorted({*one, *other})
    left, right = [one.get(b, 0) for b in bins], [other.get(b, 0) for b in bins]
    assert index(left, right) >= 0
    assert index(left, right) == pytest.approx(index(right, left))


@settings(max_examples=30, deadline=None)
@given(st.integers(0, 10**6))
def test_the_index_grows_with_the_shift(seed: int) -> None:
    """A larger change of the mean length gives a larger index."""
    draw = random.Random(seed)

    def histogram(mean: float, count: int) -> dict[int, int]:
        return Counter(round(draw.gauss(mean, 2)) for _ in range(count))

    reference = histogram(12, 5000)
    found = [compare(histogram(12 + shift, 2000), reference, ordered=True).raw for shift in (0, 1, 2, 4)]
    assert found == sorted(found)


def test_noise_is_drawn_less_often_than_promised() -> None:
    """Of 3,000 small samples without any change, at most 0.1 % have an index by their own p-value."""
    draw = random.Random(5)

    def histogram(count: int) -> dict[int, int]:
        return Counter(round(draw.gauss(12, 2)) for _ in range(count))

    reference = histogram(5000)
    found = [compare(histogram(40), reference, ordered=True) for _ in range(3000)]
    assert sum(one.p_value < 0.001 for one in found) <= 8  # 3 are expected; 8 has a chance below 1 %
    assert 0.03 < sum(one.p_value < 0.05 for one in found) / 3000 < 0.08
    assert sum(one.raw > 0.2 for one in found) > 100  # the textbook's threshold without the correction


def test_a_new_language_is_seen_though_the_reference_has_no_bin_for_it() -> None:
    """Unknown bins join the rarest, and are no excuse."""
    found = compare({"ja": 60, "zh": 40}, {"ja": 900, "en": 100}, ordered=False)
    assert found.p_value < 1e-6
    assert found.excess > 1


def test_traffic_that_always_wanders_is_allowed_to(store: Client) -> None:
    """A reference whose stretches differ widens what counts as noise; a steady one does not."""
    draw = random.Random(6)
    steady = [Counter(round(draw.gauss(12, 2)) for _ in range(300)) for _ in range(60)]
    wandering = [Counter(round(draw.gauss(12 + i % 3, 2)) for _ in range(300)) for i in range(60)]
    assert spread_of(steady, ordered=True) < 0.002
    assert spread_of(wandering, ordered=True) > 0.02
    assert spread_of(steady[:5], ordered=True) == 0


@pytest.mark.parametrize(("x", "freedom", "tail"), [(3.841, 1, 0.05), (16.919, 9, 0.05), (27.877, 9, 0.001)])
def test_chi_square_agrees_with_the_tables(x: float, freedom: int, tail: float) -> None:
    """The approximation is good to a few per cent where it is used."""
    assert chi_square_tail(x, freedom) == pytest.approx(tail, rel=0.1)
    z = {0.05: 1.645, 0.001: 3.09}[tail]
    assert chi_square_quantile(z, freedom) == pytest.approx(x, rel=0.03)


def test_formats_and_loops_have_rows_of_their_own(store: Client) -> None:
    """Broken JSON and answers that repeat themselves since ten hours: both rows say so, in their levels."""
    draw, change = random.Random(4), END - timedelta(hours=10)
    usual = answers(draw, 9000, END - 8 * DAY, change - (END - 8 * DAY), json_valid=1, repetition=0.0)
    since = answers(draw, 900, change, END - change, json_valid=1, repetition=0.0)
    for row in since:
        row["json_valid"], row["repetition"] = int(draw.random() > 0.3), 0.9 * (draw.random() < 0.3)
    add_answers(store, usual + since)
    cells = drift_strip(store, Scope(), Period(END - DAY, END))
    for signal, least in (("invalid_json", 0.2), ("repetition", 0.15)):
        drifted = [cell for cell in of(cells, signal) if cell.drifted]
        assert drifted
        assert min(cell.time for cell in drifted) >= change - timedelta(hours=1)
        assert max(cell.level or 0 for cell in drifted) > least
        assert drifted[0].reference_level == 0
    now, before = Period(change, END), Period(change - DAY, change)
    both = detail.histograms(store, Scope(), "invalid_json", before, now)
    assert sum(both.now.values()) == 900
    assert detail.BAD not in {name for name, count in both.before.items() if count}
    assert set(detail.histograms(store, Scope(), "repetition", before, now).now) == {0, 11}
