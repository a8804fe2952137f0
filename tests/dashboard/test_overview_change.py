"""What may be coloured: the tests behind the tiles, the tiles, and the order of the movers."""

from datetime import UTC, datetime

import pytest

from kansoku_collector.store.read.beside import Thumbs
from kansoku_collector.store.read.overview import Bucket, Totals
from kansoku_collector.store.read.slices import Slice
from kansoku_dashboard import change
from kansoku_dashboard.figures.style import relative, tokens
from kansoku_dashboard.movers import movers
from kansoku_dashboard.tiles import Stretch, tiles

START = datetime(2026, 11, 20, tzinfo=UTC)


TOTALS = Totals(1000, 10, 1000, 50.0, 0, 0, 0, 9000, 1.0, 2.0, 3.0)


def stretch(likes=(90, 100), totals=TOTALS, cost=None) -> Stretch:
    """Return a stretch of 24 buckets."""
    series = [Bucket(START, 40, 1, each, 300, 1.0, 2.0, 3.0) for each in cost or [2.0] * 24]
    return Stretch(totals, series, Thumbs([], *likes))


def by_name(*stretches: Stretch) -> dict:
    """Return the tiles by their names."""
    return {tile.name: tile for tile in tiles(*stretches, hidden=[False] * len(stretches[0].series))}


def test_a_difference_of_rates_is_tested_against_chance():
    """The z of 45/100 against 30/100 is 2.19, by hand."""
    assert change.rate(45, 100, 30, 100).p_value == pytest.approx(0.0285, abs=5e-4)
    assert change.rate(450, 1000, 300, 1000).significant


def test_few_votes_are_not_tested():
    """Seven votes decide nothing."""
    changed = change.rate(7, 7, 0, 100)
    assert changed.p_value is None
    assert not changed.significant


def test_rates_of_zero_are_no_change():
    """No error before and none now is not news."""
    assert change.rate(0, 100, 0, 100).p_value == 1.0


def test_the_paired_test_finds_a_shift_that_the_day_hides():
    """Traffic by day swings tenfold; the same hour of both days differs little."""
    before = [float(hour * hour % 17) for hour in range(24)]
    steps = [0.5, 0.6, 0.4] * 8
    now = [value + step for value, step in zip(before, steps, strict=True)]
    assert change.level(1.0, 1.0, now, before).significant
    noise = [value + (-1) ** place for place, value in enumerate(before)]
    assert change.level(1.0, 1.0, noise, before).p_value == pytest.approx(1.0)


def test_the_paired_test_agrees_with_students_table():
    """T = 2.807 with 23 degrees of freedom has p = 0.01."""
    steps = [0.0] * 24
    spread = 1.0
    mean = 2.807 * spread / 24**0.5
    steps = [mean + spread * sign * (23 / 24) ** 0.5 for sign in (1, -1) * 12]
    assert change.level(1, 1, steps, [0.0] * 24).p_value == pytest.approx(0.01, abs=2e-4)


def test_missing_buckets_are_left_out_of_the_pairs():
    """A gap is no fall."""
    assert change.level(1.0, 1.0, [1.0] * 24, [None] * 20 + [1.0] * 4).p_value is None


def test_wilson_is_an_interval_inside_zero_to_one():
    """Newcombe's example: 81 of 263 has 0.2553 to 0.3662."""
    assert change.wilson(81, 263) == pytest.approx((0.2553, 0.3662), abs=1e-4)
    assert change.wilson(0, 10)[0] == 0.0


def test_a_tile_is_coloured_only_when_its_change_passes_the_test():
    """A change of the same size is news on many votes and noise on few."""
    many = by_name(stretch(likes=(800, 1000)), stretch(likes=(870, 1000)))["liked"]
    few = by_name(stretch(likes=(16, 20)), stretch(likes=(17, 20)))["liked"]
    assert (many.colour, many.delta, many.tone) == ("normal", "-7.00 pp", "bad")
    assert (few.colour, few.tone) == ("off", "")


def test_more_traffic_is_never_coloured():
    """It is neither good nor bad."""
    more = TOTALS._replace(requests=2000)
    tile = by_name(stretch(totals=more), stretch())["requests"]
    assert (tile.delta, tile.colour) == ("+100.0%", "off")


