"""The bill of one call: buckets, prices and money that add up to the cost on the span."""

from datetime import UTC, datetime
from decimal import Decimal

import pytest

from kansoku import semconv
from kansoku.pricing.price_terms import read_terms
from kansoku.pricing.prices import Prices
from kansoku.usage import Usage
from kansoku_collector.model import Span
from kansoku_dashboard import settings
from kansoku_dashboard.bill import BESIDE, bill
from kansoku_dashboard.settings import DashboardSettings

AT = datetime(2026, 11, 20, 12, tzinfo=UTC)


def priced(provider, model, *, prices=None, **buckets):
    """Return a call as the collector prices it."""
    attributes = buckets.pop("attributes", {})
    span = Span(provider=provider, request_model=model, billed=True, usage_source="reported", **buckets)
    span.start, span.duration_ns, span.attributes = round(AT.timestamp()) * 10**9, 10**9, attributes
    usage = Usage(*(getattr(span, name) for name in Usage._fields))
    found = (prices or Prices()).cost(provider, model, usage, AT, read_terms(attributes, provider))
    span.cost_usd = found.total.quantize(Decimal("0.000000000001"))
    span.price_id, span.cost_source = found.price_id, "computed"
    return span


def test_each_bucket_has_its_tokens_its_price_and_its_money():
    """A reader can check the arithmetic by hand."""
    span = priced("openai", "gpt-4o-mini", input_fresh=1000, cache_read=400, output_visible=200)
    lines = {line.bucket: line for line in bill(span)}
    assert lines["input_fresh"].per_million == Decimal("0.15")
    assert lines["cache_read"].per_million == Decimal("0.075")
    assert (lines["output_visible"].tokens, lines["output_visible"].usd) == (200, Decimal("0.00012"))
    assert sum(line.usd for line in lines.values()) == span.cost_usd


@pytest.mark.parametrize("tokens", [1000, 250_000, 1_000_000])
def test_the_lines_add_up_below_and_above_a_threshold_of_length(tokens):
    """Long prompts cost more a token with some vendors; the bill says the price that was paid."""
    span = priced("anthropic", "claude-sonnet-4-5", input_fresh=tokens, cache_write_5m=300, output_visible=50)
    assert sum(line.usd for line in bill(span)).quantize(Decimal("1e-12")) == span.cost_usd


def test_what_is_not_paid_by_the_token_has_a_line_of_its_own():
    """A search costs as much as ten thousand tokens and must not hide among them."""
    span = priced(
        "anthropic", "claude-sonnet-4-5", input_fresh=100, output_visible=5,
        attributes={semconv.WEB_SEARCHES: "2"},
    )  # fmt: skip
    lines = {line.bucket: line for line in bill(span)}
    assert (lines[BESIDE].usd, lines[BESIDE].per_million) == (Decimal("0.02"), None)
    assert sum(line.usd for line in lines.values()).quantize(Decimal("1e-12")) == span.cost_usd


def test_the_lines_of_an_answer_made_in_the_us_add_up():
    """Each token costs a tenth more, the search does not."""
    span = priced(
        "anthropic", "claude-opus-5", input_fresh=1000, cache_read=50, output_visible=5,
        attributes={semconv.WEB_SEARCHES: "1", semconv.INFERENCE_GEO: "us"},
    )  # fmt: skip
    lines = {line.bucket: line for line in bill(span)}
    assert lines["input_fresh"].per_million == Decimal("5.5")
    assert sum(line.usd for line in lines.values()).quantize(Decimal("1e-12")) == span.cost_usd


def test_a_price_that_is_not_known_here_any_more_gives_no_bill():
    """A bill at today's price for yesterday's call would not add up to what is shown beside it."""
    span = priced("openai", "gpt-4o-mini", input_fresh=1000)
    span.cost_usd += Decimal("0.01")
    assert bill(span) == []
    span = priced("openai", "gpt-4o-mini", input_fresh=1000)
    span.price_id = "openai/gpt-4o-mini@genai-prices-0.0.1"
    assert bill(span) == []


@pytest.mark.parametrize("source", ["reported", "unpriced", ""])
def test_what_was_not_computed_has_no_bill(source):
    """The sender's own total has no parts that we know."""
    span = priced("openai", "gpt-4o-mini", input_fresh=1000)
    span.cost_source = source
    assert bill(span) == []


def test_ones_own_prices_are_used_and_a_broken_file_is_none(tmp_path):
    """The dashboard reads the same file as the collector."""
    path = tmp_path / "prices.toml"
    path.write_text('[[price]]\nmodel = "luna"\ninput_per_million = 4\noutput_per_million = 8\n')
    span = priced("openai", "luna", prices=Prices(path), input_fresh=500, output_visible=100)
    assert bill(span) == []
    settings.use(DashboardSettings(prices_file=path))
    assert [(line.bucket, line.per_million) for line in bill(span)] == [
        ("input_fresh", Decimal(4)),
        ("output_visible", Decimal(8)),
    ]
    path.write_text("[[price")
    assert bill(span) == []
