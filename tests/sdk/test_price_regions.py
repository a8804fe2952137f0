"""Calls that are bound to a region cost what their vendor asks there: mostly a tenth more for tokens."""

from collections.abc import Callable
from datetime import UTC, datetime
from decimal import Decimal
from typing import Any

import anthropic
import pytest
from support.vendor import Vendor, sse

from kansoku.pricing.price_terms import read_terms
from kansoku.pricing.prices import Prices
from kansoku.usage import Usage

AT = datetime(2026, 11, 1, tzinfo=UTC)
TENTH_MORE, SAME = Decimal("1.1"), Decimal(1)
VERTEX, IN_TOKYO = "aiplatform.googleapis.com", "asia-northeast1-aiplatform.googleapis.com"
USAGE = Usage(1000, cache_read=400, cache_write_5m=30, cache_write_1h=20, output_visible=200, reasoning=50)


def times(provider: str, model: str, more: dict[str, Any], usage: Usage = USAGE) -> Decimal:
    """Return how many times its price anywhere a call costs with `more` attributes."""
    usual = Prices().cost(provider, model, usage, AT)
    found = Prices().cost(provider, model, usage, AT, read_terms(more, provider))
    assert usual is not None
    assert found is not None
    assert found.total == found.input + found.output
    assert found.price_id.endswith("+regional") == (found.total != usual.total)
    return found.total / usual.total


@pytest.mark.parametrize(
    ("provider", "model", "host", "more"),
    [
        ("openai", "gpt-6-sol", "jp.api.openai.com", TENTH_MORE),
        ("openai", "gpt-5.4-mini-2026-03-17", "EU.api.openai.com", TENTH_MORE),
        ("openai", "gpt-6-sol", "api.openai.com", SAME),
        ("openai", "gpt-5-mini", "eu.api.openai.com", SAME),  # released before March 2026
        ("openai", "gpt-4o", "eu.api.openai.com", SAME),
        ("openai", "o3", "us.api.openai.com", SAME),
        ("mistral_ai", "mistral-large-latest", "api.eu.mistral.ai", TENTH_MORE),
        ("mistral_ai", "mistral-large-latest", "api.mistral.ai", SAME),
        ("gcp.vertex_ai", "claude-sonnet-4-5@20250929", IN_TOKYO, TENTH_MORE),
        ("gcp.vertex_ai", "claude-haiku-5-5", "aiplatform.eu.rep.googleapis.com", TENTH_MORE),
        ("gcp.vertex_ai", "claude-sonnet-4-5@20250929", VERTEX, SAME),
        ("gcp.vertex_ai", "claude-3-7-sonnet@20250219", IN_TOKYO, SAME),
        ("gcp.vertex_ai", "claude-sonnet-4@20250514", IN_TOKYO, SAME),
        ("gcp.vertex_ai", "gemini-3.5-flash", IN_TOKYO, TENTH_MORE),
        ("gcp.vertex_ai", "gemini-2.5-flash", IN_TOKYO, SAME),
        ("gcp.gemini", "gemini-3.5-flash", "generativelanguage.googleapis.com", SAME),
    ],
)
def test_a_host_of_a_region_costs_what_its_vendor_asks_there(
    provider: str, model: str, host: str, more: Decimal
) -> None:
    """New models cost more there, old ones do not, and nothing does at the host for all the world."""
    assert times(provider, model, {"server.address": host}) == more


@pytest.mark.parametrize(
    ("model", "place", "more"),
    [
        ("claude-opus-5-5", "us", TENTH_MORE),
        ("claude-sonnet-4-6", "us", TENTH_MORE),
        ("claude-opus-5-5", "global", SAME),
        ("claude-opus-5-5", "not_available", SAME),
        ("claude-sonnet-4-5", "us", SAME),  # older than the choice of a place
        ("claude-haiku-4-5", "us", SAME),
    ],
)
def test_claude_costs_more_where_the_answer_names_a_place(model: str, place: str, more: Decimal) -> None:
    """All kinds of tokens do, caches too."""
    assert times("anthropic", model, {"kansoku.response.inference_geo": place}) == more


