"""A corrected price corrects history: exactly, once, and without losing the old figure."""

import uuid
from datetime import UTC, datetime, timedelta
from decimal import Decimal

import pytest
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as some

from kansoku.pricing.prices import Prices
from kansoku_collector.enrich.cost import pricing
from kansoku_collector.ledger import reprice as reprice_module
from kansoku_collector.ledger.reprice import reprice
from kansoku_collector.metrics import Metrics
from kansoku_collector.model import Span
from kansoku_collector.store import corrections
from kansoku_collector.store.read import trace
from kansoku_collector.store.read.overview import totals
from kansoku_collector.store.read.traces_api import read_trace
from kansoku_collector.store.scope import Period, Scope
from kansoku_collector.store.write import Writer

START = datetime(2026, 11, 2, 10, 0, tzinfo=UTC)
END = START + timedelta(days=3)
PERIOD = Period(START, END)
SUMS = {
    "spans": "SELECT sum(cost_usd * times), sum(cost_input_usd * times) FROM priced_calls",
    "minutes": "SELECT sum(cost_usd), sum(cost_input_usd) FROM rollup_minute",
    "hours": "SELECT sum(cost_usd), sum(cost_input_usd) FROM rollup_hour",
}


def call(number, prices, **fields):
    """Return a priced call that is a trace of its own, half an hour after the one before."""
    base = {
        "project": "p", "trace_id": f"{number:032x}", "span_id": f"{number:016x}",
        "start": int(START.timestamp()) * 10**9 + number * 1800 * 10**9, "duration_ns": 10**9,
        "operation": "chat", "provider": "acme", "response_model": "own-7b", "usage_source": "reported",
        "input_fresh": 1000 + number, "output_visible": 100, "billed": True, "status": "ok",
    }  # fmt: skip
    span = Span(**(base | fields))
    pricing(prices, Metrics())(span)
    return span


def price_file(path, dollars, *, model="own-7b", since=""):
    """Return prices with one entry of one's own."""
    path.write_text(
        f'[[price]]\nmodel = "{model}"\n{since}input_per_million = {dollars}\noutput_per_million = 7\n'
    )
    return Prices(path)


def everywhere(store):
    """Return the totals of spans, minutes and hours, which must be one and the same."""
    found = {name: store.query(sql).result_rows[0] for name, sql in SUMS.items()}
    assert len(set(found.values())) == 1, found
    return found["spans"][0]


def run(store, prices, **options):
    """Price the whole period anew."""
    return reprice(store, prices, "p", START, END, label="test", **options)


def test_a_price_found_later_prices_history(store, tmp_path):
    """Unpriced calls get their cost in every total, are no longer unpriced, and say what they were."""
    Writer(store).spans([call(number, Prices()) for number in range(4)], "a")
    before = totals(store, Scope("p"), PERIOD)
    assert (before.unpriced_calls, before.unpriced_models, before.cost) == (4, 1, 0)
    result = run(store, price_file(tmp_path / "p.toml", 3))
    expected = (Decimal(4006) * 3 + 400 * 7) / 1_000_000
    assert (result.seen, result.changed, result.difference) == (4, 4, expected)
    assert everywhere(store) == expected
    after = totals(store, Scope("p"), PERIOD)
    assert (after.unpriced_calls, after.unpriced_models, after.calls) == (0, 0, 4)
    assert store.query("SELECT sum(unpriced_calls), sum(cost_usd) FROM traces").result_rows == [(0, expected)]
    assert store.query("SELECT DISTINCT cost_source FROM spans").result_rows == [("unpriced",)]
    assert store.query("SELECT DISTINCT old_cost_source, cost_source FROM corrections").result_rows == [
        ("unpriced", "computed")
    ]


