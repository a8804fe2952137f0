"""LiteLLM's own OpenTelemetry callback to the canonical row."""

import json

import pytest
from tests.collector.test_dialect_logfire import row
from tests.collector.test_normalise import buckets

from kansoku_collector.model import Span
from kansoku_collector.relate.relatives import complete

CALL = {
    "gen_ai.operation.name": "chat",
    "gen_ai.system": "anthropic",
    "gen_ai.request.model": "claude-sonnet-4-5",
    "gen_ai.usage.input_tokens": 100,
    "gen_ai.usage.output_tokens": 30,
    "llm.request.type": "completion",
}
ASKED = {
    "gen_ai.system": "openai",
    "gen_ai.request.model": "gpt-4o",
    "gen_ai.usage.input_tokens": 10,
    "gen_ai.usage.output_tokens": 5,
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


@pytest.mark.parametrize(
    ("called", "operation"),
    [
        ("acompletion", "chat"),
        ("aresponses", "chat"),
        ("anthropic_messages", "chat"),
        ("atext_completion", "text_completion"),
        ("aembedding", "embeddings"),
        ("arerank", "rerank"),
        ("aimage_generation", "image"),
    ],
)
def test_the_function_that_was_called_is_the_operation(called, operation):
    """It stands where the operation belongs, with an "a" for the asynchronous one: the proxy's."""
    span = row(ASKED | {"llm.request.type": called, "gen_ai.operation.name": called}, scope="litellm")
    assert (span.dialect, span.operation, span.billed) == ("litellm", operation, True)
    assert buckets(span) == {"input_fresh": 10, "output_visible": 5}


def test_an_answer_from_its_cache_is_not_billed():
    """It has the usage of the call that filled the cache."""
    span = row(ASKED | {"gen_ai.operation.name": "chat", "litellm.cache_hit": True}, scope="litellm")
    assert (span.operation, span.billed) == ("chat", False)


def test_who_asked_and_what_they_noted_is_theirs():
    """A caller's notes are an object in Python's notation, or attributes; those of a key stay there."""
    noted = "{'tags': ['a'], 'session_id': 's', 'plan': 'pro', 'user_api_key_hash': 'x'}"
    told = {
        "gen_ai.operation.name": "acompletion",
        "metadata.requester_metadata": noted,
        "metadata.user_api_key_end_user_id": "u",
        "metadata.user_api_key_hash": "x",
    }
    span = row(ASKED | told, scope="litellm")
    assert (span.user_id, span.session_id, span.tags, span.metadata) == ("u", "s", ["a"], {"plan": "pro"})
    newer = {"gen_ai.operation.name": "chat", "litellm.end_user.id": "u", "litellm.metadata.plan": "pro"}
    span = row(ASKED | newer, scope="litellm")
    assert (span.user_id, span.metadata) == ("u", {"plan": "pro"})


def test_tools_and_cost_are_read_under_its_own_names():
    """Each part of a tool is an attribute; the cost is in US dollars."""
    told = {
        "gen_ai.operation.name": "chat",
        "gen_ai.tool.0.name": "weather",
        "gen_ai.tool.0.parameters": '{"type": "object"}',
        "litellm.cost.total": 0.25,
        "litellm.request.streaming": True,
    }
    span = row(ASKED | told, scope="litellm")
    assert json.loads(span.tool_definitions) == [
        {"type": "function", "name": "weather", "parameters": {"type": "object"}}
    ]
    assert (span.attributes["kansoku.cost.reported_usd"], span.streaming) == ("0.25", True)
    older = row(
        ASKED | {"gen_ai.operation.name": "completion", "gen_ai.cost.total_cost": 0.5}, scope="litellm"
    )
    assert older.attributes["kansoku.cost.reported_usd"] == "0.5"


def test_its_newer_guardrails_are_known():
    """They have names of their own; a span that it exports as OpenInference's is read as that."""
    assert row({"litellm.guardrail.name": "pii"}, scope="litellm").operation == "guardrail"
    other = row({"openinference.span.kind": "LLM", "llm.model_name": "gpt-4o"}, scope="litellm")
    assert (other.dialect, other.operation) == ("openinference", "chat")
