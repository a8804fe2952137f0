"""What LangChain's messages of several vendors hold beside their words, as the dialects keep them."""

import json
from decimal import Decimal

import pytest
from tests.collector.test_normalise import buckets, row

from kansoku.pricing.prices import Prices
from kansoku_collector.enrich.cost import put_cost

CALLBACKS = "opentelemetry.instrumentation.langchain"
AUDIO = {"id": "audio_1", "data": "UklGRg==", "expires_at": 1, "transcript": "Nine degrees."}
BEDROCK = [
    {"type": "reasoning_content", "reasoning_content": {"text": "It is cold.", "signature": "c2ln"}},
    {"type": "text", "text": "Nine degrees."},
]


def openinference(content, **beside):
    """Return the row of a call whose message stands in LangChain's result."""
    kwargs = {"content": content, "additional_kwargs": beside, "type": "ai"}
    path = ["langchain", "schema", "messages", "AIMessage"]
    result = {"generations": [[{"text": "", "message": {"lc": 1, "id": path, "kwargs": kwargs}}]]}
    told = {
        "openinference.span.kind": "LLM",
        "llm.model_name": "some-model",
        "llm.output_messages.0.message.role": "assistant",
        "output.value": json.dumps(result),
    }
    if words := content if isinstance(content, str) else content[-1]["text"]:
        told["llm.output_messages.0.message.content"] = words
    return row(told, scope="openinference.instrumentation.langchain")


def langfuse(content, **beside):
    """Return the row of a generation whose output is the message."""
    told = {
        "langfuse.observation.type": "generation",
        "langfuse.observation.model.name": "some-model",
        "langfuse.observation.output": json.dumps(
            {"role": "assistant", "content": content, "additional_kwargs": beside}
        ),
    }
    return row(told, scope="langfuse-sdk")


@pytest.mark.parametrize("told", [openinference, langfuse])
def test_what_stands_beside_the_words_of_a_message_is_answered_too(told):
    """What was spoken or refused was no answer at all, and what DeepSeek and Groq thought was lost."""
    assert told("", audio=AUDIO).output_text == "Nine degrees."
    assert told("", refusal="I cannot help.").output_text == "I cannot help."
    span = told("Nine degrees.", reasoning_content="It is cold.")
    parts = json.loads(span.output_messages)[0]["parts"]
    assert {part["type"]: part["content"] for part in parts} == {
        "reasoning": "It is cold.",
        "text": "Nine degrees.",
    }
    assert span.output_text == "Nine degrees."


@pytest.mark.parametrize("told", [openinference, langfuse])
def test_thoughts_of_bedrock_are_reasoning_in_langchains_block_of_them(told):
    """Its client for Converse has a name of its own for what Claude thought."""
    parts = json.loads(told(BEDROCK).output_messages)[0]["parts"]
    assert [part["type"] for part in parts] == ["reasoning", "text"]
    assert parts[0]["content"] == "It is cold."


def test_words_of_several_choices_that_a_stream_joined_are_one():
    """LangChain adds up the chunks of all choices: a tier `defaultdefault` has no price."""
    kwargs = {
        "content": "Nine.",
        "type": "AIMessageChunk",
        "response_metadata": {"finish_reason": "stopstop", "service_tier": "defaultdefault"},
    }
    path = ["langchain", "schema", "messages", "AIMessageChunk"]
    result = {"generations": [[{"text": "Nine.", "message": {"lc": 1, "id": path, "kwargs": kwargs}}]]}
    told = {
        "openinference.span.kind": "LLM",
        "llm.model_name": "gpt-4o-mini",
        "llm.token_count.prompt": 1000,
        "llm.token_count.completion": 100,
        "output.value": json.dumps(result),
    }
    span = row(told, scope="openinference.instrumentation.langchain")
    put_cost(span, Prices())
    assert (span.finish_reasons, span.cost_source) == (["stop"], "computed")
    assert span.cost_usd == Decimal("0.00021")


def test_a_call_of_gemini_that_openllmetry_tells_twice_is_one():
    """The client keeps the last call apart, or all of a stream's run together, without an id."""
    calls = [
        {"type": "tool_call", "id": "", "name": "weatherweather", "arguments": '{"city": "A"}{"city": "B"}'},
        {"type": "tool_call", "id": "c1", "name": "weather", "arguments": {"city": "A"}},
        {"type": "tool_call", "id": "c2", "name": "weather", "arguments": {"city": "B"}},
    ]
    answered = [{"role": "assistant", "parts": calls, "finish_reason": "STOP"}]
    told = {"gen_ai.operation.name": "chat", "gen_ai.output.messages": json.dumps(answered)}
    span = row(told, scope=CALLBACKS)
    found = json.loads(span.output_messages)[0]["parts"]
    assert [(part["id"], part["arguments"]["city"]) for part in found] == [("c1", "A"), ("c2", "B")]
    answered[0]["parts"] = calls[:1]
    alone = row(told | {"gen_ai.output.messages": json.dumps(answered)}, scope=CALLBACKS)
    assert "weatherweather" in alone.output_messages  # of a client that gives none an id


@pytest.mark.parametrize(
    ("model", "answered", "source", "paid"),
    [
        ("gemini-2.5-flash-image", 1340, "estimated", "0.038825"),  # 1290 of a picture, 50 of words
        ("gemini-2.5-flash-image", 90, "computed", "0.000225"),  # in words alone
        ("gemini-2.5-flash", 1340, "computed", "0.00335"),
    ],
)
def test_a_picture_of_gemini_is_not_billed_as_words_where_only_the_sum_is_told(model, answered, source, paid):
    """LangChain passes on no counts by kind: a picture cost a twelfth of what was paid."""
    told = {
        "gen_ai.operation.name": "chat",
        "gen_ai.provider.name": "gcp.gen_ai",
        "gen_ai.request.model": model,
        "gen_ai.usage.input_tokens": 0,
        "gen_ai.usage.output_tokens": answered,
    }
    span = row(told, scope=CALLBACKS)
    put_cost(span, Prices())
    assert (span.cost_source, span.cost_usd) == (source, Decimal(paid))
    assert buckets(span) == {"output_visible": answered}
    drawn = row(told | {"gen_ai.usage.image.output_tokens": 10}, scope=CALLBACKS)
    assert drawn.attributes["gen_ai.usage.image.output_tokens"] == "10"  # what is told goes before