def test_readers_of_a_trace_see_the_figure_of_now(store, tmp_path):
    """Tree, span and API show the corrected cost with its price; the trace keeps its time and its words."""
    Writer(store).spans([call(3, Prices(), input_text="hello")], "a")
    run(store, price_file(tmp_path / "p.toml", 3))
    located = trace.find(store, "p", f"{3:032x}")
    expected = (Decimal(1003) * 3 + 700) / 1_000_000
    (row,) = trace.spans(store, located)
    assert (row.cost_usd, row.cost_source) == (expected, "computed")
    span = trace.span(store, located, f"{3:016x}")
    assert (span.cost_usd, span.cost_source, span.price_id) == (
        expected,
        "computed",
        "override/own-7b@2000-01-01",
    )
    (shown,) = read_trace(store, "p", f"{3:032x}")["spans"]
    assert (Decimal(shown["cost_usd"]), shown["cost_source"]) == (expected, "computed")
    store.command("OPTIMIZE TABLE traces FINAL")
    assert (located.start, located.end - located.start) == (
        START + timedelta(minutes=90),
        timedelta(seconds=1),
    )
    assert store.query("SELECT spans, root_input FROM traces").result_rows == [(1, "hello")]


def test_a_second_run_changes_nothing_and_the_way_back_is_exact(store, tmp_path):
    """The same prices find nothing to do; the former price brings the former total back, again and again."""
    first, second = price_file(tmp_path / "1.toml", "0.1"), price_file(tmp_path / "2.toml", "0.3")
    Writer(store).spans([call(number, first) for number in range(6)], "a")
    old = everywhere(store)
    for _ in range(2):
        assert run(store, second).changed == 6
        assert run(store, second).changed == 0
        assert everywhere(store) == old + Decimal(6_015) * Decimal("0.2") / 1_000_000
        assert run(store, first).changed == 6
        assert everywhere(store) == old
    assert store.query("SELECT count(), uniqExact(batch) FROM corrections").result_rows == [(24, 12)]


def test_a_dry_run_says_what_would_change_and_stores_nothing(store, tmp_path):
    """The difference is told by model; tables stay as they are."""
    Writer(store).spans([call(1, price_file(tmp_path / "1.toml", 1))], "a")
    result = run(store, price_file(tmp_path / "2.toml", 2), dry_run=True)
    assert (result.changed, result.models["own-7b"].calls) == (1, 1)
    assert result.difference == Decimal(1001) / 1_000_000
    assert store.query("SELECT count() FROM corrections").result_rows == [(0,)]


def test_only_the_days_of_a_price_and_the_named_model_change(store, tmp_path):
    """A price from a day on leaves earlier calls alone; `model` leaves the other models alone."""
    old = price_file(tmp_path / "1.toml", 1, model="*")
    late = 48  # half hours: the third of November, ten o'clock
    rows = [call(0, old), call(late, old), call(late + 1, old, response_model="other")]
    Writer(store).spans(rows, "a")
    text = (tmp_path / "1.toml").read_text()
    (tmp_path / "1.toml").write_text(
        text + text.replace('"*"\n', '"*"\nfrom = 2026-11-03\n').replace("= 1\n", "= 9\n")
    )
    result = run(store, Prices(tmp_path / "1.toml"), model="own-7b")
    assert (result.seen, list(result.models)) == (2, ["own-7b"])
    changed = store.query("SELECT span_id FROM corrections").result_rows
    assert changed == [(f"{late:016x}",)]
    everywhere(store)


def test_sampled_calls_are_corrected_for_all_they_stand_for(store, tmp_path):
    """A kept call of weight ten moves the totals by ten times its difference, a list by once."""
    Writer(store).spans([call(1, price_file(tmp_path / "1.toml", 1), weight=10.0)], "a")
    result = run(store, price_file(tmp_path / "2.toml", 2))
    assert result.difference == Decimal(10_010) / 1_000_000
    assert everywhere(store) == Decimal(10) * (2002 + 700) / 1_000_000
    assert store.query("SELECT sum(cost_usd) FROM traces").result_rows == [(Decimal(2702) / 1_000_000,)]


