"""What Cost and Sessions prepare and draw: buckets of tokens, savings, unit costs, the month, a session."""

from datetime import UTC, date, datetime, timedelta
from decimal import Decimal

import pytest

from kansoku.pricing.prices import Prices
from kansoku_collector.forecast.month import forecast
from kansoku_collector.store.read.overview import Totals
from kansoku_collector.store.read.spend import InSessions, Metered, PriceVersion
from kansoku_collector.store.read.tokens import BUCKETS
from kansoku_dashboard import budgets, month, rates, unit_costs
from kansoku_dashboard.figures import cost_turns
from kansoku_dashboard.figures import forecast as month_figure
from kansoku_dashboard.figures.cost_ranking import ranking
from kansoku_dashboard.rates import Savings
from kansoku_dashboard.unit_costs import Spend

NOON = datetime(2026, 11, 20, 12, tzinfo=UTC)
TODAY = date(2026, 11, 20)


@pytest.fixture
def prices(tmp_path):
    """Return a price list with one model of our own: reads at a tenth, writes at a quarter more."""
    path = tmp_path / "prices.toml"
    path.write_text(
        '[[price]]\nmodel = "m"\ninput_per_million = 2.0\noutput_per_million = 10.0\n'
        "cache_read_per_million = 0.2\ncache_write_per_million = 2.5\n"
    )
    return Prices(path)


def metered(cost_input: str, cost: str, unpriced: int = 0, **tokens: int) -> Metered:
    """Return the usage of one bucket of time."""
    used = dict.fromkeys(BUCKETS, 0) | tokens
    return Metered(NOON, "vendor", "m", used, Decimal(cost_input), Decimal(cost), unpriced)


def test_a_cost_is_split_into_the_buckets_that_it_was_paid_for(prices):
    """At the prices of its time, and exactly."""
    row = metered("2.45", "7.45", input_fresh=1_000_000, cache_read=1_000_000, cache_write_5m=100_000,
                  output_visible=300_000, reasoning=200_000)  # fmt: skip
    split = {part.name: part.cost for part in rates.by_bucket([row], prices)}
    assert split == {
        "input_fresh": Decimal(2),
        "cache_read": Decimal("0.2"),
        "cache_write_5m": Decimal("0.25"),
        "output_visible": Decimal(3),
        "reasoning": Decimal(2),
    }


@pytest.mark.parametrize("row", [
    metered("3", "8", input_fresh=1_000_000, output_visible=500_000),
    metered("2", "7", 1, input_fresh=1_000_000, output_visible=500_000),
    metered("2", "7", input_fresh=1_000_000, output_visible=500_000)._replace(model="unknown"),
])  # fmt: skip
def test_a_cost_that_does_not_add_up_is_not_split(prices, row):
    """Another price, calls without one, a model that no list knows: the sum is right and not told apart."""
    parts = rates.by_bucket([row], prices)
    assert [(part.name, part.cost) for part in parts] == [(rates.UNSPLIT, row.cost)]


def test_caching_saves_what_reads_cost_less_minus_what_writes_cost_more(prices):
    """A cache that is written and hardly read costs money, and says so."""
    row = metered("0.45", "0.45", cache_read=1_000_000, cache_write_5m=100_000)
    found = rates.savings([row], prices)
    assert (found.read, found.written, found.net) == (Decimal("1.8"), Decimal("0.05"), Decimal("1.75"))
    assert (found.cached, found.sent, found.unknown) == (1_000_000, 1_100_000, 0)
    loss = rates.savings([metered("2.5", "2.5", cache_write_5m=1_000_000)], prices)
    assert unit_costs.saved(loss) == "-$0.5000"


def test_savings_at_an_unknown_price_are_unknown(prices):
    """They are no zero."""
    found = rates.savings([metered("9", "9", cache_read=1_000_000)], prices)
    assert (found.net, found.unknown) == (0, 1_000_000)
    assert unit_costs.saved(found) == "–"


def test_the_rates_of_another_version_are_not_shown(prices):
    """A price id that the list of today does not give has rates that nobody can look up."""
    now = PriceVersion("vendor", "m", "computed", "override/m@2000-01-01", 1, Decimal(1), NOON, NOON)
    known = rates.in_force(now, prices)
    assert known is not None
    assert known["cache_read"] == Decimal("0.2")
    assert rates.in_force(now._replace(price_id="list/m@1"), prices) is None


def spend(cost=10.0, requests=100, calls=100, unpriced=0, likes=40, votes=50) -> Spend:
    """Return a stretch of time."""
    totals = Totals(requests, 0, calls, cost, unpriced, 0, 0, 0, None, None, None)
    none = Savings(Decimal(0), Decimal(0), 0, 0, 0)
    return Spend(totals, InSessions(20, Decimal(10), unpriced), likes, votes, none)