def test_a_region_comes_on_top_of_a_tier_and_of_a_long_prompt_but_not_of_pieces() -> None:
    """Batches and long prompts are a tenth dearer too; a search costs what it costs."""
    there = {"server.address": "eu.api.openai.com"}
    batch = {"openai.response.service_tier": "batch"}
    usual, found = (
        Prices().cost("openai", "gpt-5.4", USAGE, AT, read_terms(terms)) for terms in (batch, batch | there)
    )
    assert usual is not None
    assert found is not None
    assert found.total == usual.total * TENTH_MORE
    assert found.price_id == f"{usual.price_id}+regional"
    assert times("openai", "gpt-5.4", there, Usage(300_000, output_visible=10)) == TENTH_MORE

    search = {"kansoku.usage.web_search.requests": 1}
    plain, searched = (
        Prices().cost("openai", "gpt-5.4", USAGE, AT, read_terms(terms)) for terms in (there, there | search)
    )
    assert plain is not None
    assert searched is not None
    assert searched.total - plain.total == Decimal("0.01")


def test_a_price_of_ones_own_holds_wherever_the_call_went(tmp_path: Any) -> None:
    """Whoever writes a price down has said what is paid."""
    path = tmp_path / "prices.toml"
    path.write_text('[[price]]\nmodel = "gpt-6-sol"\ninput_per_million = 2\noutput_per_million = 0\n')
    terms = read_terms({"server.address": "eu.api.openai.com"})
    cost = Prices(path).cost("openai", "gpt-6-sol", Usage(1_000_000), AT, terms)
    assert cost is not None
    assert cost.total == 2


def test_the_sdk_prices_a_call_by_the_host_that_it_asks(model: Callable[..., Any], spans: Any) -> None:
    """The same answer costs a tenth more from the host of a region."""
    said = {"index": 0, "message": {"role": "assistant", "content": "はい"}, "finish_reason": "stop"}
    used = {"prompt_tokens": 1000, "completion_tokens": 200, "total_tokens": 1200}
    whole = {"id": "c", "object": "chat.completion", "created": 1, "model": "gpt-6-sol"}
    api = model({**whole, "choices": [said], "usage": used})
    costs = []
    for base in ("https://api.openai.com/v1", "https://eu.api.openai.com/v1"):
        client = api.client(base_url=base)
        client.chat.completions.create(model="gpt-6-sol", messages=[{"role": "user", "content": "やあ"}])
        found = spans.all()[-1].attributes
        costs.append((found["gen_ai.provider.name"], found["kansoku.cost.usd"]))
    assert [provider for provider, _ in costs] == ["openai", "openai"]
    assert costs[1][1] == pytest.approx(costs[0][1] * 1.1, rel=1e-12)


@pytest.mark.parametrize("streamed", [False, True])
def test_the_sdk_prices_claude_by_the_place_that_its_answer_names(
    streamed: bool, vendor: Vendor, start: Any, monkeypatch: pytest.MonkeyPatch
) -> None:
    """Of a stream the place is told with the first event, the usage with the last."""
    monkeypatch.setenv("KANSOKU_LOCAL_PROVIDER", "anthropic")
    spans = start()
    told: dict[str, Any] = {
        "id": "msg_1",
        "type": "message",
        "role": "assistant",
        "model": "claude-opus-5-5",
        "content": [],
        "stop_reason": None if streamed else "end_turn",
        "stop_sequence": None,
        "usage": {"input_tokens": 1000, "output_tokens": 200, "inference_geo": "us"},
    }
    events: list[dict[str, Any]] = [
        {"type": "message_start", "message": told},
        {
            "type": "message_delta",
            "delta": {"stop_reason": "end_turn", "stop_sequence": None},
            "usage": {"output_tokens": 200},
        },
        {"type": "message_stop"},
    ]
    vendor.answer(sse(*((event["type"], event) for event in events), done=False) if streamed else told)
    with anthropic.Anthropic(api_key="sk-test", base_url=vendor.url) as client:
        found: Any = client.messages.create(
            model="claude-opus-5-5",
            max_tokens=9,
            messages=[{"role": "user", "content": "?"}],
            stream=streamed,
        )
        if streamed:
            list(found)
    anywhere = Prices().cost("anthropic", "claude-opus-5-5", Usage(1000, output_visible=200), AT)
    assert anywhere is not None
    assert spans.attributes()["kansoku.cost.usd"] == pytest.approx(float(anywhere.total) * 1.1, rel=1e-12)
