"""Clients that OpenLLMetry's instrumentations tell in ways of their own."""

import json

import pytest
from tests.collector.test_normalise import buckets, row

from kansoku.pricing.prices import Prices
from kansoku_collector.enrich.cost import put_cost


def test_javascripts_anthropic_counts_caches_beside_the_input():
    """It passes on the vendor's own counts, and adds up a total that leaves the caches out too."""
    counted = {
        "gen_ai.operation.name": "chat",
        "gen_ai.provider.name": "anthropic",
        "gen_ai.request.model": "claude-sonnet-4-5",
        "gen_ai.usage.input_tokens": 65,
        "gen_ai.usage.cache_read.input_tokens": 18,
        "gen_ai.usage.cache_creation.input_tokens": 9,
        "gen_ai.usage.output_tokens": 4,
        "gen_ai.usage.total_tokens": 69,
    }
    span = row(counted, scope="@traceloop/instrumentation-anthropic")
    assert buckets(span) == {"input_fresh": 65, "cache_read": 18, "cache_write_5m": 9, "output_visible": 4}


def test_javascripts_spans_are_its_own_under_laminar_too():
    """Laminar's JavaScript uses these instrumentations, and puts its path on their spans."""
    items = [{"role": "user", "content": "Hi"}, {"type": "function_call", "name": "f", "arguments": "{}"}]
    told = [
        {"role": "user", "parts": [{"type": "text", "content": json.dumps(items, separators=(",", ":"))}]}
    ]
    attributes = {
        "gen_ai.operation.name": "chat",
        "gen_ai.input.messages": json.dumps(told, separators=(",", ":")),
        "lmnr.span.path": ["chat gpt-5-mini"],
    }
    span = row(attributes, scope="@traceloop/instrumentation-openai")
    assert (span.dialect, span.input_text) == ("openllmetry", "Hi")


def test_thoughts_of_bedrock_are_no_words():
    """Python writes blocks that it does not know as the JSON text of them."""
    thought = json.dumps({"reasoningContent": {"reasoningText": {"text": "Hm.", "signature": "c2ln"}}})
    parts = [{"type": "text", "content": thought}, {"type": "text", "content": "Nine."}]
    told = {
        "gen_ai.operation.name": "chat",
        "gen_ai.output.messages": json.dumps([{"role": "assistant", "parts": parts}]),
    }
    span = row(told, scope="opentelemetry.instrumentation.bedrock")
    assert json.loads(span.output_messages)[0]["parts"][0] == {"type": "reasoning", "content": "Hm."}
    assert span.output_text == "Nine."


def test_bedrocks_caches_are_counted_beside_the_input():
    """AWS leaves them out of it, and the instrumentation adds up a total of its own that does so too."""
    counted = {
        "gen_ai.operation.name": "chat",
        "gen_ai.provider.name": "aws.bedrock",
        "gen_ai.request.model": "claude-sonnet-4-5-20250929-v1:0",
        "gen_ai.usage.input_tokens": 839,
        "gen_ai.usage.output_tokens": 1191,
        "gen_ai.usage.total_tokens": 2030,
        "gen_ai.usage.cache_read.input_tokens": 424,
        "gen_ai.usage.cache_creation.input_tokens": 333,
    }
    span = row(counted, scope="opentelemetry.instrumentation.bedrock")
    assert buckets(span) == {
        "input_fresh": 839,
        "cache_read": 424,
        "cache_write_5m": 333,
        "output_visible": 1191,
    }