def test_a_liked_answer_costs_a_request_divided_by_the_share_of_likes():
    """Not all money by the few that voted: most readers never do."""
    found = spend()
    assert found.liked == pytest.approx(0.1 / 0.8)
    low, high = found.liked_between
    assert low < found.liked < high


def test_unit_costs_that_are_not_known_are_dashes():
    """Nothing priced, too few votes, no request: a dash and never $0."""
    values = {tile.name: tile.value for tile in unit_costs.tiles(spend(cost=0.0, unpriced=100), None)}
    assert values["cost"] == values["request"] == values["liked"] == "–"
    assert spend(votes=7).liked is None
    assert spend(requests=0).each is None


def test_a_part_without_a_price_makes_every_figure_a_lower_bound():
    """The tiles say so themselves."""
    values = [tile.value for tile in unit_costs.tiles(spend(unpriced=3), spend())[:4]]
    assert all(value.startswith("≥ ") for value in values)
    assert unit_costs.tiles(spend(), spend(cost=5.0))[0].delta == pytest.approx(1.0)


@pytest.mark.parametrize(("text", "project", "usd"), [
    ("", "shop", None), ("500", "shop", 500), ("shop=80.50, 500", "shop", Decimal("80.50")),
    ("shop=80,500", "other", 500), ("shop=80", "other", None),
])  # fmt: skip
def test_a_budget_is_for_every_project_or_for_one(text, project, usd):
    """The project's own goes before the common one."""
    assert budgets.budget(text, project) == usd


@pytest.mark.parametrize("text", ["much", "shop=", "-5", "0", "1,2", "NaN"])
def test_a_budget_that_is_none_is_refused_with_a_reason(text):
    """A slip of the pen must not switch the warning off."""
    with pytest.raises(ValueError, match="KANSOKU_BUDGET_USD"):
        budgets.read_budgets(text)


def costs(days: int = 19) -> dict[date, Decimal]:
    """Return ten dollars a day, from the first of the month."""
    return {date(2026, 11, 1) + timedelta(days=step): Decimal(10) for step in range(days)}


def test_the_month_draws_what_was_spent_the_forecast_and_the_run_rate():
    """Cumulated to today; the band from today to the last day; the run rate named as what it is."""
    told = forecast(costs(), TODAY, Decimal(250), part_of_day=0.5)
    made = month_figure.month(costs(), TODAY, told, Decimal(250))
    lines = {trace["name"]: trace for trace in made["data"]}
    assert lines["spent"]["y"][-1] == pytest.approx(190)
    assert lines["spent"]["x"][0] == "2026-10-31"
    assert lines["forecast"]["x"] == [f"2026-11-{day}" for day in range(20, 31)]
    assert lines["run rate"]["y"][-1] == told.run_rate
    assert lines["budget"]["y"] == [250.0, 250.0]
    band = lines["80% interval"]
    assert max(band["y"]) == told.high
    assert band["y"][0] == band["y"][-1]


def test_a_month_without_a_forecast_draws_what_was_spent_alone():
    """Two days say nothing of a month; a budget nobody set is no line."""
    made = month_figure.month(costs(2), date(2026, 11, 2), None, None)
    assert [trace["name"] for trace in made["data"]] == ["spent"]


def test_readers_within_ten_minutes_share_a_forecast_and_midnight_is_not_crossed():
    """The forecast is that of the reader's day."""
    assert month.stepped(NOON) == month.stepped(NOON + timedelta(minutes=9))
    late = datetime(2026, 11, 30, 23, 58, tzinfo=UTC)
    assert month.stepped(late).date() == late.date()


def test_a_turn_whose_cost_is_unknown_has_no_bar():
    """And the context is split into what came from a cache and what did not."""
    points = [
        cost_turns.Point(0.01, 1000, 400),
        cost_turns.Point(None, 1500, 0),
        cost_turns.Point(0.0, None, None),
    ]
    bars = {trace["name"]: trace["y"] for trace in cost_turns.growth(points)["data"]}
    assert bars["cost"] == [0.01, None, 0.0]
    assert bars["context, fresh"] == [600, 1500, None]
    assert bars["context, from a cache"] == [400, None, None]


def test_a_ranking_keeps_names_apart_and_draws_them_as_text():
    """Two names may begin alike, and a name may hold markup."""
    names = ["x" * 40 + "1", "x" * 40 + "2", "<b>bold</b>"]
    made = ranking(names, [3, 2, 1], ["3", "2", "1"], "#000")
    assert made["data"][0]["y"] == [0, 1, 2]
    assert made["layout"]["yaxis"]["ticktext"][2] == "&lt;b&gt;bold&lt;/b&gt;"
    assert ranking([], [], [], "#000", "nobody")["layout"]["annotations"][0]["text"] == "nobody"