def test_dearer_is_told_when_every_hour_is_dearer():
    """The cost tile compares hour with hour."""
    dear = [2.0 + 0.1 * (place % 3) for place in range(24)]
    tile = by_name(stretch(totals=TOTALS._replace(cost=55.0), cost=dear), stretch(cost=[1.5] * 24))["cost"]
    assert tile.tone == "bad"
    assert (tile.value, tile.delta, tile.colour) == ("$55.00", "+10.0%", "inverse")


def test_cost_with_unpriced_calls_is_a_lower_bound_and_never_zero():
    """Unknown money is not no money."""
    some = by_name(stretch(totals=TOTALS._replace(unpriced_calls=10)), None)["cost"]
    none = by_name(stretch(totals=TOTALS._replace(unpriced_calls=1000, cost=0.0)), None)["cost"]
    assert some.value == "≥ $50.00"
    assert none.value == "–"


def test_totals_of_sampled_traces_say_that_they_are_estimates():
    """What stands for traces that were not kept is marked; a lower bound stays one."""
    sampled = TOTALS._replace(estimated=300)
    found = by_name(stretch(totals=sampled), None)
    assert [found[name].value[0] for name in ("requests", "cost", "tokens")] == ["≈"] * 3
    bounded = by_name(stretch(totals=sampled._replace(unpriced_calls=10)), None)["cost"]
    assert bounded.value.startswith("≥ ")


def test_without_an_earlier_period_there_is_no_change():
    """A project of three days has no week before."""
    assert {tile.delta for tile in tiles(stretch(), None, [False] * 24)} == {""}


def test_a_count_in_a_gap_of_the_data_is_unknown():
    """The line in the tile must break there, not fall to zero."""
    tile = tiles(stretch(), None, [True] * 4 + [False] * 20)[0]
    assert tile.spark[:5] == [None, None, None, None, 40]


def test_a_change_that_rounds_to_nothing_has_no_sign():
    """-0.0 % reads as a fall."""
    assert by_name(stretch(totals=TOTALS._replace(cost=49.999)), stretch())["cost"].delta == "±0.0%"


def slice_of(name: str, count: int, cost: float, p95: float = 2.0, errors: int = 0) -> Slice:
    """Return a model's figures."""
    return Slice("model", name, count, errors, cost, 0, p95, 0, 0)


def test_movers_put_the_largest_effect_first():
    """Twice the price of a call moves more than a tenth of latency, and few samples move nothing."""
    now = [slice_of("dear", 100, 2.0), slice_of("slow", 100, 1.0, 2.2), slice_of("rare", 3, 9.0)]
    before = [slice_of("dear", 100, 1.0), slice_of("slow", 100, 1.0), slice_of("rare", 3, 1.0)]
    assert [row.name for row in movers(now, before)] == ["dear", "slow", "rare"]


def test_a_slice_that_vanished_is_still_listed():
    """A model that stopped answering is a change."""
    gone = movers([], [slice_of("old", 50, 1.0)])[0]
    assert (gone.count, gone.count_before, gone.cost_each.now) == (0, 50, None)


def test_a_request_is_not_cheaper_or_dearer_for_its_unpriced_calls():
    """Of a service samples are requests: each may hold a priced call and one without a price."""
    half = Slice("service", "guide", 100, 0, 50.0, 100, 2.0, 0, 0)
    assert movers([half], [half])[0].cost_each.now == 0.5
    model = Slice("model", "both", 100, 0, 50.0, 20, 2.0, 0, 0)
    assert movers([model], [])[0].cost_each.now == 50 / 80
    assert movers([half._replace(unpriced=50)], [], of_calls=True)[0].cost_each.now == 1.0


@pytest.mark.parametrize(
    ("ratio", "written"),
    [(None, ""), (0.042, "+4.2%"), (-0.0001, "±0.0%"), (9.9, "+990.0%"), (52, "×53"), (1.288e10, "×12.9B")],
)
def test_a_change_is_written_in_digits_that_say_something(ratio, written):
    """Per cents end where multiples read better; no tile holds thirteen digits."""
    assert relative(ratio) == written


def test_a_column_never_cuts_the_first_digits_of_a_number_off():
    """Right-aligned text loses them first, and eight billion would read as five hundred million."""
    assert (tokens(4_786), tokens(99_999_999), tokens(8_589_934_590)) == ("4,786", "99,999,999", "8.6B")
