"""The Cost screen, run whole on the seeded store; its numbers are those of SQL."""

from datetime import UTC, datetime, timedelta
from decimal import Decimal

import pytest
from charts import figure_of, texts

from kansoku_collector.store.read import beside, overview, spend, tokens
from kansoku_collector.store.scope import Period, Scope
from kansoku_dashboard import settings
from kansoku_dashboard.figures.style import money

SIX_HOURS = timedelta(hours=6)


def tile(app, label):
    """Return the value of the tile with this label."""
    return next(element.value for element in app.metric if element.label == label)


def table(app, column):
    """Return the table that has this column."""
    return next(frame.value for frame in app.dataframe if column in frame.value)


def period():
    """Return the six hours that the screen shows."""
    end = (int(datetime.now(UTC).timestamp()) // 15 + 1) * 15
    return Period.last(SIX_HOURS, now=datetime.fromtimestamp(end, UTC))


def test_the_figures_are_those_of_sql(open_app, seeded):
    """Cost, cost per request, per session and per liked answer, from the raw spans."""
    when = None
    while when != period():  # the screen's clock moves on every 15 seconds
        when = period()
        app = open_app("cost", range="6h")
    assert not app.exception
    start, end = when.start.replace(second=0), when.end
    cost, requests = seeded.query(
        "SELECT toFloat64(sum(cost_usd)), countIf(parent_span_id = '') FROM spans"
        " WHERE start >= {start:DateTime64(6, 'UTC')} AND start < {end:DateTime64(6, 'UTC')}",
        parameters={"start": start, "end": end},
    ).result_rows[0]
    likes, given = beside.thumbs(seeded, Scope(), when).now.total
    assert tile(app, "Cost") == f"≥ {money(cost)}"
    assert tile(app, "Per request") == f"≥ {money(cost / requests)}"
    assert tile(app, "Per liked answer") == f"≥ {money(cost / requests * given / likes)}"
    days, sessions = seeded.query(
        "SELECT toFloat64(sum(cost_usd)), uniqExact(session_id) FROM spans"
        " WHERE start >= toStartOfDay({start:DateTime64(6, 'UTC')}) AND start < {end:DateTime64(6, 'UTC')}",
        parameters={"start": start, "end": end + timedelta(days=1)},
    ).result_rows[0]
    assert tile(app, "Per session") == f"≥ {money(days / sessions)}"


def test_the_models_without_a_price_are_named(open_app):
    """A lower bound says what it leaves out, and where to look."""
    app = open_app("cost", range="6h")
    assert "qwen3" in texts(app)
    assert any(link.proto.page.endswith("traces") for link in app.get("page_link"))


@pytest.mark.parametrize("by", ["model", "service", "user", "prompt", "operation", "bucket"])
def test_every_split_adds_up_to_the_whole(open_app, seeded, by):
    """The bars and the table show the same money, whatever it is split by."""
    app = open_app("cost", range="7d", by=by)
    assert not app.exception
    when = Period.last(timedelta(days=7), now=datetime.now(UTC))
    whole = overview.totals(seeded, Scope(), when).cost
    bars = figure_of(app, "chart_cost_over_time")["data"]
    drawn = sum(sum(trace["y"]) for trace in bars if trace["type"] == "bar")
    assert drawn == pytest.approx(whole, rel=1e-6)
    shares = [value for value in table(app, "share").iloc[:, 2] if value == value]
    assert sum(shares) == pytest.approx(100)


def test_the_table_says_what_each_model_cost(open_app, seeded):
    """Calls and cost of a row are those of the store; what has no price is unpriced and never $0."""
    rows = table(open_app("cost", range="7d"), "share").to_dict("records")
    when = Period.last(timedelta(days=7), now=datetime.now(UTC))
    known = dict(tokens.usage_by(seeded, Scope(), when, "model"))
    assert {row["name"] for row in rows} == set(known)
    for row in rows:
        used = known[row["name"]]
        assert row["calls"] == used.calls
        assert row["cost"] == ("unpriced" if used.unpriced else money(float(used.cost)))


def test_the_price_versions_add_up_to_the_whole(open_app, seeded):
    """Every priced call has its version."""
    frame = table(open_app("cost", range="7d"), "price")
    when = Period.last(timedelta(days=7), now=datetime.now(UTC))
    found = spend.price_versions(seeded, Scope(), when)
    total = overview.totals(seeded, Scope(), when)
    assert sum(row.calls for row in found) == total.calls == sum(frame["calls"])
    assert float(sum((row.cost for row in found), Decimal(0))) == pytest.approx(total.cost)
    assert set(frame["price"]) == {"seed", "no price known"}


def test_a_month_without_a_budget_has_no_line_for_one(open_app):
    """The run rate is marked as what it is; a budget that nobody set is not drawn."""
    app = open_app("cost")
    names = [trace["name"] for trace in figure_of(app, "chart_cost_month")["data"]]
    assert "budget" not in names
    assert "No budget is set" in texts(app)


def test_a_budget_is_a_line_of_the_whole_project(open_app):
    """With a filter by model the month is that of the model, and the budget is not."""
    settings.use(settings.current().model_copy(update={"budget_usd": "default=500"}))
    names = {trace["name"]: trace for trace in figure_of(open_app("cost"), "chart_cost_month")["data"]}
    assert set(names["budget"]["y"]) == {500.0}
    app = open_app("cost", model="claude-sonnet-5")
    assert "budget" not in {trace["name"] for trace in figure_of(app, "chart_cost_month")["data"]}
    assert "budget is that of the whole project" in texts(app)


def test_an_empty_store_tells_how_to_send(open_empty):
    """Nothing to show is not an error."""
    app = open_empty("cost")
    assert not app.exception
    assert any("kansoku.init" in block.value for block in app.code)


def test_the_screen_speaks_japanese(open_app):
    """Labels and sentences follow the language of the address."""
    app = open_app("cost", lang="ja", by="bucket")
    assert not app.exception
    assert {"リクエスト単価", "セッション単価", "高評価1件のコスト"} <= {
        element.label for element in app.metric
    }
