"""Spans of servers of models and of gateways (vLLM, SGLang, Bifrost, Higress, Envoy) to the canonical row."""

import json

from tests.collector.test_normalise import buckets, row

COUNTED = {"gen_ai.usage.prompt_tokens": 10, "gen_ai.usage.completion_tokens": 5}
LATENCY = {"gen_ai.latency.time_to_first_token": 0.1, "gen_ai.latency.e2e": 1.5}
REQUEST = {"gen_ai.request.id": "chatcmpl-1", "gen_ai.request.n": 1, "gen_ai.request.max_tokens": 16}


def test_a_request_that_vllm_served_is_a_call():
    """It names no operation, its newest versions no model, and a first token of every answer."""
    for told, model in (({"gen_ai.response.model": "llama"}, "llama"), ({}, "")):
        span = row(COUNTED | LATENCY | REQUEST | told, scope="vllm.llm_engine")
        assert (span.operation, span.billed, span.response_model) == ("chat", True, model)
        assert buckets(span) == {"input_fresh": 10, "output_visible": 5}
        assert (span.streaming, span.time_to_first_token) == (False, 0.1)
        assert span.parameters == {"n": "1", "max_tokens": "16"}
        assert span.attributes["gen_ai.request.id"] == "chatcmpl-1"


def test_counts_without_a_model_or_an_operation_are_no_call():
    """A step may tell what is beneath it."""
    assert row({"gen_ai.usage.input_tokens": 10, "gen_ai.usage.output_tokens": 5}).operation == "other"


def test_caches_and_thoughts_that_bifrost_counts_are_in_their_buckets():
    """Its newer versions use the conventions' names, these are of all before."""
    told = {
        "gen_ai.provider.name": "vertex",
        "gen_ai.request.model": "claude-sonnet-4-5",
        "gen_ai.usage.prompt_tokens": 900,
        "gen_ai.usage.completion_tokens": 50,
        "gen_ai.usage.prompt_token_details.cached_read_tokens": 600,
        "gen_ai.usage.prompt_token_details.cached_write_tokens": 100,
        "gen_ai.usage.completion_token_details.reasoning_tokens": 20,
        "gen_ai.response.time_to_first_token": 450_000_000,  # nanoseconds
        "gen_ai.request.message_count": 1,
    }
    span = row(told, scope="bifrost-otel-plugin")
    assert (span.operation, span.billed, span.provider) == ("chat", True, "gcp.vertex_ai")
    expected = {"input_fresh": 200, "cache_read": 600, "cache_write_5m": 100}
    assert buckets(span) == expected | {"output_visible": 30, "reasoning": 20}
    assert (span.time_to_first_token, span.parameters) == (0.45, {})


def test_words_of_bifrosts_first_versions_are_content():
    """They were named after the kind of the request, and so was the model that answered."""
    told = {
        "gen_ai.request.model": "gpt-4o",
        "gen_ai.text.model": "gpt-4o-2024",
        "gen_ai.input.text": "Hi?",
        "gen_ai.chat.output_messages": [{"role": "assistant", "content": "Yo."}],
        "gen_ai.usage.token_details.cached_tokens": 4,
    }
    span = row(told | COUNTED)
    assert (span.input_text, span.output_text, span.response_model) == ("Hi?", "Yo.", "gpt-4o-2024")
    assert buckets(span) == {"input_fresh": 6, "cache_read": 4, "output_visible": 5}


def test_higress_knows_the_model_that_was_asked_and_the_one_that_answered():
    """The second is in the name that others have for the first."""
    told = {"gen_ai.request.model": "qwen-max", "gen_ai.model_name": "qwen-max-2025"}
    span = row(
        told
        | {"gen_ai.span.kind": "LLM", "gen_ai.usage.input_tokens": "10", "gen_ai.usage.output_tokens": "5"}
    )
    assert (span.request_model, span.response_model, span.billed) == ("qwen-max", "qwen-max-2025", True)
    assert buckets(span) == {"input_fresh": 10, "output_visible": 5}


def test_a_response_of_envoys_gateway_is_read_from_both_bodies():
    """Of the Responses API it flattens no messages."""
    answer = {"type": "message", "role": "assistant", "content": [{"type": "output_text", "text": "Yo."}]}
    response = {
        "id": "resp_1",
        "object": "response",
        "model": "gpt-5-2025",
        "status": "completed",
        "output": [answer],
        "usage": {"input_tokens": 10, "output_tokens": 5},
    }
    told = {
        "openinference.span.kind": "LLM",
        "llm.system": "openai",
        "llm.model_name": "gpt-5-2025",
        "input.value": json.dumps({"model": "gpt-5", "input": "Hi?", "instructions": "Be brief."}),
        "output.value": json.dumps(response),
        "llm.token_count.prompt": 10,
        "llm.token_count.completion": 5,
    }
    span = row(told)
    assert (span.input_text, span.output_text, span.response_id) == ("Hi?", "Yo.", "resp_1")
    assert json.loads(span.system_instructions) == [{"type": "text", "content": "Be brief."}]
    assert (span.request_model, span.response_model, span.billed) == ("gpt-5", "gpt-5-2025", True)
