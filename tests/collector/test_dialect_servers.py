"""Spans of servers of models and of gateways (vLLM, SGLang, Bifrost, Higress, Envoy) to the canonical row."""

import json

import pytest
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


@pytest.mark.parametrize(("answered", "operation"), [(0, "embeddings"), (None, "embeddings"), (5, "chat")])
def test_a_request_for_vectors_that_a_server_tells_is_no_chat(answered, operation):
    """It makes no token, of which vLLM tells a zero and SGLang nothing."""
    told = LATENCY | {"gen_ai.usage.prompt_tokens": 10, "gen_ai.response.finish_reasons": '["length"]'}
    span = row(told if answered is None else told | {"gen_ai.usage.completion_tokens": answered})
    assert (span.operation, span.billed, span.input_fresh) == (operation, True, 10)


def test_a_request_that_was_stopped_before_its_first_token_is_a_chat():
    """It made no token either, and says why."""
    told = {"gen_ai.usage.completion_tokens": 0, "gen_ai.response.finish_reason": '["abort"]'}
    span = row(COUNTED | LATENCY | told)
    assert (span.operation, span.finish_reasons) == ("chat", ["abort"])


def test_caches_and_the_reason_of_an_answer_that_sglang_served():
    """The reason is the text of a list."""
    told = {"gen_ai.usage.cached_tokens": 4, "gen_ai.response.finish_reasons": '["stop"]'}
    span = row(COUNTED | LATENCY | REQUEST | told | {"gen_ai.response.model": "qwen"})
    assert buckets(span) == {"input_fresh": 6, "cache_read": 4, "output_visible": 5}
    assert (span.response_model, span.finish_reasons) == ("qwen", ["stop"])


ASKED_OF_BIFROST = {"gen_ai.provider.name": "anthropic", "gen_ai.request.model": "claude-sonnet-4-5"}


def test_a_request_of_bifrosts_is_not_the_call_beneath_it():
    """It repeats model, words and reason, and has neither operation nor counts; a failed attempt has one."""
    told = {"gen_ai.input.messages": "Hi?", "gen_ai.response.finish_reasons": ["stop"]}
    request = row(ASKED_OF_BIFROST | told | {"bifrost.request.id": "r1"})
    assert (request.operation, request.billed, request.input_text) == ("other", False, "Hi?")
    attempt = row(ASKED_OF_BIFROST | {"gen_ai.operation.name": "chat", "error.type": "overloaded"})
    assert (attempt.operation, attempt.billed, attempt.status) == ("chat", True, "error")


def test_caches_that_bifrosts_claude_wrote_for_an_hour_cost_what_those_do():
    """They are among all that were written, under a name of their own for each API."""
    counted = {
        "gen_ai.usage.input_tokens": 1900,
        "gen_ai.usage.output_tokens": 50,
        "gen_ai.usage.cache_read.input_tokens": 600,
        "gen_ai.usage.cache_creation.input_tokens": 1000,
    }
    for details in ("prompt_token_details", "input_token_details"):
        hour = {f"gen_ai.usage.{details}.cached_write_tokens_1h": 700}
        span = row(ASKED_OF_BIFROST | {"gen_ai.operation.name": "chat"} | counted | hour)
        expected = {"input_fresh": 300, "cache_read": 600, "cache_write_5m": 300, "cache_write_1h": 700}
        assert buckets(span) == expected | {"output_visible": 50}


@pytest.mark.parametrize("name", ["reasoning", "reasoning_content"])
def test_what_a_model_thought_before_it_answered_is_kept(name):
    """Gateways pass on the message of OpenAI's API, where other vendors have it beside the words."""
    said = [{"role": "assistant", "content": "Yo.", name: "Hm."}]
    span = row(
        ASKED_OF_BIFROST | {"gen_ai.operation.name": "chat", "gen_ai.output.messages": json.dumps(said)}
    )
    parts = [{"type": "reasoning", "content": "Hm."}, {"type": "text", "content": "Yo."}]
    assert json.loads(span.output_messages) == [{"role": "assistant", "parts": parts}]
    assert span.output_text == "Yo."
