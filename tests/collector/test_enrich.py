"""Cost at the span's time, and the signals that drift is read from."""

import json
from decimal import Decimal

import pytest

from kansoku.pricing.prices import Prices
from kansoku_collector.enrich.cost import pricing
from kansoku_collector.enrich.signals import language_of, read_signals
from kansoku_collector.metrics import Metrics
from kansoku_collector.model import Span

T2026 = 1_790_000_000 * 10**9


def priced(prices=None, metrics=None, **fields):
    """Return a call after pricing."""
    base = {
        "start": T2026,
        "operation": "chat",
        "billed": True,
        "provider": "openai",
        "request_model": "gpt-4o-mini",
        "usage_source": "reported",
        "input_fresh": 1000,
        "output_visible": 100,
    }
    span = Span(**(base | fields))
    pricing(prices or Prices(), metrics or Metrics())(span)
    return span


def test_a_known_model_is_computed():
    """USD 0.15 and 0.60 per million tokens, exact to the last digit."""
    span = priced()
    assert (span.cost_usd, span.cost_input_usd, span.cost_source) == (
        Decimal("0.00021"),
        Decimal("0.00015"),
        "computed",
    )
    assert span.price_id


def test_a_call_over_bedrocks_global_profile_costs_what_that_costs():
    """What answered is named as one of a region, a tenth dearer; what was asked for says where it is."""
    asked, answered = "global.anthropic.claude-haiku-4-5-20251001-v1:0", "claude-haiku-4-5-20251001"
    span = priced(provider="aws.bedrock", request_model=asked, response_model=answered)
    assert "global." in span.price_id


def test_an_unknown_model_is_unpriced_and_counted():
    """No price is not USD 0.00: the row says so and the counter names the model."""
    metrics = Metrics()
    span = priced(metrics=metrics, request_model="my-own-7b", provider="acme")
    assert (span.cost_source, span.cost_usd, span.price_id) == ("unpriced", 0, "")
    assert metrics.values()["unpriced_calls.my-own-7b"] == 1


def test_the_senders_figure_counts_only_without_a_price():
    """Our own computation wins; a reported cost fills in where we have none."""
    reported = {"kansoku.cost.usd": "0.5"}
    assert priced(attributes=dict(reported)).cost_source == "computed"
    span = priced(attributes=dict(reported), request_model="my-own-7b", provider="acme")
    assert (span.cost_source, span.cost_usd) == ("reported", Decimal("0.5"))
    assert (
        priced(attributes={"llm.cost.total": "0"}, request_model="my-own-7b", provider="acme").cost_source
        == "unpriced"
    )


def test_the_price_is_the_one_of_the_spans_day(tmp_path):
    """An override that starts on a day changes the cost of spans from that day on."""
    path = tmp_path / "prices.toml"
    rest = "output_per_million = 0\n"
    later = '[[price]]\nmodel = "m"\nfrom = 2026-09-22\ninput_per_million = 1\n' + rest
    path.write_text(later + '[[price]]\nmodel = "m"\ninput_per_million = 3\n' + rest)
    prices = Prices(path)
    day = 86_400 * 10**9
    costs = [priced(prices, request_model="m", start=at).cost_usd for at in (T2026 - day, T2026 + day)]
    assert costs == [Decimal("0.003"), Decimal("0.001")]


def test_nothing_to_price_is_said():
    """A container and a call of unknown usage carry no cost source."""
    assert priced(billed=False).cost_source == ""
    assert priced(usage_source="none").cost_source == ""


@pytest.mark.parametrize(
    ("value", "language"),
    [
        ("ごみの収集日を教えて", "ja"),
        ("GPT-4oのAPIの使い方", "ja"),
        ("垃圾什么时候收", "zh"),
        ("쓰레기 수거일", "ko"),
        ("When is plastic collected?", "en"),
        ("The word “café” — isn’t it?", "en"),
        ("Когда вывозят мусор?", "other"),
        ("12345 !?", ""),
        ("🙂", ""),
    ],
)
def test_the_script_tells_the_language(value, language):
    """Kana decide for Japanese; letters of other scripts are other; without letters nothing is known."""
    assert language_of(value) == language


@pytest.mark.parametrize(
    ("answer", "refusal", "fallback"),
    [
        ("申し訳ありませんが、その質問にはお答えできません。", True, False),
        ("I'm sorry, but I can't help with that.", True, False),
        ("I can’t assist with this request.", True, False),
        ("収集日は分かりません。環境課へお問い合わせください。", False, True),
        ("詳しくは環境課までご連絡ください。", False, True),
        ("Please contact the environment division.", False, True),
        ("I could not find that in the guide.", False, True),
        ("火曜日です。朝8時までに出してください。", False, False),
        ("Plastic is collected on Tuesday. Please rinse it.", False, False),
    ],
)
def test_refusals_and_fallbacks_are_recognised(answer, refusal, fallback):
    """English and Japanese phrases, also with typographic apostrophes; ordinary answers are neither."""
    span = Span(operation="chat", output_text=answer)
    read_signals(span)
    assert (span.refusal, span.fallback) == (refusal, fallback)


def test_lengths_and_the_best_score():
    """Characters are counted, and the best document's score is found where scores exist."""
    span = Span(
        operation="retrieval",
        input_text="ごみ",
        output_text="",
        documents=json.dumps([{"score": 0.2}, {"score": 0.9}, {"score": None}]),
    )
    read_signals(span)
    assert (span.input_chars, span.top_score, span.language) == (2, 0.9, "ja")