def test_a_run_cut_short_is_finished_by_the_next(store, tmp_path, monkeypatch):
    """Corrections stored without their rollups are sent again, and count once in all of them."""
    Writer(store).spans([call(number, Prices()) for number in range(3)], "a")
    names = ("corrections_traces_mv", "corrections_minute_mv", "corrections_hour_mv")
    for name in names:
        store.command(f"DETACH TABLE {name}")

    def save(client, rows, batch):
        corrections_save(client, rows, batch)
        client.command("TRUNCATE TABLE correction_batches")

    corrections_save = corrections.save_corrections
    prices = price_file(tmp_path / "p.toml", 3)
    with monkeypatch.context() as cut:
        cut.setattr(reprice_module, "save_corrections", save)
        run(store, prices)
    for name in names:
        store.command(f"ATTACH TABLE {name}")
    assert store.query(SUMS["hours"]).result_rows[0][0] == 0, "cut short before the rollups"
    result = run(store, prices)
    assert (result.finished, result.changed) == (2, 0)
    expected = (Decimal(3003) * 3 + 300 * 7) / 1_000_000
    assert everywhere(store) == expected
    assert store.query("SELECT sum(cost_usd) FROM traces").result_rows == [(expected,)]
    assert run(store, prices).finished == 0
    assert everywhere(store) == expected


def test_a_batch_sent_twice_counts_once(store, tmp_path):
    """The token of a batch makes the second insert a no-op in the table and in every rollup."""
    Writer(store).spans([call(1, Prices())], "a")
    run(store, price_file(tmp_path / "p.toml", 3))
    once = everywhere(store)
    store.command("TRUNCATE TABLE correction_batches")
    assert corrections.finish_interrupted(store) == 1
    assert everywhere(store) == once
    assert store.query("SELECT count() FROM corrections").result_rows == [(1,)]


COUNTS = some.integers(0, 3_000_000)
DOLLARS = some.decimals(0, 200, places=4)


@settings(max_examples=8, deadline=None, suppress_health_check=[HealthCheck.function_scoped_fixture])
@given(
    calls=some.lists(some.tuples(COUNTS, COUNTS, COUNTS, some.integers(1, 40)), min_size=1, max_size=30),
    rates=some.lists(DOLLARS, min_size=2, max_size=3),
)
def test_the_parts_are_the_total_whatever_the_prices(store, tmp_path, calls, rates):
    """Spans, minutes, hours and days add up to the same to the last digit, before and after corrections."""
    project = uuid.uuid4().hex
    pages = [price_file(tmp_path / f"{uuid.uuid4().hex}.toml", rate) for rate in rates]
    rows = [
        call(number, pages[0], project=project, input_fresh=fresh, cache_read=read, reasoning=out,
             weight=float(weight), start=(int(START.timestamp()) + number * 300) * 10**9)
        for number, (fresh, read, out, weight) in enumerate(calls)
    ]  # fmt: skip
    Writer(store).spans(rows, project)
    for prices in pages:
        reprice(store, prices, project, START, END)
        found = [store.query(f"{sql} WHERE project = '{project}'").result_rows[0][0] for sql in SUMS.values()]
        exact = sum(
            (weight * ((fresh + read) * entry.tokens["input"] + (100 + out) * entry.tokens["output"])
             for entry in prices.overrides.prices for fresh, read, out, weight in calls),
            Decimal(0),
        )  # fmt: skip
        assert found[0] == found[1] == found[2]
        assert abs(found[0] - exact) < Decimal("1e-9")


def test_interrupted_means_not_marked(store):
    """Nothing is sent again where nothing was cut short."""
    assert corrections.finish_interrupted(store) == 0


@pytest.mark.parametrize("source", ["reported", "estimated"])
def test_what_is_not_computed_stays_what_it_is(store, tmp_path, source):
    """A guessed usage is estimated at any price; a reported cost gives way to a price that is found."""
    fields = (
        {"usage_source": "estimated"} if source == "estimated" else {"attributes": {"llm.cost.total": "0.5"}}
    )
    first = Prices() if source == "reported" else price_file(tmp_path / "1.toml", 1)
    Writer(store).spans([call(1, first, **fields)], "a")
    run(store, price_file(tmp_path / "2.toml", 2))
    sources = store.query("SELECT first_cost_source, cost_source, reported_usd FROM priced_calls").result_rows
    computed = ("reported", "computed", Decimal("0.5"))
    assert sources == [computed if source == "reported" else ("estimated", "estimated", None)]
