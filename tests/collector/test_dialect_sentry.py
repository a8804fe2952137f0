"""Spans of Sentry's SDKs, present and older, to the canonical row."""

import json

import pytest
from tests.collector.test_normalise import NOW_MS, buckets, raw, row

from kansoku_collector.normalise import normalise

COUNTED = {"gen_ai.usage.input_tokens": 20, "gen_ai.usage.output_tokens": 12}
CALL = {"id": "c1", "type": "function", "function": {"name": "weather", "arguments": '{"city":"東京"}'}}


def test_a_call_of_sentrys_is_read_whole():
    """Its Node SDK says the answer's words beside its tool calls, and finish reasons as JSON."""
    span = row(
        {
            "sentry.op": "gen_ai.chat",
            "sentry.origin": "auto.ai.openai",
            "gen_ai.system": "openai",
            "gen_ai.operation.name": "chat",
            "gen_ai.request.available_tools": '[{"type":"function","function":{"name":"weather"}}]',
            "gen_ai.request.model": "gpt-4o",
            "gen_ai.request.temperature": 0.4,
            "gen_ai.system_instructions": '[{"type":"text","content":"短く"}]',
            "gen_ai.input.messages": '[{"role":"user","content":"東京の天気は?"}]',
            "gen_ai.response.id": "chatcmpl-1",
            "gen_ai.response.model": "gpt-4o-2024-08-06",
            "gen_ai.usage.total_tokens": 32,
            "gen_ai.usage.cache_read.input_tokens": 6,
            "gen_ai.usage.reasoning.output_tokens": 5,
            "gen_ai.response.finish_reasons": '["tool_calls"]',
            "gen_ai.response.text": '[""]',
            "gen_ai.response.tool_calls": json.dumps([CALL]),
        }
        | COUNTED,
        scope="@sentry/node",
    )
    assert (span.dialect, span.operation, span.billed, span.provider) == ("sentry", "chat", True, "openai")
    assert buckets(span) == {"input_fresh": 14, "cache_read": 6, "output_visible": 7, "reasoning": 5}
    assert (span.response_id, span.response_model) == ("chatcmpl-1", "gpt-4o-2024-08-06")
    assert (span.input_text, span.finish_reasons) == ("東京の天気は?", ["tool_calls"])
    part = {"type": "tool_call", "name": "weather", "arguments": {"city": "東京"}, "id": "c1"}
    assert json.loads(span.output_messages)[0]["parts"] == [part]
    assert json.loads(span.tool_definitions)[0]["function"]["name"] == "weather"
    assert span.parameters == {"temperature": "0.4"}


@pytest.mark.parametrize(
    ("kind", "operation", "billed"),
    [
        ("gen_ai.request", "chat", True),
        ("gen_ai.chat", "chat", True),
        ("gen_ai.embeddings", "embeddings", True),
        ("gen_ai.invoke_agent", "invoke_agent", False),
        ("gen_ai.execute_tool", "execute_tool", False),
        ("gen_ai.handoff", "chain", False),
        ("gen_ai.pipeline", "other", False),
    ],
)
def test_what_a_span_is_is_told_by_its_kind_alone(kind, operation, billed):
    """Programs that write spans for Sentry name no operation; an agent's sum was billed with its calls."""
    span = row({"sentry.op": kind, "gen_ai.request.model": "gpt-4o"} | COUNTED)
    assert (span.operation, span.billed) == (operation, billed)


def test_who_answered_the_ai_sdk_is_told_without_the_method():
    """What Sentry takes over from the AI SDK has its word for the provider."""
    told = {"gen_ai.provider.name": "openai.chat", "vercel.ai.model.provider": "openai.chat"}
    span = row({"sentry.op": "gen_ai.generate_content", "gen_ai.operation.name": "generate_content"} | told)
    assert (span.provider, span.billed) == ("openai", True)


def test_a_result_of_the_ai_sdks_tool_is_without_the_call_around_it():
    """The span has the call already."""
    result = {"type": "tool-result", "toolCallId": "c1", "toolName": "w", "input": {}, "output": {"t": 12}}
    told = {"gen_ai.operation.name": "execute_tool", "gen_ai.tool.name": "w", "gen_ai.tool.call.id": "c1"}
    span = row({"sentry.op": "gen_ai.execute_tool", "gen_ai.tool.call.result": json.dumps(result)} | told)
    assert (span.operation, span.tool_result, span.output_text) == ("execute_tool", '{"t":12}', '{"t":12}')


def test_a_failure_has_its_words():
    """They stand in an attribute where the status has none."""
    told = {"sentry.op": "gen_ai.chat", "gen_ai.operation.name": "chat", "error.type": "Error"}
    found = raw(told | {"sentry.status.message": "404 no such model"})
    found.status_code = 2
    span = normalise(found, "default", NOW_MS)[0]
    assert (span.status, span.error_type, span.error_message) == ("error", "Error", "404 no such model")


def test_a_call_under_the_older_names_is_a_call():
    """They are Sentry's own; the kind tells the operation and the vendor."""
    span = row(
        {
            "sentry.op": "ai.chat_completions.create.openai",
            "ai.model_id": "gpt-4o",
            "ai.input_messages": '[{"role":"user","content":"東京?"}]',
            "ai.responses": '[{"role":"assistant","content":"晴れ"}]',
            "ai.streaming": True,
            "ai.temperature": 0.5,
            "ai.prompt_tokens.used": 20,
            "ai.completion_tokens.used": 12,
            "ai.total_tokens.used": 32,
            "ai.total_cost": 0.25,
        }
    )
    assert (span.operation, span.billed, span.provider) == ("chat", True, "openai")
    assert (span.request_model, span.streaming, span.parameters) == ("gpt-4o", True, {"temperature": "0.5"})
    assert (span.input_text, span.output_text) == ("東京?", "晴れ")
    assert buckets(span) == {"input_fresh": 20, "output_visible": 12}
    assert span.attributes["gen_ai.usage.cost"] == "0.25"


@pytest.mark.parametrize(
    ("kind", "operation"),
    [
        ("ai.embeddings.create.openai", "embeddings"),
        ("ai.messages.create.anthropic", "chat"),
        ("ai.tool.langchain", "execute_tool"),
        ("ai.agent.langchain", "invoke_agent"),
        ("ai.pipeline.langchain", "chain"),
        ("ai.run", "chain"),
    ],
)
def test_an_older_kind_is_an_operation(kind, operation):
    """A pipeline and a run are steps around calls, and not billed."""
    span = row({"sentry.op": kind, "ai.pipeline.name": "trip"})
    assert (span.operation, span.billed) == (operation, operation in ("embeddings", "chat"))


@pytest.mark.parametrize("kind", ["http.client", "db.query", "gen_ai.chat"])
def test_a_span_of_sentrys_without_a_word_of_a_model_is_no_call(kind):
    """All of its spans have a kind."""
    span = row({"sentry.op": kind, "http.request.method": "POST", "server.address": "api.openai.com"})
    assert (span.operation, span.dialect, span.billed) == ("other", "", False)
