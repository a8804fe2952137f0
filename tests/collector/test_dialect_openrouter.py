"""What OpenRouter broadcasts of a request to the canonical row."""

import json

from tests.collector.test_ledger import priced
from tests.collector.test_normalise import buckets, row

from kansoku_collector.relate.repeats import Repeats

CALL = {
    "id": "c1",
    "index": 0,
    "type": "function",
    "function": {"name": "weather", "arguments": '{"city":"Oslo"}'},
}
ID = "gen-1790606294-sdYHTGXUVyDKWCLqX5Op"
REQUEST = {
    "span.type": "generation",
    "gen_ai.operation.name": "chat",
    "gen_ai.system": "moonshotai",
    "gen_ai.provider.name": "moonshotai",
    "gen_ai.request.model": "moonshotai/kimi-k2.5",
    "gen_ai.response.model": "moonshotai/kimi-k2.5",
    "gen_ai.response.id": ID,
    "gen_ai.usage.input_tokens": 3000,
    "gen_ai.usage.output_tokens": 50,
    "gen_ai.usage.total_tokens": 3050,
    "gen_ai.usage.total_cost": 0.004,
    "gen_ai.usage.input_tokens.cached": 1000,
    "gen_ai.usage.input_tokens.cache_write": 900,
    "gen_ai.usage.input_tokens.cache_write_5m": 200,
    "gen_ai.usage.input_tokens.cache_write_1h": 700,
    "gen_ai.usage.output_tokens.reasoning": 20,
    "gen_ai.response.finish_reasons": '["tool_calls"]',
    "gen_ai.response.finish_reason": "tool_calls",
    "gen_ai.prompt": json.dumps({"messages": [{"role": "user", "content": "Weather?"}]}),
    "gen_ai.completion": json.dumps({"completion": "Let me look.", "reasoning": "Hm.", "toolCalls": [CALL]}),
    "session.id": "s",
    "user.id": "u",
    "trace.metadata.plan": "pro",
    "trace.metadata.openrouter.provider_name": "Chutes",
    "trace.metadata.openrouter.first_token_ms": 996,
}
STEP = {"span.type": "span", "gen_ai.operation.name": "chat", "gen_ai.response.id": f"{ID}:attempt-0"}


def test_a_request_is_sold_by_openrouter_whoever_made_the_model():
    """The price is OpenRouter's; the maker's is another one, or there is none."""
    span = row(REQUEST, scope="openrouter")
    assert (span.operation, span.billed, span.provider, span.response_id) == ("chat", True, "openrouter", ID)
    assert (span.session_id, span.user_id, span.metadata) == ("s", "u", {"plan": "pro"})
    assert span.attributes["kansoku.response.upstream_provider"] == "Chutes"
    assert (span.time_to_first_token, span.attributes["gen_ai.usage.cost"]) == (0.996, "0.004")
    cost = priced(provider=span.provider, request_model=span.request_model)
    assert cost.price_id.startswith("openrouter/moonshotai/kimi-k2.5")


def test_every_bucket_of_a_broadcast_request_is_counted():
    """What is cached for an hour costs more than what is for five minutes."""
    expected = {"input_fresh": 1100, "cache_read": 1000, "cache_write_5m": 200, "cache_write_1h": 700}
    assert buckets(row(REQUEST, scope="openrouter")) == expected | {"output_visible": 30, "reasoning": 20}


def test_words_and_thoughts_beside_the_tools_that_an_answer_calls_are_kept():
    """An agent says what it is about to do."""
    span = row(REQUEST, scope="openrouter")
    assert json.loads(span.output_messages)[0]["parts"] == [
        {"type": "reasoning", "content": "Hm."},
        {"type": "text", "content": "Let me look."},
        {"type": "tool_call", "name": "weather", "arguments": {"city": "Oslo"}, "id": "c1"},
    ]
    assert (span.input_text, span.output_text, span.finish_reasons) == (
        "Weather?",
        "Let me look.",
        ["tool_calls"],
    )


def test_attempts_and_the_answer_beneath_a_request_are_steps():
    """They call themselves chats, and know neither model nor tokens."""
    step = row(STEP, scope="openrouter")
    assert (step.operation, step.billed) == ("chain", False)


def test_a_request_that_its_client_tells_too_is_billed_once():
    """The broadcast has a trace of its own; both tell the answer's id."""
    told = row(REQUEST, scope="openrouter")
    client = row(
        {"gen_ai.operation.name": "chat", "gen_ai.response.id": ID, "gen_ai.usage.input_tokens": 3000},
        scope="kansoku.openai",
    )
    told.trace_id, client.trace_id = "t", "u"
    repeats = Repeats()
    repeats.mark([client])
    repeats.mark([told])
    assert (client.billed, told.billed) == (True, False)