@pytest.mark.parametrize(
    ("told", "model"),
    [
        ("nova-lite-v1:0", "amazon.nova-lite-v1:0"),
        ("llama3-1-70b-instruct-v1:0", "meta.llama3-1-70b-instruct-v1:0"),
        ("titan-embed-text-v2:0", "amazon.titan-embed-text-v2:0"),
        ("r1-v1:0", "deepseek.r1-v1:0"),
        ("mistral-large-2402-v1:0", "mistral.mistral-large-2402-v1:0"),
    ],
)
@pytest.mark.parametrize(
    "scope", ["opentelemetry.instrumentation.bedrock", "@traceloop/instrumentation-bedrock"]
)
def test_bedrocks_models_have_their_vendor_again(scope, told, model):
    """The instrumentations cut it off, and no price is known for what is left."""
    counted = {
        "gen_ai.operation.name": "chat",
        "gen_ai.provider.name": "aws.bedrock",
        "gen_ai.request.model": told,
        "gen_ai.usage.input_tokens": 1000,
        "gen_ai.usage.output_tokens": 10,
    }
    span = row(counted, scope=scope)
    put_cost(span, Prices())
    assert (span.request_model, span.cost_source) == (model, "computed")


def test_a_call_of_llama_indexs_is_filled_from_the_vendors_response():
    """Names of the conventions have its words and sums; the response has calls, caches and the end."""
    call = {"type": "function_call", "call_id": "call_1", "name": "weather", "arguments": '{"city":"Oslo"}'}
    response = {
        "id": "resp_1",
        "object": "response",
        "status": "completed",
        "output": [call],
        "usage": {"input_tokens": 9, "output_tokens": 5, "input_tokens_details": {"cached_tokens": 4}},
    }
    tools = [{"type": "function", "name": "weather", "parameters": {}}]
    told = {
        "gen_ai.operation.name": "chat",
        "gen_ai.output.messages": '[{"role": "assistant", "parts": [], "finish_reason": ""}]',
        "gen_ai.usage.input_tokens": 9,
        "gen_ai.usage.output_tokens": 5,
        "traceloop.span.kind": "workflow",
        "traceloop.entity.input": json.dumps({"messages": [], "kwargs": {"tools": tools}}),
        "traceloop.entity.output": json.dumps({"message": {"blocks": []}, "raw": response}),
    }
    span = row(told, scope="opentelemetry.instrumentation.llamaindex")
    part = json.loads(span.output_messages)[0]["parts"][0]
    assert (part["name"], part["arguments"], part["id"]) == ("weather", {"city": "Oslo"}, "call_1")
    assert (span.finish_reasons, span.response_id) == (["tool_calls"], "resp_1")
    assert json.loads(span.tool_definitions)[0]["name"] == "weather"
    assert buckets(span) == {"input_fresh": 5, "cache_read": 4, "output_visible": 5}


def test_geminis_thoughts_are_counted_once_where_they_are_told_too():
    """JavaScript's total shows that they are beside the answer, and their own counter how many they are."""
    counted = {
        "gen_ai.operation.name": "chat",
        "gen_ai.provider.name": "gcp.gen_ai",
        "gen_ai.request.model": "gemini-2.5-flash",
        "gen_ai.usage.input_tokens": 10,
        "gen_ai.usage.output_tokens": 5,
        "gen_ai.usage.reasoning_tokens": 3,
        "gen_ai.usage.total_tokens": 18,
    }
    span = row(counted, scope="@traceloop/instrumentation-google-generativeai")
    assert buckets(span) == {"input_fresh": 10, "output_visible": 5, "reasoning": 3}


def test_texts_that_traceloops_gateway_embeds_are_what_was_given():
    """It has a prefix of its own for them."""
    told = {
        "llm.request.type": "embeddings",
        "gen_ai.request.model": "text-embedding-3-small",
        "llm.prompt.0.role": "user",
        "llm.prompt.0.content": "東京",
        "gen_ai.system": "Azure",
        "gen_ai.usage.prompt_tokens": 7,
        "gen_ai.usage.total_tokens": 7,
    }
    span = row(told, scope="traceloop_hub")
    assert (span.operation, span.provider, span.input_text) == ("embeddings", "azure.ai.openai", "東京")
    assert (buckets(span), span.billed) == ({"input_fresh": 7}, True)
