"""LiteLLM's own OpenTelemetry callback to the canonical row."""

import json

import pytest
from tests.collector.test_dialect_logfire import row
from tests.collector.test_normalise import buckets

from kansoku_collector.model import Span
from kansoku_collector.normalise.relatives import complete

CALL = {
    "gen_ai.operation.name": "chat",
    "gen_ai.system": "anthropic",
    "gen_ai.request.model": "claude-sonnet-4-5",
    "gen_ai.usage.input_tokens": 100,
    "gen_ai.usage.output_tokens": 30,
    "llm.request.type": "completion",
}
USAGE = {
    "completion_tokens": 30,
    "prompt_tokens": 100,
    "total_tokens": 130,
    "completion_tokens_details": {"reasoning_tokens": 9, "text_tokens": None},
    "prompt_tokens_details": {"cached_tokens": 40, "cache_creation_tokens": 20},
    "cache_creation_input_tokens": 20,
    "cache_read_input_tokens": 40,
}


def test_the_parts_of_usage_are_in_the_object_that_it_prints():
    """The attributes have the totals alone; the caches are inside of the prompt's tokens, Anthropic's too."""
    span = row(CALL | {"metadata.usage_object": str(USAGE)}, name="litellm_request", scope="litellm")
    assert (span.dialect, span.operation, span.provider) == ("litellm", "chat", "anthropic")
    assert buckets(span) == {
        "input_fresh": 40,
        "cache_read": 40,
        "cache_write_5m": 20,
        "output_visible": 21,
        "reasoning": 9,
    }


@pytest.mark.parametrize("usage", ["{'prompt_tokens': 7}", "{'prompt_tokens': <object>}", "", "7"])
def test_usage_of_another_sum_or_shape_changes_nothing(usage):
    """Only what comes to the totals of the attributes is of the same call."""
    span = row(CALL | {"metadata.usage_object": usage}, scope="litellm")
    assert buckets(span) == {"input_fresh": 100, "output_visible": 30}


def test_tool_calls_beside_the_messages_are_of_the_answer():
    """The message has no parts then; a stream of tool calls that "stops" has called tools."""
    answer = [{"role": "assistant", "parts": [], "finish_reason": "stop"}]
    calls = {
        "gen_ai.completion.0.function_call.name": "weather",
        "gen_ai.completion.0.function_call.arguments": '{"city": "Oslo"}',
        "gen_ai.completion.1.function_call.name": "time",
        "gen_ai.completion.1.function_call.arguments": "{}",
    }
    told = {"gen_ai.output.messages": json.dumps(answer), "gen_ai.response.finish_reasons": '["stop"]'}
    span = row(CALL | calls | told, scope="litellm")
    parts = json.loads(span.output_messages)[0]["parts"]
    assert [(part["name"], part["arguments"]) for part in parts] == [
        ("weather", {"city": "Oslo"}),
        ("time", {}),
    ]
    assert span.finish_reasons == ["tool_calls"]


def test_vendors_have_their_usual_names_and_other_spans_are_no_calls():
    """What it calls vertex_ai and azure has other names; the raw request and guardrails are no calls."""
    for name, provider in (("vertex_ai", "gcp.vertex_ai"), ("azure", "azure.ai.openai"), ("acme", "acme")):
        assert row(CALL | {"gen_ai.system": name}, scope="litellm").provider == provider
    raw = row({"llm.openai.id": "chatcmpl-1"}, name="raw_gen_ai_request", scope="litellm")
    assert (raw.operation, raw.billed) == ("other", False)
    assert row({"guardrail_name": "pii"}, name="guardrail", scope="litellm").operation == "guardrail"


def test_the_fingerprint_is_in_the_second_span_of_a_call():
    """What the vendor answered is beneath the call, under the vendor's own names."""
    call = Span(trace_id="t", span_id="a", dialect="litellm", operation="chat")
    attributes = {"llm.openai.id": "chatcmpl-1", "llm.openai.system_fingerprint": "fp_1"}
    raw = Span(
        trace_id="t", span_id="b", parent_span_id="a", name="raw_gen_ai_request", attributes=attributes
    )
    complete([call, raw])
    assert call.system_fingerprint == "fp_1"
