"""MLflow's spans in the names of the conventions: what its translation loses and the span still has."""

import json

import pytest
from tests.collector.conftest import START_NS
from tests.collector.test_normalise import buckets, row

from kansoku_collector.model import Event

CALL = {
    "gen_ai.operation.name": "chat",
    "gen_ai.request.model": "gpt-5-mini-2025-08-07",
    "gen_ai.usage.input_tokens": 10,
    "gen_ai.usage.output_tokens": 5,
    "model": '"gpt-5-mini"',
}
USAGE = {
    "prompt_tokens": 10,
    "completion_tokens": 5,
    "prompt_tokens_details": {"cached_tokens": 4},
    "completion_tokens_details": {"reasoning_tokens": 2},
}


def translated(chunks=(), **attributes):
    """Return the row of a translated span with these chunks of a stream."""
    events = [
        Event(f"mlflow.chunk.item.{number}", START_NS + number, {"mlflow.chunk.value": json.dumps(chunk)})
        for number, chunk in enumerate(chunks)
    ]
    named = {name.replace("__", "."): value for name, value in attributes.items()}
    return row(CALL | named, events, scope="mlflow.tracing.provider")


def test_calls_end_and_parts_of_the_usage_are_those_of_the_chunks():
    """The summary of a stream that calls tools has no words and ends in "stop"."""
    call = {"index": 0, "id": "call_1", "function": {"name": "weather", "arguments": '{"city":"Oslo"}'}}
    span = translated(
        [
            {"choices": [{"index": 0, "delta": {"tool_calls": [call]}, "finish_reason": None}]},
            {"choices": [{"index": 0, "delta": {}, "finish_reason": "tool_calls"}]},
            {"choices": [], "usage": USAGE},
        ],
        gen_ai__output__messages=json.dumps(
            [{"role": "assistant", "parts": [{"type": "text", "content": ""}], "finish_reason": "stop"}]
        ),
        gen_ai__response__finish_reasons=["stop"],
    )
    (part,) = json.loads(span.output_messages)[0]["parts"]
    assert (part["type"], part["name"], part["arguments"]) == ("tool_call", "weather", {"city": "Oslo"})
    assert (span.finish_reasons, span.streaming) == (["tool_calls"], True)
    assert buckets(span) == {"input_fresh": 6, "cache_read": 4, "output_visible": 3, "reasoning": 2}
    assert (span.request_model, span.response_model) == ("gpt-5-mini", "gpt-5-mini-2025-08-07")


@pytest.mark.parametrize(("answered", "cached"), [(5, 4), (6, 0)])
def test_the_usage_of_another_sum_is_not_taken(answered, cached):
    """The last event of a response has the parts of what the span sums up."""
    usage = {"input_tokens": 10, "output_tokens": answered, "input_tokens_details": {"cached_tokens": 4}}
    span = translated([{"type": "response.completed", "response": {"usage": usage}}])
    assert span.cache_read == cached


def test_thinking_is_not_what_was_said():
    """The translation writes Anthropic's block as the text of a part."""
    block = json.dumps({"signature": "x", "thinking": "Let me see.", "type": "thinking"})
    parts = [{"type": "text", "content": block}, {"type": "text", "content": "Nine."}]
    span = translated(gen_ai__output__messages=json.dumps([{"role": "assistant", "parts": parts}]))
    assert span.output_text == "Nine."
    assert json.loads(span.output_messages)[0]["parts"][0] == {"type": "reasoning", "content": "Let me see."}


def test_a_completion_has_its_prompt_as_an_attribute():
    """Its operation is another one in the translation, which leaves out what was asked."""
    span = translated(gen_ai__operation__name="generate_content", prompt='"Say nine."')
    assert (span.operation, span.input_text) == ("text_completion", "Say nine.")
