"""Calls of the AI SDK that LangSmith's wrapper notes, to the canonical row."""

import json

from tests.collector.test_dialect_langsmith import run
from tests.collector.test_normalise import buckets, row


def wrapped(usage, vendor, **more):
    """Return the row of a call that JavaScript's wrapper of the AI SDK noted, with LangSmith's sum of it."""
    result = {
        "content": [{"type": "text", "text": "Nine."}],
        "finishReason": "stop",
        "providerMetadata": vendor,
        "usage_metadata": usage,
    }
    notes = {"langsmith__metadata__ai_sdk_method": "ai.doGenerate"} | more
    return row(run(answered=result, langsmith__usage_metadata=json.dumps(usage), **notes))


def test_the_vendors_counts_beneath_the_ai_sdk_go_before_sums_of_it():
    """The SDK's sum leaves out Claude's caches before version 6, and Gemini's thoughts in version 5."""
    claude = {
        "input_tokens": 40,
        "output_tokens": 9,
        "cache_read_input_tokens": 16,
        "cache_creation_input_tokens": 6,
        "cache_creation": {"ephemeral_5m_input_tokens": 4, "ephemeral_1h_input_tokens": 2},
    }
    summed = {"input_tokens": 40, "output_tokens": 9, "input_token_details": {"cache_read": 16}}
    span = wrapped(summed, {"anthropic": {"usage": claude}})
    assert buckets(span) == {
        "input_fresh": 40,
        "cache_read": 16,
        "cache_write_5m": 4,
        "cache_write_1h": 2,
        "output_visible": 9,
    }
    gemini = {
        "promptTokenCount": 7,
        "candidatesTokenCount": 5,
        "thoughtsTokenCount": 3,
        "totalTokenCount": 15,
    }
    span = wrapped({"input_tokens": 7, "output_tokens": 5}, {"google": {"usageMetadata": gemini}})
    assert buckets(span) == {"input_fresh": 7, "output_visible": 5, "reasoning": 3}


def test_a_call_of_the_ai_sdk_says_how_it_ended_and_whether_it_streamed():
    """Its words are in the result: before version 6 as text, since then beside the vendor's own."""
    told = {"input_tokens": 7, "output_tokens": 5}
    span = wrapped(
        told, {"openai": {"responseId": "resp_1"}}, langsmith__metadata__ai_sdk_method="ai.doStream"
    )
    assert (span.finish_reasons, span.streaming, span.response_id) == (["stop"], True, "resp_1")
    newer = {"content": [], "finishReason": {"unified": "tool-calls", "raw": "tool_use"}}
    assert row(run(answered=newer)).finish_reasons == ["tool_calls"]


def test_a_tool_of_the_ai_sdk_is_given_its_arguments_alone():
    """The options of the call stand beside them, and the result is wrapped."""
    given = {"args": [{"city": "Oslo"}, {"toolCallId": "call_1", "messages": []}]}
    span = row(run("tool", given, {"outputs": "12 C"}, gen_ai__tool__name="get_weather"))
    assert (span.tool_arguments, span.tool_result) == ('{"city":"Oslo"}', "12 C")
    assert span.tool_call_id == "call_1"


def test_a_cache_write_for_an_hour_has_javascripts_name_too():
    """JavaScript's LangSmith writes the hour as `1hr`."""
    details = {"ephemeral_5m_input_tokens": 4, "ephemeral_1hr_input_tokens": 2}
    usage = {"input_tokens": 40, "output_tokens": 9, "input_token_details": details}
    span = row(run(answered={"content": "Nine."}, langsmith__usage_metadata=json.dumps(usage)))
    assert buckets(span) == {
        "input_fresh": 34,
        "cache_write_5m": 4,
        "cache_write_1h": 2,
        "output_visible": 9,
    }
